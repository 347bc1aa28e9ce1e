"""Data sets and pipelines that tell what they were given."""

from __future__ import annotations

import torch
from torch.utils.data import Dataset, default_collate

from jointaug.pipeline import Addressable


class Told(Dataset):
    """A sample is its index, epoch and draw, as the index carries them (-1: it does not)."""

    def __init__(self, n=24):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return torch.tensor([int(index), getattr(index, "epoch", -1), getattr(index, "draw", -1)])


class Numbers(Dataset):
    """A sample is its index, and may be a tuple."""

    def __init__(self, n=24):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        assert type(index) is int, "what is served by address fetches by plain integers"
        return index


def drawn(sample):
    """A pipeline whose view is the sample and a number drawn for it."""
    return torch.tensor([sample, torch.rand((), dtype=torch.float64).item()], dtype=torch.float64)


class Together(Addressable):
    """A pipeline of batches: the sample and the uniform of its address; it counts its calls on batches."""

    calls = 0

    def run(self, inputs, chance):
        return torch.tensor([*inputs, *chance.row(1)], dtype=torch.float64)

    def samples(self, samples, *, addresses):
        self.calls += 1
        (row,) = addresses.rows(1)
        return [torch.tensor([sample, u], dtype=torch.float64) for sample, u in zip(samples, row.tolist(), strict=True)]

    def __call__(self, samples, *, addresses, record=False):
        views = default_collate(self.samples(samples, addresses=addresses))
        return (views, f"record of epoch {addresses.epoch}") if record else views


def columns(batches):
    """Batches of rows, as one list of tuples."""
    return [tuple(row) for batch in batches for row in batch.tolist()]
