"""One of two processes that share a memory bank: run by test_processes.py."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import distributed as dist

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


def main(folder: Path, rank: int) -> None:
    """Ten steps with this process's halves; the state goes to a file, and what `cluster` makes of unequal banks."""
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    shared = bank()
    shared.cluster()
    for step in range(10):
        shared.update(*batches(step)[rank])
    torch.save(shared.state_dict(), folder / f"state{rank}.pt")
    unequal = bank()
    unequal.fill(unequal.features.roll(rank, 0))  # as rounding makes them, but for certain
    unequal.cluster()
    torch.save([unequal.labels, unequal.centers], folder / f"unequal{rank}.pt")
    twice = bank()
    twice.update(torch.eye(6)[rank, None], torch.tensor([7]))  # both have this row: the last rank's counts
    torch.save(twice.features[7], folder / f"twice{rank}.pt")
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
    torch.save(said, folder / f"said{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
