"""What several rules draw: whether to act, and v2's ten tries for a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ._view import Draws, View


def acts(transform: Any, draws: Draws) -> Tensor:
    (u,) = draws.row(1)
    where: Tensor = u < transform.p
    draws.record(transform, {"applied": where})
    return where


def tries(
    scale: Sequence[float], ratio: Sequence[float], row: list[Tensor], view: View
) -> tuple[Tensor, Tensor, Tensor]:
    """Ten areas with ten aspect ratios (width over height): heights, widths ``[10, B]``, and the image's pixels.

    Raises:
        ValueError: for ranges from which v2 could not draw either.
    """
    for name, (low, high) in (("scale", scale), ("ratio", ratio)):
        if not low <= high or (name == "ratio" and low <= 0):
            raise ValueError(
                f"{name} must be (low, high) with low <= high{' and 0 < low' * (name == 'ratio')}, got "
                f"{(low, high)!r}; write {name}={(high, low)!r}"
            )
    height, width = (torch.as_tensor(side, device=view.device).double() for side in (view.height, view.width))
    areas, aspects = torch.stack(row[:10]), torch.stack(row[10:20])
    pixels = height * width * (scale[0] + areas * (scale[1] - scale[0]))
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = (low + aspects * (high - low)).exp()
    return (pixels / aspect).sqrt().round().long(), (pixels * aspect).sqrt().round().long(), pixels


def first_that_fits(fits: Tensor, sides: Tensor, otherwise: Tensor) -> Tensor:
    """Of ``sides [10, B]`` the first that fits, else ``otherwise [B]``."""
    first = fits.long().argmax(0, keepdim=True)
    return torch.where(fits.any(0), sides.gather(0, first)[0], otherwise)
