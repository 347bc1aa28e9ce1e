"""Kernels for tensors, on every kind of image that v2 knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from .. import functional as K
from ..functional._native import backend
from ..functional.crop import MODES
from ..views import is_bare

_EIGHT_BIT_MODES = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "YCbCr"})
_PILLOW_CODES = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


def kernels_take(inpt: Any) -> bool:
    """Whether an image's pixels are of a type that this library's kernels know: 8 bits, or floating point.

    The others (16 and 32-bit integers, booleans) go through v2's own kernels.
    """
    if isinstance(inpt, PIL.Image.Image):
        return inpt.mode in _EIGHT_BIT_MODES
    return not isinstance(inpt, Tensor) or inpt.dtype is torch.uint8 or inpt.dtype.is_floating_point


def on_pixels(inpt: Any, kernel: Callable[[Tensor], Tensor]) -> Any:
    """``kernel`` of an image's pixels, as an image of the same kind; masks, boxes and key points as they are.

    Args:
        inpt: a PIL image, a plain tensor, a tv_tensor.
        kernel: maps a tensor ``[..., C, H, W]`` to one of the same dtype.
    """
    if isinstance(inpt, PIL.Image.Image):
        return F.to_pil_image(kernel(F.pil_to_tensor(inpt)), mode=inpt.mode)
    if isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)):
        return tv_tensors.wrap(kernel(inpt.as_subclass(Tensor)), like=inpt)
    return kernel(inpt) if is_bare(inpt) else inpt


def resized_crop(
    transform: v2.Transform,
    inpt: Any,
    box: Sequence[int],
    size: tuple[int, int],
    interpolation: InterpolationMode | str | int,
    antialias: bool,
) -> Any:
    """Any v2 input cropped to ``box`` (top, left, height, width) and resized, as v2 does it.

    One image on the CPU goes through the native kernel, which is several times faster and agrees with v2's to one grey
    level; everything else through v2's own kernels.
    """
    mode = interpolation_mode(interpolation)
    if _goes_native(inpt) and mode in MODES:
        return on_pixels(
            inpt, lambda image: K.resized_crop(image, box, size, interpolation=mode, antialias=bool(antialias))
        )
    return transform._call_kernel(  # noqa: SLF001
        F.resized_crop, inpt, *box, size=list(size), interpolation=interpolation, antialias=antialias
    )


def _goes_native(inpt: Any) -> bool:
    return (
        isinstance(inpt, Tensor)
        and (is_bare(inpt) or isinstance(inpt, tv_tensors.Image))
        and inpt.ndim == 3
        and inpt.is_cpu
        and not inpt.requires_grad
        and (inpt.dtype is torch.uint8 or inpt.dtype is torch.float32)
        and backend() != "torch"
    )


def checked_interpolation(interpolation: InterpolationMode | str | int) -> InterpolationMode | str | int:
    """An interpolation as it was given, if there is such a one."""
    interpolation_mode(interpolation)
    return interpolation


def interpolation_mode(interpolation: InterpolationMode | str | int) -> InterpolationMode:
    """An interpolation as the kernels take it, from what v2 takes.

    Raises:
        ValueError: for a name or a Pillow code that is none.
    """
    name = _PILLOW_CODES.get(interpolation, str(interpolation)) if isinstance(interpolation, int) else interpolation
    if isinstance(name, str):
        if name not in (known := [mode.value for mode in InterpolationMode]):
            raise ValueError(f"interpolation must be one of {', '.join(known)}, got {interpolation!r}; pick one")
        return InterpolationMode(name)
    return name
