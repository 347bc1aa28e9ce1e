"""Rules of v2's erasing and RandAugment."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from ..chance import places
from ._draws import first_that_fits, tries
from ._registry import register
from ._view import Draws, View


@register(v2.RandomErasing)
def _erase(transform: v2.RandomErasing, view: View, draws: Draws) -> View:
    """Ten tries for a box that leaves a rim, else nothing."""
    row = draws.row(23)
    if len(transform.value) not in (1, view.channels):
        raise ValueError(
            f"{transform!r} needs a value of one number or one for each of {view.channels} channels, got "
            f"{transform.value!r}"
        )
    # torchvision's aspect ratio here is height over width
    w, h, _ = tries(transform.scale, transform.ratio, row[:20], view)
    fits = (h < view.height) & (w < view.width)
    zero = torch.zeros(view.count, dtype=torch.int64, device=view.device)
    h, w = first_that_fits(fits, h, zero), first_that_fits(fits, w, zero)
    top, left = places(view.height - h, row[20]), places(view.width - w, row[21])
    where = (row[22] < transform.p) & fits.any(0)
    draws.record(transform, {"box": torch.stack([top, left, h, w], -1), "applied": where})
    value = torch.tensor(transform.value, device=view.device)[None, :, None, None].expand(view.count, -1, 1, 1)
    return view.call(_erased, value, where, top, left, h, w)


def _erased(images: Tensor, value: Tensor, where: Tensor, top: Tensor, left: Tensor, h: Tensor, w: Tensor) -> Tensor:
    y, x = (torch.arange(side, device=images.device) for side in images.shape[-2:])
    inside = (where[:, None] & _within(y, top, h))[:, None, :, None] & _within(x, left, w)[:, None, None, :]
    return torch.where(inside, value.to(images.dtype), images)


def _within(position: Tensor, start: Tensor, length: Tensor) -> Tensor:
    return (position >= start[:, None]) & (position < (start + length)[:, None])


@register(v2.RandAugment)
def _rand_augment(transform: v2.RandAugment, view: View, draws: Draws) -> View:
    """Each round, images that drew the same operation and sign go through it together."""
    names = list(transform._AUGMENTATION_SPACE)  # noqa: SLF001
    row = draws.row(2 * transform.num_ops)
    if not row:
        draws.record(transform, {})
        return view
    operations = torch.stack([(u * len(names)).long() for u in row[::2]], -1)
    negatives = torch.stack([u <= 0.5 for u in row[1::2]], -1)
    draws.record(transform, {"operation": operations, "negative": negatives})
    fill = view.of_kind(transform._fill, transform)  # noqa: SLF001
    return view.call(partial(_augmented, transform=transform, fill=fill), operations, negatives)


def _augmented(
    images: Tensor, operations: Tensor, negatives: Tensor, *, transform: v2.RandAugment, fill: Any
) -> Tensor:
    names = list(transform._AUGMENTATION_SPACE)  # noqa: SLF001
    images = images.clone()
    for operation, negative in zip(operations.unbind(1), negatives.unbind(1), strict=True):
        for code in set((operation * 2 + negative).tolist()):
            name, sign = names[code // 2], code % 2
            magnitudes, signed = transform._AUGMENTATION_SPACE[name]  # noqa: SLF001
            values = magnitudes(transform.num_magnitude_bins, *images.shape[-2:])
            magnitude = 0.0 if values is None else float(values[transform.magnitude])
            group = operation * 2 + negative == code
            images[group] = transform._apply_image_or_video_transform(  # noqa: SLF001
                images[group],
                name,
                -magnitude if sign and signed else magnitude,
                interpolation=transform.interpolation,
                fill={Tensor: fill},
            )
    return images
