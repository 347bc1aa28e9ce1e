"""What does a record cost beside the views, and is memory as without?

    python benchmarks/records.py [--images DIR] [--write]

Two views of MoCo v2's list on one core, from photographs (or noise) of 500 x 375 to 224 px and from memory at 32 px: of
a batch, of one image, and image by image at an address. "a record" is what ``record=True`` adds; "with maps" reads
``record.maps`` too, "with steps" also every step's parameters, "as text" makes JSON of it. The cases take turns, call
by call, at the same addresses, and are timed by the processor time of their one thread. Memory is the peak of a process
that makes the views of three batches.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from gpu import steps
from interleaved import interleaved, machine, one_core, ratio, save, summary
from joint_crop import picture
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import Address, Addresses, JointCrop, PerView, fuse, views_at
from jointaug.image_files import image_files

LIMITS = {224: 0.10, 32: 0.30}
"""Of what a record may add to the views, as a fraction."""


def pipeline(side: int) -> v2.Compose:
    """MoCo v2's list."""
    return v2.Compose([JointCrop(side), PerView(v2.Compose(steps(23 if side > 96 else 3)))])


def images_of(side: int, folder: str | None) -> torch.Tensor:
    """A batch of uint8 images."""
    if side == 32:
        return torch.randint(0, 256, (256, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    paths = [None] * 8 if folder is None else [str(path) for path in image_files(folder, deep=False)[:8]]
    photographs = [F.resize(F.pil_to_tensor(picture(path)), [375, 500]) for path in paths]
    return torch.stack(photographs).repeat(8, 1, 1, 1)


def cases(side: int, folder: str | None) -> dict[str, tuple[int, dict[str, Callable[[], Any]]]]:
    """By what is given: how many rounds, and views alone, and with a record, read more or less."""
    transform = pipeline(side)
    fused, batch = fuse(transform), images_of(side, folder)
    image, index = batch[0].clone(), torch.arange(len(batch))

    def of_batch(epoch: int, *, record: bool) -> Any:
        return fused(batch, addresses=Addresses(0, epoch, index), record=record)

    def of_one(epoch: int, *, record: bool) -> Any:
        return fused(image, addresses=Address(0, epoch, 17), record=record)

    def alone(epoch: int, *, record: bool) -> Any:
        return views_at(transform, Address(0, epoch, 17), image, record=record)

    given = {f"a batch of {len(batch)}": (12, of_batch), "one image": (400, of_one), "image by image": (8, alone)}
    return {name: (rounds, _read(call)) for name, (rounds, call) in given.items()}


def _read(call: Callable[..., Any]) -> dict[str, Callable[[], Any]]:
    """Views alone, and with a record, read more or less; each case counts the epochs for itself."""
    reads: dict[str, Callable[[Any], Any] | None] = {
        "views": None,
        "a record": lambda record: record,
        "with maps": lambda record: record.maps,
        "with steps": _all,
        "as text": lambda record: record.to_json(),
    }

    def case(read: Callable[[Any], Any] | None) -> Callable[[], Any]:
        epochs = itertools.count()
        if read is None:
            return lambda: call(next(epochs), record=False)
        return lambda: read(call(next(epochs), record=True)[1])

    return {name: case(read) for name, read in reads.items()}


def _all(record: Any) -> Any:
    return record.maps, record.steps


def peak(side: int, *, record: bool) -> float:
    """MiB that a process takes at most while it makes a batch's views."""
    code = (
        "import torch; torch.set_num_threads(1); from records import fuse, images_of, pipeline; "
        "from trainer.record.machine import peak_gb; "
        f"fused, batch = fuse(pipeline({side})), images_of({side}, None); "
        f"kept = [fused(batch, record={record}) for _ in range(3)]; "
        "print(peak_gb(torch.device('cpu')) * 1e9 / 2**20)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def main() -> None:
    """Time, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", help="a folder of photographs; noise over a gradient by default")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of rounds")
    parser.add_argument("--write", action="store_true", help="save to results/records.json")
    arguments = parser.parse_args()
    one_core()
    print(machine()["processor"])
    result: dict[str, Any] = {"images": "photographs" if arguments.images else "noise over a gradient"}
    for side, limit in LIMITS.items():
        for name, (rounds, given) in cases(side, arguments.images).items():
            turns = max(3, round(rounds * arguments.scale))
            seconds = interleaved(given, rounds=turns, least=0.0, budget=40.0, clock=time.process_time)
            title = f"{name}, {side} px"
            result[title] = {
                case: {"seconds": summary(s), "to_views": ratio(s, seconds["views"])} for case, s in seconds.items()
            }
            print(f"{title} (a record may cost {limit:.0%})")
            for case, row in result[title].items():
                print(f"  {case:12s} {1e3 * row['seconds']['median']:9.4f} ms   x {row['to_views']['median']:.3f}")
        memory = {"without": peak(side, record=False), "with a record": peak(side, record=True)}
        result[f"peak memory, {side} px, MiB"] = memory
        print(f"  peak memory: {memory['without']:.1f} MiB, with a record {memory['with a record']:.1f} MiB")
    if arguments.write:
        print(f"wrote {save('records', result)}")


if __name__ == "__main__":
    main()
