"""What runs in place of a rule, for whatever has none: image by image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._draws import of_image
from ..transforms import JointTransform
from ._view import Draws, View


def by_image(
    transform: Any, view: View, params: dict[str, Any], draws: Draws, act: Callable[[Any, Any, dict[str, Any]], Any]
) -> View:
    """A transform without a kernel: ``act`` of it, image by image, with what was drawn."""
    own = {name: value for name, value in params.items() if name != "applied"}

    def one(image: Any, i: int) -> Any:
        return act(transform, image, own if view.alone else of_image(own, i))

    return view.each(transform, one, draws, params.get("applied"))


def by_view(transform: JointTransform, image: Any, params: dict[str, Any]) -> Any:
    """How a joint transform acts on one view's image."""
    return transform.transform_view(image, params)
