"""Arithmetic that v2's parameters need, on one number or a tensor ``[B]`` (one image has no time for tensors)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..chance import place, places


def between(span: Sequence[Any], u: Any) -> Any:
    """The number at ``u`` in (0, 1) of the way from the first to the second of two."""
    return span[0] + u * (span[1] - span[0])


def one_of(table: Sequence[Any], u: Any) -> Any:
    """An entry, each with the same probability: of a table of numbers, or of rows of numbers."""
    if isinstance(u, Tensor):
        return torch.tensor(table, device=u.device)[(u * len(table)).long()]
    return table[int(u * len(table))]


def offset(free: Any, u: Any) -> Any:
    """A number of pixels, uniform in {0, ..., free}."""
    return places(torch.as_tensor(free, device=u.device), u) if isinstance(u, Tensor) else place(free, u)


def permutation(n: int, row: Sequence[Any]) -> Any:
    """The numbers below n in an order, each with the same probability, from n uniforms: a list, or ``[B, n]``."""
    if n > len(row):
        raise ValueError(
            f"an image must have at most {len(row)} channels to be permuted, got {n}; permute them by hand"
        )
    if n and isinstance(row[0], Tensor):
        return torch.stack(list(row[:n]), -1).argsort(-1)
    return sorted(range(n), key=row.__getitem__)


def chosen_where(which: Any, first: Any, second: Any) -> Any:
    """``first`` where it holds, else ``second``: a number, a list of numbers, or tensors ``[B, ...]``."""
    if not isinstance(which, Tensor):
        return first if which else second
    there = which if first.ndim == 1 else which[:, None]
    return torch.where(there, first, torch.as_tensor(second, dtype=first.dtype, device=first.device))


def exact(value: Any) -> Any:
    """A number in double precision, which torch would not take for the product of integers and a number."""
    return value.double() if isinstance(value, Tensor) else value


def quotient(first: Any, second: Any) -> Any:
    """One number by another, exactly rounded: torch divides a number by a tensor as the tensor's inverse times it."""
    tensors = _both_tensors(first, second)
    return first / second if tensors is None else tensors[0].double() / tensors[1].double()


def rounded(value: Any) -> Any:
    """The nearest integer, of two the even one."""
    return value.round().long() if isinstance(value, Tensor) else round(value)


def floored(value: Any) -> Any:
    """The integer part of a positive number."""
    return value.long() if isinstance(value, Tensor) else int(value)


def least_of(first: Any, second: Any) -> Any:
    """The smaller of two."""
    tensors = _both_tensors(first, second)
    return min(first, second) if tensors is None else torch.minimum(*tensors)


def most_of(first: Any, second: Any) -> Any:
    """The greater of two."""
    tensors = _both_tensors(first, second)
    return max(first, second) if tensors is None else torch.maximum(*tensors)


def _both_tensors(first: Any, second: Any) -> list[Tensor] | None:
    """Two numbers as tensors, if one of them is."""
    like = next((value for value in (first, second) if isinstance(value, Tensor)), None)
    if like is None:
        return None
    kinds = (torch.float64 if isinstance(value, float) else None for value in (first, second))
    return [
        torch.as_tensor(value, dtype=kind, device=like.device)
        for value, kind in zip((first, second), kinds, strict=True)
    ]


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
        return [of_image(value, i) for value in params]
    if isinstance(params, Tensor) and params.ndim:
        return params[i].tolist() if params.ndim < 3 else params[i]
    return params.item() if isinstance(params, Tensor) else params
