"""Crop, resize and mirror in one step, each image with boxes of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode

from .._validate import resized_size
from ._batch import Target, as_boxes, as_images, as_mask, as_size
from ._program import by_view, run
from ._resample import Crop

MODES = {
    InterpolationMode.NEAREST: "nearest",
    InterpolationMode.NEAREST_EXACT: "nearest-exact",
    InterpolationMode.BILINEAR: "bilinear",
    InterpolationMode.BICUBIC: "bicubic",
}

INTERPOLATIONS = tuple(MODES)  # no set: Dynamo of torch 2.8 looks into none
"""Filters that the kernels have; Lanczos and Pillow's own are not among them."""


def resized_crop(
    images: Tensor | Sequence[Tensor],
    boxes: Tensor | Sequence[Any],
    size: int | Sequence[int],
    *,
    flip: bool | Tensor | None = None,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    antialias: bool = True,
    clip: bool | None = None,
) -> Tensor:
    """Cut a box out of each image, resize it, and mirror it where asked.

    Args:
        images: ``[..., C, H, W]``, any number of channels, uint8 or floating point, of any strides; or a sequence of B
            images ``[C, H_i, W_i]`` of different sizes, which counts as a batch of leading shape ``[B]``. dtype and
            device are kept.
        boxes: ``[..., 4]`` integers (top, left, height, width) in pixels, within the image. With one more dimension
            than the images' leading ones, ``[..., V, 4]``, V views are cut out of each image, which is not copied for
            it.
        size: of the result, ``(height, width)`` or one side for a square.
        flip: mirror left and right: a bool, or a bool tensor of shape ``boxes.shape[:-1]``.
        interpolation: NEAREST, NEAREST_EXACT, BILINEAR or BICUBIC.
        antialias: widen the filter where the box shrinks (bilinear and bicubic only), as Pillow does.
        clip: keep what bicubic gives between black and white, which it overshoots: after the columns and after the
            rows, as torch does with uint8 on the CPU. By default uint8 images are clipped and floats are not; floats
            that stand for a uint8 image (on [0, 1], between two steps) should be.

    Returns:
        ``[..., C, h, w]`` or ``[..., V, C, h, w]``; with one leading dimension, ``result[:, v]`` is contiguous.

    Each result is that of ``torchvision.transforms.v2.functional.resized_crop`` on the box. Filter weights are computed
    in float32 in torch's order of operations: exact weights would be further from it (2e-5) than these (1e-7). uint8
    images are computed in float32 and rounded once. (torchvision's own CPU path for uint8 rounds between its two
    passes, too, from which it is a level away at most, bicubic included.)

    Raises:
        ValueError: for a box that is empty or leaves its image, a size below 1, shapes or devices that do not fit, an
            empty batch.
        TypeError: for an entry of the sequence that is not an image (its index is named), boxes that are not integers,
            other dtypes.
    """
    source, lead, crop, outer = checked_crop(images, boxes, size, flip, interpolation, antialias, clip)
    first = source[0]
    return by_view(run(source, crop, [], first.dtype, levels=True), lead, outer)


def checked_crop(
    images: Any,
    boxes: Any,
    size: Any,
    flip: Any,
    interpolation: Any,
    antialias: bool,
    clip: bool | None,
) -> tuple[Tensor | list[Tensor], torch.Size, Crop, torch.Size]:
    """The images ``[N, C, H, W]`` or a list of N, their leading shape, the checked crop, its results' leading shape."""
    height, width = as_size(size)
    mode = checked_mode(interpolation)
    source, lead = as_source(images)
    first = source[0]
    resized_size(size, first.shape[0], height, width)
    if not isinstance(boxes, Tensor):
        boxes = torch.tensor(boxes, device=first.device)
    outer = boxes.shape[:-1] if boxes.ndim == len(lead) + 2 else lead
    sizes = [(image.shape[-2], image.shape[-1]) for image in (source if isinstance(source, list) else [source])]
    boxes = as_boxes(boxes, outer, first.device, sizes, least=1)
    mask = None if flip is None or flip is False else as_mask("flip", flip, Target(outer, first.device, first.shape[0]))
    if mask is None and flip is not None and flip is not False:
        mask = torch.ones(outer.numel(), dtype=torch.bool, device=first.device)
    widens = bool(antialias) and mode.startswith("bi")
    clips = mode == "bicubic" and (first.dtype is torch.uint8 if clip is None else bool(clip))
    crop = Crop(boxes.reshape(-1, 4), mask, (height, width), mode, widens, clips)
    return source, lead, crop, outer


def checked_mode(interpolation: Any) -> str:
    """A filter by the name that ``torch.nn.functional.interpolate`` has for it."""
    if interpolation not in MODES:
        names = ", ".join(mode.name for mode in MODES)
        raise ValueError(f"interpolation must be an InterpolationMode out of {names}, got {interpolation!r}")
    return MODES[interpolation]


def as_source(images: Any) -> tuple[Tensor | list[Tensor], torch.Size]:
    """A batch ``[N, C, H, W]`` or a list of N images ``[C, H_i, W_i]``, and the leading shape."""
    if isinstance(images, Tensor):
        batch = as_images(images)
        return batch.reshape(-1, *batch.shape[-3:]), batch.shape[:-3]
    if not isinstance(images, Sequence) or isinstance(images, (str, bytes)):
        raise TypeError(
            f"images must be a tensor [..., C, H, W] or a sequence of images [C, H, W], got {type(images).__name__}"
        )
    if len(images) == 0:
        raise ValueError("images must hold at least one image, got an empty sequence; skip an empty batch")
    source = [as_images(image, f"images[{i}]") for i, image in enumerate(images)]
    first = source[0]
    for i, image in enumerate(source):
        if image.ndim != 3:
            raise ValueError(
                f"images[{i}] must be one image [C, H, W], got shape {tuple(image.shape)}; "
                "give a batch as one tensor [B, C, H, W]"
            )
        for what in ("dtype", "device"):
            if getattr(image, what) != getattr(first, what):
                raise ValueError(
                    f"images[{i}] must have the {what} of images[0], {getattr(first, what)}, got {getattr(image, what)}"
                )
        if image.shape[0] != first.shape[0]:
            raise ValueError(
                f"images[{i}] must have the {first.shape[0]} channels of images[0], got shape {tuple(image.shape)}; "
                "convert grayscale images to RGB first"
            )
    return source, torch.Size((len(source),))
