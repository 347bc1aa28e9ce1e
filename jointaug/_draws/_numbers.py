"""Arithmetic that v2's parameters need, on one number or a tensor ``[B]`` (one image has no time for tensors)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any, Final

import torch
from torch import Tensor

from ..chance import place, places


def between(span: Sequence[Any], u: Any) -> Any:
    """The number at ``u`` in (0, 1) of the way from the first to the second of two."""
    return span[0] + u * (span[1] - span[0])


def any_order(u: Any) -> Any:
    """One of the 24 orders of four numbers, each with the same probability: a tuple, or ``[B, 4]``."""
    if isinstance(u, Tensor):
        shift = (u * len(_ORDERS)).long() * 2
        return torch.stack([torch.bitwise_right_shift(packed, shift) for packed in _PACKED], -1) & 3
    return _ORDERS[int(u * len(_ORDERS))]


_ORDERS: Final = tuple(permutations(range(4)))
_PACKED: Final = [sum(order[place] << 2 * k for k, order in enumerate(_ORDERS)) for place in range(4)]
"""At each place the numbers of all orders, two bits for each: a table that no device has to be sent."""


def one_of(table: Sequence[Any], u: Any) -> Any:
    """An entry of a table of numbers, each with the same probability."""
    if isinstance(u, Tensor):
        return torch.tensor(table, device=u.device)[(u * len(table)).long()]
    return table[int(u * len(table))]


def offset(free: Any, u: Any) -> Any:
    """A number of pixels, uniform in {0, ..., free}."""
    return places(free, u) if isinstance(u, Tensor) else place(free, u)


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
    return torch.where(there, first, _like(first, second))


def _like(first: Tensor, value: Any) -> Tensor:
    """A tensor, a number or a list of numbers, of another's dtype and on its device; the host does not wait."""
    if isinstance(value, Sequence):
        return torch.stack([_like(first, number) for number in value], -1)
    return value.to(first) if isinstance(value, Tensor) else first.new_full((), value)


def filled(value: Any, device: torch.device, dtype: torch.dtype | None = torch.int64) -> Tensor:
    """A tensor as it is; a number as one that the device writes by itself, so that the host does not wait."""
    return value if isinstance(value, Tensor) else torch.full((), value, dtype=dtype, device=device)


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
    return [filled(value, like.device, kind) for value, kind in zip((first, second), kinds, strict=True)]


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
