"""The global batch: what the processes of one training step know of each other; with one process, the identity.

Every process must hold the same number of rows. Gradients are exact for DistributedDataParallel, which *averages* over
processes: the gradient of the mean of the processes' losses is the single process's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist


def world() -> tuple[int, int]:
    """``(rank, number of processes)``; ``(0, 1)`` where ``torch.distributed`` is not initialised."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def gather(x: Tensor) -> Tensor:
    """The rows of all processes, in order of rank; the gradient flows back to the process that sent the row.

    Args:
        x: ``[B, ...]``, the same shape in every process.

    Returns:
        ``[W * B, ...]`` with ``W`` processes; ``x`` itself for one.
    """
    _, size = world()
    return x if size == 1 else _Gather.apply(x)


def global_mean(x: Tensor) -> Tensor:
    """The mean of ``x`` over all its elements and all processes, a scalar without gradient."""
    mean = x.detach().mean()
    _, size = world()
    if size > 1:
        dist.all_reduce(mean)
        mean /= size
    return mean


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        size = dist.get_world_size()
        rows = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(size)]
        dist.all_gather(rows, x.contiguous())
        return torch.cat(rows)

    @staticmethod
    def backward(_: Any, *grads: Tensor) -> Tensor:
        rank, size = world()
        total = grads[0].clone(memory_format=torch.contiguous_format)  # all_reduce writes in place, the graph owns it
        dist.all_reduce(total)
        return total.tensor_split(size)[rank]
