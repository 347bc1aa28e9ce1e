"""Where the pixels of a result come from: 3 x 3 maps of places, for one image in numbers or for a batch in tensors.

A map takes the center of a pixel of the result, ``(x, y, 1)`` (column, row), to homogeneous coordinates among the
centers of the pixels of what it was made from. Pixel (0, 0) has its center at (0, 0), so an image of width W reaches
from -0.5 to W - 0.5. A map is nine entries, row by row, each a number or a float64 tensor ``[B]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor

from .._draws import filled

Map: TypeAlias = "tuple[Any, ...]"
"""Nine entries."""

STILL: Final[Map] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
"""Of what moves no pixel."""


def of_cut(box: Any, size: tuple[Any, Any]) -> Map:
    """Of a crop to a box and a resize.

    Args:
        box: top, left, height, width in pixels: numbers, or a tensor ``[B, 4]``.
        size: height and width of the result.
    """
    top, left, height, width = box.double().unbind(-1) if isinstance(box, Tensor) else map(real, box)
    y, x = height / size[0], width / size[1]
    return x, 0.0, left + 0.5 * x - 0.5, 0.0, y, top + 0.5 * y - 0.5, 0.0, 0.0, 1.0


def shifted(x: Any, y: Any) -> Map:
    """Of a result whose pixel (0, 0) was pixel (x, y)."""
    return 1.0, 0.0, real(x), 0.0, 1.0, real(y), 0.0, 0.0, 1.0


def mirrored(width: Any) -> Map:
    """Of a horizontal flip."""
    return -1.0, 0.0, real(width) - 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0


def upside_down(height: Any) -> Map:
    """Of a vertical flip."""
    return 1.0, 0.0, 0.0, 0.0, -1.0, real(height) - 1.0, 0.0, 0.0, 1.0


def after(first: Map, then: Map) -> Map:
    """Of two steps in turn: their product."""
    if then is STILL:
        return first
    if first is STILL:
        return then
    a, b, c, d, e, f, g, h, i = first
    p, q, r, s, t, u, v, w, z = then
    if type(p + q + r + s + t + u + v + w + z) is float and type(a + b + c + d + e + f + g + h + i) is float:
        return (  # one image alone has no time for loops
            *(a * p + b * s + c * v, a * q + b * t + c * w, a * r + b * u + c * z),
            *(d * p + e * s + f * v, d * q + e * t + f * w, d * r + e * u + f * z),
            *(g * p + h * s + i * v, g * q + h * t + i * w, g * r + h * u + i * z),
        )
    return tuple(
        _sum([_times(first[row + k], then[3 * k + column]) for k in range(3)])
        for row in (0, 3, 6)
        for column in range(3)
    )


def chosen(where: Any, yes: Map, no: Map) -> Map:
    """``yes`` on the images where ``where`` holds, ``no`` on the others; None: on all."""
    if where is None or isinstance(where, bool):
        return no if where is False else yes
    return tuple(either(where, a, b) for a, b in zip(yes, no, strict=True))


def either(where: Any, yes: Any, no: Any) -> Any:
    """A number, or for each image of a batch the one that ``where`` (a tensor ``[B]``, a bool, None: yes) says."""
    if where is None or isinstance(where, bool):
        return no if where is False else yes
    if not isinstance(yes, Tensor) and not isinstance(no, Tensor) and yes == no:
        return yes
    dtype = torch.float64 if any(_is_real(value) for value in (yes, no)) else torch.int64
    a, b = (_on(where.device, value, dtype) for value in (yes, no))
    return torch.where(where, a, b)


def _on(device: torch.device, value: Any, dtype: torch.dtype) -> Tensor:
    """A tensor or a number, in this dtype."""
    return filled(value, device, dtype).to(device, dtype)


def stacked(entries: Map, count: int, device: torch.device) -> Tensor:
    """A map as float64 ``[count, 3, 3]``."""
    if device.type == "cpu" and not any(isinstance(entry, Tensor) for entry in entries):
        return torch.tensor(entries, dtype=torch.float64).view(1, 3, 3).expand(count, 3, 3)
    columns = [_on(device, entry, torch.float64).expand(count) for entry in entries]
    return torch.stack(columns, -1).view(count, 3, 3)


def real(value: Any) -> Any:
    """A number as a float, a tensor as float64."""
    return value.double() if isinstance(value, Tensor) else float(value)


def _is_real(value: Any) -> bool:
    return value.is_floating_point() if isinstance(value, Tensor) else isinstance(value, float)


def _times(a: Any, b: Any) -> Any:
    """A product; of a zero and a tensor no tensor is made."""
    if (not isinstance(a, Tensor) and a == 0.0) or (not isinstance(b, Tensor) and b == 0.0):
        return 0.0
    return a * b


def _sum(values: Sequence[Any]) -> Any:
    total: Any = 0.0
    for value in values:
        if isinstance(value, Tensor) or value != 0.0:
            total = value if not isinstance(total, Tensor) and total == 0.0 else total + value
    return total
