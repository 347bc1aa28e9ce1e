"""Which transform draws what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from torch import Tensor

from ..chance import Row


class Seen(Protocol):
    """What a draw may know of what a transform is given: numbers for one sample; for a batch, sides may be tensors."""

    @property
    def height(self) -> int | Tensor:
        """In pixels: one number, or int64 ``[B]``."""

    @property
    def width(self) -> int | Tensor:
        """In pixels."""

    @property
    def channels(self) -> int:
        """Of the image."""


Params = Callable[[Any, Row, Any], dict[str, Any]]
P = TypeVar("P", bound=Params)


def as_v2_does(transform: Any, inpt: Any, params: dict[str, Any]) -> Any:
    """One image (mask, box, ...) by the transform's own ``transform``."""
    return transform.transform(inpt, params)


class Draw(NamedTuple):
    """What a transform draws.

    Attributes:
        width: of its row: how many uniforms it takes, whatever they turn out to be.
        params: ``(transform, row, seen)`` to the parameters that its ``make_params`` might have drawn, by v2's names;
            numbers from a row of numbers, tensors ``[B, ...]`` from a row of tensors. ``"applied"`` besides, where the
            transform acts with a probability: whether it does.
        act: ``(transform, inpt, params)`` to the image (mask, box, ...) transformed.
    """

    width: Callable[[Any], int]
    params: Params
    act: Callable[[Any, Any, dict[str, Any]], Any] = as_v2_does


DRAWS: Final[dict[type, Draw]] = {}


def draws(
    *types: type, width: int | Callable[[Any], int], act: Callable[[Any, Any, dict[str, Any]], Any] = as_v2_does
) -> Callable[[P], P]:
    """The decorator of a `Draw`'s ``params``."""

    def remember(params: P) -> P:
        for kind in types:
            DRAWS[kind] = Draw(width if callable(width) else lambda _: width, params, act)
        return params

    return remember


def draw_of(transform: Any) -> Draw | None:
    """What a transform draws, if that is a row; a subclass may draw otherwise."""
    return DRAWS.get(type(transform))
