"""Chance by (seed, epoch, row): uniforms of an address, and a random order of any rows."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .._native import _cuda as cuda
from ..chance import Addresses, named_step

_MASK: Final = 0xFFFFFFFF


def named_draw(name: str) -> int:
    """The ``draw`` coordinate of addresses that belong to no pipeline, from a name."""
    return named_step(name) & _MASK


def row_of(name: str, n: int, index: Tensor, *, seed: int, epoch: int = 0) -> list[Tensor]:
    """``n`` float64 vectors of uniforms in (0, 1), one entry for each ``index``, for the purpose ``name``."""
    return Addresses(seed, epoch, index, named_draw(name)).rows(n)


def order_words(name: str, index: Tensor, *, seed: int, epoch: int = 0) -> Tensor:
    """Two 32-bit words ``[B, 2]`` (int64) that fix a random order of all rows for each ``index``: see `order_keys`."""
    return torch.stack([(u * 2.0**32).long() for u in row_of(name, 2, index, seed=seed, epoch=epoch)], 1)


def order_keys(words: Tensor, rows: Tensor) -> Tensor:
    """The place of ``rows`` in the random order that ``words`` fix: the smaller the key, the earlier.

    A key is a function of the words and the row's number alone, so the ``K`` rows of smallest key are a uniform draw
    without replacement from any set that was fixed beforehand, however the set was computed, and a set that differs in
    one row gives a draw that differs in at most one. Distinct rows have distinct keys (every step is a bijection of
    32-bit numbers), so there are no ties.

    The steps are those of MurmurHash3's finalizer (Appleby 2011), done twice with a fresh word before each.

    Args:
        words: ``[..., 2]`` as of `order_words`.
        rows: integers in [0, 2**32), broadcast against ``words[..., 0]``.

    Returns:
        int64 keys in [0, 2**32).
    """
    if words.ndim == 3 and words.shape[1] == 1 and rows.ndim <= 2 and cuda.hashes(words, rows):
        return cuda.order_keys(words[:, 0], rows)
    keys = rows
    for word in words.unbind(-1):
        keys = keys ^ word
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            keys = ((keys ^ (keys >> shift)) * factor) & _MASK  # the wrapped product keeps its low 32 bits
        keys = keys ^ (keys >> 16)
    return keys


def order_keys_np(words: npt.NDArray[np.uint32], rows: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """`order_keys` of one pair of words in numpy's 32-bit arithmetic, which is faster on a CPU. Overwrites ``rows``."""
    for word in words:
        rows ^= word
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            rows ^= rows >> np.uint32(shift)
            rows *= np.uint32(factor)
        rows ^= rows >> np.uint32(16)
    return rows


def subset(name: str, n: int, size: int, *, seed: int, epoch: int, device: torch.device) -> Tensor:
    """``size`` distinct rows of ``n``, ascending, every subset equally likely."""
    words = order_words(name, torch.zeros(1, dtype=torch.int64), seed=seed, epoch=epoch)[0]
    keys = order_keys(words.to(device), torch.arange(n, device=device))
    return keys.topk(size, largest=False, sorted=False).indices.sort().values
