"""What runs in place of a rule, for whatever has none: image by image."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .._draws import of_image
from ..transforms import JointTransform
from ._view import Draws, View


def by_image(
    transform: Any, view: View, params: dict[str, Any], draws: Draws, act: Callable[[Any, Any, dict[str, Any]], Any]
) -> View:
    """A transform whose draw is known, but no kernel: ``act`` of it, image by image, with what was drawn."""
    own = {name: value for name, value in params.items() if name != "applied"}

    def one(image: Any, i: int) -> Any:
        return act(transform, image, own if view.alone else of_image(own, i))

    return view.each(transform, one, draws, params.get("applied"))


def by_view(transform: JointTransform, image: Any, params: dict[str, Any]) -> Any:
    """How a joint transform acts on one view's image."""
    return transform.transform_view(image, params)


def image_by_image(transform: Callable[[Any], Any], view: View, params: dict[str, Any], draws: Draws) -> View:
    """Seed torch's CPU generator for each image as `jointaug.pipeline.run` does, and call the transform on it."""
    return view.each(transform, partial(_seeded, transform, params["seed"]), draws)


def seeds(draws: Draws) -> dict[str, Any]:
    """What is drawn for a transform that is known by name alone."""
    (u,) = draws.numbers(1)
    return {"seed": (u * 2**32).long() if isinstance(u, Tensor) else int(u * 2**32)}


def _seeded(transform: Callable[[Any], Any], seeds: Tensor | int, image: Any, i: int) -> Any:
    state = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(int(seeds[i]) if isinstance(seeds, Tensor) else seeds)
        return transform(image)
    finally:
        torch.set_rng_state(state)
