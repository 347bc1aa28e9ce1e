"""Of v2's crops."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from ..chance import Row
from ._numbers import between, filled, offset
from ._registry import draws

_TRIES = 10


def tries(
    scale: Sequence[float], ratio: Sequence[float], row: Row, seen: Any, fits: Callable[[Any, Any, Any, Any], Any]
) -> tuple[Any, Any, Any]:
    """v2's ten tries for a box: areas from ``row[:10]`` with aspect ratios (width over height) from ``row[10:20]``.

    Args:
        scale: range of the box's share of the area.
        ratio: range of the aspect ratio.
        row: numbers in (0, 1), or tensors ``[B]``.
        seen: the image.
        fits: of height and width of a box, then of the image: whether the try is taken.

    Returns:
        Whether there is a try that fits, then height and width of the first one.

    Raises:
        ValueError: for ranges from which v2 could not draw either.
    """
    for name, (low, high) in (("scale", scale), ("ratio", ratio)):
        if not low <= high or (name == "ratio" and low <= 0):
            raise ValueError(
                f"{name} must be (low, high) with low <= high{' and 0 < low' * (name == 'ratio')}, got "
                f"{(low, high)!r}; write {name}={(high, low)!r}"
            )
    spread = math.log(ratio[0]), math.log(ratio[1])
    if isinstance(row[0], Tensor):
        return _all_tries(scale, spread, row, seen, fits)
    for k in range(_TRIES):
        pixels = seen.height * seen.width * between(scale, row[k])
        aspect = math.exp(between(spread, row[_TRIES + k]))
        h, w = round(math.sqrt(pixels / aspect)), round(math.sqrt(pixels * aspect))
        if fits(h, w, seen.height, seen.width):
            return True, h, w
    return False, 0, 0


def _all_tries(
    scale: Sequence[float], spread: tuple[float, float], row: Any, seen: Any, fits: Callable[[Any, Any, Any, Any], Any]
) -> tuple[Tensor, Tensor, Tensor]:
    uniforms: list[Any] = list(row[: 2 * _TRIES])
    areas, aspects = torch.stack(uniforms[:_TRIES]), torch.stack(uniforms[_TRIES:])
    height, width = sides_of(seen, areas.shape[1:], areas.device)
    pixels = height.double() * width.double() * between(scale, areas)
    aspect = between(spread, aspects).exp()
    h, w = (pixels / aspect).sqrt().round().long(), (pixels * aspect).sqrt().round().long()
    good = fits(h, w, height, width)
    first = good.long().argmax(0, keepdim=True)
    return good.any(0), h.gather(0, first)[0], w.gather(0, first)[0]


def sides_of(seen: Any, shape: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Height and width as int64 tensors ``[B]``."""
    height, width = (filled(side, device).expand(shape) for side in (seen.height, seen.width))
    return height, width


@draws(v2.RandomResizedCrop, width=22)
def _resized_crop(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    """Ten tries, then the largest central crop with an allowed aspect ratio."""
    found, h, w = tries(transform.scale, transform.ratio, row, seen, _is_within)
    least, most = min(transform.ratio), max(transform.ratio)
    if not isinstance(found, Tensor):
        height, width = seen.height, seen.width
        if found:
            return {"top": offset(height - h, row[20]), "left": offset(width - w, row[21]), "height": h, "width": w}
        aspect = width / height
        h, w = (
            round(width / least) if aspect < least else height,
            round(height * most) if aspect > most else width,
        )
        return {"top": (height - h) // 2, "left": (width - w) // 2, "height": h, "width": w}
    height, width = sides_of(seen, found.shape, found.device)
    aspect = width.double() / height.double()
    central_h = torch.where(aspect < least, (width.double() / least).round().long(), height)
    central_w = torch.where(aspect > most, (height.double() * most).round().long(), width)
    h, w = torch.where(found, h, central_h), torch.where(found, w, central_w)
    top = torch.where(found, offset(height - h, row[20]), (height - h) // 2)
    left = torch.where(found, offset(width - w, row[21]), (width - w) // 2)
    return {"top": top, "left": left, "height": h, "width": w}


def _is_within(h: Any, w: Any, height: Any, width: Any) -> Any:
    return (w > 0) & (w <= width) & (h > 0) & (h <= height)


@draws(v2.RandomCrop, width=2)
def _crop(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    height, width = two_sides(transform.size)
    left, right, top, bottom = transform.padding or (0, 0, 0, 0)  # as v2 keeps them
    missing = [0, 0]
    if transform.pad_if_needed:
        missing = [
            _at_least(n - side - added, 0)
            for n, side, added in ((height, seen.height, top + bottom), (width, seen.width, left + right))
        ]
    y, x = missing
    sides = (left + x, top + y, right + x, bottom + y)
    free = seen.height + sides[1] + sides[3] - height, seen.width + sides[0] + sides[2] - width
    short = min(int(torch.as_tensor(n).min()) if isinstance(n, Tensor) else n for n in free)
    if short < 0:
        _refuse(transform, free)
    place = offset(free[0], row[0]), offset(free[1], row[1])
    padded = any(isinstance(side, Tensor) or side for side in sides)
    return {
        "needs_crop": True,
        "top": place[0],
        "left": place[1],
        "height": height,
        "width": width,
        "needs_pad": padded,
        "padding": list(sides),
    }


def _at_least(value: Any, least: int) -> Any:
    return value.clamp(min=least) if isinstance(value, Tensor) else max(value, least)


def _refuse(transform: Any, free: Sequence[Any]) -> None:
    """Each image must hold the crop: no negative number of free rows or columns."""
    rows, columns = torch.broadcast_tensors(*(torch.atleast_1d(torch.as_tensor(n)) for n in free))
    i = int(((rows < 0) | (columns < 0)).nonzero()[0])
    height, width = (int(n[i]) + side for n, side in zip((rows, columns), two_sides(transform.size), strict=True))
    padded = " once padded" if transform.padding is not None else ""
    raise ValueError(
        f"{transform!r} needs images of at least {' x '.join(map(str, two_sides(transform.size)))}{padded}, got "
        f"{height} x {width} (image {i}); resize them, or set pad_if_needed=True"
    )


def two_sides(size: Any) -> tuple[int, int]:
    """A v2 transform's ``size`` as height and width."""
    return (size, size) if isinstance(size, int) else (size[0], size[-1])
