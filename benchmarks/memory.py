"""How much memory does a fused batch take at its peak, in terms of input + output?

    python benchmarks/memory.py [--write]

Every case runs in a process of its own, once on the native kernels and once on torch alone: what the resident memory
rises to above the state with the input in place (Linux' high-water mark, reset before the call), plus the input, over
input + output. 1 is what cannot be avoided, 4 the bar, 2 the aim.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from interleaved import save
from torchvision.transforms import v2

from jointaug import JointCrop, PerView, fuse

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CASES = {
    "MoCo v2, two views, 256 x 3 x 32 x 32": ("moco", 256, 32),
    "MoCo v2, two views, 64 x 3 x 96 x 96": ("moco", 64, 96),
    "MoCo v2, two views, 64 x 3 x 224 x 224": ("moco", 64, 224),
    "MoCo v2, two views, list of 64 x 3 x 375 x 500 to 224": ("list", 64, 224),
    "MoCo v2, one view, 64 x 3 x 224 x 224": ("one", 64, 224),
    "RandAugment and erasing, 64 x 3 x 224 x 224": ("augment", 64, 224),
}


def pipeline(kind: str, side: int) -> Any:
    """What is fused."""
    to_float = v2.ToDtype(torch.float32, scale=True)
    if kind == "augment":
        return v2.Compose([v2.RandomResizedCrop(side), v2.RandAugment(), to_float, v2.RandomErasing(1.0, value=0)])
    rest = [
        v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        v2.RandomGrayscale(0.2),
        v2.RandomApply([v2.GaussianBlur(max(3, side // 10 // 2 * 2 + 1), (0.1, 2.0))], p=0.5),
        v2.RandomHorizontalFlip(),
        to_float,
        v2.Normalize(MEAN, STD),
    ]
    if kind == "one":
        return v2.Compose([v2.RandomResizedCrop(side, (0.2, 1.0)), *rest])
    return v2.Compose([JointCrop(side), PerView(v2.Compose(rest))])


def images(kind: str, count: int, side: int) -> Any:
    """A batch of uint8 images, or a list of larger ones."""
    if kind == "list":
        return [torch.full((3, 375 - i % 2, 500), 7, dtype=torch.uint8) for i in range(count)]
    return torch.full((count, 3, side, side), 7, dtype=torch.uint8)


def resident(mark: str) -> int:
    """Bytes that this process holds (VmRSS) or held at most (VmHWM)."""
    return 1024 * int(Path("/proc/self/status").read_text().split(f"{mark}:")[1].split()[0])


def peak(kind: str, count: int, side: int) -> dict[str, float]:
    """In this process: bytes of input, output, and the rise."""
    fused = fuse(pipeline(kind, side))
    fused(images(kind, 2, side))  # maps the libraries
    batch = images(kind, count, side)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    views = fused(batch)
    rise = resident("VmHWM") - before
    read, written = (sum(x.nbytes for x in part) for part in (batch, views))
    return {"input": read, "output": written, "rise": rise, "ratio": (read + rise) / (read + written)}


def main() -> None:
    """Measure, print, and with --write save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="save to results/memory.json")
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        kind, count, side = arguments.case
        print(json.dumps(peak(kind, int(count), int(side))))
        return
    table: dict[str, dict[str, Any]] = {}
    for name, case in CASES.items():
        table[name] = {}
        for path in ("native", "torch"):
            environment = {**os.environ, **({"JOINTAUG_NATIVE": "0"} if path == "torch" else {})}
            command = [sys.executable, __file__, "--case", *map(str, case)]
            answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
            table[name][path] = json.loads(answer.splitlines()[-1])
        print(f"{name}: native {table[name]['native']['ratio']:.2f}, torch {table[name]['torch']['ratio']:.2f}")
    if arguments.write:
        print("saved", save("memory", {"tables": table}))


if __name__ == "__main__":
    main()
