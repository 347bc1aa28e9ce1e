"""An index that carries its epoch and draw."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..chance import Address

if TYPE_CHECKING:
    from typing_extensions import Self


class AddressedIndex(int):
    """The index of a sample that carries its epoch and draw; to whatever else is indexed it is the plain integer.

    It survives pickling, so it reaches the workers of a ``DataLoader``. Arithmetic gives plain integers again, and what
    looks an index up in a table of its own (``torch.utils.data.Subset``) passes that table's plain entry on.

    Args:
        index: of the sample, in [0, 2**63).
        epoch: pass over the data, in [0, 2**32).
        draw: how often the index came before in this epoch, in [0, 2**32).

    Raises:
        TypeError: for anything but integers.
        ValueError: out of these ranges.

    Example:
        >>> from jointaug.loading import AddressedIndex
        >>> index = AddressedIndex(2, epoch=7)
        >>> index, index.epoch, index.draw, "abc"[index]
        (2, 7, 0, 'c')
    """

    epoch: int
    draw: int

    def __new__(cls, index: int, *, epoch: int, draw: int = 0) -> Self:
        """Check the three, as `jointaug.Address` does."""
        made = super().__new__(cls, Address(0, epoch, index, draw).index)
        made.epoch, made.draw = int(epoch), int(draw)
        return made

    def __reduce__(self) -> tuple[Callable[..., AddressedIndex], tuple[int, int, int]]:
        return carrying, (int(self), self.epoch, self.draw)


def carrying(index: int, epoch: int, draw: int) -> AddressedIndex:
    """An `AddressedIndex` of integers that are known to be in range: nothing is checked."""
    made = int.__new__(AddressedIndex, index)
    made.epoch, made.draw = epoch, draw
    return made


def as_integer(value: Any) -> int | None:
    """One integer of Python, numpy or torch as an int; None for anything else, a bool included."""
    if isinstance(value, np.bool_):  # which numpy before 2 took for an integer, with a warning
        return None
    try:
        number = operator.index(value)
    except TypeError:
        return None
    one = getattr(value, "ndim", 0) == 0 and getattr(value, "dtype", None) is not torch.bool
    return number if one and not isinstance(value, bool) else None
