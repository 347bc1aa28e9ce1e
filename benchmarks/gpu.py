"""On a GPU: throughput of ``fuse`` against kornia and torchaug, share of copy bandwidth, split of a training step.

    benchmarks/gpu.sh --stages 3,4       # with limits, and what else is measured
    python benchmarks/gpu.py             # --parts step or --parts throughput: one of the two
    python benchmarks/gpu.py --smoke     # on the CPU, tiny, nothing compiled: that it runs; its figures mean nothing

Per batch and view; every round gives each case its turn, the device synchronized around each; medians, quartiles, and
ratios round by round. The bound is the time in which the card copies the bytes that must move: the uint8 input once,
the float32 output once. The peak is what is allocated at most, with the input, over input + output. First come our
cases at all sizes, then the peers', then what compiles; results are saved after each table, so that a time limit costs
only what follows.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from interleaved import ratio, save, summary
from torchvision.models import resnet18
from torchvision.transforms import v2

from jointaug import Addresses, JointCrop, PerView, fuse

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
OURS = "jointaug"
Cases = dict[str, Callable[[], Any]]


class Setting(NamedTuple):
    """Where, and how much."""

    device: str
    batches: tuple[tuple[int, int], ...]
    training: tuple[int, int]
    copied: int
    """Bytes that the copy moves, half read and half written."""
    rounds: int
    compile: Callable[[Any], Any]


GPU = Setting("cuda", ((256, 224), (1024, 32), (512, 96)), (512, 32), 2**31, 20, partial(torch.compile, dynamic=False))
SMOKE = Setting("cpu", ((4, 32),), (2, 32), 2**21, 3, partial(torch.compile, backend="eager"))


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


def synchronize(device: str) -> None:
    """Wait for the device."""
    if device == "cuda":
        torch.cuda.synchronize()


def milliseconds(cases: Cases, setting: Setting) -> dict[str, list[float]]:
    """Milliseconds of each case, for each round."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(setting.rounds):
        for name, case in cases.items():
            synchronize(setting.device)
            start = time.perf_counter()
            case()
            synchronize(setting.device)
            times[name].append(1e3 * (time.perf_counter() - start))
    return times


def failure(case: Callable[[], Any]) -> str | None:
    """Why a case does not run, if so: a peer that fails must not cost the other results."""
    try:
        for _ in range(3):  # compiles and warms up
            case()
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    return None


def working(cases: Cases) -> tuple[Cases, dict[str, str]]:
    """The cases that run, and why the others do not."""
    failures = {name: why for name, case in cases.items() if (why := failure(case))}
    return {name: case for name, case in cases.items() if name not in failures}, failures


def copy_bandwidth(setting: Setting) -> float:
    """Bytes read plus bytes written in a second, by a large copy."""
    source = torch.zeros(setting.copied // 2, dtype=torch.uint8, device=setting.device)
    target = torch.empty_like(source)
    copy = {"copy": lambda: target.copy_(source)}
    working(copy)
    return setting.copied / (summary(milliseconds(copy, setting)["copy"])["median"] / 1e3)


def ours(count: int, side: int, setting: Setting) -> tuple[torch.Tensor, Cases]:
    """A batch, and one view of it by this library: with draws of a generator and at addresses, and draws alone."""
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, device=setting.device)
    fused, last = fused_view(side), fuse(fused_view(side), memory_format=torch.channels_last)
    generator = torch.Generator(setting.device).manual_seed(0)
    addresses = Addresses(0, 0, torch.arange(count, device=setting.device))
    return images, {
        OURS: lambda: fused(images, generator=generator),
        f"{OURS}, addresses": lambda: fused(images, addresses=addresses),
        f"{OURS}, channels-last": lambda: last(images, generator=generator),
        f"{OURS}, draws alone": lambda: fused.make_params(images, generator=generator),
        f"{OURS}, draws alone, addresses": lambda: fused.make_params(images, addresses=addresses),
    }


def fused_view(side: int) -> Any:
    """One view of a batch, by the MoCo v2 list."""
    return fuse(v2.Compose([v2.RandomResizedCrop(side, (0.2, 1.0)), *steps(width(side))]))


def width(side: int) -> int:
    """The blur's kernel: a tenth of the side, odd."""
    return max(3, side // 10 // 2 * 2 + 1)


def peers(count: int, side: int, setting: Setting) -> tuple[torch.Tensor, Cases]:
    """The same, with the peers as they are."""
    images, found = ours(count, side, setting)
    found = {OURS: found[OURS]}
    for name, made in (("kornia", kornia_view), ("torchaug", torchaug_view)):
        view = _if_there(name, made, side, setting.device)
        if view is not None:
            found[name] = partial(_of_floats, view, images)
    return images, found


def _if_there(name: str, made: Callable[[int, str], Any], side: int, device: str) -> Any:
    """A peer's view of a batch, or None where it is not installed."""
    try:
        return made(side, device)
    except ImportError as error:
        print(f"not measured: {name} ({error})")
        return None


def compiled(count: int, side: int, setting: Setting) -> tuple[torch.Tensor, Cases]:
    """The same, compiled: ours (the work, with draws of a generator), and kornia."""
    images, found = ours(count, side, setting)
    torch.compiler.reset()
    fused, generator = fused_view(side), torch.Generator(setting.device).manual_seed(0)
    work = setting.compile(fused.transform)
    found = {
        OURS: found[OURS],
        f"{OURS}, work compiled": lambda: work(images, fused.make_params(images, generator=generator)),
    }
    view = _if_there("kornia", kornia_view, side, setting.device)
    if view is not None:
        found["kornia, compiled"] = partial(_of_floats, setting.compile(view), images)
    return images, found


def _of_floats(view: Callable[[torch.Tensor], Any], images: torch.Tensor) -> Any:
    return view(images.float() / 255)


def kornia_view(side: int, device: str) -> torch.nn.Module:
    """One view by kornia."""
    import kornia.augmentation as K

    return torch.nn.Sequential(
        K.RandomResizedCrop((side, side), scale=(0.2, 1.0)),
        K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
        K.RandomGrayscale(p=0.2),
        K.RandomGaussianBlur((width(side), width(side)), (0.1, 2.0), p=0.5),
        K.RandomHorizontalFlip(p=0.5),
        K.Normalize(torch.tensor(MEAN), torch.tensor(STD)),
    ).to(device)


def torchaug_view(side: int, device: str) -> Callable[[torch.Tensor], Any]:  # noqa: ARG001 (where its input is)
    """One view by torchaug."""
    import torchaug.transforms as ta

    view: Callable[[torch.Tensor], Any] = ta.SequentialTransform(
        [
            ta.RandomResizedCrop(side, (0.2, 1.0), num_chunks=-1, batch_transform=True),
            ta.RandomColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8, num_chunks=-1, batch_transform=True),
            ta.RandomGrayscale(0.2, batch_transform=True),
            ta.RandomGaussianBlur(width(side), (0.1, 2.0), p=0.5, batch_transform=True),
            ta.RandomHorizontalFlip(0.5, batch_transform=True),
            ta.Normalize(MEAN, STD),
        ]
    )
    return view


