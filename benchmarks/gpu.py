"""On a GPU: throughput of ``fuse`` against kornia and torchaug, share of copy bandwidth, split of a training step.

    benchmarks/gpu.sh

Per batch and view; medians over rounds in which every case has its turn, the device synchronised around each. The bound
is the time in which the card copies the bytes that must move: the uint8 input once, the float32 output once.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from interleaved import save
from torchvision.models import resnet18
from torchvision.transforms import v2

from jointaug import JointCrop, PerView, fuse

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
BATCHES = ((1024, 32), (512, 96), (256, 224))


def steps(kernel: int) -> list[Any]:
    """The MoCo v2 list after the crop."""
    return [
        v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        v2.RandomGrayscale(0.2),
        v2.RandomApply([v2.GaussianBlur(kernel, (0.1, 2.0))], p=0.5),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ]


def milliseconds(cases: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each case."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for case in cases.values():
        for _ in range(3):
            case()
    for _ in range(rounds):
        for name, case in cases.items():
            torch.cuda.synchronize()
            start = time.perf_counter()
            case()
            torch.cuda.synchronize()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def measured(case: Callable[[], Any], rounds: int) -> float | str:
    """Median milliseconds, or why there is none: a peer that fails must not cost the other results."""
    try:
        return milliseconds({"": case}, rounds)[""]
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"[:300]


def copy_bandwidth() -> float:
    """Bytes read plus bytes written in a second, by a large copy."""
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / (milliseconds({"copy": lambda: target.copy_(source)}, 20)["copy"] / 1e3)


def cases(count: int, side: int) -> dict[str, Callable[[], Any]]:
    """One view of a batch."""
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, device="cuda")
    kernel = max(3, side // 10 // 2 * 2 + 1)
    fused = fuse(v2.Compose([v2.RandomResizedCrop(side, (0.2, 1.0)), *steps(kernel)]))
    generator = torch.Generator("cuda").manual_seed(0)
    found: dict[str, Callable[[], Any]] = {"jointaug": lambda: fused(images, generator=generator)}
    work = torch.compile(fused.transform)
    found["jointaug, work compiled"] = lambda: work(images, fused.make_params(images, generator=generator))
    try:
        import kornia.augmentation as K

        chain = torch.nn.Sequential(
            K.RandomResizedCrop((side, side), scale=(0.2, 1.0)),
            K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
            K.RandomGrayscale(p=0.2),
            K.RandomGaussianBlur((kernel, kernel), (0.1, 2.0), p=0.5),
            K.RandomHorizontalFlip(p=0.5),
            K.Normalize(torch.tensor(MEAN), torch.tensor(STD)),
        ).cuda()
        compiled = torch.compile(chain)
        found["kornia"] = lambda: chain(images.float() / 255)
        found["kornia, compiled"] = lambda: compiled(images.float() / 255)
    except ImportError as error:
        print(f"not measured: kornia ({error})")
    try:
        import torchaug.transforms as ta

        own = ta.SequentialTransform(
            [
                ta.RandomResizedCrop(side, (0.2, 1.0), num_chunks=-1, batch_transform=True),
                ta.RandomColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8, num_chunks=-1, batch_transform=True),
                ta.RandomGrayscale(0.2, batch_transform=True),
                ta.RandomGaussianBlur(kernel, (0.1, 2.0), p=0.5, batch_transform=True),
                ta.RandomHorizontalFlip(0.5, batch_transform=True),
                ta.Normalize(MEAN, STD),
            ]
        )
        found["torchaug"] = lambda: own(images.float() / 255)
    except ImportError as error:
        print(f"not measured: torchaug ({error})")
    return found


def training_step() -> dict[str, float]:
    """ResNet-18, two views of 512 x 3 x 32 x 32: augmentation alone, network alone (bf16, channels-last), both."""
    images = torch.randint(0, 256, (512, 3, 32, 32), dtype=torch.uint8, device="cuda")
    fused = fuse(v2.Compose([JointCrop(32), PerView(v2.Compose(steps(3)))]))
    network = resnet18().cuda().to(memory_format=torch.channels_last)
    views = [view.to(memory_format=torch.channels_last) for view in fused(images)]

    def step(inputs: list[torch.Tensor]) -> None:
        with torch.autocast("cuda", torch.bfloat16):
            loss = sum(network(view).square().mean() for view in inputs)
        loss.backward()

    return milliseconds(
        {"augmentation": lambda: fused(images), "network": lambda: step(views), "both": lambda: step(fused(images))}, 30
    )


def main() -> None:
    """Time, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    bandwidth = copy_bandwidth()
    result: dict[str, Any] = {"device": torch.cuda.get_device_name(), "copy_bytes_per_s": bandwidth}
    print(result)
    for count, side in BATCHES:
        moved = 5 * count * 3 * side * side
        bound = 1e3 * moved / bandwidth
        times = {name: measured(case, arguments.rounds) for name, case in cases(count, side).items()}
        result[f"{count} x 3 x {side} x {side}"] = {"bound_ms": bound, **times}
        print(f"{count} x 3 x {side} x {side}: copying takes {bound:.3f} ms; {times}")
    result["training step, 2 x 512 x 3 x 32 x 32, ms"] = training_step()
    print(result["training step, 2 x 512 x 3 x 32 x 32, ms"])
    print(f"wrote {save(Path(__file__).stem, result)}")


if __name__ == "__main__":
    main()
