"""Is exact k-NN as fast as faiss?

    python benchmarks/knn.py --write                    # 50,000 x 128 against themselves, k = 40, beside faiss-cpu
    OPENBLAS_CORETYPE=Haswell python benchmarks/knn.py --write  # faiss's product by kernels that it may not choose

Needs faiss-cpu (``benchmarks/peers.sh``); ImageNet's size is in ``neighbors.py``. Features are clustered, on the unit
sphere; faiss is asked for 41 neighbors, since it returns the point itself.

Operations: one product of ``[n, d]`` and ``[d, n]``, 2 n n d = 640 GFLOP. The scores, 10 GB in blocks of 64 MB, are
written once and read once for the block maxima; all else works on a sixteenth of them or less.
"""

from __future__ import annotations

import argparse

import torch
from interleaved import beside_openblas, interleaved, ratio, save, summary
from kmeans import D, clustered

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


def main() -> None:
    """Measure, print, and with --write save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5, help="how often each case is timed")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    result = beside_faiss(arguments.turns)
    for key, value in result.items():
        print(key, value)
    if arguments.write:
        print(save(beside_openblas("knn"), result))


if __name__ == "__main__":
    main()