def peak(case: Callable[[], Any], images: torch.Tensor) -> float | None:
    """What a case allocates at most, with its input, over input + output."""
    if not images.is_cuda:
        return None
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    result = case()
    rise = torch.cuda.max_memory_allocated() - before
    return (images.nbytes + rise) / (images.nbytes + result.nbytes)


def throughput(made: tuple[torch.Tensor, Cases], setting: Setting, bandwidth: float) -> dict[str, Any]:
    """Cases of one size: ms, ratio to ours (eager), share of the copy bandwidth, peak memory."""
    images, found = made
    runs, failures = working(found)
    bound = 1e3 * 5 * images.numel() / bandwidth
    times = milliseconds(runs, setting)
    table: dict[str, Any] = {}
    print(f"copying takes {bound:.4f} ms")
    print(*(f"  failed: {name} ({why})" for name, why in failures.items()), sep="\n")
    for name, values in times.items():
        ms = summary(values)
        table[name] = {"ms": ms, "share_of_copy": bound / ms["median"]}
        beside = ""
        if OURS in times:  # should it fail, the others still count
            table[name]["times_ours"] = ratio(values, times[OURS])
            beside = f"  x {table[name]['times_ours']['median']:.2f}"
        if "draws" not in name:
            table[name]["peak"] = peak(runs[name], images)
        print(
            f"  {name:26s} {ms['median']:9.4f} ms [{ms['quartile_1']:.4f}, {ms['quartile_3']:.4f}]"
            f"{beside}  {bound / ms['median']:.3f} of the copy  peak {table[name].get('peak')}"
        )
    return {"bound_ms": bound, "cases": table, "failed": failures}


def training_step(setting: Setting) -> dict[str, Any]:
    """ResNet-18, two views of a batch: augmentation alone, network alone (bf16, channels-last), both, in ms."""
    count, side = setting.training
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, device=setting.device)
    pipeline = v2.Compose([JointCrop(side), PerView(v2.Compose(steps(3)))])
    fused = fuse(pipeline, memory_format=torch.channels_last)
    network = resnet18().to(setting.device, memory_format=torch.channels_last)
    views = fused(images)

    def step(inputs: list[torch.Tensor]) -> None:
        with torch.autocast(setting.device, torch.bfloat16):
            loss = sum(network(view).square().mean() for view in inputs)
        loss.backward()

    parts: Cases = {
        "augmentation": lambda: fused(images),
        "network": lambda: step(views),
        "both": lambda: step(fused(images)),
    }
    runs, failures = working(parts)
    times = milliseconds(runs, setting)
    table: dict[str, Any] = {name: summary(values) for name, values in times.items()}
    if "augmentation" in times and "both" in times:
        table["share of augmentation"] = ratio(times["augmentation"], times["both"])
    return {**table, "failed": failures}


def main() -> None:
    """Time, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, help="default: 20")
    parser.add_argument("--smoke", action="store_true", help="tiny, on the CPU, saved only where OUT says where")
    parser.add_argument("--parts", nargs="+", choices=("step", "throughput"), default=["step", "throughput"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    setting = SMOKE if arguments.smoke else GPU
    setting = setting._replace(rounds=arguments.rounds or setting.rounds)
    device = "CPU" if arguments.smoke else torch.cuda.get_device_name()
    result: dict[str, Any] = {"device": device, "copy_bytes_per_s": copy_bandwidth(setting)}
    print(result)

    def keep(part: str, title: str, table: dict[str, Any]) -> None:
        result[title] = table
        if not arguments.smoke or os.environ.get("OUT"):
            save(f"{Path(__file__).stem}_{part}", result)

    if "step" in arguments.parts:
        count, side = setting.training
        keep("step", f"training step, 2 x {count} x 3 x {side} x {side}, ms", split := training_step(setting))
        print(f"training step: { {name: row.get('median', row) for name, row in split.items()} }")
    if "throughput" in arguments.parts:
        for group in (ours, peers, compiled):
            for count, side in setting.batches:
                title = f"{group.__name__}, {count} x 3 x {side} x {side}"
                print(f"\n{title}")
                made = group(count, side, setting)
                keep("throughput", title, throughput(made, setting, result["copy_bytes_per_s"]))


if __name__ == "__main__":
    main()
