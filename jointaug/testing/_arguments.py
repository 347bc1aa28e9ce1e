"""What every check is given: samples and a rate of false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._validate import ABOVE_0, BELOW_1, number

Numbers: TypeAlias = "Tensor | NDArray[Any] | Sequence[float]"
Floats: TypeAlias = NDArray[np.float64]

FAILURE_RATE: Final = 1e-6


def column_of(name: str, values: Any) -> NDArray[Any]:
    """One-dimensional finite numbers in floating point, in their own precision."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values  # numpy has none
    column = np.asarray(values)
    if column.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got {column.dtype}; pass a tensor, an array or a list of floats")
    if column.ndim != 1:
        raise ValueError(
            f"{name} must be one-dimensional, got shape {column.shape}; pass one column, or flatten what was drawn "
            "independently"
        )
    if not np.isfinite(column).all():
        first = int(np.argmin(np.isfinite(column)))
        raise ValueError(
            f"{name} must be finite, got {np.count_nonzero(~np.isfinite(column))} of {len(column)} that are not, first "
            f"{name}[{first}] = {column[first]}; look there in the sampler"
        )
    if not len(column):
        raise ValueError(f"{name} must hold samples, got none; draw some")
    return column if column.dtype.kind == "f" else column.astype(np.float64)


def rows_of(name: str, values: Any, width: int | None = None) -> NDArray[np.float64]:
    """Finite numbers ``[n, width]``.

    Args:
        name: for messages.
        values: a tensor, an array, or lists.
        width: of each row; any, if ``None``.

    Raises:
        ValueError: for another shape, or what is not finite.
    """
    shape = tuple(np.shape(values))
    if len(shape) != 2 or width not in (None, shape[1]):
        rows = "[n, d]" if width is None else f"[n, {width}], for a law of {width} numbers"
        raise ValueError(f"{name} must be rows {rows}, got shape {shape}; stack last what belongs to one draw")
    flat = values.reshape(-1) if isinstance(values, Tensor) else np.reshape(values, -1)
    return column_of(name, flat).astype(np.float64).reshape(shape)


def checked_rate(value: float) -> float:
    """``failure_rate``, if it is in (0, 1)."""
    rule, remedy = "a probability in (0, 1)", f"the default is {FAILURE_RATE:g}"
    return number("failure_rate", value, rule=rule, low=ABOVE_0, high=BELOW_1, remedy=remedy)
