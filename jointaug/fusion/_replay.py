"""Views planned again from their history: the same steps with the same parameters, on another sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..pipeline import Position
from ..rules import Drawn, Draws, Known, View, done
from ._plan import masked


class Apart(Exception):  # noqa: N818 (a message to `jointaug.fusion.Fused`, which goes on image by image)
    """Images of one batch took ways that can only be planned one by one, now that nobody knows the containers."""


class _Nothing:
    """No numbers: all was drawn."""

    def rows(self, n: int, *, step: int, view: int) -> Any:
        raise AssertionError((n, step, view))


def planned_again(view: View, number: int, history: Sequence[Drawn], known: Mapping[Any, Known]) -> View:
    """A view after the steps of a history.

    Args:
        view: before them.
        number: which of the sample's views it becomes.
        history: in numbers, if the view is planned so; else of a batch.
        known: of `jointaug.rules.Draws`.

    Raises:
        Apart: if a step gave some images of a batch another size, dtype or number of channels than it left others.
    """
    for drawn in history:
        draws = Draws(_Nothing(), [], known, Position(drawn.step, number))
        params = _to(drawn.params, view.device)
        where = _to(drawn.where, view.device)
        after = done(drawn.transform, view, params, draws)
        if where is not None and not isinstance(where, bool) and _form(after) != _form(view):
            raise Apart
        after = after.after(Drawn(drawn.transform, drawn.step, drawn.view, params))
        view = after if where is None else masked(view, after, where)
    return view


def _form(view: View) -> tuple[Any, ...]:
    sides = (side if isinstance(side, int) else tuple(side.tolist()) for side in (view.height, view.width))
    return *sides, view.channels, view.dtype


def _to(value: Any, device: torch.device) -> Any:
    """What was drawn, on a device; on the CPU, where one image is planned in numbers, it stays."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {name: _to(item, device) for name, item in value.items()}
    return [_to(item, device) for item in value] if isinstance(value, list) else value
