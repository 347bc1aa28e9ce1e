"""Rules of v2's crops, resizes and flips."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from .. import functional as K
from ..chance import places
from ._draws import acts, first_that_fits, tries
from ._registry import register
from ._view import Draws, View


@register(v2.RandomResizedCrop)
def _random_resized_crop(transform: v2.RandomResizedCrop, view: View, draws: Draws) -> View:
    """Ten tries, then the largest central crop with an allowed aspect ratio, as the transform does."""
    row = draws.row(22)
    height, width = (torch.as_tensor(side, device=view.device).expand(view.count) for side in (view.height, view.width))
    h, w, _ = tries(transform.scale, transform.ratio, row, view)
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    aspect = width.double() / height.double()
    central_h = torch.where(
        aspect < min(transform.ratio), (width.double() / min(transform.ratio)).round().long(), height
    )
    central_w = torch.where(
        aspect > max(transform.ratio), (height.double() * max(transform.ratio)).round().long(), width
    )
    h, w = first_that_fits(fits, h, central_h), first_that_fits(fits, w, central_w)
    fell_back = ~fits.any(0)
    top = torch.where(fell_back, (height - h) // 2, places(height - h, row[20]))
    left = torch.where(fell_back, (width - w) // 2, places(width - w, row[21]))
    boxes = torch.stack([top, left, h, w], -1)
    draws.record(transform, {"box": boxes})
    return view.cut(boxes, _pair(transform.size), transform.interpolation, transform.antialias)


@register(v2.Resize)
def _resize(transform: v2.Resize, view: View, draws: Draws) -> View:  # noqa: ARG001
    """In a list of images of different sizes each keeps its aspect ratio, unless two sides are given."""

    def resized(height: int, width: int) -> tuple[int, int]:
        image = torch.empty(1, height, width, device="meta")  # torchvision's arithmetic, without pixels
        try:
            sides = F.resize(image, transform.size, max_size=transform.max_size).shape[-2:]
        except RuntimeError as error:
            raise ValueError(
                f"{transform!r} must leave each side a pixel, got an image of {height} x {width}; enlarge max_size"
            ) from error
        return sides[0], sides[1]

    if isinstance(view.height, int) and isinstance(view.width, int):
        sizes = [resized(view.height, view.width)]
    else:
        height, width = (torch.as_tensor(side).expand(view.count).tolist() for side in (view.height, view.width))
        sizes = [resized(*sides) for sides in zip(height, width, strict=True)]
    if len(set(sizes)) == 1:
        return view.cut(view.whole, sizes[0], transform.interpolation, transform.antialias)
    return view.resize_each(sizes, transform.interpolation, transform.antialias)


@register(v2.CenterCrop)
def _center_crop(transform: v2.CenterCrop, view: View, draws: Draws) -> View:  # noqa: ARG001
    height, width = _pair(transform.size)
    if isinstance(view.height, int) and isinstance(view.width, int):
        if height <= view.height and width <= view.width:
            # the offset rounds half to even, as torchvision's does
            top, left = round((view.height - height) / 2.0), round((view.width - width) / 2.0)
            boxes = torch.tensor([top, left, height, width], device=view.device).expand(view.count, 4)
            return view.cut(boxes, (height, width), InterpolationMode.NEAREST)
        return view.call(partial(F.center_crop, output_size=[height, width]), size=(height, width))
    if any((torch.as_tensor(side) < n).any() for side, n in ((view.height, height), (view.width, width))):
        return view.call(partial(F.center_crop, output_size=[height, width]), size=(height, width))
    sides = (torch.as_tensor(side, device=view.device) for side in (view.height, view.width))
    y, x = (((side - n) / 2.0).round().long() for side, n in zip(sides, (height, width), strict=True))
    one = torch.ones_like(y)
    return view.cut(torch.stack([y, x, one * height, one * width], -1), (height, width), InterpolationMode.NEAREST)


@register(v2.RandomCrop)
def _random_crop(transform: v2.RandomCrop, view: View, draws: Draws) -> View:
    row = draws.row(2)
    height, width = _pair(transform.size)
    view = _padded(transform, view, height, width)
    free = [
        torch.as_tensor(side, device=view.device).expand(view.count) - n
        for side, n in ((view.height, height), (view.width, width))
    ]
    if (
        not isinstance(view.height, int)
        or not isinstance(view.width, int)
        or min(view.height - height, view.width - width) < 0
    ):
        _check_room(transform, view, *free)
    n = torch.ones_like(free[0])
    boxes = torch.stack([places(free[0], row[0]), places(free[1], row[1]), n * height, n * width], -1)
    draws.record(transform, {"box": boxes})
    return view.cut(boxes, (height, width), InterpolationMode.NEAREST)


def _check_room(transform: v2.RandomCrop, view: View, rows: Tensor, columns: Tensor) -> None:
    """Each image must hold the crop: no negative number of free ``rows`` or ``columns``."""
    short = ((rows < 0) | (columns < 0)).nonzero()
    if len(short):
        i = int(short[0])
        height, width = (torch.as_tensor(side).expand(view.count)[i].item() for side in (view.height, view.width))
        padded = " once padded" if transform.padding is not None else ""
        raise ValueError(
            f"{transform!r} needs images of at least {' x '.join(map(str, _pair(transform.size)))}{padded}, got "
            f"{height} x {width} (image {i}); resize them, or set pad_if_needed=True"
        )


def _padded(transform: v2.RandomCrop, view: View, height: int, width: int) -> View:
    """The images with the transform's padding, and with what is missing to the crop where it says so."""
    left, right, top, bottom = transform.padding or (0, 0, 0, 0)  # as v2 keeps them
    fill = view.of_kind(transform._fill, transform)  # noqa: SLF001
    pad = partial(_pad, fill=fill, mode=transform.padding_mode)
    if isinstance(view.height, int) and isinstance(view.width, int):
        y, x = (
            max(n - side, 0) if transform.pad_if_needed else 0
            for n, side in ((height, view.height + top + bottom), (width, view.width + left + right))
        )
        sides = (left + x, top + y, right + x, bottom + y)
        size = (view.height + sides[1] + sides[3], view.width + sides[0] + sides[2])
        return view.call(partial(pad, sides=sides), size=size) if any(sides) else view
    rows, columns = (torch.as_tensor(side, device=view.device).expand(view.count) for side in (view.height, view.width))
    missing = [
        (n - side).clamp(min=0) * transform.pad_if_needed
        for n, side in ((width, columns + left + right), (height, rows + top + bottom))
    ]
    each = torch.stack([side + missing[i % 2] for i, side in enumerate((left, top, right, bottom))], -1)
    if not each.any():
        return view
    return view.call(pad, each, size=(rows + each[:, 1] + each[:, 3], columns + each[:, 0] + each[:, 2]))


def _pad(images: Tensor, sides: Any, *, fill: Any, mode: str) -> Tensor:
    """A batch padded on the left, top, right and bottom; of a batch of one, ``sides`` may be its row ``[1, 4]``."""
    listed = sides[0].tolist() if isinstance(sides, Tensor) else list(sides)
    padded: Tensor = F.pad(images, listed, fill=fill, padding_mode=mode)
    return padded


@register(v2.RandomHorizontalFlip)
def _horizontal(transform: v2.RandomHorizontalFlip, view: View, draws: Draws) -> View:
    return view.step(K.horizontal_flip, where=acts(transform, draws))


@register(v2.RandomVerticalFlip)
def _vertical(transform: v2.RandomVerticalFlip, view: View, draws: Draws) -> View:
    return view.step(K.vertical_flip, where=acts(transform, draws))


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[-1])
