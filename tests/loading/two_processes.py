"""A run that is killed in an epoch's middle and goes on, as one of two processes: processes.py runs it in two."""

from __future__ import annotations

from itertools import islice

import torch
from torch import Tensor
from torch import distributed as dist
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from jointaug import AddressedDataset, AddressedSampler, JointCrop, fuse
from jointaug.loading import Loader

BATCH, N, KILLED = 4, 37, 2  # of a process, of the data set, after so many batches of epoch 1


class Noise(Dataset[tuple[Tensor, int]]):
    """Images of noise, and their indices."""

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(index)), index


def new_loader(batch_size: int = BATCH, num_workers: int = 0, **world: int) -> Loader:
    """The loader of every run."""
    return fuse(JointCrop(8)).loader(Noise(), batch_size, seed=5, shuffle=True, num_workers=num_workers, **world)


def in_process(rank: int) -> dict[str, object]:
    """Batches ``[(first, second), indices]`` of two epochs: of a run, of one that is killed, of torch's own sampler."""
    torch.manual_seed(rank)  # says nothing about the views
    loader = new_loader(num_workers=1)
    run = [list(loader) for _ in range(2)]

    loader = new_loader(num_workers=1)
    killed = [list(loader)]
    begun = list(islice(loader, KILLED))
    states: list[object] = [None, None]
    dist.all_gather_object(states, loader.state_dict())
    loader = new_loader()
    loader.load_state_dict(states[1 - rank])  # the checkpoint is one process's, whichever wrote it
    killed.append(begun + list(loader))

    data = AddressedDataset(Noise(), fuse(JointCrop(8)), seed=5)
    sampler = AddressedSampler(DistributedSampler(Noise(), seed=5))
    by_sampler = [list(DataLoader(data, BATCH, sampler=sampler)) for _ in range(2)]
    return {name: plain(epochs) for name, epochs in (("run", run), ("killed", killed), ("by sampler", by_sampler))}


def plain(epochs: list[list[object]]) -> list[list[object]]:
    """The same as tensors, lists and tuples alone."""
    return [[((first.clone(), second.clone()), at.clone()) for (first, second), at in epoch] for epoch in epochs]
