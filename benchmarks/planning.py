"""What does it cost to plan a batch by address, beside drawing it from a generator; and one image's row?

    python benchmarks/planning.py [--write]

256 images of 32 x 32, `JointCrop` and MoCo v2's list in each view: all draws and parameters, and no pixel. One core;
the cases take turns. "Python's hash" is what there is without the native library.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from gpu import steps
from interleaved import interleaved, one_core, ratio, save, summary
from torchvision.transforms import v2

from jointaug import Address, Addresses, JointCrop, PerView, fuse
from jointaug._native import _library as native


def in_python(case: Callable[[], Any]) -> Callable[[], Any]:
    """The case without the native library."""

    def run() -> None:
        library, native.library = native.library, None
        case()
        native.library = library

    return run


def main() -> None:
    """Time, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--write", action="store_true", help="save to results/planning.json")
    arguments = parser.parse_args()
    one_core()
    images = torch.zeros(256, 3, 32, 32, dtype=torch.uint8)
    fused = fuse(v2.Compose([JointCrop(32), PerView(v2.Compose(steps(3)))]))
    generator, index = torch.Generator().manual_seed(0), torch.arange(256)

    def by_address() -> Any:
        return fused.make_params(images, addresses=Addresses(0, 3, index))

    def a_row() -> list[float]:
        return Address(0, 3, 17).row(5)

    tables = {
        "a batch": {
            "generator": lambda: fused.make_params(images, generator=generator),
            "addresses": by_address,
            "addresses, Python's hash": in_python(by_address),
        },
        "a row of five for one image": {"address": a_row, "address, Python's hash": in_python(a_row)},
    }
    result = {}
    for title, cases in tables.items():
        seconds = interleaved(cases, rounds=arguments.rounds)
        first = next(iter(seconds.values()))
        result[title] = {name: {"seconds": summary(s), "to_first": ratio(s, first)} for name, s in seconds.items()}
        print(title)
        for name, row in result[title].items():
            print(f"  {name:26s} {1e3 * row['seconds']['median']:8.4f} ms   x {row['to_first']['median']:.2f}")
    if arguments.write:
        print(f"wrote {save('planning', result)}")


if __name__ == "__main__":
    main()
