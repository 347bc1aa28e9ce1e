"""The epoch that processes share."""

from __future__ import annotations

import warnings

import torch

from ..chance import Address

_EPOCH, _TOLD, _WARNED = range(3)


class SharedEpoch:
    """An epoch in shared memory: what one process sets, running workers see; and whether the user was warned.

    Args:
        epoch: to begin with.
    """

    def __init__(self, epoch: int = 0) -> None:
        self._cells = torch.tensor([epoch, 0, 0]).share_memory_()

    @property
    def epoch(self) -> int:
        """The epoch that was set last."""
        return self._cells.tolist()[_EPOCH]  # type: ignore[no-any-return]

    @property
    def told(self) -> bool:
        """Whether it was ever set."""
        return bool(self._cells.tolist()[_TOLD])

    def set(self, epoch: int) -> None:
        """Set it.

        Raises:
            TypeError: for no integer.
            ValueError: outside [0, 2**32).
        """
        self._cells[_EPOCH] = Address(0, epoch, 0).epoch
        self._cells[_TOLD] = 1

    def warn_once(self, message: str) -> None:
        """Warn, if no process that shares this has warned yet."""
        if not self._cells[_WARNED]:
            self._cells[_WARNED] = 1
            warnings.warn(message, stacklevel=4)
