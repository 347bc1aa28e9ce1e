"""Flips of batches: every image, or some."""

from __future__ import annotations

from torch import Tensor

from ._op import Grid
from ._table import kernel, nothing, on_images


def _flip_x(x: Tensor, values: Tensor, grid: Grid) -> Tensor:  # noqa: ARG001 (every form has this signature)
    return x.flip(-1)


def _flip_y(x: Tensor, values: Tensor, grid: Grid) -> Tensor:  # noqa: ARG001 (every form has this signature)
    return x.flip(-2)


@kernel(11, nothing, _flip_x)
def horizontal_flip(images: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Mirror left and right, all images or those where ``where`` holds (a bool tensor of the leading shape).

    Raises:
        ValueError: where shapes or devices do not fit.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    return on_images(horizontal_flip, images, where=where)


@kernel(12, nothing, _flip_y)
def vertical_flip(images: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Mirror top and bottom, all images or those where ``where`` holds (a bool tensor of the leading shape).

    Raises:
        ValueError: where shapes or devices do not fit.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    return on_images(vertical_flip, images, where=where)
