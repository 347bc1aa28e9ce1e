"""What goes along with an image: masks, boxes, key points, by v2's own functions with what was drawn for the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils._pytree import tree_flatten, tree_unflatten
from torchvision.transforms import v2

from .._draws import SANITIZERS, draw_of, of_image
from ..rules import Drawn
from ..transforms import JointTransform
from ._given import Sample


def moved(sample: Sample, history: Sequence[Drawn], i: int, *, alone: bool) -> dict[int, Any]:
    """The leaves of a sample that change in one view, but for the image.

    Args:
        sample: number ``i`` of the batch.
        history: of the view.
        i: which image.
        alone: whether the history is in numbers of one image.

    Raises:
        TypeError: for a transform of which it is not known what it drew.
    """
    if not sample.along:
        return {}
    new = {place: sample.leaves[place] for place in sample.along}
    for drawn in history:
        if drawn.where is not None and not drawn.where[i]:
            continue
        transform = drawn.transform
        if isinstance(transform, SANITIZERS):
            new = _sanitized(transform, sample, new)
            continue
        params = drawn.params if alone else of_image(drawn.params, i)
        if not params.get("applied", True):
            continue
        for place, leaf in new.items():
            new[place] = _acted(transform, leaf, params)
    return new


def _acted(transform: Any, leaf: Any, params: dict[str, Any]) -> Any:
    if isinstance(transform, v2.Transform) and not transform._needs_transform_list([leaf])[0]:  # noqa: SLF001
        return leaf
    if isinstance(transform, JointTransform):
        return transform.transform_view(leaf, params)
    draw = draw_of(transform)
    if draw is None or not isinstance(transform, v2.Transform):
        raise TypeError(
            f"what {transform!r} draws is not known, so {type(leaf).__name__} cannot go along with the image; register "
            "a rule with width and params, @jointaug.rules.register(..., width=1, params=...), or leave it out"
        )
    params = {name: value for name, value in params.items() if name != "applied"}
    return draw.act(transform, leaf, params)


def _sanitized(transform: v2.Transform, sample: Sample, new: dict[int, Any]) -> dict[int, Any]:
    leaves = [new.get(i, leaf) for i, leaf in enumerate(sample.leaves)]
    after, _ = tree_flatten(transform(tree_unflatten(leaves, sample.spec)))
    return {i: leaf for i, leaf in enumerate(after) if leaf is not sample.leaves[i]}
