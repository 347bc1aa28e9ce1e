"""Of v2's random sizes."""

from __future__ import annotations

from typing import Any

from torchvision.transforms import v2

from ..chance import Row
from ._numbers import between, floored, least_of, most_of, offset, one_of
from ._registry import draws


@draws(v2.RandomResize, width=1)
def _resize(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    """The greatest size is never drawn, as v2 has it."""
    return {"size": [transform.min_size + offset(transform.max_size - transform.min_size - 1, row[0])]}


@draws(v2.RandomShortestSize, width=1)
def _shortest(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    ratio = one_of(transform.min_size, row[0]) / least_of(seen.height, seen.width)
    if transform.max_size is not None:
        ratio = least_of(ratio, transform.max_size / most_of(seen.height, seen.width))
    return {"size": (floored(seen.height * ratio), floored(seen.width * ratio))}


@draws(v2.ScaleJitter, width=1)
def _scale_jitter(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    """(v2 divides the target's second side by the height.)"""
    fits = least_of(transform.target_size[1] / seen.height, transform.target_size[0] / seen.width)
    ratio = fits * between(*transform.scale_range, row[0])
    return {"size": (floored(seen.height * ratio), floored(seen.width * ratio))}


@draws(v2.RandomZoomOut, width=4)
def _zoom_out(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    ratio = between(*transform.side_range, row[0])
    across, down = floored(seen.width * ratio) - seen.width, floored(seen.height * ratio) - seen.height
    left, top = floored(across * row[1]), floored(down * row[2])
    return {"applied": row[3] < transform.p, "padding": [left, top, across - left, down - top]}
