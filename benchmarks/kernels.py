"""What does a kernel cost, beside torchvision's, OpenCV's, and one in numba; and how far is it from moving the bytes?

    python benchmarks/kernels.py [--write]
    JOINTAUG_NATIVE=0 python benchmarks/kernels.py [--write]     # without the native kernels

One core; all cases of a table take turns. numba and opencv-python-headless are timed where they are installed. The
limit of a row is the time in which this core copies as many bytes as the work must read and write once (it need not
be reached by a kernel that computes).

C or numba? Both were written for the crop (rows first, then columns, as in ``csrc/kernels.inc``; numba's below).
Kept: C. numba's is slower here, compiles for seconds in every new process that has no cache (each worker of a
loader), brings llvmlite (more than torchvision's size) and a ceiling on NumPy's version; against that stand a
compiler at installation, or a wheel for each platform, and 1,300 lines of C.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from interleaved import interleaved, machine, one_core, ratio, save, summary
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from jointaug import functional as K
from jointaug.functional import Step

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Cases = dict[str, Callable[[], Any]]

try:
    import cv2
except ModuleNotFoundError:
    cv2 = None
try:
    import numba
except ModuleNotFoundError:
    numba = None


def crops(height: int, width: int) -> tuple[Cases, int]:
    """Two crops of an image to 224, uint8, their boxes of the law U(0.2, 1): twenty pairs."""
    generator = torch.Generator().manual_seed(0)
    planar = torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator)
    last = planar.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    pairs = [boxes(2, height, width, generator) for _ in range(20)]
    floats = planar.float() / 255
    floats_last = last.float() / 255  # of the same strides

    def every(crop: Callable[..., Any], image: torch.Tensor) -> Callable[[], Any]:
        return lambda: [crop(image, pair) for pair in pairs]

    def torchvision(image: torch.Tensor, pair: torch.Tensor) -> list[torch.Tensor]:
        return [F.resized_crop(image, *box, size=[224, 224], antialias=True) for box in pair.tolist()]

    def to_floats(image: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
        return K.crop_and_finish(image, pair, 224, dtype=torch.float32)

    def ours(image: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
        return K.resized_crop(image, pair, 224)

    def bicubic(image: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
        return K.resized_crop(image, pair, 224, interpolation=InterpolationMode.BICUBIC)

    def torchvision_bicubic(image: torch.Tensor, pair: torch.Tensor) -> list[torch.Tensor]:
        mode = InterpolationMode.BICUBIC
        return [F.resized_crop(image, *box, size=[224, 224], interpolation=mode) for box in pair.tolist()]

    cases: Cases = {
        "planar": every(ours, planar),
        "channels last": every(ours, last),
        "float32": every(ours, floats),
        "float32, channels last": every(ours, floats_last),
        "uint8 to float32": every(to_floats, planar),
        "bicubic": every(bicubic, planar),
        "v2, bicubic": every(torchvision_bicubic, planar),
        "v2, planar": every(torchvision, planar),
        "v2, channels last": every(torchvision, last),
        "v2, float32": every(torchvision, floats),
    }
    if numba is not None:
        crop = numba_crop()
        source = planar.numpy()
        cases["numba, uint8 to float32"] = lambda: [
            crop(source, *box, 224, 224) for pair in pairs for box in pair.tolist()
        ]
    read = int(torch.cat(pairs)[:, 2:].prod(1).double().mean().item())
    return {name: divided(case, 20) for name, case in cases.items()}, 2 * 3 * (read + 224 * 224)


def boxes(count: int, height: int, width: int, generator: torch.Generator) -> torch.Tensor:
    """Boxes ``[count, 4]``, areas U(0.2, 1) and aspects log-uniform in [3/4, 4/3], as RandomResizedCrop draws them."""
    result = []
    while len(result) < count:
        area, aspect = torch.rand(2, generator=generator).tolist()
        area, aspect = (0.2 + 0.8 * area) * height * width, (4 / 3) ** (2 * aspect - 1)
        h, w = round((area / aspect) ** 0.5), round((area * aspect) ** 0.5)
        if h <= height and w <= width:
            top, left = (
                (torch.rand(2, generator=generator) * torch.tensor([height - h + 1, width - w + 1])).long().tolist()
            )
            result.append([top, left, h, w])
    return torch.tensor(result)


def divided(case: Callable[[], Any], count: int) -> Callable[[], Any]:
    """A case that does ``count`` units of work, marked so."""
    case.__dict__["units"] = count
    return case


def blurs() -> tuple[Cases, int]:
    """Blur of 3 x 224 x 224 floats, sigma ~ U(0.1, 2): twenty sigmas."""
    image = torch.rand(3, 224, 224, generator=torch.Generator().manual_seed(0))
    array = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    sigmas = torch.linspace(0.1, 2.0, 20).tolist()

    def every(blur: Callable[[float], Any]) -> Callable[[], Any]:
        return divided(lambda: [blur(sigma) for sigma in sigmas], 20)

    cases: Cases = {
        "follows sigma": every(lambda sigma: K.gaussian_blur(image, sigma)),
        "kernel 23": every(lambda sigma: K.gaussian_blur(image, sigma, 23)),
        "v2, kernel 23": every(lambda sigma: F.gaussian_blur(image, [23, 23], [sigma, sigma])),
    }
    if cv2 is not None:
        cv2.setNumThreads(1)
        border = cv2.BORDER_REFLECT_101
        cases["OpenCV, follows sigma"] = every(lambda sigma: cv2.GaussianBlur(array, (0, 0), sigma, borderType=border))
        cases["OpenCV, kernel 23"] = every(lambda sigma: cv2.GaussianBlur(array, (23, 23), sigma, borderType=border))
    return cases, 2 * image.nbytes


def colors() -> tuple[Cases, int]:
    """Color steps on 3 x 224 x 224 floats."""
    image = torch.rand(3, 224, 224, generator=torch.Generator().manual_seed(0))
    cases: Cases = {}
    for name, factor in (("hue", 0.07), ("brightness", 0.7), ("contrast", 0.7), ("saturation", 0.7)):
        for prefix, module in (("", K), ("v2, ", F)):
            cases[prefix + name] = lambda module=module, name=name, f=factor: getattr(module, f"adjust_{name}")(
                image, f
            )
    tiny = image[:, :8, :8].contiguous()
    cases["brightness of 8 x 8: the call"] = lambda: K.adjust_brightness(tiny, 0.7)
    order = (3, 1, 0, 2)
    cases["jitter"] = lambda: K.color_jitter(image, 0.9, 1.2, 0.8, 0.05, order)
    cases["v2, jitter"] = lambda: F.adjust_saturation(
        F.adjust_brightness(F.adjust_contrast(F.adjust_hue(image, 0.05), 1.2), 0.9), 0.8
    )
    return cases, 2 * image.nbytes


def chains(count: int, side: int, threads: int) -> tuple[Cases, int]:
    """Crop, jitter in an order of its own, gray, blur, normalize: per view, of a batch of uint8 images."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)
    cut = boxes(count, side, side, generator)
    factors = 0.6 + 0.8 * torch.rand(3, count, generator=generator)
    hue = 0.2 * torch.rand(count, generator=generator) - 0.1
    order = torch.stack([torch.randperm(4, generator=generator) for _ in range(count)])
    flip, jitters, gray, blur = (torch.rand(count, generator=generator) < p for p in (0.5, 0.8, 0.2, 0.5))
    sigma = 0.1 + 1.9 * torch.rand(count, generator=generator)
    steps = [
        Step(K.color_jitter, (*factors, hue, order), jitters),
        Step(K.rgb_to_grayscale, (), gray),
        Step(K.gaussian_blur, (sigma,), blur),
        Step(K.normalize, (MEAN, STD)),
    ]

    def ours() -> torch.Tensor:
        torch.set_num_threads(threads)
        result = K.crop_and_finish(images, cut, side, steps, flip=flip, dtype=torch.float32)
        torch.set_num_threads(1)
        return result

    def one_by_one() -> list[torch.Tensor]:
        adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        results = []
        for i in range(count):
            x = F.to_dtype(images[i], torch.float32, scale=True)
            x = F.resized_crop(x, *cut[i].tolist(), size=[side, side])
            x = x.flip(-1) if flip[i] else x
            if jitters[i]:
                values = [*factors[:, i].tolist(), hue[i].item()]
                for k in order[i].tolist():
                    x = adjust[k](x, values[k])
            x = F.rgb_to_grayscale(x, 3) if gray[i] else x
            x = F.gaussian_blur(x, [23, 23], [sigma[i].item()] * 2) if blur[i] and side > 22 else x
            results.append(F.normalize(x, list(MEAN), list(STD)))
        return results

    cases = {K.backend(): ours, "v2, image by image": one_by_one}
    return {name: divided(case, count) for name, case in cases.items()}, 3 * side * side * 5


