"""One of two processes that share a memory bank: processes.py runs it in two."""

from __future__ import annotations

from typing import Any

import torch

from jointaug.neighbors import MemoryBank


def bank():
    """The bank at its start, the same for all."""
    made = MemoryBank(200, 6, 8, omega=0.5, interval=3, min_cluster=5, seed=3)
    made.fill(torch.randn(200, 6, generator=torch.Generator().manual_seed(1)))
    return made


def batches(step):
    """The two processes' halves of a batch; of different lengths."""
    generator = torch.Generator().manual_seed(step)
    index = torch.randperm(200, generator=generator)[:20]
    features = torch.randn(20, 6, generator=generator)
    return (features[:13], index[:13]), (features[13:], index[13:])


def in_process(rank: int) -> dict[str, Any]:
    """Ten steps with this process's halves: the state; and what is made of banks and batches that do not fit."""
    shared = bank()
    shared.cluster()
    for step in range(10):
        shared.update(*batches(step)[rank])
    unequal = bank()
    unequal.fill(unequal.features.roll(rank, 0))  # as rounding makes them, but for certain
    unequal.cluster()
    twice = bank()
    twice.update(torch.eye(6)[rank, None], torch.tensor([7]))  # both have this row: the last rank's counts
    mixed = twice.features[7].clone()
    said = []
    for features, index in (
        (torch.eye(6)[: 2 - 2 * rank], torch.arange(2 - 2 * rank)),  # one has no rows
        (torch.ones(2, 6 - rank), torch.arange(2)),
        (torch.ones(2, 6) * (1 - rank), torch.arange(2)),
    ):
        try:
            twice.update(features, index)
        except ValueError as error:  # noqa: PERF203
            said.append(str(error))
    clusters = unequal.labels, unequal.centers
    return {"state": shared.state_dict(), "clusters": clusters, "mixed": mixed, "said": said}
