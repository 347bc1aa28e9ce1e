"""One checked step on a batch: which kernel, with what for each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple, Protocol

from torch import Tensor


class Grid(NamedTuple):
    """Which values pixels take while a step works on them (always as floats)."""

    bound: float
    """White: 1 for floats, 255 for uint8 images that a single step works on."""
    integer: bool
    """Whether a step follows the conventions for uint8: intermediate grays are whole levels."""


UNIT = Grid(1.0, integer=False)
LEVELS = Grid(255.0, integer=True)


class Apply(Protocol):
    """A step in torch: floats ``[n, C, H, W]`` and parameters ``[n, P]`` to floats of the same shape."""

    def __call__(self, x: Tensor, values: Tensor, grid: Grid) -> Tensor: ...


class Kind(IntEnum):
    """The steps, with the numbers they have in csrc/jointaug.h."""

    BRIGHTNESS = 0
    CONTRAST = 1
    SATURATION = 2
    HUE = 3
    JITTER = 4
    GRAYSCALE = 5
    SOLARIZE = 6
    POSTERIZE = 7
    INVERT = 8
    NORMALIZE = 9
    BLUR = 10
    FLIP_X = 11
    FLIP_Y = 12


@dataclass(frozen=True)
class Op:
    """One checked step on ``S`` images.

    Attributes:
        kind: which step the native kernels run.
        apply: the step in torch, ``(x [n, C, H, W], values [n, P], grid) -> [n, C, H, W]``, on any n of the images.
        columns: parameters, each a number for all images, or a tensor ``[S]`` or (several parameters) ``[S, k]``.
        where: on which images the step acts, ``[S]``; None for all.
        radii: of the blur's kernel along x and y; -1 where it follows sigma.
    """

    kind: Kind
    apply: Apply
    columns: Sequence[Tensor | float] = ()
    where: Tensor | None = None
    radii: tuple[int, int] = (-1, -1)

    @property
    def differentiable(self) -> bool:
        """Whether a parameter asks for a gradient."""
        return any(isinstance(column, Tensor) and column.requires_grad for column in self.columns)

    def of(self, rows: slice) -> Op:
        """The step on some of the images."""
        columns = [column[rows] if isinstance(column, Tensor) and column.ndim else column for column in self.columns]
        return replace(self, columns=columns, where=None if self.where is None else self.where[rows])
