"""Rules of v2's erasing, RandAugment and its kin."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from .._draws import augmented, operations
from ._operations import rounds
from ._registry import planned
from ._view import View


@planned(v2.RandomErasing)
def _erase(transform: v2.RandomErasing, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    box = view.box(params["i"], params["j"], params["h"], params["w"])
    return view.call(_erased, view.own(params["v"]), view.own(box), where=params["applied"])


def _erased(images: Tensor, value: Tensor, box: Tensor) -> Tensor:
    top, left, h, w = box.unbind(-1)
    y, x = (torch.arange(side, device=images.device) for side in images.shape[-2:])
    inside = _within(y, top, h)[:, None, :, None] & _within(x, left, w)[:, None, None, :]
    return torch.where(inside, value.to(images.dtype), images)


def _within(position: Tensor, start: Tensor, length: Tensor) -> Tensor:
    return (position >= start[:, None]) & (position < (start + length)[:, None])


@planned(v2.RandAugment, v2.TrivialAugmentWide, v2.AutoAugment)
def _operations(transform: Any, view: View, params: dict[str, Any]) -> View:
    """Each round, images that drew the same operation, magnitude and sign go through it together."""
    if isinstance(transform, v2.RandAugment) and not transform.num_ops:
        return view
    fill = view.of_kind(transform._fill, transform)  # noqa: SLF001
    names = list(params)
    columns = [view.own(params[name]) for name in names]
    return view.call(partial(_augmented, transform=transform, fill=fill, names=names), *columns)


def _augmented(images: Tensor, *columns: Tensor, transform: Any, fill: Any, names: Sequence[str]) -> Tensor:
    if images.device.type != "cpu" or torch.compiler.is_compiling():
        return rounds(transform, images, dict(zip(names, columns, strict=True)), fill)
    images = images.clone()
    drawn = zip(*(column.tolist() for column in columns), strict=True)
    planned = [operations(transform, dict(zip(names, row, strict=True))) for row in drawn]
    for k in range(max(map(len, planned))):
        together: dict[Any, list[int]] = {}
        for i, steps in enumerate(planned):
            if k < len(steps):
                together.setdefault(steps[k], []).append(i)
        for (name, level, bins, negative), images_of in together.items():
            group = torch.tensor(images_of)
            images[group] = augmented(
                transform, images[group], name, level=level, bins=bins, negative=negative, fill={"others": fill}
            )
    return images
