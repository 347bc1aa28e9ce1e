"""Rules of v2's crops, resizes and flips."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from .. import functional as K
from .._draws import two_sides
from ._registry import planned
from ._view import View


@planned(v2.RandomResizedCrop)
def _random_resized_crop(transform: v2.RandomResizedCrop, view: View, params: dict[str, Any]) -> View:
    box = view.box(params["top"], params["left"], params["height"], params["width"])
    return view.cut(box, two_sides(transform.size), transform.interpolation, transform.antialias)


@planned(v2.Resize)
def _resize(transform: v2.Resize, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
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


@planned(v2.CenterCrop)
def _center_crop(transform: v2.CenterCrop, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    height, width = two_sides(transform.size)
    if isinstance(view.height, int) and isinstance(view.width, int):
        if height <= view.height and width <= view.width:
            box = view.box(_half(view.height - height), _half(view.width - width), height, width)
            return view.cut(box, (height, width), InterpolationMode.NEAREST)
        return view.call(partial(F.center_crop, output_size=[height, width]), size=(height, width))
    if any((torch.as_tensor(side) < n).any() for side, n in ((view.height, height), (view.width, width))):
        return view.call(partial(F.center_crop, output_size=[height, width]), size=(height, width))
    y, x = (_half(side - n) for side, n in ((view.height, height), (view.width, width)))
    return view.cut(view.box(y, x, height, width), (height, width), InterpolationMode.NEAREST)


def _half(free: Any) -> Any:
    """Half a number of pixels; of two nearest integers the even one, as torchvision's offset is."""
    return (free / 2.0).round().long() if isinstance(free, Tensor) else round(free / 2.0)


@planned(v2.Pad)
def _pad_all(transform: v2.Pad, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return _padded(transform, view, _four_sides(transform.padding))


def _four_sides(padding: Any) -> list[int]:
    """A v2 transform's ``padding`` as left, top, right and bottom."""
    sides = [padding] if isinstance(padding, int) else list(padding)
    return [int(side) for side in sides * (4 // len(sides))]


@planned(v2.RandomCrop)
def _random_crop(transform: v2.RandomCrop, view: View, params: dict[str, Any]) -> View:
    if params["needs_pad"]:
        view = _padded(transform, view, params["padding"])
    box = view.box(params["top"], params["left"], params["height"], params["width"])
    return view.cut(box, (params["height"], params["width"]), InterpolationMode.NEAREST)


def _padded(transform: Any, view: View, sides: Sequence[Any]) -> View:
    """The images with so many pixels more on the left, top, right and bottom; for each its own, if they are tensors."""
    fill = view.of_kind(transform._fill, transform)  # noqa: SLF001
    pad = partial(_pad, fill=fill, mode=transform.padding_mode)
    left, top, right, bottom = sides
    size = (view.height + top + bottom, view.width + left + right)
    if all(isinstance(side, int) for side in sides):
        return view.call(partial(pad, sides=sides), size=size)
    each = view.box(*sides)
    return view.call(pad, each, size=size) if each.any() else view


def _pad(images: Tensor, sides: Any, *, fill: Any, mode: str) -> Tensor:
    """A batch padded on the left, top, right and bottom; of a batch of one, ``sides`` may be its row ``[1, 4]``."""
    listed = sides[0].tolist() if isinstance(sides, Tensor) else list(sides)
    padded: Tensor = F.pad(images, listed, fill=fill, padding_mode=mode)
    return padded


@planned(v2.RandomHorizontalFlip)
def _horizontal(transform: v2.RandomHorizontalFlip, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view.step(K.horizontal_flip, where=params["applied"])


@planned(v2.RandomVerticalFlip)
def _vertical(transform: v2.RandomVerticalFlip, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view.step(K.vertical_flip, where=params["applied"])
