"""The processes of a run: those that torchrun started, or one."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    """This process among those of the run."""

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def part(self, rows: Tensor) -> Tensor:
        """This process's share of some rows: consecutive ones, so that gathered rows are again in order."""
        return rows.chunk(self.count)[self.rank]

    def gathered(self, rows: Tensor) -> Tensor:
        """The rows of all processes, in order; without gradient."""
        if self.count == 1:
            return rows
        all_rows = [torch.empty_like(rows) for _ in range(self.count)]
        distributed.all_gather(all_rows, rows.contiguous())
        return torch.cat(all_rows)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the processes, element by element."""
        if self.count > 1:
            distributed.all_reduce(values)
            values /= self.count
        return values

    def share_buffers(self, network: nn.Module) -> None:
        """Give all processes the first one's buffers: batch statistics that they did not share."""
        if self.count > 1:
            for buffer in network.buffers():
                distributed.broadcast(buffer, 0)

    def any(self, flag: bool) -> bool:
        """Whether it holds in any process."""
        return flag if self.count == 1 else bool(self.mean(torch.tensor(float(flag), device=self.device)) > 0)


@contextmanager
def joined(device: str | None = None) -> Iterator[Processes]:
    """Join the processes that torchrun started, for as long as the context lasts.

    Args:
        device: ``"cpu"``, ``"cuda"``, ...; by default a GPU of each process's own where there are any.

    Raises:
        ValueError: for a device that is not there.
    """
    rank, count, local = (int(os.environ.get(name, default)) for name, default in _TORCHRUN.items())
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    mine = device_of(f"cuda:{local}" if kind == "cuda" else kind)
    if mine.type == "cuda":
        torch.cuda.set_device(mine)
    if count == 1:
        yield Processes(0, 1, mine)
        return
    distributed.init_process_group("nccl" if mine.type == "cuda" else "gloo")
    try:
        yield Processes(rank, count, mine)
    finally:
        distributed.destroy_process_group()


def device_of(name: str) -> torch.device:
    """A device that is there.

    Raises:
        ValueError: for one that is not.
    """
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"--device must be one that torch has here, such as cpu, got {name!r}: {str(error).splitlines()[0]}"
        ) from error
    return device


_TORCHRUN = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}  # what torchrun says, and what holds without it
_KEYWORDS = inspect.signature(DistributedDataParallel).parameters
_SYNC = "forward_sync_buffers" if "forward_sync_buffers" in _KEYWORDS else "broadcast_buffers"  # torch renamed it
_NO_BUFFERS: dict[str, Any] = {_SYNC: False}


def parallel(method: nn.Module, processes: Processes) -> nn.Module:
    """The method with its gradients averaged over the processes; itself for one process.

    Queues and banks are the same everywhere because every process fills in the global batch: no buffer is sent around.
    """
    if processes.count == 1:
        return method
    return DistributedDataParallel(method, gradient_as_bucket_view=True, **_NO_BUFFERS)