def shares(side: int = 224) -> tuple[Cases, int]:
    """What the chain's steps add, one thread: each case has one step more, on all images, per view."""
    generator = torch.Generator().manual_seed(0)
    count = 16
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)
    cut = boxes(count, side, side, generator)
    steps = {
        "crop": None,
        "and normalize": Step(K.normalize, (MEAN, STD)),
        "and jitter": Step(K.color_jitter, (0.9, 1.2, 0.8, 0.05, (3, 1, 0, 2))),
        "and blur": Step(K.gaussian_blur, (torch.linspace(0.1, 2.0, count),)),
    }
    cases: Cases = {}
    chain: list[Step] = []
    for name, step in steps.items():
        chain = chain if step is None else [step, *chain]
        case = lambda chain=chain: K.crop_and_finish(images, cut, side, chain, dtype=torch.float32)  # noqa: E731
        cases[name] = divided(case, count)
    return cases, 3 * side * side * 5


def numba_crop() -> Callable[..., Any]:
    """The rival: the same two passes, compiled by numba."""

    @numba.njit(fastmath={"contract"}, error_model="numpy")
    def taps(length: int, out: int) -> Any:
        scale = np.float32(length) / np.float32(out)
        support = max(scale, np.float32(1))
        inverse = np.float32(1) / support
        count = min(int(2 * support) + 2, length)
        first, weights = np.empty(out, np.int32), np.zeros((count, out), np.float32)
        for i in range(out):
            center = scale * (np.float32(i) + np.float32(0.5))
            low = max(int(center - support + np.float32(0.5)), 0)
            high = min(int(center + support + np.float32(0.5)), length)
            start, total = min(low, length - count), np.float32(0)
            for k in range(count):
                position = start + k
                weight = np.float32(1) - abs((np.float32(position) - center + np.float32(0.5)) * inverse)
                if position < low or position >= high or weight < 0:
                    weight = np.float32(0)
                weights[k, i] = weight
                total += weight
            first[i] = start
            for k in range(count):
                weights[k, i] /= total
        return first, weights

    @numba.njit(fastmath={"contract"}, error_model="numpy")
    def crop(image: Any, top: int, left: int, height: int, width: int, out_height: int, out_width: int) -> Any:
        first_y, weight_y = taps(height, out_height)
        first_x, weight_x = taps(width, out_width)
        result = np.empty((image.shape[0], out_height, out_width), np.float32)
        row = np.empty(width, np.float32)
        for channel in range(image.shape[0]):
            for y in range(out_height):
                row[:] = 0
                for k in range(weight_y.shape[0]):
                    weight = weight_y[k, y] / np.float32(255)
                    source = image[channel, top + first_y[y] + k, left : left + width]
                    for x in range(width):
                        row[x] += weight * source[x]
                target = result[channel, y]
                target[:] = 0
                for k in range(weight_x.shape[0]):
                    for x in range(out_width):
                        target[x] += weight_x[k, x] * row[first_x[x] + k]
        return result

    start = time.perf_counter()
    image = np.zeros((3, 8, 8), np.uint8)
    crop(image, 0, 0, 8, 8, 4, 4)
    print(f"numba {numba.__version__}: compiled in {time.perf_counter() - start:.1f} s")
    generator = torch.Generator().manual_seed(1)
    sample = torch.randint(0, 256, (3, 50, 60), dtype=torch.uint8, generator=generator)
    oracle = F.resized_crop(sample.float() / 255, 3, 4, 40, 50, [33, 21])
    assert np.abs(crop(sample.numpy(), 3, 4, 40, 50, 33, 21) - oracle.numpy()).max() < 1e-5
    return crop


