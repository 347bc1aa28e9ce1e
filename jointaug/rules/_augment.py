"""Rules of v2's erasing and RandAugment."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from .._draws import augmented
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


@planned(v2.RandAugment)
def _rand_augment(transform: v2.RandAugment, view: View, params: dict[str, Any]) -> View:
    """Each round, images that drew the same operation and sign go through it together."""
    if not transform.num_ops:
        return view
    fill = view.of_kind(transform._fill, transform)  # noqa: SLF001
    operations, negatives = view.own(params["operation"]), view.own(params["negative"])
    return view.call(partial(_augmented, transform=transform, fill=fill), operations, negatives)


def _augmented(
    images: Tensor, operations: Tensor, negatives: Tensor, *, transform: v2.RandAugment, fill: Any
) -> Tensor:
    names = list(transform._AUGMENTATION_SPACE)  # noqa: SLF001
    images = images.clone()
    for operation, negative in zip(operations.unbind(1), negatives.unbind(1), strict=True):
        for code in set((operation * 2 + negative).tolist()):
            group = operation * 2 + negative == code
            images[group] = augmented(
                transform, images[group], names[code // 2], negative=bool(code % 2), fill={Tensor: fill}
            )
    return images
