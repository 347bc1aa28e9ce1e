"""Pairs of views: whether a pipeline makes them, and what it drew for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..fusion import Plan
from ..pipeline import Position, parts, views_made
from ..views import MultiView
from ._boxes import box_measures, pair_boxes


def require_two_views(policy: Any, name: str = "policy") -> None:
    """Raise unless a pipeline makes pairs.

    Raises:
        TypeError: for what is no pipeline.
        ValueError: if it makes another number of views than two.
    """
    if not callable(policy) or isinstance(policy, type):
        raise TypeError(f"{name} must be a pipeline (a transform), got {policy!r}; pass v2.Compose([...])")
    views = views_made(policy, None)
    if views != 2:
        remedy = (
            "begin it with a view maker: MultiView(crop, crop), or JointCrop(...)"
            if views is None
            else "compare two of them at a time: MultiView(first, second)"
        )
        raise ValueError(
            f"{name} must make two views of an image, got {'no views' if views is None else f'{views} views'} from "
            f"{policy!r}; {remedy}"
        )


def drawn_columns(plan: Plan, owners: Mapping[tuple[int, int], tuple[int, ...]], batch: Any) -> dict[str, Tensor]:
    """What was drawn for a batch, as columns ``[B]``."""
    height, width = _sides(batch)
    boxes = pair_boxes(plan, height, width)
    columns = {} if boxes is None else box_measures(boxes, height, width)
    repeats: dict[str, int] = {}
    seen: set[tuple[int, int, int]] = set()
    for drawn in plan.drawn:
        views = owners[drawn.step, drawn.view]
        key = (id(drawn.transform), drawn.step, drawn.view)
        if key in seen:  # Shared plans one draw for each view
            continue
        seen.add(key)
        kind = type(drawn.transform).__name__
        for name, value in drawn.params.items():
            per_view = list(value) if isinstance(value, tuple) else [value] * len(views)
            for view, of_view in zip(views, per_view, strict=False):
                if not isinstance(of_view, Tensor) or of_view.ndim != 1:
                    continue
                column = f"{name}{view + 1}"
                repeats[f"{kind}.{column}"] = nth = repeats.get(f"{kind}.{column}", 0) + 1
                columns[f"{kind}.{column}" if nth == 1 else f"{kind}#{nth}.{column}"] = of_view.double()
    return columns


def view_owners(transform: Any, views: tuple[int, ...], place: Position) -> dict[tuple[int, int], tuple[int, ...]]:
    """Which of the final views what is drawn at a position (step, view) of the pipeline belongs to."""
    owners = {(place.at_step, place.at_view): views}
    first = 0
    for k, part in enumerate(parts(transform, len(views))):
        mine = views
        if isinstance(transform, MultiView):
            count = views_made(part.transform, None) or 1
            mine, first = views[first : first + count], first + count
        elif part.view is not None:
            mine = views[k : k + 1]
        owners |= view_owners(part.transform, mine, part.of(place))
    return owners


def _sides(batch: Any) -> tuple[int | Tensor, int | Tensor]:
    """Height and width: numbers for a tensor, tensors ``[B]`` for a list."""
    if isinstance(batch, Tensor):
        return batch.shape[-2], batch.shape[-1]
    height, width = (torch.tensor([image.shape[i] for image in batch], device=batch[0].device) for i in (-2, -1))
    return height, width
