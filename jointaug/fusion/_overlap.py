"""What two views of an image both show, from the maps of both to their source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

_ROUNDING: Final = 1e-9  # pixels: of products of maps, of which a quarter turn is one


class Overlap(NamedTuple):
    """What two views both show; of a sample without the dimension ``B``.

    Attributes:
        first: float64 ``[B, 4]``: top, left, height and width, in pixels of the first view, of what the second shows
            too. Where an axis of one view is no axis of the other (a rotation between them), the least box that holds
            it. Zeros where they have nothing in common, nan where a map is unknown.
        second: the same in the second view.
        iou: float64 ``[B]``: area of what both show over area of what at least one shows, in the source; nan where a
            map is unknown.
    """

    first: Tensor
    second: Tensor
    iou: Tensor


class Grid(NamedTuple):
    """Where the cells of one view lie in another; of a sample without the dimension ``B``.

    Attributes:
        position: float64 ``[B, h, w, 2]``: x and y of each cell's center, in pixels of the other view, whose pixel
            (0, 0) has its center at (0, 0). nan where a map is unknown.
        inside: bool ``[B, h, w]``: whether that is in the other view, and the source has it.
    """

    position: Tensor
    inside: Tensor


def boxes_of(maps: Tensor, sizes: Tensor, view_sizes: Tensor) -> Tensor:
    """The part of the source that each view shows: top, left, height, width ``[..., 4]``, in pixels.

    Args:
        maps: ``[..., 3, 3]``.
        sizes: of the sources, ``[..., 2]``.
        view_sizes: of the views, ``[..., 2]``.
    """
    corners = _applied(maps, _corners(view_sizes))  # [..., 4, 2]
    end = sizes.double().flip(-1) - 0.5
    low = torch.minimum(corners.amin(-2).clamp(min=-0.5), end)
    high = torch.minimum(corners.amax(-2), end).clamp(min=-0.5)
    unknown = maps.isnan().flatten(-2).any(-1, keepdim=True)
    box = torch.cat([low.flip(-1) + 0.5, (high - low).flip(-1)], -1)
    return box.masked_fill(unknown, torch.nan)


def overlap(first: Tensor, second: Tensor, sizes: Tensor, view_sizes: tuple[Tensor, Tensor]) -> Overlap:
    """What two views both show.

    Where both maps keep axes (crops, resizes, flips), rectangles are intersected; elsewhere, image by image, convex
    polygons are clipped.

    Args:
        first: maps of the first view ``[B, 3, 3]``.
        second: of the second.
        sizes: of the sources ``[B, 2]``.
        view_sizes: of the first and of the second views, each ``[B, 2]``.
    """
    across = _inverse(second) @ first
    a, b = boxes_of(first, sizes, view_sizes[0]), boxes_of(second, sizes, view_sizes[1])
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    sides = (high - low).clamp(min=0.0)
    common = sides.prod(-1)
    union = a[:, 2:].prod(-1) + b[:, 2:].prod(-1) - common
    corners = torch.cat([low, low + sides], -1).flip(-1).view(-1, 2, 2) - 0.5  # x, y of two opposite ones, in any order
    boxes = [_around(_applied(_inverse(maps), corners)) for maps in (first, second)]
    boxes = [torch.where((common > 0)[:, None], box, box * 0.0) for box in boxes]
    iou = common / union
    turned = ~(_keeps_axes(first) & _keeps_axes(second)) & ~(first + second).isnan().flatten(1).any(1)
    for i in turned.nonzero()[:, 0].tolist():
        whole = _rectangle(*view_sizes[0][i].tolist())
        source, other = sizes[i].tolist(), view_sizes[1][i].tolist()
        shown = _clipped(whole, _inside_of(first[i].tolist(), *source))
        theirs = _clipped(_rectangle(*other), _inside_of(second[i].tolist(), *source))
        both = _clipped(shown, _inside_of(across[i].tolist(), *other))
        areas = [
            _area(_moved(polygon, maps[i].tolist()))
            for polygon, maps in ((shown, first), (theirs, second), (both, first))
        ]
        iou[i] = areas[2] / (areas[0] + areas[1] - areas[2])
        points = torch.tensor(both or [(-0.5, -0.5)], dtype=torch.float64, device=first.device)
        boxes[0][i] = _around(points) if areas[2] else 0.0
        boxes[1][i] = _around(_applied(across[i], points)) if areas[2] else 0.0
    return Overlap(boxes[0], boxes[1], iou)


def grid(
    first: Tensor, second: Tensor, sizes: Tensor, view_sizes: tuple[Tensor, Tensor], cells: tuple[int, int]
) -> Grid:
    """Where the centers of the first views' cells lie in the second views.

    Args:
        first: maps of the first view ``[B, 3, 3]``.
        second: of the second.
        sizes: of the sources ``[B, 2]``.
        view_sizes: of the first and of the second views, each ``[B, 2]``.
        cells: rows and columns.
    """
    height, width = view_sizes[0].double().unbind(-1)
    y, x = (
        (torch.arange(n, dtype=torch.float64, device=first.device) + 0.5) / n * side[:, None] - 0.5
        for n, side in zip(cells, (height, width), strict=True)
    )
    count = len(first)
    centers = torch.stack([x[:, None, :].expand(count, *cells), y[:, :, None].expand(count, *cells)], -1).flatten(1, 2)
    in_source = _homogeneous(first, centers)
    in_second = in_source @ _inverse(second).mT
    position = in_second[..., :2] / in_second[..., 2:]
    inside = _is_in(position, view_sizes[1]) & _is_in(in_source[..., :2] / in_source[..., 2:], sizes)
    inside &= (in_source[..., 2] > 0) & (in_second[..., 2] / in_source[..., 2] > 0)
    return Grid(position.unflatten(1, cells), inside.unflatten(1, cells))


def _is_in(position: Tensor, sizes: Tensor) -> Tensor:
    """Whether places are in images, their edges included, whichever way they were rounded."""
    least, most = -0.5 - _ROUNDING, sizes.double().flip(-1)[:, None] - 0.5 + _ROUNDING
    return ((position >= least) & (position <= most)).all(-1)


def _homogeneous(maps: Tensor, points: Tensor) -> Tensor:
    """``[..., n, 2]`` to ``[..., n, 3]``."""
    return torch.cat([points, torch.ones_like(points[..., :1])], -1) @ maps.mT


def _applied(maps: Tensor, points: Tensor) -> Tensor:
    found = _homogeneous(maps, points)
    places: Tensor = found[..., :2] / found[..., 2:]
    return places


def _inverse(maps: Tensor) -> Tensor:
    """Inverse maps; nan where one is unknown or has none."""
    unknown = maps.isnan().flatten(-2).any(-1)[..., None, None]
    known = torch.where(unknown, torch.eye(3, dtype=maps.dtype, device=maps.device), maps)
    inverse: Tensor = torch.linalg.inv_ex(known).inverse
    return inverse.masked_fill(unknown, torch.nan)


def _corners(sizes: Tensor) -> Tensor:
    """X and y of the corners of images ``[..., 4, 2]``."""
    height, width = (sizes.double() - 0.5).unbind(-1)
    low = torch.full_like(height, -0.5)
    return torch.stack(
        [torch.stack(point, -1) for point in ((low, low), (width, low), (width, height), (low, height))], -2
    )


def _around(points: Tensor) -> Tensor:
    """The least box that holds points ``[..., n, 2]``: top, left, height, width, in pixels."""
    low, high = points.amin(-2), points.amax(-2)
    return torch.cat([low.flip(-1) + 0.5, (high - low).flip(-1)], -1)


def _keeps_axes(maps: Tensor) -> Tensor:
    return (maps[:, [0, 1, 2, 2], [1, 0, 0, 1]] == 0).all(-1)


# ---- polygons of one image -----------------------------------------------------------------------------------------

_Point = tuple[float, float]


def _rectangle(height: float, width: float) -> list[_Point]:
    return [(-0.5, -0.5), (width - 0.5, -0.5), (width - 0.5, height - 0.5), (-0.5, height - 0.5)]


def _inside_of(entries: Sequence[Sequence[float]], height: float, width: float) -> list[tuple[float, float, float]]:
    """Linear forms of a point before a map that are not negative where it comes to lie in an image."""
    x, y, w = entries
    return [
        tuple(w),  # type: ignore[list-item]
        *[(a + 0.5 * c, b + 0.5 * d, e + 0.5 * f) for (a, b, e), (c, d, f) in ((x, w), (y, w))],
        *[
            ((side - 0.5) * c - a, (side - 0.5) * d - b, (side - 0.5) * f - e)
            for side, (a, b, e), (c, d, f) in ((width, x, w), (height, y, w))
        ],
    ]


def _clipped(polygon: Sequence[_Point], forms: Sequence[Sequence[float]]) -> list[_Point]:
    """The part of a convex polygon where all forms are positive (Sutherland and Hodgman 1974)."""
    points = list(polygon)
    for a, b, c in forms:
        kept: list[_Point] = []
        values = [a * x + b * y + c for x, y in points]
        for i, (point, value) in enumerate(zip(points, values, strict=True)):
            last, before = points[i - 1], values[i - 1]
            if (value > 0) != (before > 0):
                t = before / (before - value)
                kept.append((last[0] + t * (point[0] - last[0]), last[1] + t * (point[1] - last[1])))
            if value > 0:
                kept.append(point)
        points = kept
    return points


def _moved(polygon: Sequence[_Point], entries: Sequence[Sequence[float]]) -> list[_Point]:
    moved = []
    for x, y in polygon:
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in entries)
        moved.append((u / w, v / w))
    return moved


def _area(polygon: Sequence[_Point]) -> float:
    """By the shoelace formula."""
    pairs = zip(polygon, [*polygon[1:], *polygon[:1]], strict=True)
    return abs(sum(x * v - u * y for (x, y), (u, v) in pairs)) / 2
