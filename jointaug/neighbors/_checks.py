"""Checks of what every function here is given: feature matrices, labels, row numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._validate import integer, looked_at


def feature_matrix(
    name: str, value: Any, *, width: int | None = None, device: torch.device | None = None, of_step: bool = False
) -> Tensor:
    """``value`` as float32 ``[n, d]``, if it is a floating-point matrix without nan or infinity.

    Args:
        name: of the argument.
        value: of the argument.
        width: that it must have.
        device: that it must be on.
        of_step: whether every step of a training brings one: then values on an accelerator are not looked at.

    Raises:
        TypeError: if it is no tensor of floats.
        ValueError: if it is no matrix, is empty, is not ``width`` wide, lies on another device, or in
            float32 is not finite or a row becomes zero there (the first such row is named).
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor [n, d], got {type(value).__name__}; use torch.as_tensor")
    if not value.is_floating_point():
        raise TypeError(f"{name} must hold floating-point numbers, got {value.dtype}; use .float()")
    if value.ndim != 2 or 0 in value.shape:
        raise ValueError(f"{name} must be a matrix [n, d] with n, d >= 1, got shape {tuple(value.shape)}; reshape it")
    if width is not None and value.shape[1] != width:
        raise ValueError(
            f"{name} must be {width} wide, as the features it is held against, got {value.shape[1]}; embed both with "
            "one network"
        )
    if device is not None and value.device != device:
        raise ValueError(f"{name} must be on {device}, as the other arguments, got {value.device}; use .to({device})")
    matrix = value.detach().to(torch.float32)
    if of_step and not looked_at(matrix):
        return matrix
    # One number tells whether a row needs looking for; a sum may also overflow where every entry is finite.
    if not bool(matrix.sum().isfinite()):
        finite = matrix.isfinite().all(1)
        if not bool(finite.all()):
            row = int(finite.int().argmin())
            raise ValueError(
                f"{name} must be finite in float32, but row {row} holds nan or infinity (one of "
                f"{int((~finite).sum())} such rows); drop these rows or find the step that made them"
            )
    if value.dtype == torch.float64:
        lost = value.any(1) & ~matrix.any(1)
        if bool(lost.any()):
            row = int(lost.int().argmax())
            raise ValueError(
                f"{name} must be numbers that float32 can hold, but row {row} becomes zero, its greatest entry is "
                f"{float(value[row].abs().amax()):.3g}; multiply all features by one number"
            )
    return matrix


def row_labels(
    name: str,
    value: Any,
    rows: int | None = None,
    *,
    device: torch.device | None = None,
    clusters: int | None = None,
    of_step: bool = False,
) -> Tensor:
    """``value``, if it is an int64 vector of ``rows`` labels (by default any number but 0) in [0, clusters).

    ``of_step`` as of `feature_matrix`.

    Raises:
        TypeError: if it is no int64 tensor.
        ValueError: if it is of another length or on another device, or a label is outside the range.
    """
    if not isinstance(value, Tensor) or value.dtype != torch.int64:
        got = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be an int64 tensor [n], got {got}; use torch.as_tensor(...).long()")
    if rows is None and (value.ndim != 1 or not len(value)):
        raise ValueError(f"{name} must be a vector [n] with n >= 1, got shape {tuple(value.shape)}; flatten it")
    if rows is not None and value.shape != (rows,):
        raise ValueError(
            f"{name} must have one label for each row, shape ({rows},), got {tuple(value.shape)}; pass the labels of "
            "these features"
        )
    if device is not None and value.device != device:
        raise ValueError(f"{name} must be on {device}, as the features, got {value.device}; use .to({device})")
    if of_step and not looked_at(value):
        return value
    least, greatest = (int(x) for x in value.aminmax())
    if least < 0 or (clusters is not None and greatest >= clusters):
        bound = "labels >= 0" if clusters is None else f"labels in [0, {clusters})"
        raise ValueError(f"{name} must hold {bound}, got values from {least} to {greatest}; relabel from 0")
    return value


def row_numbers(name: str, value: Any, size: int, *, device: torch.device | None = None, what: str = "bank") -> Tensor:
    """``value``, if it is an int64 vector of row numbers in [0, size); on an accelerator they are not looked at.

    Raises:
        TypeError: if it is no int64 tensor.
        ValueError: if it is no vector, is empty or on another device.
        IndexError: if a number is outside the range.
    """
    if not isinstance(value, Tensor) or value.dtype != torch.int64:
        got = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be an int64 tensor [B], got {got}; use torch.as_tensor(...).long()")
    if value.ndim != 1 or not len(value):
        raise ValueError(f"{name} must be a vector [B] with B >= 1, got shape {tuple(value.shape)}; flatten it")
    if device is not None and value.device != device:
        raise ValueError(f"{name} must be on {device}, as the features, got {value.device}; use .to({device})")
    if not looked_at(value):  # every step of a training brings some
        return value
    outside = (value < 0) | (value >= size)
    if bool(outside.any()):
        entry = int(outside.int().argmax())
        raise IndexError(
            f"{name} must hold rows of the {what}, in [0, {size}), got {int(value[entry])} at entry {entry}; count the "
            f"rows from 0, or make the {what} larger"
        )
    return value


def chunk_rows(chunk: Any, width: int, elements: int, *, least: int = 1) -> int:
    """How many rows of ``width`` scores to hold at a time: ``chunk``, or what ``elements`` scores allow."""
    if chunk is None:
        return max(least, elements // width)
    return integer("chunk", chunk, low=1, rule="an integer >= 1 (rows held against all others at a time)")


def choice(name: str, value: Any, options: tuple[str, ...]) -> str:
    """``value``, if it is one of ``options``."""
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}; pick one of these")
    return str(value)
