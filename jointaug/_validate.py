"""Checks of arguments, worded once: the argument's name, the rule, the value as given, the remedy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any


def number(name: str, value: Any, *, rule: str = "a finite number", low: float = -math.inf, remedy: str = "") -> float:
    """``value`` as a float, if it is a finite real number (no bool, no string, no tensor) of at least ``low``."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {rule}, got {value!r} of type {type(value).__name__}{_hint(remedy)}")
    result = float(value)
    if not math.isfinite(result) or result < low:
        raise ValueError(f"{name} must be {rule}, got {value!r}{_hint(remedy)}")
    return result


def interval(
    name: str, value: Any, *, rule: str, low: float = 0.0, high: float = math.inf, remedy: str = ""
) -> tuple[float, float]:
    """``value`` as ``(a, b)`` with ``low < a <= b <= high``."""
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f"{name} must be two numbers, {rule}, got {value!r}{_hint(remedy)}")
    first, second = (number(name, v, rule=f"two finite numbers, {rule}") for v in value)
    if not low < first <= second <= high:
        raise ValueError(f"{name} must satisfy {rule}, got {tuple(value)!r}{_hint(remedy)}")
    return first, second


def probability(name: str, value: Any) -> float:
    """``value`` as a float in [0, 1]."""
    result = number(name, value, rule="a probability in [0, 1]")
    if not 0.0 <= result <= 1.0:
        raise ValueError(f"{name} must be a probability in [0, 1], got {value!r}; divide percentages by 100")
    return result


def integer(name: str, value: Any, *, low: int, rule: str, remedy: str = "") -> int:
    """``value`` as an int of at least ``low`` (no bool, no float)."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be {rule}, got {value!r} of type {type(value).__name__}{_hint(remedy)}")
    if value < low:
        raise ValueError(f"{name} must be {rule}, got {value!r}{_hint(remedy)}")
    return int(value)


def _hint(remedy: str) -> str:
    return f"; {remedy}" if remedy else ""
