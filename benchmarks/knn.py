"""Is exact k-NN as fast as faiss, and does it work at the size of ImageNet?

    python benchmarks/knn.py --write                    # 50,000 x 128 against themselves, k = 40, beside faiss-cpu
    python benchmarks/knn.py --imagenet --device cuda --write

Needs faiss-cpu for the first (``benchmarks/peers.sh``). Features are clustered, on the unit sphere; faiss is asked for
41 neighbors, since it returns the point itself.

Operations: one product of ``[n, d]`` and ``[d, n]``, 2 n n d: 640 GFLOP at 50,000; 420 TFLOP at 1.28 M, 8.4 s at 50
TFLOP/s (float32 on an H100, no TF32). The scores, 6.6 TB at 1.28 M in blocks of 1 GB, are written once and
read once for the block maxima: 4 s at 3.3 TB/s; all else works on a sixteenth of them or less.
"""

from __future__ import annotations

import argparse
import time

import torch
from interleaved import interleaved, ratio, save, summary
from kmeans import D, clustered, peak

from jointaug.neighbors import knn

K = 40


def beside_faiss(turns: int) -> dict[str, object]:
    """Both on the bar's size, in turn."""
    import faiss

    n = 50_000
    x = clustered(n, 1_000, spread=1.0)
    found = {}

    def theirs() -> None:
        found["faiss"] = torch.from_numpy(faiss.knn(x.numpy(), x.numpy(), K + 1)[1][:, 1:])

    def ours() -> None:
        found["jointaug"] = knn(x, K).indices

    block = torch.empty(256, n)

    def product() -> None:
        for start in range(0, n, 256):
            rows = x[start : start + 256]
            torch.mm(rows, x.T, out=block[: len(rows)])

    seconds = interleaved({"faiss": theirs, "jointaug": ours, "the product": product}, rounds=turns, least=0)
    same = (found["faiss"].sort(1).values == found["jointaug"].sort(1).values).double().mean()
    return {
        "size": {"points": n, "width": D, "k": K, "threads": torch.get_num_threads()},
        "seconds": {name: summary(values) for name, values in seconds.items()},
        "ratio of ours to faiss": ratio(seconds["jointaug"], seconds["faiss"]),
        "share of equal neighbors": float(same),
    }


def imagenet(device: str, queries: int | None) -> dict[str, object]:
    """Ours alone, once."""
    n = 1_281_167
    x = clustered(n, 10_000, 1.0, device)
    start = time.perf_counter()
    knn(x, K, queries=None if queries is None else x[:queries])
    if device == "cuda":
        torch.cuda.synchronize()
    return {
        "size": {"points": n, "queries": queries or n, "width": D, "k": K},
        "device": torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads",
        "seconds": time.perf_counter() - start,
        "peak_gb": peak(device),
    }


def main() -> None:
    """Measure, print, and with --write save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imagenet", action="store_true")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--queries", type=int, help="look for the neighbors of so many points only, with --imagenet")
    parser.add_argument("--turns", type=int, default=3, help="how often each case is timed, without --imagenet")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.imagenet:
        name, result = f"knn_imagenet_{arguments.device}", imagenet(arguments.device, arguments.queries)
    else:
        name, result = "knn", beside_faiss(arguments.turns)
    for key, value in result.items():
        print(key, value)
    if arguments.write:
        print(save(name, result))


if __name__ == "__main__":
    main()
