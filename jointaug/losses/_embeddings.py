"""What every loss does with embeddings first: check them, keep their precision, put them on the unit sphere."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from .._directions import cosine, unit
from .._validate import ABOVE_0, number

__all__ = [
    "check_embeddings",
    "check_matrix",
    "check_negatives",
    "cosine",
    "exact_at_once",
    "fraction",
    "full_precision",
    "margin",
    "temperature",
    "unit",
]

P = ParamSpec("P")
R = TypeVar("R")


def full_precision(loss: Callable[P, R]) -> Callable[P, R]:
    """Decorate a loss: it computes in its first tensor's precision and in no less than float32, also under autocast.

    A cosine divided by a temperature of .07 is exponentiated: 8 bits of mantissa leave an error of several percent in
    each term. Every floating tensor argument (also inside a list or tuple) is cast to that one dtype, so that a
    bfloat16 query meets a float32 queue.
    """

    @functools.wraps(loss)
    def wrapped(*args: Any, **kwargs: Any) -> R:
        tensors = [t for a in (*args, *kwargs.values()) for t in _tensors(a)]
        if not tensors:
            return loss(*args, **kwargs)  # which will say what is missing
        dtype = tensors[0].dtype if tensors[0].dtype == torch.float64 else torch.float32
        if any(t.dtype != dtype for t in tensors):
            args = tuple(_cast(a, dtype) for a in args)
            kwargs = {name: _cast(a, dtype) for name, a in kwargs.items()}
        device = tensors[0].device.type
        if not torch.is_autocast_enabled(device):
            return loss(*args, **kwargs)
        with torch.autocast(device, enabled=False):
            return loss(*args, **kwargs)

    return wrapped


def exact_at_once(x: Tensor) -> bool:
    """Whether float64 is taken at once where a CPU first looks whether float32 will do: on CUDA the host would wait."""
    return x.is_cuda and x.dtype == torch.float32


def check_embeddings(**named: Tensor) -> None:
    """All are floating ``[B, D]`` of one shape, with at least one row."""
    (first, reference), *others = named.items()
    check_matrix(first, reference)
    for name, x in others:
        check_matrix(name, x)
        if x.shape != reference.shape:
            raise ValueError(
                f"{name} must have the shape of {first}, (B, D) = {tuple(reference.shape)}, got {tuple(x.shape)}; "
                "embed all views of a batch with heads of one width"
            )


def check_matrix(name: str, x: Any, shape: str = "[B, D]") -> None:
    """A floating tensor with two dimensions and at least one row."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        got = f"{x.dtype} tensor" if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"{name} must be a floating tensor {shape}, got a {got}; pass what the network returns")
    if x.ndim != 2 or not x.shape[0]:
        raise ValueError(
            f"{name} must have shape {shape} with at least one row, got {tuple(x.shape)}; "
            "flatten feature maps to one row an image"
        )


def check_negatives(name: str, x: Any, width: int, reference: str) -> None:
    """A floating tensor ``[D, K]`` whose columns are as wide as the embeddings."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise TypeError(f"{name} must be a floating tensor [D, K], got a {type(x).__name__}; pass `Queue(...).keys`")
    if x.ndim != 2 or x.shape[0] != width:
        raise ValueError(
            f"{name} must have shape [D, K] with the width of {reference}, D = {width}, got {tuple(x.shape)}; "
            f"a key is a column: Queue(width={width}, ...), or transpose a bank of rows"
        )


def temperature(name: str, value: Any) -> float:
    """A finite number above 0, of at least 1e-30."""
    rule, remedy = "a finite number above 0", "usual temperatures are 0.04 to 1"
    result = number(name, value, rule=rule, low=ABOVE_0, remedy=remedy)
    if result < 1e-30:
        raise ValueError(f"{name} must be at least 1e-30, or no logit fits float32, got {value!r}; {remedy}")
    return result


def margin(value: Any) -> float:
    """A finite number."""
    return number("m", value, remedy="a margin is subtracted from a cosine, so -1 to 1 is much; 0 is none")


def fraction(name: str, value: Any, remedy: str) -> float:
    """A number in [0, 1]."""
    return number(name, value, rule="a number in [0, 1]", low=0.0, high=1.0, remedy=remedy)


def _tensors(argument: Any) -> list[Tensor]:
    if isinstance(argument, Tensor):
        return [argument] if argument.is_floating_point() else []
    if isinstance(argument, (list, tuple)):
        return [t for t in argument if isinstance(t, Tensor) and t.is_floating_point()]
    return []


def _cast(argument: Any, dtype: torch.dtype) -> Any:
    if isinstance(argument, Tensor):
        return argument.to(dtype) if argument.is_floating_point() else argument
    if isinstance(argument, (list, tuple)):
        return [_cast(t, dtype) for t in argument]
    return argument
