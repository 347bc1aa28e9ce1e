"""Is this checkout as fast as another one? Both in turn, round by round, in processes of their own on one core.

    python benchmarks/checkouts.py OTHER [--rounds 9] [--write]

OTHER is a checkout (`git worktree add`) whose native library is built (`python setup.py build_ext --inplace`). A ratio
above 1 is slower than the other one. Only names that both checkouts have may be used here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def cases() -> dict[str, Callable[[], Any]]:
    """What is timed; in the process of one checkout."""
    import torch
    from torchvision.transforms import v2

    from jointaug import Address, AddressedDataset, Addresses, JointCrop, PerView, fuse, views_at
    from jointaug import functional as K

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)

    def images(*shape: int) -> torch.Tensor:
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)

    def moco(size: int, interpolation: str = "bilinear") -> v2.Compose:
        blur = v2.GaussianBlur(23 if size > 64 else 3, (0.1, 2.0))
        color = [v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8), v2.RandomGrayscale(0.2)]
        end = [v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.2] * 3)]
        steps = [*color, v2.RandomApply([blur], 0.5), *end]
        return v2.Compose([JointCrop(size, interpolation=interpolation), PerView(v2.Compose(steps))])

    large, small, several = (
        images(16, 3, 256, 256),
        images(256, 3, 32, 32),
        [images(3, 300 + i, 400) for i in range(16)],
    )
    photograph = images(3, 375, 500)
    interleaved = photograph.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    at_224, at_32, bicubic = fuse(moco(224)), fuse(moco(32)), fuse(moco(224, "bicubic"))
    index, crop, alone = torch.arange(256), JointCrop(224), moco(224)
    addressed = AddressedDataset([(image, 0) for image in small], at_32)
    middle, sigma, boxes = (
        images(64, 3, 96, 96),
        torch.rand(64) * 2 + 0.1,
        torch.tensor([[10, 12, 80, 80]]).expand(64, 4),
    )
    return {
        "fused, 16 x 224 px": lambda: at_224(large, generator=generator),
        "fused, 256 x 32 px": lambda: at_32(small, generator=generator),
        "fused by address, 256 x 32 px": lambda: at_32(small, addresses=Addresses(0, 0, index)),
        "fused list, 16 x 224 px": lambda: at_224(several, generator=generator),
        "fused bicubic, 16 x 224 px": lambda: bicubic(large, generator=generator),
        "fused, one image to 224 px": lambda: at_224(photograph),
        "fused, one image of 32 px": lambda: at_32(small[0]),
        "a sample by address, 32 px": lambda: addressed[3],
        "plan of 256": lambda: at_32.make_params(small, generator=generator),
        "plan of 256 by address": lambda: at_32.make_params(small, addresses=Addresses(0, 0, index)),
        "JointCrop, one image": lambda: crop(photograph),
        "JointCrop, channels last": lambda: crop(interleaved),
        "image by image at an address": lambda: views_at(alone, Address(0, 0, 3), photograph),
        "with a record": lambda: views_at(alone, Address(0, 0, 3), photograph, record=True),
        "JointCrop's parameters": lambda: crop.make_params([photograph]),
        "blur, 64 x 96 px": lambda: K.gaussian_blur(middle, sigma),
        "jitter, 64 x 96 px": lambda: K.color_jitter(middle, 1.2, 0.8, 1.3, 0.05),
        "brightness, 8 px": lambda: K.adjust_brightness(small[0, :, :8, :8], 1.1),
        "crops, 64 x 64 px": lambda: K.resized_crop(middle, boxes, (64, 64)),
    }


def timed() -> dict[str, float]:
    """Seconds of a call, the least of seven turns."""
    seconds = {}
    for name, case in cases().items():
        case()
        start = time.perf_counter()
        case()
        calls = max(1, int(0.05 / (time.perf_counter() - start)))
        turns = []
        for _ in range(7):
            start = time.perf_counter()
            for _ in range(calls):
                case()
            turns.append((time.perf_counter() - start) / calls)
        seconds[name] = min(turns)
    return seconds


def of_checkout(root: Path) -> dict[str, float]:
    """`timed` in a process whose jointaug is that of ``root``."""
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).resolve()), "--timed"]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Time, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", nargs="?", help="another checkout")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--timed", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.timed:
        print(json.dumps(timed()))
        return
    if arguments.other is None:
        parser.error("name another checkout")
    from interleaved import ratio, save

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    other = Path(arguments.other).resolve()
    ours, theirs = [], []
    for _ in range(arguments.rounds):
        theirs.append(of_checkout(other))
        ours.append(of_checkout(ROOT))
    table = {}
    for name in ours[0]:
        table[name] = ratio([row[name] for row in ours], [row[name] for row in theirs])
        least = [min(row[name] for row in rows) for rows in (theirs, ours)]
        table[name] |= {"other_ms": 1e3 * least[0], "ours_ms": 1e3 * least[1]}
        print(f"{name:32s} {least[0] * 1e3:8.3f} -> {least[1] * 1e3:8.3f} ms, ratio {table[name]}")
    if arguments.write:
        commit = subprocess.run(
            ["git", "-C", other, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        )
        print(f"wrote {save(Path(__file__).stem, {'other': commit.stdout.strip(), 'ratios': table})}")


if __name__ == "__main__":
    main()
