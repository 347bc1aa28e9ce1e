"""Gaussian blur on batches, each image with a standard deviation of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from .._validate import number
from ._batch import Target, fixed_shapes, per_sample
from ._op import Grid
from ._table import Checked, kernel, on_images

REACH = 4.5
"""Half width of the default kernel in standard deviations: it cuts off less than 7e-6 of the Gaussian's mass."""
NEGLIGIBLE = 2.0**-30
"""Weights below this fraction of the middle one are dropped: below the last bit of a float, and slow as subnormals."""


def radius_of(sigma: float) -> int:
    """How many pixels the default kernel reaches to each side: ``radius + 1/2`` is at least 4.5 sigma."""
    return max(0, math.ceil(REACH * sigma - 0.5))


def _widest(n: int) -> float:
    """The sigma from which on a blur along n pixels stays as it is, to 1e-8: their reflections repeat after it."""
    return 2.0 * (n - 1) if n > 1 else 0.1  # one pixel: no neighbor


def _arguments(target: Target, sigma: Any, kernel_size: Any = None, max_sigma: float | None = None) -> Checked:
    rule = "a finite standard deviation of at least 0 pixels"
    column = per_sample("sigma", sigma, target, rule=rule, low=0)
    if max_sigma is not None:
        number("max_sigma", max_sigma, rule="a standard deviation of at least 0 pixels", low=0)
    radii = (-1, -1) if kernel_size is None else _as_radii(kernel_size)
    return (column,), {"radii": radii, "bound": max_sigma}


def _blur(x: Tensor, values: Tensor, grid: Grid, *, radii: tuple[int, int], bound: float | None) -> Tensor:
    follows = radii[0] < 0
    widest = bound if bound is not None and fixed_shapes(x) else float(values.max().item()) if follows else 0.0
    blurred = x
    for dim, radius in ((-2, radii[1]), (-1, radii[0])):
        sigma = values
        if follows:
            limit = _widest(x.shape[dim])
            sigma, radius = values.clamp(max=limit), radius_of(min(widest, limit))
        blurred = _along(blurred, _weights(sigma, radius, follows, x.dtype), dim)
    if grid.integer:
        blurred = blurred.round()
    return torch.where(values[:, :, None, None] > 0, blurred, x)


def _as_radii(kernel_size: Any) -> tuple[int, int]:
    pair = tuple(kernel_size) if isinstance(kernel_size, Sequence) else (kernel_size, kernel_size)
    message = f"kernel_size must be an odd number of pixels, or two (width, height), got {kernel_size!r}; "
    if any(isinstance(side, bool) or not isinstance(side, Integral) for side in pair):
        raise TypeError(message + "give integers")
    if len(pair) != 2 or any(side < 1 or side % 2 == 0 for side in pair):
        raise ValueError(message + "add 1, or leave it out to follow sigma")
    return int(pair[0]) // 2, int(pair[1]) // 2


def _weights(sigma: Tensor, radius: int, follows: bool, dtype: torch.dtype) -> Tensor:
    """Kernels ``[N, 2 * radius + 1]``; ``follows``: each ends where its own sigma's reach ends."""
    steps = torch.arange(-radius, radius + 1, device=sigma.device, dtype=dtype)
    sigma = torch.where(sigma > 0, sigma, 1.0).to(dtype)
    weights = torch.exp(-0.5 * (steps / sigma).square())
    keep = weights > NEGLIGIBLE
    if follows:
        keep &= steps.abs() <= (REACH * sigma - 0.5).ceil().clamp(min=0)
    weights = torch.where(keep, weights, 0.0)
    return weights / weights.sum(-1, keepdim=True)


def _along(x: Tensor, weights: Tensor, dim: int) -> Tensor:
    """Correlate ``[N, C, H, W]`` with a kernel for each image along one dimension, the border reflected."""
    radius = weights.shape[1] // 2
    length = x.shape[dim]
    # Reflection, repeated: a zigzag of period 2 * (length - 1).
    index = torch.arange(-radius, length + radius, device=x.device)
    if length == 1:
        index = torch.zeros_like(index)
    else:
        index = index.remainder(2 * (length - 1))
        index = torch.minimum(index, 2 * (length - 1) - index)
    padded = x.index_select(dim, index)
    taps = weights[:, :, None, None, None].unbind(1)
    total = padded.narrow(dim, radius, length) * taps[radius]
    for k in range(1, radius + 1):  # the kernel is symmetric
        pair = padded.narrow(dim, radius - k, length) + padded.narrow(dim, radius + k, length)
        total = total + pair * taps[radius + k]
    return total


@kernel(10, _arguments, _blur, own=1)
def gaussian_blur(
    images: Tensor,
    sigma: float | Tensor,
    kernel_size: int | Sequence[int] | None = None,
    max_sigma: float | None = None,
    *,
    where: Tensor | None = None,
) -> Tensor:
    """Blur each image with its own Gaussian, as two passes of one dimension.

    Args:
        images: ``[..., C, H, W]``, any number of channels, uint8 or floating point; dtype and device are kept.
        sigma: standard deviation in pixels, a number or one for each image; 0 leaves the image exactly as it was.
        kernel_size: odd width of the kernel, or ``(width, height)``: torchvision's result. By default the kernel
            follows sigma: it reaches ``ceil(4.5 * sigma - 0.5)`` pixels to each side, and the tails that it cuts off
            hold less than 7e-6 of the mass, so that no pixel is further than 7e-6 (0.0018 gray levels) from the
            untruncated blur.
        max_sigma: an upper bound of ``sigma``. Only the torch path on an accelerator uses it, and only with
            ``kernel_size=None``: it fixes the width of the kernel there; without it the host waits for the largest
            sigma. The blur itself does not depend on it.
        where: the images to act on, a bool tensor of the leading shape.

    The border is reflected (the edge pixel is not repeated), again and again where the kernel reaches beyond the
    image's other end, so that images smaller than the kernel are allowed (torchvision refuses them). Without
    ``kernel_size`` a sigma above the reflections' period, ``2 * (side - 1)``, is taken for that: the blur is level to
    1e-8 by then.

    Raises:
        ValueError: where a sigma is negative or not finite, ``kernel_size`` is even or below 1, or shapes or devices do
            not fit.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    return on_images(gaussian_blur, images, sigma, kernel_size, max_sigma, where=where)
