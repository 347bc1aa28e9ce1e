"""Crop boxes from uniforms: exact geometry, and the reference implementation's retries.

A box is ``(top, left, height, width)`` in pixels. `exact_box` and `reference_box` take floats, for one image, or
tensors ``[...]``. What they are made of comes twice, by ``math`` and by torch, and gives the same boxes: one image in a
worker has no time for tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import torch
from torch import Tensor

from .._beta import beta_quantile, scipys_quantile
from .._draws import filled
from ..chance import Row, place, places

Box: TypeAlias = "tuple[int, int, int, int] | Tensor"
"""Top, left, height, width in pixels: integers, or int64 ``[..., 4]``."""

TRIES = 10
"""How often the reference geometry draws an aspect ratio before it takes the whole image."""

_SINGLE = 2.0**-24  # what single precision, in which boxes are kept, may take from a fraction: k / n is k pixels of n


def aspect_interval(area: float, height: int, width: int, ratio: tuple[float, float]) -> tuple[float, float]:
    """The aspect ratios (width over height) among ``ratio`` with which a crop of relative ``area`` fits into the image.

    Where none fits, both ends are the nearest one that does: full height or full width (Zhang et al. 2025, sec. 3.2,
    with the aspect ratio drawn after the area so that the area is kept).

    Args:
        area: of the crop, as a fraction of the image's, in (0, 1].
        height: of the image, in pixels.
        width: of the image, in pixels.
        ratio: least and greatest aspect ratio.

    Example:
        >>> aspect_interval(0.9, height=375, width=500, ratio=(3 / 4, 4 / 3))
        (1.2, 1.3333333333333333)
    """
    least, most = area * width / height, width / (area * height)
    low = min(max(ratio[0], least), most)
    return low, max(min(ratio[1], most), low)


def crop_shape(
    area: float, u_aspect: float, height: int, width: int, log_ratio: tuple[float, float]
) -> tuple[int, int]:
    """Height and width in pixels of a crop of relative ``area``, aspect ratio log-uniform where it fits.

    The shorter side is rounded first, the other one follows from the area: the area is off by at most half the
    shorter side (in pixels), the log area by `rounding_bound`.
    """
    log_image = math.log(width / height)
    log_area = math.log(area)
    least, most = log_image + log_area, log_image - log_area
    low = min(max(log_ratio[0], least), most)
    high = max(min(log_ratio[1], most), low)
    aspect = math.exp(low + u_aspect * (high - low))
    pixels = area * height * width
    portrait = aspect < 1.0
    limit, other = (height, width) if portrait else (width, height)  # of the longer and of the shorter side
    exact = math.sqrt(pixels * aspect if portrait else pixels / aspect)
    short = min(max(int(exact + 0.5), 1), other)
    if pixels > short * (limit + 0.5) and short < other:  # rounded down so far that the longer side would not fit
        short += 1
    long = min(max(int(pixels / short + 0.5), 1), limit)
    return (long, short) if portrait else (short, long)


def crop_shapes(
    area: Tensor, u_aspect: Tensor, height: Tensor | int, width: Tensor | int, log_ratio: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """`crop_shape` for tensors ``[...]``: two int64 tensors; sides are numbers, or tensors ``[B]``."""
    area = area.double()
    if isinstance(height, Tensor) or isinstance(width, Tensor):
        height, width = (filled(side, area.device).double() for side in (height, width))
        log_image: Tensor | float = (width / height).log()
    else:
        log_image = math.log(width / height)
    log_area = area.log()
    least, most = log_image + log_area, log_image - log_area
    low = least.clamp(min=log_ratio[0]).minimum(most)
    high = most.clamp(max=log_ratio[1]).maximum(low)
    aspect = (low + u_aspect * (high - low)).exp()
    pixels = area * height * width
    portrait = aspect < 1.0
    limit, other = _of_two(portrait, height, width), _of_two(portrait, width, height)
    exact = torch.where(portrait, pixels * aspect, pixels / aspect).sqrt()
    short = _within((exact + 0.5).floor(), other)
    short = short + ((pixels > short * (limit + 0.5)) & (short < other))
    long = _within((pixels / short + 0.5).floor(), limit)
    return torch.where(portrait, long, short).long(), torch.where(portrait, short, long).long()


def _of_two(which: Tensor, first: Tensor | int, second: Tensor | int) -> Any:
    """``first`` where it holds, else ``second``: a number, if they are the same one."""
    if not isinstance(first, Tensor) and not isinstance(second, Tensor):
        if first == second:
            return first
        first, second = (filled(side, which.device, torch.float64) for side in (first, second))
    return torch.where(which, first, second)


def _within(pixels: Tensor, most: Any) -> Tensor:
    """At least 1, at most ``most``."""
    return pixels.clamp(min=1).minimum(most) if isinstance(most, Tensor) else pixels.clamp(1, most)


def rounding_bound(box: Sequence[int]) -> float:
    """How far ``log(area of the box)`` may be from the log of the area it was made for, by rounding to pixels.

    The side that is rounded last moves by at most half a pixel. That is the longer one, or, where the other was
    rounded up to or past it, one that is a pixel shorter. (For crops of at least one pixel.)

    Args:
        box: ``(top, left, height, width)`` in pixels.

    Example:
        >>> round(rounding_bound((0, 0, 100, 50)), 6)
        0.005013
    """
    _, _, height, width = box
    return -math.log1p(-0.5 / max(max(height, width) - (abs(height - width) == 1), 1))


def beta_place(least: int, most: int, uniform: float, alpha: float) -> int:
    """An offset at a fraction from Beta(alpha, alpha) of the way from ``least`` to ``most``, rounded toward least.

    (Peng et al. 2022, https://arxiv.org/abs/2202.03278, center-suppressed sampling, as released.)
    """
    return least + int((most - least) * float(scipys_quantile(uniform, alpha)))


def beta_places(least: Tensor | int, most: Tensor, uniform: Tensor, alpha: float) -> Tensor:
    """`beta_place` for tensors ``[...]``; within 1e-9 of the fraction on an accelerator (`jointaug._beta`)."""
    return least + ((most - least) * beta_quantile(uniform, alpha)).long()


def centered(center: float, side: int, limit: int) -> int:
    """The offset of a crop of ``side`` pixels around ``center``, a fraction of the ``limit`` that it is moved into."""
    return min(max(int(limit * (center + _SINGLE)) - side // 2, 0), limit - side)


def centered_all(center: Tensor | float, side: Tensor, limit: Tensor | int) -> Tensor:
    """`centered` for tensors ``[...]``."""
    center = filled(center, side.device, torch.float64)
    return ((limit * (center + _SINGLE)).long() - side // 2).clamp(min=0).minimum(limit - side)


def _reference_box(
    area: float, row: Sequence[float], height: int, width: int, log_ratio: tuple[float, float]
) -> tuple[int, int, int, int]:
    for uniform in row[:TRIES]:
        aspect = math.exp(log_ratio[0] + uniform * (log_ratio[1] - log_ratio[0]))
        sides = math.sqrt(area * width * height * aspect), math.sqrt(area * width * height / aspect)
        w, h = (round(min(side, limit + 1)) for side, limit in zip(sides, (width, height), strict=True))
        if 0 < w <= width and 0 < h <= height:
            return place(height - h, row[TRIES]), place(width - w, row[TRIES + 1]), h, w
    return 0, 0, height, width


def _reference_boxes(
    area: Tensor, row: Sequence[Tensor], height: Tensor | int, width: Tensor | int, log_ratio: tuple[float, float]
) -> Tensor:
    height, width = (filled(side, area.device).expand_as(area) for side in (height, width))
    aspects = (log_ratio[0] + torch.stack(list(row[:TRIES])) * (log_ratio[1] - log_ratio[0])).exp()  # [10, B]
    pixels = area.double() * width * height
    w, h = (pixels * aspects).sqrt().round().long(), (pixels / aspects).sqrt().round().long()
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    first = fits.long().argmax(0, keepdim=True)
    w, h = (torch.where(fits.any(0), s.gather(0, first)[0], side) for s, side in ((w, width), (h, height)))
    return torch.stack([places(height - h, row[TRIES]), places(width - w, row[TRIES + 1]), h, w], -1)


class _Geometry(NamedTuple):
    """What an exact box is made of, for one kind of number."""

    crop_shape: Callable[..., tuple[Any, Any]]
    place: Callable[..., Any]
    beta_place: Callable[..., Any]
    centered: Callable[..., Any]
    box: Callable[..., Any]


_ONE: Final = _Geometry(crop_shape, place, beta_place, centered, tuple)
_BATCH: Final = _Geometry(crop_shapes, places, beta_places, centered_all, partial(torch.stack, dim=-1))


def exact_box(
    area: float | Tensor, row: Row, query: Sequence[Any], log_ratio: tuple[float, float], alpha: float | None = None
) -> Box:
    """A crop of exactly the drawn area, up to rounding, at a random place.

    Args:
        area: of the crop, as a fraction of the image's: a float, or ``[...]``, in which sides ``[B]`` are broadcast.
        row: a uniform for the aspect ratio, one for the top, one for the left.
        query: height and width of the image in pixels; for ``alpha`` maybe also left, top, right and bottom, as
            fractions of the image's sides, of the box between whose ends crops are centered.
        log_ratio: logarithms of the least and greatest aspect ratio.
        alpha: of the Beta law of the place, from one extreme to the other; None: uniform among the image's pixels.
    """
    shape_of, place_of, beta_place_of, center_on, box = _ONE if isinstance(area, float) else _BATCH
    height, width = query[:2]
    h, w = shape_of(area, row[0], height, width, log_ratio)
    if alpha is None:
        top, left = place_of(height - h, row[1]), place_of(width - w, row[2])
    else:
        tops, lefts = (0, height - h), (0, width - w)
        if len(query) > 2:
            around = query[2:]
            tops = center_on(around[1], h, height), center_on(around[3], h, height)
            lefts = center_on(around[0], w, width), center_on(around[2], w, width)
        top, left = beta_place_of(*tops, row[1], alpha), beta_place_of(*lefts, row[2], alpha)
    crop: Box = box((top, left, h, w))
    return crop


def reference_box(area: float | Tensor, row: Row, query: Sequence[Any], log_ratio: tuple[float, float]) -> Box:
    """The released procedure for one view: up to ten aspect ratios with the area fixed, else the whole image.

    Args:
        area: of the crop, as a fraction of the image's: a float, or ``[...]``.
        row: ten uniforms for the aspect ratios, one for the top, one for the left.
        query: height and width of the image in pixels.
        log_ratio: logarithms of the least and greatest aspect ratio.
    """
    box: Callable[..., Box] = _reference_box if isinstance(area, float) else _reference_boxes
    return box(area, row, *query, log_ratio)
