"""Crop, resize and flip in torch: image by image where that costs nothing, with fixed shapes on accelerators."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ._batch import fixed_shapes


@dataclass(frozen=True)
class Crop:
    """Checked boxes for V results out of each of N images.

    Attributes:
        boxes: ``[N * V, 4]`` int64 (top, left, height, width).
        flip: ``[N * V]`` bool, or None: no result is mirrored.
        size: ``(height, width)`` of the results.
        mode: as ``torch.nn.functional.interpolate`` names it.
        antialias: whether the filter widens where a box shrinks.
        clip: whether what overshoots is clipped, after the columns and after the rows, as torch does with uint8.
    """

    boxes: Tensor
    flip: Tensor | None
    size: tuple[int, int]
    mode: str
    antialias: bool
    clip: bool = False

    def of(self, rows: slice) -> Crop:
        """The boxes of some of the images."""
        return replace(self, boxes=self.boxes[rows], flip=None if self.flip is None else self.flip[rows])


def resample(images: Tensor | list[Tensor], crop: Crop, dtype: torch.dtype) -> Tensor:
    """``[V * N, C, h, w]``, view by view: uint8 (from uint8 images, rounded), or floats in the images' unit."""
    if isinstance(images, Tensor) and fixed_shapes(images):
        return _fixed(images, crop, dtype)
    boxes, count, first = crop.boxes.tolist(), len(images), images[0]
    views = len(boxes) // count
    flips = [False] * len(boxes) if crop.flip is None else crop.flip.tolist()
    results = torch.empty((views, count, first.shape[0], *crop.size), dtype=dtype, device=first.device)
    for row, ((top, left, height, width), flip) in enumerate(zip(boxes, flips, strict=True)):
        n, v = divmod(row, views)
        part = images[n][:, top : top + height, left : left + width].to(dtype)
        if (height, width) != crop.size:
            part = _interpolate(part, crop, white(first))
        results[v, n] = part.flip(-1) if flip else part
    return (results.clamp_(0, white(first)) if crop.clip and dtype is not torch.uint8 else results).flatten(0, 1)


def white(images: Tensor) -> float:
    """The greatest value of a pixel."""
    return 255.0 if images.dtype is torch.uint8 else 1.0


def _interpolate(image: Tensor, crop: Crop, bound: float) -> Tensor:
    if 1 in (image.shape[-1], crop.size[1]):
        # torch 2.14 is wrong on single columns: antialiased floats repeat the first row, uint8 reads astray.
        whole = torch.tensor([[0, 0, *image.shape[1:]]], device=image.device)
        return _fixed(image[None], replace(crop, boxes=whole, flip=None), image.dtype, bound)[0]
    smooth = crop.mode.startswith("bi")
    native = image.dtype is not torch.uint8 or not smooth or "AVX" in torch.backends.cpu.get_cpu_capability()
    work = image if native and image.device.type == "cpu" else image.float()
    align = False if smooth else None
    resize = partial(interpolate, mode=crop.mode, align_corners=align, antialias=crop.antialias)
    resized = work.unsqueeze(0)
    if crop.clip and work.dtype is not torch.uint8:
        resized = resize(resized, (image.shape[-2], crop.size[1])).clamp(0, bound)
    resized = resize(resized, crop.size).squeeze(0)
    return resized.round().clamp(0, 255).to(image.dtype) if resized.dtype is not image.dtype else resized


def _fixed(images: Tensor, crop: Crop, dtype: torch.dtype, bound: float | None = None) -> Tensor:
    """The same with shapes that depend on no value: every result takes as many taps as the largest box could need."""
    count, _, height, width = images.shape
    views = crop.boxes.shape[0] // count
    source = images if views == 1 else images.repeat(views, 1, 1, 1)
    work = torch.float64 if dtype is torch.float64 else torch.float32
    tops, lefts, heights, widths = by_view_first(crop.boxes, views).unbind(1)
    rows, row_weights = taps(tops, heights, crop.size[0], height, crop.mode, crop.antialias, work)
    columns, column_weights = taps(lefts, widths, crop.size[1], width, crop.mode, crop.antialias, work)
    if crop.flip is not None:
        flip = by_view_first(crop.flip, views)[:, None, None]
        columns = torch.where(flip, columns.flip(1), columns)
        column_weights = torch.where(flip, column_weights.flip(1), column_weights)
    if crop.clip:
        top = white(images) if bound is None else bound
        result = _gather(source, columns, column_weights, 3, work).clamp(0, top)
        result = _gather(result, rows, row_weights, 2, work).clamp(0, top)
    else:
        result = _gather(_gather(source, rows, row_weights, 2, work), columns, column_weights, 3, work)
    return result.round().clamp(0, 255).to(torch.uint8) if dtype is torch.uint8 else result


