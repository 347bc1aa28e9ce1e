"""How long does choosing neighbors take, and in how much memory: clusters, and positives among the nearest images?

    python benchmarks/neighbors.py --points 100000 --write     # the how-to's ten lines, on a CPU
    python benchmarks/neighbors.py --device cuda --write       # ImageNet: 1,281,167 x 128, 10,000 clusters, k = 40

One call each of `kmeans` (20 rounds from k-means++) and `center_positives` (which contains `knn`, k = 40), on clustered
unit features; as many clusters as ImageNet's 10,000 are for its size, unless ``--clusters`` says otherwise.

Operations at ImageNet's size, n = 1.28 M, d = 128, m = 10,000. What a card must do is multiply; at 50 TFLOP/s (float32
on an H100, no TF32: its peak is 67) and 3.3 TB/s:

    k-means   21 products, 2 n m d each       69 TFLOP     1.4 s
              scores written and read         2.2 TB       0.7 s
              k-means++, 10,000 steps over 160,000 rows, about ten kernels each     1 to 2 s
    k-NN      the product, 2 n n d            420 TFLOP    8.4 s
              scores written and read         13 TB        4.0 s
              the best 48 of 1,001 block maxima, twice the best 48 of 768, for each point and each of five tiles:
              19 M selections of one thread block, some 25 us with 264 at a time    2 s
    positives sorting n lists of 40           0.05 G keys  below 0.1 s

18 to 19 s in all, not measured yet: within a minute, above 15 s, of which the two products alone are 10.

Memory at that size, in GB, at the fullest moment of each part (the features are 0.66, n lists of 40 int64 0.41):

    k-means   features, their shifted and padded copies, and either a block of scores or the squares     2.7
    k-NN      features, their shifted and padded copies, a block of scores and its folds, the result     3.7
    positives features, and neighbors, lots and ranks as they are made and sorted: 7 x 0.41              3.5

So a card of 8 GB does it, and 24 GB of RAM do (there a block is 8 and 64 MB).
"""

from __future__ import annotations

import argparse
import time

import torch
from interleaved import save
from kmeans import D, clustered, peak

from jointaug.neighbors import center_positives, kmeans

IMAGENET, IMAGENET_CLUSTERS, K = 1_281_167, 10_000, 40


def measure(points: int, clusters: int, rounds: int, device: str) -> dict[str, object]:
    """Each part once: seconds, and the greatest memory until its end, above what was held before the features."""
    before = peak(device)
    x = clustered(points, clusters, spread=1.0, device=device)
    seconds, memory = {}, {"features": peak(device) - before}
    start = time.perf_counter()
    found = kmeans(x, clusters, rounds=rounds)
    seconds["kmeans"], memory["kmeans"] = finished(start, device), peak(device) - before
    start = time.perf_counter()
    center_positives(x, found.labels, found.centers, neighbors=K)
    seconds["center_positives"], memory["center_positives"] = finished(start, device), peak(device) - before
    return {
        "size": {"points": points, "width": D, "clusters": clusters, "rounds": rounds, "k": K},
        "device": torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads",
        "seconds": seconds | {"total": sum(seconds.values())},
        "peak memory, GB": memory,
        "objective": found.objective,
        "smallest cluster": int(found.labels.bincount(minlength=clusters).min()),
    }


def finished(start: float, device: str) -> float:
    """Seconds since ``start``, when the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


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
