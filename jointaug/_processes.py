"""The global batch: what the processes of one training step know of each other; with one process, the identity.

Gradients are exact for DistributedDataParallel, which *averages* over processes: the gradient of the mean of the
processes' losses is the single process's. Before rows or sums are exchanged, every process tells what it is about to
send. So all of them raise one error where they do not agree, and none waits for another that has stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor
from torch import distributed as dist

_DIMENSIONS: Final = 8
_FLOATS: Final = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_DTYPES: Final = (*_FLOATS, torch.int64, torch.int32, torch.uint8, torch.bool)


def world() -> tuple[int, int]:
    """``(rank, number of processes)``; ``(0, 1)`` where ``torch.distributed`` is not initialized."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


@contextmanager
def together(exchanging: bool = True) -> Iterator[None]:
    """What one process refuses in this block, all refuse in the exchange that comes next in the others.

    Args:
        exchanging: whether an exchange follows.
    """
    try:
        yield
    except (TypeError, ValueError, IndexError) as error:
        if exchanging and world()[1] > 1:
            _refuse_together(_told(torch.full((_DIMENSIONS + 4,), -1.0, dtype=torch.float64)), str(error))
        raise


def gather(x: Tensor) -> Tensor:
    """The rows of all processes, in order of rank; the gradient flows back to the process that sent the row.

    Args:
        x: ``[B, ...]``, the same shape and dtype in every process.

    Returns:
        ``[W * B, ...]`` with ``W`` processes; ``x`` itself for one.

    Raises:
        ValueError: in every process, if the shapes or dtypes differ, or only some need a gradient.
    """
    if world()[1] == 1:
        return x
    rows = rows_of_all(x)
    if len(set(rows)) > 1:
        raise ValueError(
            "the global batch must have as many rows in every process, as negatives and statistics are everybody's, "
            f"got {rows} in the order of ranks; drop the last, short batch, or fill it up as DistributedSampler does"
        )
    return _Gather.apply(x)  # type: ignore[no-any-return]


def gather_uneven(*batches: Tensor) -> tuple[Tensor, ...]:
    """The rows of all processes, in order of rank, without gradient; each process has a number of rows of its own.

    Args:
        batches: ``[B, ...]``, of one length in this process.

    Raises:
        ValueError: in every process, if the rest of the first one's shape, or its dtype, differs.
    """
    size = world()[1]
    if size == 1:
        return batches
    rows = rows_of_all(batches[0])
    gathered = []
    for batch in batches:
        padded = batch.new_zeros(max(rows), *batch.shape[1:])
        padded[: len(batch)] = batch
        parts = [torch.empty_like(padded) for _ in range(size)]
        dist.all_gather(parts, padded)
        gathered.append(torch.cat([part[:n] for part, n in zip(parts, rows, strict=True)]))
    return tuple(gathered)


def global_mean(x: Tensor) -> Tensor:
    """The mean of ``x`` over all its elements and all processes, a scalar without gradient.

    Processes may hold different numbers of elements.
    """
    x = x.detach()
    if world()[1] == 1:
        return x.mean()
    mine = torch.stack([x.new_zeros((), dtype=torch.float64), x.sum(dtype=torch.float64)])
    header = torch.nn.functional.pad(mine, (0, _DIMENSIONS + 2))
    header[2] = x.numel()
    told = _told(header)
    _refuse_together(told)
    return (told[:, 1].sum() / told[:, 2].sum()).to(x)


def global_row_mean(x: Tensor) -> Tensor:
    """The mean ``[...]`` of the rows of ``x`` ``[B, ...]`` of all processes, each with its own B; without gradient."""
    mean = x.detach().mean(0)
    rank, size = world()
    if size > 1:
        rows = rows_of_all(x)
        mean *= rows[rank] / sum(rows)
        dist.all_reduce(mean)
    return mean


def rows_of_all(x: Tensor) -> list[int]:
    """The number of rows of each process, where everything else that `gather` asks for agrees."""
    if x.ndim > _DIMENSIONS or x.dtype not in _DTYPES:
        raise TypeError(
            f"x must have at most {_DIMENSIONS} dimensions and one of {_DTYPES}, got {x.ndim} and {x.dtype}; cast it"
        )
    needs = float(x.requires_grad and torch.is_grad_enabled())
    sizes = [float(n) for n in x.shape] + [-1.0] * (_DIMENSIONS - x.ndim)
    told = _told(torch.tensor([0.0, 0.0, float(_DTYPES.index(x.dtype)), needs, *sizes], dtype=torch.float64))
    _refuse_together(told)
    lines = [[int(value) for value in line] for line in told.tolist()]
    kinds = [f"{[n for n in line[5:] if n >= 0]} of {_DTYPES[line[2]]}, gradient: {bool(line[3])}" for line in lines]
    if len(set(kinds)) > 1:
        raise ValueError(
            "the rows of the global batch must have one shape and dtype in every process, and need a gradient in all "
            f"or in none, got {kinds} in the order of ranks; run the same model in the same mode everywhere"
        )
    return [line[4] for line in lines]


def _told(mine: Tensor) -> Tensor:
    """What every process tells, float64 ``[W, n]``; a first entry of -1 stands for an error."""
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    mine = mine.to(device)
    lines = [torch.empty_like(mine) for _ in range(world()[1])]
    dist.all_gather(lines, mine)
    return torch.stack(lines)


def _refuse_together(told: Tensor, mine: str | None = None) -> None:
    """Raise in every process if any told of an error; the process that has one raises it itself."""
    if not bool((told[:, 0] < 0).any()):
        return
    messages: list[str | None] = [None] * len(told)
    dist.all_gather_object(messages, mine)
    if mine is None:
        refused = "; ".join(f"process {rank}: {text}" for rank, text in enumerate(messages) if text is not None)
        raise ValueError(f"every process must have its part of the step, but one refused it. {refused}")


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