def _gather(x: Tensor, index: Tensor, weights: Tensor, dim: int, dtype: torch.dtype) -> Tensor:
    """Weighted sum over taps ``[S, out, K]`` along ``dim`` of ``[S, C, H, W]``."""
    shape = list(x.shape)
    shape[dim] = index.shape[1]
    place = (-1, 1, index.shape[1], 1) if dim == 2 else (-1, 1, 1, index.shape[1])
    total = torch.zeros(shape, dtype=dtype, device=x.device)
    for k in range(index.shape[2]):
        part = x.gather(dim, index[:, :, k].reshape(place).expand(shape)).to(dtype)
        total = total + part * weights[:, :, k].reshape(place)
    return total


def taps(
    start: Tensor,
    length: Tensor,
    out: int,
    full: int,
    mode: str,
    antialias: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Source positions and weights ``[S, out, K]`` along one dimension of ``full`` pixels.

    The boxes are ``[start, start + length)``. Computed in ``dtype`` in the order of torch's own kernels. ``K`` is what
    a box of ``full`` pixels needs.
    """
    length, start = length[:, None], start[:, None]
    scale = length.to(dtype) / out
    place = torch.arange(out, device=start.device, dtype=dtype)
    if mode.startswith("nearest"):
        shift = 0.5 if mode == "nearest-exact" else 0.0
        position = torch.minimum(((place + shift) * scale).long(), length - 1)
        index = (start + position).unsqueeze(-1)
        return index, torch.ones_like(index, dtype=dtype)
    half = 1 if mode == "bilinear" else 2
    if antialias:
        support = half * scale.clamp(min=1)
        steps = torch.arange(2 * math.ceil(half * max(full / out, 1.0)) + 1, device=start.device)
        center = scale * (place + 0.5)
        first = (center - support + 0.5).long().clamp(min=0).unsqueeze(-1)
        last = torch.minimum((center + support + 0.5).long(), length).unsqueeze(-1)
        position = first + steps
        distance = (position - center.unsqueeze(-1) + 0.5) / scale.clamp(min=1).unsqueeze(-1)
        weights = torch.where(position < last, _filter(distance, mode, -0.5), 0.0)
        weights = weights / weights.sum(-1, keepdim=True)
        position = torch.minimum(position, length.unsqueeze(-1) - 1)
    else:
        center = (scale.double() * (place.double() + 0.5) - 0.5).to(dtype)  # rounded once, as torch's fused operation
        if mode == "bilinear":
            center = center.clamp(min=0)
        base = center.floor()
        steps = torch.arange(1 - half, half + 1, device=start.device)
        weights = _filter(steps - (center - base).unsqueeze(-1), mode, -0.75)
        position = torch.minimum((base.long().unsqueeze(-1) + steps).clamp(min=0), length.unsqueeze(-1) - 1)
    return start.unsqueeze(-1) + position, weights


def _filter(distance: Tensor, mode: str, a: float) -> Tensor:
    """Triangle, or the cubic convolution kernel (Keys 1981) with slope ``a`` at 1."""
    x = distance.abs()
    if mode == "bilinear":
        return (1 - x).clamp(min=0)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


def by_view_first(rows: Tensor, views: int) -> Tensor:
    """Rows in the order of ``[N, V]`` brought into the order of ``[V, N]``, in which results lie in memory."""
    return rows if views == 1 else rows.reshape(-1, views, *rows.shape[1:]).transpose(0, 1).flatten(0, 1)
