"""One checked step on a batch: which kernel, with what for each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from torch import Tensor


class Grid(NamedTuple):
    """Which values pixels take while a step works on them (always as floats).

    Attributes:
        bound: white, 1 for floats, 255 for uint8 images that a single step works on.
        integer: whether a step follows the conventions for uint8: intermediate grays are whole levels.
    """

    bound: float
    integer: bool


UNIT = Grid(1.0, integer=False)
LEVELS = Grid(255.0, integer=True)


@dataclass(slots=True)
class Op:
    """One checked step on ``S`` images.

    Nobody changes it. (It is made too often to be frozen, which takes four times as long.)

    Attributes:
        kind: which step the native kernels run, by its number in csrc/jointaug.h.
        form: the step in torch, ``(x [n, C, H, W], values [n, P], grid, **options) -> [n, C, H, W]``, on any n of the
            images.
        columns: parameters, each a number for all images, or a tensor ``[S]`` or (several parameters) ``[S, k]``.
        where: on which images the step acts, ``[S]``; None for all.
        options: what is the same for all images, as keywords of ``form``.
    """

    kind: int
    form: Callable[..., Tensor]
    columns: Sequence[Tensor | float] = ()
    where: Tensor | None = None
    options: dict[str, Any] | None = None

    @property
    def radii(self) -> tuple[int, int]:
        """As `radii_of`."""
        return radii_of(self.options)

    @property
    def differentiable(self) -> bool:
        """Whether a parameter asks for a gradient."""
        return any(isinstance(column, Tensor) and column.requires_grad for column in self.columns)

    def of(self, rows: slice) -> Op:
        """The step on some of the images."""
        columns = [column[rows] if isinstance(column, Tensor) and column.ndim else column for column in self.columns]
        return replace(self, columns=columns, where=None if self.where is None else self.where[rows])


def radii_of(options: dict[str, Any] | None) -> tuple[int, int]:
    """Of the blur's kernel along x and y; -1 where it follows sigma, and for other kernels."""
    return (-1, -1) if options is None else options.get("radii", (-1, -1))
