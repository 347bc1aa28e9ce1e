"""Checks of arguments, worded once: the argument's name, the rule, the value as given, the remedy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Final

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode

ABOVE_0 = math.ulp(0.0)
"""The least number above 0, for bounds: those here may be reached."""
BELOW_1 = math.nextafter(1.0, 0.0)
"""The greatest number below 1."""

_PILLOW_CODES: Final = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
FLOATS: Final = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def number(
    name: str,
    value: Any,
    *,
    rule: str = "a finite number",
    low: float = -math.inf,
    high: float = math.inf,
    remedy: str = "",
) -> float:
    """``value`` as a float, if it is a finite real number (no bool, no string, no tensor) in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {rule}, got {value!r} of type {type(value).__name__}{_hint(remedy)}")
    result = float(value)
    if not math.isfinite(result) or not low <= result <= high:
        raise ValueError(f"{name} must be {rule}, got {value!r}{_hint(remedy)}")
    return result


def positive(name: str, value: Any, *, remedy: str = "") -> float:
    """``value`` as a float above 0."""
    return number(name, value, rule="a positive number", low=ABOVE_0, remedy=remedy)


def interval(
    name: str, value: Any, *, rule: str, low: float = ABOVE_0, high: float = math.inf, remedy: str = ""
) -> tuple[float, float]:
    """``value`` as ``(a, b)`` with ``low <= a <= b <= high``; by default both are above 0."""
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f"{name} must be two numbers, {rule}, got {value!r}{_hint(remedy)}")
    first, second = (number(name, v, rule=f"two finite numbers, {rule}") for v in value)
    if not low <= first <= second <= high:
        raise ValueError(f"{name} must satisfy {rule}, got {tuple(value)!r}{_hint(remedy)}")
    return first, second


def probability(name: str, value: Any) -> float:
    """``value`` as a float in [0, 1]."""
    return number(name, value, rule="a probability in [0, 1]", low=0.0, high=1.0, remedy="divide percentages by 100")


def integer(name: str, value: Any, *, low: int, rule: str, remedy: str = "") -> int:
    """``value`` as an int of at least ``low`` (no bool, no float)."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be {rule}, got {value!r} of type {type(value).__name__}{_hint(remedy)}")
    if value < low:
        raise ValueError(f"{name} must be {rule}, got {value!r}{_hint(remedy)}")
    return int(value)


def resized_size(size: Any, channels: int, height: int, width: int) -> None:
    """Refuse a ``size`` at which one image has more values than torch's kernels, which resize it, count in 32 bits."""
    if channels * height * width >= 2**31:
        raise ValueError(f"size must keep C * height * width below 2**31, got {size!r} and {channels} channels")


def interpolation_mode(interpolation: InterpolationMode | str | int) -> InterpolationMode:
    """An interpolation as the kernels take it, from what v2 takes.

    Raises:
        TypeError: for another kind of value.
        ValueError: for a name or a Pillow code that is none.
    """
    if type(interpolation) is InterpolationMode:
        return interpolation
    if not isinstance(interpolation, (InterpolationMode, str, int)) or isinstance(interpolation, bool):
        raise TypeError(
            f"interpolation must be an InterpolationMode, its name or Pillow's number, got {interpolation!r}; "
            "write interpolation='bilinear'"
        )
    name = _PILLOW_CODES.get(interpolation, str(interpolation)) if isinstance(interpolation, int) else interpolation
    if isinstance(name, str):
        if name not in (known := [mode.value for mode in InterpolationMode]):
            raise ValueError(f"interpolation must be one of {', '.join(known)}, got {interpolation!r}; pick one")
        return InterpolationMode(name)
    return name


def memory_order(memory_format: Any) -> torch.memory_format:
    """A ``memory_format`` of images, if it is one of the two that images can have."""
    if memory_format not in (torch.contiguous_format, torch.channels_last):
        raise ValueError(
            f"memory_format must be torch.contiguous_format or torch.channels_last, got {memory_format!r}; pass one of "
            "these"
        )
    order: torch.memory_format = memory_format
    return order


def looked_at(values: Tensor) -> bool:
    """Whether values are checked: not on an accelerator, where the host would wait for them in every step."""
    return values.device.type == "cpu"


def _hint(remedy: str) -> str:
    return f"; {remedy}" if remedy else ""
