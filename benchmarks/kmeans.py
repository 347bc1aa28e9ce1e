"""Is k-means as fast as faiss?

    python benchmarks/kmeans.py --write                 # 50,000 x 128, 1,000 centers, 20 rounds, beside faiss-cpu
    OPENBLAS_CORETYPE=Haswell python benchmarks/kmeans.py --write  # faiss's product by kernels that it may not choose

Needs faiss-cpu (``benchmarks/peers.sh``); ImageNet's size is in ``neighbors.py``. Features are clustered, on the unit
sphere, and so noisy that 20 rounds do not converge. Both start from random points; ours gives labels besides, one
assignment more.

Operations: an assignment is one product of ``[n, d]`` and ``[d, m]``, 2 n m d = 12.8 GFLOP, 21 times. Besides, a round
writes and reads the scores once, for the argmax, and reads the features once, for the means.
"""

from __future__ import annotations

import argparse

import torch
from interleaved import beside_openblas, interleaved, ratio, save, summary
from torch import Tensor
from torch.nn import functional as F

from jointaug.neighbors import kmeans

D, ROUNDS = 128, 20


def clustered(n: int, clusters: int, spread: float, device: str = "cpu") -> Tensor:
    """Unit rows ``[n, 128]`` around random centers, ``spread`` times as far as the centers are apart."""
    generator = torch.Generator(device).manual_seed(0)
    centers = torch.randn(clusters, D, generator=generator, device=device)
    rows = torch.randint(clusters, (n,), generator=generator, device=device)
    return F.normalize(centers[rows] + spread * torch.randn(n, D, generator=generator, device=device), dim=1)


def beside_faiss(turns: int) -> dict[str, object]:
    """Both on the bar's size, in turn."""
    import faiss

    n, m = 50_000, 1_000
    x = clustered(n, m, spread=2.0)
    objectives = {}

    def theirs() -> None:
        peer = faiss.Kmeans(D, m, niter=ROUNDS, seed=1, min_points_per_centroid=1)
        peer.train(x.numpy())
        objectives["faiss"] = float(peer.obj[-1])

    def ours() -> None:
        found = kmeans(x, m, rounds=ROUNDS, init="random")
        assert len(found.objective) == ROUNDS + 1, "it must not have converged"
        objectives["jointaug"] = found.objective[ROUNDS - 1]  # faiss's last value is that of its last assignment

    def plus_plus() -> None:
        objectives["jointaug, k-means++"] = kmeans(x, m, rounds=ROUNDS).objective[ROUNDS - 1]

    block, centers = torch.empty(2048, m), x[:m].clone()

    def product() -> None:
        for _ in range(ROUNDS + 1):
            for start in range(0, n, 2048):
                rows = x[start : start + 2048]
                torch.mm(rows, centers.T, out=block[: len(rows)])

    cases = {"faiss": theirs, "jointaug": ours, "jointaug, k-means++": plus_plus, "the 21 products": product}
    seconds = interleaved(cases, rounds=turns, least=0)
    return {
        "size": {"points": n, "width": D, "centers": m, "rounds": ROUNDS, "threads": torch.get_num_threads()},
        "seconds": {name: summary(values) for name, values in seconds.items()},
        "ratio of ours to faiss": ratio(seconds["jointaug"], seconds["faiss"]),
        "objective after 20 assignments": objectives,
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
        print(save(beside_openblas("kmeans"), result))


if __name__ == "__main__":
    main()
