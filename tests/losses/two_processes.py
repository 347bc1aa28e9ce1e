"""A step of every loss that looks beyond its own process, as one of ``size`` processes: processes.py runs it in two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from jointaug import losses as L

B, D, N, K = 8, 3, 5, 32  # images of the global batch, width, width of an input, keys


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def steps(rank: int, size: int) -> dict[str, list[Tensor]]:
    """Loss, gradient of a shared linear encoder, and state, of each method on this process's share of the images."""
    share = slice(rank * B // size, (rank + 1) * B // size)
    inputs = [draw(B, N, seed=i)[share] for i in range(4)]
    maps = [draw(B, 2, 2, seed=10 + i)[share] for i in range(2)]
    queue = L.Queue(K, D, generator=torch.Generator().manual_seed(0)).double()
    center, statistics = L.Center(D).double(), L.ScoreStatistics(momentum=0.5).double()
    # sub-batches that keep together what a process holds, which is what whitening within processes is
    half = B // 2
    perms = [torch.randperm(half, generator=torch.Generator().manual_seed(i)) for i in range(2)]
    perm = perms[rank] if size == 2 else torch.cat([perms[0], half + perms[1]])

    def weight() -> Tensor:
        return L.score_weight(*maps)

    methods: dict[str, Callable[[list[Tensor]], Tensor]] = {
        "nt_xent": lambda z: L.reduce(L.nt_xent(z[0], z[1])),
        "nt_xent weighted": lambda z: L.reduce(L.nt_xent(z[0], z[1]), weight()),
        "nt_xent inside": lambda z: L.reduce(L.nt_xent(z[0], z[1], tau=0.5, d=L.score_distances(*maps))),
        "info_nce": lambda z: L.reduce(L.info_nce(z[0], z[1], queue(z[1]))),
        "info_nce again": lambda z: L.reduce(L.info_nce(z[2], z[3], queue(z[3]))),
        "moco_v3": lambda z: L.reduce(L.moco_v3(*z)),
        "leoclr_end_to_end": lambda z: L.reduce(L.leoclr_end_to_end(*z[:3])),
        "vicreg": lambda z: L.reduce(L.vicreg(z[0], z[1]), weight()),
        "vicreg wide": lambda z: L.reduce(L.vicreg(*(torch.cat([a, a**2, a**3, a**4], 1) for a in z[:2]))),
        "dino": lambda z: L.reduce(L.dino(z[:2], z[2:], center(z[2:]))),
        "dino again": lambda z: L.reduce(L.dino(z[:2], z[2:], center(z[2:]))),
        "byol, running mean": lambda z: L.reduce(L.byol(*z), statistics(L.score_distance(*maps))),
        "wmse": lambda z: L.reduce(L.wmse([a[:, :1] for a in z[:2]], half, perm)),
    }
    results = {}
    for name, method in methods.items():
        encoder = draw(N, D, seed=99).requires_grad_()
        loss = method([x @ encoder for x in inputs])
        loss.backward()
        averages = [loss.detach(), encoder.grad]
        if size > 1:  # what DistributedDataParallel does to gradients
            for x in averages:
                dist.all_reduce(x)
                x /= size
        results[name] = averages
    results["state"] = [queue.queue, queue.queue_ptr, center.center, statistics.mean, statistics.share]
    return results


def uneven(rank: int) -> dict[str, str]:
    """What each call says where this process's part does not go with the other's; in time, or the test ends it."""
    rows = {
        "rows": (3, 2)[rank],
        "no rows in one": (3, 0)[rank],
        "width": 3,
        "dtype": 3,
        "gradient": 3,
        "weight": 3,
    }
    said = {}
    for kind, n in rows.items():
        z = [draw(n, (D, D - rank)[kind == "width"], seed=i) for i in range(4)]
        if kind == "dtype" and rank:
            z = [x.float() for x in z]
        if kind != "gradient" or rank:
            z = [x.requires_grad_() for x in z]
        maps = [x.detach()[..., None] for x in z[:2]]
        weight = torch.ones(n) if kind != "weight" or rank else -torch.ones(n)
        queue, center = L.Queue(60, D).double(), L.Center(D).double()
        calls: dict[str, Callable[[], object]] = {
            "nt_xent": lambda z=z: L.nt_xent(z[0], z[1]),
            "moco_v3": lambda z=z: L.moco_v3(*z),
            "leoclr_end_to_end": lambda z=z: L.leoclr_end_to_end(*z[:3]),
            "vicreg": lambda z=z: L.vicreg(z[0], z[1]),
            "gather": lambda z=z: L.gather(z[0]),
            "score_distances": lambda maps=maps: L.score_distances(*maps),
            "queue": lambda z=z, queue=queue: queue(z[0]),
            "center": lambda z=z, center=center: center(z[:2]),
            "reduce": lambda n=n, weight=weight: L.reduce((torch.ones(n), torch.zeros(())), weight),
            "batch_mean": lambda weight=weight: L.batch_mean(weight),
            "dino, weighted": lambda z=z, weight=weight: L.dino(
                z[:2], z[2:], torch.zeros(D), pair_weights=weight[:, None].expand(-1, 2)
            ),
        }
        for name, call in calls.items():
            try:
                call()
                said[f"{kind}: {name}"] = ""
            except (TypeError, ValueError) as error:  # noqa: PERF203
                said[f"{kind}: {name}"] = str(error)
    return said


def in_process(rank: int) -> dict[str, list[Any]]:
    """Every step, and what two processes have besides."""
    found: dict[str, list[Any]] = {**steps(rank, 2)}
    # weights of one process may all be 0, those of the global batch may not
    some = torch.full((2,), float(rank))
    found["weights of rank 0 are all 0"] = [L.reduce((torch.ones(2), torch.zeros(())), some), L.batch_mean(some)]
    try:
        L.reduce((torch.ones(2), torch.zeros(())), torch.zeros(2))
    except ValueError as error:
        found["weights are all 0"] = [str(error)]
    found["uneven"] = [uneven(rank)]
    # parts of the batch may have any length where only a mean is shared
    mean = L.global_mean(torch.arange(3.0) if rank else torch.full((5,), 7.0))
    center = L.Center(1, momentum=0.0)
    center(torch.arange(3.0)[:, None] if rank else torch.full((5, 1), 7.0))
    found["means of unequal parts"] = [mean, center.center]
    return found
