"""What a fused pipeline is given: batches or lists of images, their pixels, and what each is to v2."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from .._pillow import pixels_of_pil
from ..rules import View
from ..views import how_to_give_an_image

_PIL_MODES: Final = ("L", "LA", "RGB", "RGBA")
"""Of PIL images with as many channels as letters: 8 bits each, gray or red, green, blue, then perhaps alpha."""


class Source(NamedTuple):
    """A batch ``[B, C, H, W]`` or a list of images ``[C, H, W]``, and what each is to v2."""

    images: Tensor | list[Tensor]
    kind: type

    def view(self, number: int, *, alone: bool = False, crop_box: tuple[Any, ...] | None = None) -> View:
        """The view that nothing was done to yet, of input ``number``; planned in numbers, if ``alone``."""
        images, first = self.images, self.images[0]
        sides: list[Any] = [first.shape[-2], first.shape[-1]]
        if isinstance(images, list) and not one_size(images):
            sides = [torch.tensor([image.shape[i] for image in images], device=first.device) for i in (-2, -1)]
        form = (number, sides[0], sides[1], first.shape[0], first.dtype, first.device, len(images), self.kind)
        if alone and crop_box is None:
            return _start(*form)
        return View(*form, alone=alone, crop_box=crop_box)


@lru_cache(maxsize=64)
def _start(
    number: int, height: int, width: int, channels: int, dtype: torch.dtype, device: torch.device, n: int, kind: type
) -> View:
    """The view of one image to which nothing was done; views are never changed, and many images have one form."""
    return View(number, height, width, channels, dtype, device, n, kind, alone=True)


def signature_of(source: Source) -> Any:
    """Shapes and dtypes, which a plan must fit (no property: Dynamo of torch 2.8 sees none in a named tuple)."""
    images = source.images
    if isinstance(images, Tensor):
        return tuple(images.shape), images.dtype
    return tuple((tuple(image.shape), image.dtype) for image in images)


def source_of(image: Any) -> Source:
    """One image, as a batch of one.

    Raises:
        TypeError: as `sources_of`.
    """
    pixels = pixels_of(image, "image")
    _check_dtype(pixels, "image")
    return Source(pixels[None], kind_of(image))


def sources_of(batch: Any) -> tuple[list[Source], bool]:
    """The batches (or the list of images) to start from, and whether they are views already.

    Raises:
        TypeError: for what is neither a batch, a list of images, nor a list of batches, and for pixels that are neither
            8 bits nor floating point.
        ValueError: for shapes that are no batch's, and for images that differ in more than size.
    """
    if isinstance(batch, Tensor):
        return [_batch(batch, "batch")], False
    if not isinstance(batch, (list, tuple)):
        remedy = how_to_give_an_image([batch], "stack the images")
        remedy = "write [image] for one image" if isinstance(batch, PIL.Image.Image) else remedy
        remedy = "write torch.from_numpy(batch)" if isinstance(batch, np.ndarray) and batch.ndim == 4 else remedy
        raise TypeError(
            "batch must be a tensor [B, C, H, W], a list of images, or a list of batches of views, got "
            f"{type(batch).__name__}; {remedy}"
        )
    if not batch:
        raise ValueError("batch must hold at least one image, got an empty list; skip an empty batch")
    if all(isinstance(item, Tensor) and item.ndim == 4 for item in batch):
        sources = [_batch(item, f"batch[{k}]") for k, item in enumerate(batch)]
        if len({(len(source.images), source.images[0].device) for source in sources}) > 1:
            raise ValueError(
                "views must hold the same images on one device, got batches of "
                f"{[len(source.images) for source in sources]} images; collate the views of one batch together"
            )
        return sources, True
    return [_list(batch)], False


def kind_of(image: Any) -> type:
    """What an image is to v2: a plain tensor, a ``tv_tensors.Image``, a ``PIL.Image.Image``."""
    if isinstance(image, PIL.Image.Image):
        return PIL.Image.Image
    return tv_tensors.Image if isinstance(image, (tv_tensors.Image, tv_tensors.Video)) else Tensor


def pixels_of(image: Any, name: str) -> Tensor:
    """The pixels ``[C, H, W]`` of an image, as a plain tensor.

    Raises:
        TypeError: for what is no image, and for a PIL image of another mode than gray or RGB, with alpha or without.
    """
    if isinstance(image, PIL.Image.Image):
        if image.mode not in _PIL_MODES:
            raise TypeError(
                f"{name} must be a PIL image of mode {', '.join(_PIL_MODES)}, got {image.mode!r}, whose numbers mean "
                "something else; write image.convert('RGB')"
            )
        image = pixels_of_pil(image)  # channels last, as Pillow has them: kernels read either
    wrong = isinstance(image, tv_tensors.TVTensor) and not isinstance(image, tv_tensors.Image)
    if not isinstance(image, Tensor) or image.ndim != 3 or 0 in image.shape or wrong:
        shape = f" of shape {tuple(image.shape)}" if isinstance(image, (Tensor, np.ndarray)) else ""
        remedy = how_to_give_an_image([image], "what belongs to an image goes with it, [(image, label), ...]")
        raise TypeError(
            f"{name} must be an image (a tensor [C, H, W] with pixels, or a PIL image), got "
            f"{type(image).__name__}{shape}; {remedy}"
        )
    return image.as_subclass(Tensor)


def shown_as(pixels: Tensor, kind: type | None) -> Any:
    """An image of its own memory, of the kind that v2 would see."""
    if kind is PIL.Image.Image:
        return F.to_pil_image(pixels, mode=_PIL_MODES[len(pixels) - 1])
    return tv_tensors.Image(pixels.clone()) if kind == tv_tensors.Image else pixels.clone()


def one_size(images: Sequence[Tensor]) -> bool:
    """Whether the images of a list are of one size, so that they can be a batch."""
    return all(image.shape == images[0].shape for image in images)


def _batch(batch: Tensor, name: str) -> Source:
    if isinstance(batch, tv_tensors.TVTensor) and not isinstance(batch, (tv_tensors.Image, tv_tensors.Video)):
        raise TypeError(f"{name} must be images, got a {type(batch).__name__}; give the images alone")
    if batch.ndim != 4:
        hint = (
            "write images[None] for one image (a data set takes the pipeline itself)"
            if batch.ndim == 3
            else "stack images to [B, C, H, W]"
        )
        raise ValueError(f"{name} must have shape [B, C, H, W], got {tuple(batch.shape)}; {hint}")
    if 0 in batch.shape:
        raise ValueError(f"{name} must hold images with pixels, got shape {tuple(batch.shape)}; drop empty batches")
    _check_dtype(batch, name)
    plain = batch.as_subclass(Tensor) if isinstance(batch, tv_tensors.TVTensor) else batch  # a plain one is not traced
    return Source(plain, kind_of(batch))


def _list(batch: Sequence[Any]) -> Source:
    images = [pixels_of(image, f"batch[{i}]") for i, image in enumerate(batch)]
    for i, image in enumerate(images):
        _check_dtype(image, f"batch[{i}]")
    told = [_told(original, image) for original, image in zip(batch, images, strict=True)]
    odd = next((i for i, other in enumerate(told) if other != told[0]), None)
    if odd is not None:
        raise ValueError(
            f"images of a list must agree in type, channels, dtype and device, got batch[0], {told[0]}, and "
            f"batch[{odd}], {told[odd]}; convert them first (PIL: image.convert('RGB'))"
        )
    return Source(images, kind_of(batch[0]))


def _told(original: Any, image: Tensor) -> str:
    if isinstance(original, PIL.Image.Image):
        return f"a PIL image of mode {original.mode}"
    kind = "tv_tensors.Image" if kind_of(original) is tv_tensors.Image else "tensor"
    return f"a {kind} of {image.shape[0]} channels of {image.dtype} on {image.device}"


def _check_dtype(images: Tensor, name: str) -> None:
    if images.dtype != torch.uint8 and not images.dtype.is_floating_point:
        raise TypeError(f"{name} must be uint8 or floating point, got {images.dtype}; convert with v2.ToDtype")
