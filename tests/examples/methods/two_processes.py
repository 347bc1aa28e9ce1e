"""One step of MoCo on a process's share of a batch of 8: processes.py runs it in two."""

from __future__ import annotations

from typing import Any

import torch
from torch import distributed as dist
from torch import nn
from trainer.methods.batch import Batch
from trainer.methods.moco import MoCo

from jointaug.losses import reduce


class Tiny(nn.Module):
    """A backbone with batch normalization."""

    width = 4

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 4, 4), nn.BatchNorm2d(4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``[B, 4]``."""
        return self.norm(self.conv(images)).relu().mean((2, 3))


def step(rank: int, size: int, bn_splits: int) -> dict[str, Any]:
    """Loss and gradients, averaged over the processes, and the queue."""
    torch.manual_seed(0)
    method = MoCo(Tiny, dim=4, hidden=8, K=16, bn_splits=bn_splits)  # type: ignore[arg-type]
    views = [torch.randn(8, 3, 8, 8) for _ in range(2)]
    share = torch.arange(8).chunk(size)[rank]
    loss = reduce(method(Batch([x[share] for x in views], share * 7, 0, 3, 0, 10)))
    loss.backward()
    averages = [loss.detach(), *[p.grad for p in method.f_q.parameters()]]
    if size > 1:  # what DistributedDataParallel does to gradients
        for x in averages:
            dist.all_reduce(x)
            x /= size
    return {"loss": averages[0], "gradients": averages[1:], "queue": method.queue.keys}


def in_process(rank: int) -> dict[str, Any]:
    """The step on this process's share."""
    return step(rank, 2, 1)
