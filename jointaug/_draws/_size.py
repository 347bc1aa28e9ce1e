"""Of v2's random sizes."""

from __future__ import annotations

from typing import Any

from torchvision.transforms import v2

from ..chance import Row
from ._numbers import between, chosen_where, exact, floored, least_of, most_of, offset, one_of, quotient
from ._registry import draws


@draws(v2.RandomResize, width=1)
def _resize(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    """The greatest size is never drawn, as v2 has it."""
    return {"size": [transform.min_size + offset(transform.max_size - transform.min_size - 1, row[0])]}


@draws(v2.RandomShortestSize, width=1)
def _shortest(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    ratio = quotient(one_of(transform.min_size, row[0]), least_of(seen.height, seen.width))
    if transform.max_size is not None:
        ratio = least_of(ratio, quotient(transform.max_size, most_of(seen.height, seen.width)))
    return _scaled(seen, ratio)


@draws(v2.ScaleJitter, width=1)
def _scale_jitter(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    """As v2 has it, the target's second side goes with the height."""
    fits = least_of(quotient(transform.target_size[1], seen.height), quotient(transform.target_size[0], seen.width))
    return _scaled(seen, fits * between(transform.scale_range, row[0]))


def _scaled(seen: Any, ratio: Any) -> dict[str, Any]:
    return {"size": (floored(exact(seen.height) * ratio), floored(exact(seen.width) * ratio))}


@draws(v2.RandomZoomOut, width=4)
def _zoom_out(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    """An image that keeps its size has no padding: so it is of one form with the others, whose sizes differ."""
    ratio = chosen_where(row[3] < transform.p, between(transform.side_range, row[0]), 1.0)
    across, down = floored(exact(seen.width) * ratio) - seen.width, floored(exact(seen.height) * ratio) - seen.height
    left, top = floored(exact(across) * row[1]), floored(exact(down) * row[2])
    return {"padding": [left, top, across - left, down - top]}
