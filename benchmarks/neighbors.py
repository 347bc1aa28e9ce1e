"""How long does choosing neighbors take, and in how much memory: clusters, and positives among the nearest images?

    python benchmarks/neighbors.py --points 100000 --write     # the how-to's ten lines, on a CPU
    python benchmarks/neighbors.py --device cuda --write       # ImageNet: 1,281,167 x 128, 10,000 clusters, k = 40

One call each of `kmeans` (20 rounds from k-means++) and `center_positives` (which contains `knn`, k = 40), on clustered
unit features; as many clusters as ImageNet's 10,000 are for its size, unless ``--clusters`` says otherwise.

Operations and memory at that size are counted in ``docs/explanation/neighbors-at-imagenet-size.md``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from interleaved import save
from kmeans import D, clustered

from jointaug.neighbors import center_positives, kmeans

Result = TypeVar("Result")

IMAGENET, IMAGENET_CLUSTERS, K = 1_281_167, 10_000, 40


def measure(points: int, clusters: int, rounds: int, device: str) -> dict[str, object]:
    """Each part once."""
    before = Memory(device).now()
    x = clustered(points, clusters, spread=1.0, device=device)
    seconds, memory = {}, {}

    def part(name: str, call: Callable[[], Result]) -> Result:
        held = Memory(device)
        start = time.perf_counter()
        result = call()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds[name], memory[name] = time.perf_counter() - start, (held.peak() - before) / 1e9
        return result

    labels, centers, objective = part("kmeans", lambda: kmeans(x, clusters, rounds=rounds))
    part("center_positives", lambda: center_positives(x, labels, centers, neighbors=K))
    return {
        "size": {"points": points, "width": D, "clusters": clusters, "rounds": rounds, "k": K},
        "device": torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads",
        "seconds": seconds | {"total": sum(seconds.values())},
        "peak memory, GB": memory,
        "objective": objective,
        "smallest cluster": int(labels.bincount(minlength=clusters).min()),
    }


class Memory:
    """Bytes that the card, or this process, holds; its peak is counted from here on."""

    def __init__(self, device: str) -> None:
        self.cuda = device == "cuda"
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        else:
            Path("/proc/self/clear_refs").write_text("5")

    def now(self) -> int:
        """At this moment."""
        return torch.cuda.memory_allocated() if self.cuda else self._status("VmRSS")

    def peak(self) -> int:
        """At most since the beginning."""
        return torch.cuda.max_memory_allocated() if self.cuda else self._status("VmHWM")

    def _status(self, field: str) -> int:
        return 1024 * int(Path("/proc/self/status").read_text().split(f"{field}:")[1].split()[0])


def main() -> None:
    """Measure, print, and with --write save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=IMAGENET)
    parser.add_argument("--clusters", type=int, help="default: a cluster for each 128 points, as on ImageNet")
    parser.add_argument("--rounds", type=int, default=20, help="of k-means")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    clusters = arguments.clusters or round(arguments.points * IMAGENET_CLUSTERS / IMAGENET)
    result = measure(arguments.points, clusters, arguments.rounds, arguments.device)
    for key, value in result.items():
        print(key, value)
    if arguments.write:
        print(save(f"neighbors_{arguments.points}_{arguments.device}", result))


if __name__ == "__main__":
    main()