def copy_bandwidth() -> float:
    """Bytes read and written in a second by a copy of 8 MiB, which no second cache holds."""
    source = torch.zeros(8 << 20, dtype=torch.uint8)
    target = torch.empty_like(source)
    seconds = interleaved({"copy": lambda: target.copy_(source)}, rounds=10)["copy"]
    return 2 * source.nbytes / summary(seconds)["median"]


def table(title: str, cases: Cases, moved: int, bandwidth: float, rounds: int) -> dict[str, Any]:
    """Time, print: milliseconds of a unit of work, and how many times the first case's time the others take."""
    raw = interleaved(cases, rounds=rounds, budget=40)
    units = {name: case.__dict__.get("units", 1) for name, case in cases.items()}
    seconds = {name: [value / units[name] for value in values] for name, values in raw.items()}
    limit = moved / bandwidth
    print(f"\n{title}  (limit {limit * 1e3:.3f} ms)")
    rows = {}
    for name, values in seconds.items():
        rows[name] = summary(values)
        peer = next((p for p in (f"v2, {name}", "v2, image by image") if p in seconds and p != name), None)
        if peer:
            rows[name]["to_v2"] = ratio(values, seconds[peer])  # type: ignore[assignment]
        planar = name.removesuffix("channels last").removesuffix(", ") or "planar"
        if name.endswith("channels last") and planar in seconds:
            rows[name]["to_planar"] = ratio(values, seconds[planar])  # type: ignore[assignment]
        against = "" if peer is None else f"   {1 / rows[name]['to_v2']['median']:6.1f} x v2"  # type: ignore[index]
        layout = f"   {rows[name]['to_planar']['median']:.2f} x planar" if "to_planar" in rows[name] else ""  # type: ignore[index]
        print(f"  {name:26s} {rows[name]['median'] * 1e3:9.4f} ms{against}{layout}")
    return {"limit_seconds": limit, "seconds": rows}


