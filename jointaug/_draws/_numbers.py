"""Arithmetic that v2's parameters need, on a number or a tensor ``[B]``: one image has no time for tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..chance import place, places


def between(span: Sequence[float], u: Any) -> Any:
    """The number at ``u`` in (0, 1) of the way from one end to the other."""
    low, high = span
    return low + u * (high - low)


def one_of(table: Sequence[Any], u: Any) -> Any:
    """An entry, each with the same probability: of a table of numbers, or of rows of numbers."""
    if isinstance(u, Tensor):
        return torch.tensor(table, device=u.device)[(u * len(table)).long()]
    return table[int(u * len(table))]


def offset(free: Any, u: Any) -> Any:
    """A number of pixels, uniform in {0, ..., free}."""
    return places(torch.as_tensor(free, device=u.device), u) if isinstance(u, Tensor) else place(free, u)


def stacked(values: Sequence[Any]) -> Any:
    """Numbers as a list; tensors ``[B]`` (and numbers among them) as ``[B, n]``."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not tensors:
        return list(values)
    return torch.stack([v if isinstance(v, Tensor) else torch.full_like(tensors[0], v) for v in values], -1)


def of_image(params: Any, i: int) -> Any:
    """What was drawn for image ``i`` of a batch, in numbers as v2 has them (tensors of several dimensions stay)."""
    if isinstance(params, dict):
        return {name: of_image(value, i) for name, value in params.items()}
    if isinstance(params, (list, tuple)):
        return type(params)(of_image(value, i) for value in params)
    if isinstance(params, Tensor) and params.ndim:
        return params[i].tolist() if params.ndim < 3 else params[i]
    return params.item() if isinstance(params, Tensor) else params
