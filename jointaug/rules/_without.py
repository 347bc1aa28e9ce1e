"""What runs in place of a rule, for whatever has none: image by image."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..transforms import JointTransform
from ._view import Draws, View


def by_image(transform: JointTransform, view: View, params: dict[str, Any], draws: Draws) -> View:
    """The rule of a joint transform without one: its ``transform_view``, image by image, with what was drawn."""
    columns = {name: _column(value, view.count) for name, value in params.items()}

    def one(image: Any, i: int) -> Any:
        return transform.transform_view(image, {name: column[i] for name, column in columns.items()})

    applied = params.get("applied")
    return view.each(transform, one, draws, applied if isinstance(applied, Tensor) else None)


def _column(value: Any, count: int) -> list[Any]:
    if not isinstance(value, Tensor):
        return [value] * count
    return value.tolist() if value.ndim else [value.item()] * count


def image_by_image(transform: Callable[[Any], Any], view: View, draws: Draws) -> View:
    """Seed torch's CPU generator for each image as `jointaug.pipeline.run` does, and call the transform on it."""
    (u,) = draws.row(1)
    seeds = (u * 2**32).long()
    draws.record(transform, {"seed": seeds})
    return view.each(transform, partial(_seeded, transform, seeds), draws)


def _seeded(transform: Callable[[Any], Any], seeds: Tensor, image: Any, i: int) -> Any:
    state = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(int(seeds[i]))
        return transform(image)
    finally:
        torch.set_rng_state(state)
