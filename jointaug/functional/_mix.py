"""Mixing pairs of images of a batch."""

from __future__ import annotations

from numbers import Integral

import torch
from torch import Tensor

from .._validate import integer, number
from ._batch import as_boxes, as_images

_FRACTION = "a fraction in [0, 1]"
_SHARE = "it is the share of the first image that is kept"


def cutmix_boxes(
    lam: float | Tensor, cx: int | Tensor, cy: int | Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """Boxes for CutMix, and how much of the first image they leave.

    The box has sides ``int(sqrt(1 - lam) * side)`` around the center ``(cx, cy)`` and is clipped at the border (Yun et
    al. 2019, https://arxiv.org/abs/1905.04899, and its released code). Clipping and rounding make it smaller than
    drawn, so the fraction kept is computed anew from the box: losses are weighted by that.

    Args:
        lam: fraction of the first image to keep, in [0, 1], before clipping.
        cx: column of the center, an integer in [0, width).
        cy: row of the center, an integer in [0, height).
        height: of the images, in pixels.
        width: of the images, in pixels.

    Returns:
        boxes ``[..., 4]`` of int64 (top, left, height, width), which may be empty, and the kept fraction ``[...]`` of
        float64; the shape is that of the three first arguments, broadcast.

    Raises:
        TypeError: for a ``lam`` that is no real number, or a center that is no integer.
        ValueError: where ``lam`` is outside [0, 1], or a center outside the image; where shapes do not broadcast.

    Example:
        >>> boxes, kept = cutmix_boxes(0.5, 10, 200, 224, 224)
        >>> boxes.tolist(), round(kept.item(), 6)
        ([121, 0, 103, 89], 0.817303)
    """
    height, width = (integer(n, v, low=1, rule="at least 1 pixel") for n, v in (("height", height), ("width", width)))
    given = [value for value in (lam, cx, cy) if isinstance(value, Tensor)]
    device = given[0].device if given else torch.device("cpu")
    if not isinstance(lam, Tensor):
        number("lam", lam, rule=_FRACTION, low=0.0, high=1.0, remedy=_SHARE)
    elif lam.is_complex() or lam.dtype == torch.bool:
        raise TypeError(f"lam must be {_FRACTION}, got a tensor of {lam.dtype}; {_SHARE}")
    for name, value in (("cx", cx), ("cy", cy)):
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if isinstance(value, Tensor):
            whole = not (value.is_floating_point() or value.is_complex() or value.dtype == torch.bool)
        if not whole:
            raise TypeError(f"{name} must be an integer pixel, or a tensor of them, got {value!r}; take int() of it")
    try:
        torch.broadcast_shapes(*(value.shape for value in given))
    except RuntimeError:
        shapes = ", ".join(str(tuple(value.shape)) for value in given)
        raise ValueError(f"lam, cx and cy must broadcast, got shapes {shapes}; add dimensions of size 1") from None
    fraction = torch.as_tensor(lam, dtype=torch.float64, device=device)
    column = torch.as_tensor(cx, dtype=torch.int64, device=device)
    row = torch.as_tensor(cy, dtype=torch.int64, device=device)
    if device.type == "cpu" and not torch.compiler.is_compiling():
        center = "draw it with torch.randint"
        _check_range("lam", fraction, 0, 1, _FRACTION, _SHARE)
        _check_range("cx", column, 0, width - 1, f"a column of the image, in [0, {width})", center)
        _check_range("cy", row, 0, height - 1, f"a row of the image, in [0, {height})", center)
    side = (1 - fraction).sqrt()
    half_height, half_width = ((side * n).long() // 2 for n in (height, width))
    top, bottom = (row - half_height).clamp(min=0), (row + half_height).clamp(max=height)
    left, right = (column - half_width).clamp(min=0), (column + half_width).clamp(max=width)
    sides = torch.broadcast_tensors(top, left, bottom - top, right - left)
    boxes = torch.stack(sides, -1)
    return boxes, 1 - boxes[..., 2].double() * boxes[..., 3] / (height * width)


def cutmix(images_i: Tensor, images_j: Tensor, boxes: Tensor) -> Tensor:
    """``images_i`` with the patch of ``images_j`` inside each image's box, at the same place.

    Args:
        images_i: ``[..., C, H, W]``, uint8 or floating point.
        images_j: of the same shape, dtype and device.
        boxes: ``[..., 4]`` of integers (top, left, height, width), one for each image, within the image; empty boxes
            are allowed.

    Raises:
        ValueError: where shapes, devices or dtypes differ, or a box leaves the image.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    images_i, images_j = as_images(images_i, "images_i"), as_images(images_j, "images_j")
    for what in ("shape", "dtype", "device"):
        wanted, given = getattr(images_i, what), getattr(images_j, what)
        if wanted != given:
            wanted, given = (tuple(v) if what == "shape" else v for v in (wanted, given))
            raise ValueError(f"images_j must have the {what} of images_i, {wanted}, got {given}")
    height, width = images_i.shape[-2:]
    boxes = as_boxes(boxes, images_i.shape[:-3], images_i.device, [(height, width)], least=0)
    top, left, rows, columns = boxes[..., None, None, None].unbind(-4)
    y = torch.arange(height, device=images_i.device).view(-1, 1)
    x = torch.arange(width, device=images_i.device)
    inside = (y >= top) & (y < top + rows) & (x >= left) & (x < left + columns)
    return torch.where(inside, images_j, images_i)


def _check_range(name: str, value: Tensor, low: float, high: float, rule: str, remedy: str) -> None:
    if not bool(((value >= low) & (value <= high)).all()):
        least, most = value.min().item(), value.max().item()
        raise ValueError(f"{name} must be {rule}, got values from {least} to {most}; {remedy}")
