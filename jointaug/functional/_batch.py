"""What every kernel does first: check the images, bring per-sample parameters to the images' leading shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.tv_tensors import TVTensor

from .._validate import FLOATS


class Target(NamedTuple):
    """What the parameters of a step must fit."""

    lead: torch.Size
    device: torch.device
    channels: int

    @classmethod
    def of(cls, images: Tensor) -> Target:
        """The target that a batch ``[..., C, H, W]`` is."""
        return cls(images.shape[:-3], images.device, images.shape[-3])


def as_images(images: Any, name: str = "images") -> Tensor:
    """``images`` as a plain tensor, if it is ``[..., C, H, W]`` of a dtype that the kernels know, and not empty."""
    if not isinstance(images, Tensor):
        raise TypeError(
            f"{name} must be a tensor [..., C, H, W], got {type(images).__name__}; "
            "convert PIL images with torchvision.transforms.v2.functional.pil_to_tensor"
        )
    if images.ndim < 3:
        raise ValueError(
            f"{name} must have at least three dimensions [..., C, H, W], got shape {tuple(images.shape)}; "
            "add the channel with unsqueeze(-3)"
        )
    if images.dtype is not torch.uint8 and images.dtype not in FLOATS:
        raise TypeError(
            f"{name} must be uint8 or floating point, got {images.dtype}; "
            "convert with torchvision.transforms.v2.functional.to_dtype(..., scale=True)"
        )
    if images.numel() == 0:
        raise ValueError(
            f"{name} must hold at least one image of at least one pixel, got shape {tuple(images.shape)}; "
            "skip an empty batch"
        )
    return images.as_subclass(Tensor) if isinstance(images, TVTensor) else images


def as_size(size: Any) -> tuple[int, int]:
    """``size`` as ``(height, width)`` in pixels; one integer stands for a square."""
    if type(size) is tuple and len(size) == 2:  # what a pipeline has, whose next image should not wait for the rest
        height, width = size
        if type(height) is int and type(width) is int and height > 0 and width > 0:
            return height, width
    pair = (size, size) if isinstance(size, Integral) and not isinstance(size, bool) else size
    if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
        raise TypeError(f"size must be one integer or (height, width), got {size!r}")
    for side in pair:
        if isinstance(side, bool) or not isinstance(side, Integral):
            raise TypeError(f"size must hold integers (pixels), got {size!r}; round it first")
        if side < 1:
            raise ValueError(f"size must be at least 1 pixel on each side, got {size!r}")
    return int(pair[0]), int(pair[1])


def per_sample(
    name: str, value: Any, target: Target, *, rule: str, low: float = -math.inf, high: float = math.inf
) -> Tensor | float:
    """``value`` as a number for all images, or a tensor of one dimension with one for each.

    The values of a CPU tensor are checked; those of a tensor on an accelerator are not, because looking at them would
    make the host wait.
    """
    if type(value) is float and low <= value <= high and value - value == 0.0:  # finite: what one image mostly has
        return value
    if isinstance(value, Tensor):
        if value.dtype is torch.bool or value.is_complex():
            raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
        column = _fitting(name, value, target, "a number")
        if value.device.type == "cpu" and not torch.compiler.is_compiling():
            least, greatest = span(column)
            if not (low <= least and greatest <= high and math.isfinite(least) and math.isfinite(greatest)):
                raise ValueError(f"{name} must be {rule}, got values from {least} to {greatest}")
            if column.ndim == 0:
                return least
        return column
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, Real)):
        raise TypeError(
            f"{name} must be a number or a tensor of one for each image, got {value!r} of type {type(value).__name__}"
        )
    number = float(value)
    if not (math.isfinite(number) and low <= number <= high):
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    return number


def span(values: Tensor) -> tuple[float, float]:
    """Least and greatest of a CPU tensor; NaN if there is one."""
    if values.numel() > 16 or values.requires_grad:
        least, greatest = torch.aminmax(values.detach())
        return least.item(), greatest.item()
    numbers = values.reshape(-1).tolist()  # for a few numbers quicker than torch
    if math.isnan(sum(numbers)):
        return math.nan, math.nan
    return min(numbers), max(numbers)


def as_mask(name: str, value: Any, target: Target) -> Tensor | None:
    """``value`` as a bool tensor of one dimension, one for each image, or None where it says "every image"."""
    if value is None or value is True:
        return None
    if value is False:
        return torch.zeros(target.lead.numel(), dtype=torch.bool, device=target.device)
    if not isinstance(value, Tensor) or value.dtype is not torch.bool:
        kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a bool or a tensor of bool, one for each image, got {kind}")
    mask = _fitting(name, value, target, "a bool")
    return mask if mask.ndim else mask.expand(target.lead.numel())


def _fitting(name: str, value: Tensor, target: Target, other: str) -> Tensor:
    """A tensor of the leading shape, flattened; one without dimensions is brought to the device."""
    if not value.ndim:
        return value.to(target.device)
    if value.shape != target.lead:
        raise ValueError(
            f"{name} must be {other} or have the images' leading shape {tuple(target.lead)}, got {tuple(value.shape)}"
        )
    if value.device != target.device:
        raise ValueError(f"{name} must be on the images' device {target.device}, got {value.device}; use .to()")
    return value if value.ndim == 1 else value.reshape(-1)


def as_boxes(
    boxes: Any, lead: torch.Size, device: torch.device, sizes: Sequence[tuple[int, int]], *, least: int
) -> Tensor:
    """``boxes`` as an int64 tensor ``[*lead, 4]``, each within its image (checked on the CPU).

    ``sizes`` holds one (height, width) for all images, or one for each.
    """
    if not isinstance(boxes, Tensor):
        boxes = torch.tensor(boxes, device=device)
    if boxes.is_floating_point() or boxes.dtype is torch.bool or boxes.is_complex():
        raise TypeError(
            f"boxes must hold integer pixels (top, left, height, width), got {boxes.dtype}; round them first"
        )
    if boxes.shape != (*lead, 4):
        raise ValueError(
            f"boxes must have shape {(*lead, 4)} (top, left, height, width for each image), got {tuple(boxes.shape)}"
        )
    if boxes.device != device:
        raise ValueError(f"boxes must be on the images' device {device}, got {boxes.device}; move them with .to()")
    pixels: Tensor = boxes if boxes.dtype is torch.int64 else boxes.long()
    if device.type != "cpu" or torch.compiler.is_compiling():
        return pixels
    each = lead.numel() // len(sizes)  # boxes of one image, or all of them
    if lead.numel() <= 16:  # for a few boxes quicker than torch
        outside = [
            top < 0 or left < 0 or min(rows, columns) < least or top + rows > height or left + columns > width
            for (top, left, rows, columns), (height, width) in zip(
                pixels.reshape(-1, 4).tolist(), (s for s in sizes for _ in range(each)), strict=True
            )
        ]
        wrong = outside.index(True) if True in outside else -1
    else:
        start, length = pixels.reshape(len(sizes), -1, 4).tensor_split(2, -1)
        beyond = (
            ((start < 0) | (length < least) | (start + length > torch.tensor(sizes)[:, None])).flatten(0, 1).any(-1)
        )
        wrong = int(beyond.long().argmax()) if beyond.any() else -1
    if wrong >= 0:
        height, width = sizes[wrong // each]
        raise ValueError(
            f"boxes must lie within the image, {height} x {width}, with sides of at least {least}: box {wrong} is "
            f"(top, left, height, width) = {tuple(pixels.reshape(-1, 4)[wrong].tolist())}; clip it first"
        )
    return pixels


def fixed_shapes(tensor: Tensor) -> bool:
    """Whether shapes must not depend on values: on an accelerator (the host would wait) and under ``torch.compile``."""
    return tensor.device.type != "cpu" or torch.compiler.is_compiling()
