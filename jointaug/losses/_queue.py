"""MoCo's dictionary: the keys of the last batches, first in, first out."""

from __future__ import annotations

import torch
from torch import Tensor

from .._processes import gather, together
from .._validate import integer
from ._embeddings import check_matrix, unit
from ._state import SizedState


class Queue(SizedState):
    """The last ``size`` keys as unit columns, ``[D, K]``.

    Starts as normalized Gaussians. Called with a batch of keys, it returns the negatives *as they were before* and then
    lets the keys in, which is the order of MoCo's Algorithm 1 (https://arxiv.org/abs/1911.05722)::

        loss = reduce(info_nce(q, k, queue(k), tau))

    (A queue that let the keys in first would hold every positive among the negatives.) In ``eval()`` it only returns.
    With several processes all of them take everybody's keys, in order of rank, and stay equal if they start equal: give
    each the same generator state, or broadcast the module's buffers once (DistributedDataParallel does).

    Buffers are named as in MoCo's released code: ``queue`` ``[D, K]`` and ``queue_ptr`` ``[1]``, the next column to
    overwrite.

    Args:
        size: K, how many keys are kept; a multiple of the (global) batch. 0 keeps none, MoCo 65,536.
        width: D, the width of a key, at least 1.
        generator: draws the first keys; torch's default generator if None.

    Raises:
        ValueError: if ``width`` or ``size`` is negative, or a batch of keys is of another width or does not divide K.
    """

    queue: Tensor
    queue_ptr: Tensor
    _remedy = "build Queue with the size and width of the checkpoint, or start with a fresh queue"

    def __init__(self, size: int, width: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.width = integer("width", width, low=1, rule="an integer of at least 1", remedy="it is the width of a key")
        self.size = integer("size", size, low=0, rule="an integer of at least 0", remedy="take a multiple of the batch")
        device = "cpu" if generator is None else generator.device
        first = unit(torch.randn(self.size, self.width, generator=generator, device=device))
        self.register_buffer("queue", first.T.contiguous())
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.int64, device=device))

    @property
    def keys(self) -> Tensor:
        """``[D, K]``, the columns themselves, not a copy: `enqueue` overwrites them."""
        return self.queue

    def forward(self, k: Tensor) -> Tensor:
        """A copy of the columns before the keys ``k`` ``[B, D]`` enter; in training they then do."""
        before = self.queue.clone()
        if self.training:
            self.enqueue(k)
        return before

    @torch.no_grad()
    def enqueue(self, k: Tensor) -> None:
        """Overwrite the oldest columns with the normalized keys ``k`` ``[B, D]`` of all processes."""
        with together(self.size > 0):
            check_matrix("k", k)
            if k.shape[1] != self.width:
                raise ValueError(
                    f"k must have the queue's width D = {self.width}, got {tuple(k.shape)}; "
                    f"build Queue(..., width={k.shape[1]})"
                )
        if not self.size:
            return
        keys = gather(unit(k.detach().to(self.queue)))
        if self.size % len(keys):
            raise ValueError(
                f"size (K) must be a multiple of the batch of keys, got K = {self.size} and a global batch "
                f"of {len(keys)}; drop the last, short batch of an epoch, or choose another K"
            )
        columns = (
            self.queue_ptr + torch.arange(len(keys), device=self.queue.device)
        ) % self.size  # no host synchronization
        self.queue.index_copy_(1, columns, keys.T)
        self.queue_ptr.add_(len(keys)).remainder_(self.size)

    def extra_repr(self) -> str:
        """``width`` and ``size``."""
        return f"size={self.size}, width={self.width}"