def main() -> None:
    """Measure, print, and with --write save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", action="store_true", help="save to results/kernels.json")
    arguments = parser.parse_args()
    cores = torch.get_num_threads()
    many = {}
    for threads in sorted({1, cores}):
        for count, side in ((256, 32), (64, 96), (64, 224)):
            torch.set_num_threads(1)
            many[f"{count} x 3x{side}x{side}, threads {threads}"] = chains(count, side, threads)
    bandwidth = copy_bandwidth()
    print(f"kernels: {K.backend()}; copy bandwidth of one core {bandwidth / 1e9:.1f} GB/s")
    result: dict[str, Any] = {"kernels": K.backend(), "copy_bytes_per_second": bandwidth, "tables": {}}
    for title, (cases, moved) in many.items():
        result["tables"][title] = table(f"chain, per view: {title}", cases, moved, bandwidth, 5)
    one_core()
    for title, (cases, moved) in (
        ("two crops, 500 x 375 to 224", crops(375, 500)),
        ("two crops, 1500 x 1000 to 224", crops(1000, 1500)),
        ("blur, 3 x 224 x 224", blurs()),
        ("color, 3 x 224 x 224", colors()),
        ("steps of the chain, 3 x 224 x 224", shares()),
    ):
        result["tables"][title] = table(title, cases, moved, bandwidth, arguments.rounds)
    print("\n", machine())
    if arguments.write:
        print("saved", save("kernels" if K.backend() != "torch" else "kernels_torch", result))


if __name__ == "__main__":
    main()
