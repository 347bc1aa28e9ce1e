"""What every kernel does first: check the images, bring per-sample parameters to the images' leading shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.tv_tensors import TVTensor

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
LIMIT = 2**31 - 1  # numbers of one image are counted in 32 bits, in torch's resampling kernels too


class Target(NamedTuple):
    """What the parameters of a step must fit."""

    lead: torch.Size
    device: torch.device
    channels: int

    @classmethod
    def of(cls, images: Tensor) -> Target:
        """The target that a batch ``[..., C, H, W]`` is."""
        return cls(images.shape[:-3], images.device, images.shape[-3])

    def mask(self, where: Any, name: str = "where") -> Tensor | None:
        """``where`` as a bool tensor of one dimension, a value for each image, or None where it says "every image"."""
        mask = as_mask(name, where, self)
        return None if mask is None else mask.reshape(-1)

    def require(self, channels: tuple[int, ...]) -> None:
        """Raise unless images have one of these numbers of channels."""
        if channels and self.channels not in channels:
            raise ValueError(
                f"images must have {' or '.join(map(str, channels))} channels [..., C, H, W], got {self.channels}; "
                "permute images [..., H, W, C], and drop an alpha channel"
            )


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
    if math.prod(images.shape[-3:]) > LIMIT:
        raise ValueError(
            f"{name} must have C * H * W below 2**31, got shape {tuple(images.shape)}; cut the image into pieces"
        )
    return images.as_subclass(Tensor) if isinstance(images, TVTensor) else images


def as_size(size: Any) -> tuple[int, int]:
    """``size`` as ``(height, width)`` in pixels; one integer stands for a square."""
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
    name: str,
    value: Any,
    target: Target,
    *,
    rule: str,
    low: float = -math.inf,
    high: float = math.inf,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """``value`` as a tensor of shape ``lead``: a number is repeated, a tensor must have that shape (or none).

    The values of a CPU tensor are checked; those of a tensor on an accelerator are not, because looking at them would
    make the host wait.
    """
    lead, device, _ = target
    if isinstance(value, Tensor):
        if value.shape != lead and value.ndim:
            raise ValueError(
                f"{name} must be a number or have the images' leading shape {tuple(lead)}, got {tuple(value.shape)}"
            )
        if value.device != device and value.ndim:
            raise ValueError(f"{name} must be on the images' device {device}, got {value.device}; move it with .to()")
        if value.dtype is torch.bool or value.is_complex():
            raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
        if value.device.type == "cpu" and not torch.compiler.is_compiling():
            least, greatest = (v.item() for v in torch.aminmax(value.detach()))
            if not (low <= least and greatest <= high and math.isfinite(greatest) and math.isfinite(least)):
                raise ValueError(f"{name} must be {rule}, got values from {least} to {greatest}")
        return value.to(device=device, dtype=dtype).expand(lead)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(
            f"{name} must be a number or a tensor of one for each image, got {value!r} of type {type(value).__name__}"
        )
    if not (math.isfinite(value) and low <= float(value) <= high):
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    return torch.full(lead, float(value), dtype=dtype, device=device)


def as_mask(name: str, value: Any, target: Target) -> Tensor | None:
    """``value`` as a bool tensor of the leading shape, or None where it says "every image"."""
    lead, device, _ = target
    if value is None or value is True:
        return None
    if value is False:
        return torch.zeros(lead, dtype=torch.bool, device=device)
    if not isinstance(value, Tensor) or value.dtype is not torch.bool:
        kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a bool or a tensor of bool, one for each image, got {kind}")
    if value.shape != lead and value.ndim:
        raise ValueError(
            f"{name} must be a bool or have the images' leading shape {tuple(lead)}, got shape {tuple(value.shape)}"
        )
    if value.device != device and value.ndim:
        raise ValueError(f"{name} must be on the images' device {device}, got {value.device}; move it with .to()")
    return value.to(device).expand(lead)


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
    pixels: Tensor = boxes.long()
    if device.type == "cpu" and not torch.compiler.is_compiling():
        flat = pixels.reshape(len(sizes), -1, 4)
        start, length = flat[..., :2], flat[..., 2:]
        outside = ((start < 0) | (length < least) | (start + length > torch.tensor(sizes)[:, None])).any(-1)
        if outside.any():
            i, j = outside.nonzero()[0].tolist()
            height, width = sizes[i]
            raise ValueError(
                f"boxes must lie within the image, {height} x {width}, with sides of at least {least}: box "
                f"{i * flat.shape[1] + j} is (top, left, height, width) = {tuple(flat[i, j].tolist())}; clip it first"
            )
    return pixels


def fixed_shapes(tensor: Tensor) -> bool:
    """Whether shapes must not depend on values: on an accelerator (the host would wait) and under ``torch.compile``."""
    return tensor.device.type != "cpu" or torch.compiler.is_compiling()
