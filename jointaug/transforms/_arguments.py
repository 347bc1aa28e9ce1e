"""What arguments of transforms are checked by: sizes, ranges, interpolation, probabilities of two views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchvision.transforms import InterpolationMode

from .._validate import integer, interpolation_mode, interval, probability


def two_sides(name: str, value: Any) -> tuple[int, int]:
    """A size in pixels as ``(height, width)``."""
    rule = "a positive integer, or two (height, width) in pixels"
    sides = value if isinstance(value, Sequence) and not isinstance(value, str) else (value, value)
    if len(sides) not in (1, 2):
        raise ValueError(f"{name} must be {rule}, got {value!r}; write {name}=224")
    height, width = (integer(name, s, low=1, rule=rule, remedy=f"write {name}=224") for s in (sides[0], sides[-1]))
    return height, width


def fractions(name: str, value: Any) -> tuple[float, float]:
    """A range of areas as fractions of the image's area."""
    pixels = isinstance(value, Sequence) and any(isinstance(v, (int, float)) and v > 1 for v in value)
    return interval(
        name,
        value,
        rule="0 < low <= high <= 1 (fractions of the image's area)",
        high=1.0,
        remedy="divide pixels by H * W" if pixels else f"write {name}=(0.2, 1.0)",
    )


def aspect_ratios(value: Any) -> tuple[float, float]:
    """A range of widths over heights."""
    rule = "0 < low <= high (width over height)"
    return interval("ratio", value, rule=rule, remedy="write ratio=(3 / 4, 4 / 3)")


def checked_interpolation(interpolation: InterpolationMode | str | int) -> InterpolationMode | str | int:
    """An interpolation as it was given, if there is such a one."""
    interpolation_mode(interpolation)
    return interpolation


def two_probabilities(p: Any) -> tuple[float, float]:
    """One probability for both views of a pair, or one for each."""
    if isinstance(p, Sequence) and not isinstance(p, str):
        if len(p) != 2:
            raise ValueError(
                f"p must be one probability, or one for each view of a pair, got {len(p)}: {p!r}; "
                "write p=0.5 or p=(1.0, 0.1)"
            )
        return probability("p[0]", p[0]), probability("p[1]", p[1])
    return probability("p", p), probability("p", p)
