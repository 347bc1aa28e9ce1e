"""Kernels for tensors, on every kind of image that v2 knows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from .. import functional as K
from .._pillow import pixels_of_pil
from .._validate import FLOATS, interpolation_mode
from ..views import is_bare

LIGHT: Final = ("L", "LA", "RGB", "RGBA", "RGBX")
"""Pillow's modes whose numbers are light, from black at 0 to white at 255."""
LINEAR: Final = (*LIGHT, "CMYK", "YCbCr", "I", "F")
"""Pillow's modes whose numbers may be averaged, and that can be made again from a tensor."""

_REMEDIES: Final = {
    "1": "image.convert('L')",
    "PA": "image.convert('RGBA')",
    "RGBa": "image.convert('RGBA')",
    "La": "image.convert('LA')",
    "LAB": "PIL.ImageCms.profileToProfile(image, lab, srgb, outputMode='RGB')",
    **dict.fromkeys(("P", "HSV", "CMYK", "YCbCr"), "image.convert('RGB')"),
}
_TO_TENSOR: Final = "v2.functional.pil_to_tensor(image).float() / white, with white = 65535 for 16 bits"
_INDEXED: Final = {"PA": "indices into a palette", "HSV": "hues, which are angles"}
_NEAREST: Final = (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT)
_BITS: Final = {
    torch.bool: torch.uint8,
    torch.int8: torch.uint8,
    torch.int16: torch.float32,
    torch.uint16: torch.float32,
    torch.int32: torch.float32,
    torch.uint32: torch.float32,
    torch.int64: torch.float64,
    torch.uint64: torch.float64,
}
"""The integers other than uint8, each with a dtype that v2 resizes as it is and that has room for its bits."""


def check_pixels(inpt: Any, taker: object, modes: Sequence[str]) -> None:
    """Refuse an image whose numbers are none that ``taker`` can work on.

    Raises:
        TypeError: for a PIL image of a mode that is not among ``modes``, or a tensor that holds neither integers nor
            floats of 16 to 64 bits.
    """
    if isinstance(inpt, PIL.Image.Image):
        if inpt.mode not in modes:
            raise TypeError(
                f"{type(taker).__name__} takes PIL images of mode {', '.join(modes)}, got one of mode {inpt.mode!r}; "
                f"convert it first: {_REMEDIES.get(inpt.mode, _TO_TENSOR)}"
            )
    elif _is_image(inpt) and inpt.dtype is not torch.uint8 and inpt.dtype not in FLOATS and inpt.dtype not in _BITS:
        raise TypeError(
            f"{type(taker).__name__} takes images of integers, or of floats of 16 to 64 bits, got {inpt.dtype}; "
            "convert them first: image.float()"
        )


def on_pixels(inpt: Any, kernel: Callable[[Tensor], Tensor], *, unit: bool = False) -> Any:
    """``kernel`` of an image's pixels, as an image of the same kind; masks, boxes and key points as they are.

    Args:
        inpt: a PIL image, a plain tensor, a tv_tensor.
        kernel: maps a tensor ``[..., C, H, W]``, uint8 or floating point, to one of the same dtype.
        unit: whether the kernel counts in whites: other integers are then divided by the greatest of their dtype.
    """
    if isinstance(inpt, PIL.Image.Image):
        return F.to_pil_image(_in_dtype(pixels_of_pil(inpt), kernel, unit=unit), mode=inpt.mode)
    if isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)):
        return tv_tensors.wrap(_in_dtype(inpt.as_subclass(Tensor), kernel, unit=unit), like=inpt)
    return _in_dtype(inpt, kernel, unit=unit) if is_bare(inpt) else inpt


def _in_dtype(image: Tensor, kernel: Callable[[Tensor], Tensor], *, unit: bool = False) -> Tensor:
    """``kernel`` of an image, in the image's dtype: integers other than uint8 by way of floats.

    They are rounded once, and what leaves the range of the dtype is clamped to it (a cast would wrap around). The
    floats hold integers of up to 32 bits exactly, those of 64 bits up to 2**53.
    """
    if image.dtype not in _BITS:
        return kernel(image)
    low, high = (0, 1) if image.dtype is torch.bool else (torch.iinfo(image.dtype).min, torch.iinfo(image.dtype).max)
    white = float(high) if int(float(high)) == high else math.nextafter(float(high), 0.0)
    levels = image.to(torch.float32 if image.dtype.itemsize <= 2 else torch.float64)
    levels = kernel(levels / white) * white if unit else kernel(levels)
    return levels.round().clamp(low, white).to(image.dtype)


def resized(
    transform: v2.Transform,
    inpt: Any,
    size: tuple[int, int],
    interpolation: InterpolationMode | str | int,
    antialias: bool,
) -> Any:
    """Any v2 input resized to ``size``, as v2 does it; integers of every width are rounded and clamped.

    Raises:
        TypeError: for a PIL image whose numbers must not be averaged, or another dtype (see `check_pixels`).
        ValueError: for an interpolation that Pillow alone knows, on a tensor.
    """
    mode = interpolation_mode(interpolation)
    _check_averaging(transform, inpt, mode)

    def kernel(image: Any) -> Any:
        return transform._call_kernel(  # noqa: SLF001
            F.resize, image, size=list(size), interpolation=mode, antialias=antialias
        )

    if not _is_wide(inpt):
        return kernel(inpt)
    change = _moved if isinstance(inpt, tv_tensors.Mask) or mode in _NEAREST else _in_dtype
    if is_bare(inpt):
        return change(inpt, kernel)
    pixels = change(
        inpt.as_subclass(Tensor), lambda levels: kernel(tv_tensors.wrap(levels, like=inpt)).as_subclass(Tensor)
    )
    return tv_tensors.wrap(pixels, like=inpt)


def _moved(image: Tensor, kernel: Callable[[Tensor], Tensor]) -> Tensor:
    """`_in_dtype` for a kernel that moves pixels and does not compute with them: exact for integers of every width."""
    bits = _BITS[image.dtype]
    if bits.itemsize != image.dtype.itemsize:
        return kernel(image.to(bits)).to(image.dtype)
    return kernel(image.view(bits)).view(image.dtype)


def resized_crop(
    transform: v2.Transform,
    inpt: Any,
    box: Sequence[int],
    size: tuple[int, int],
    interpolation: InterpolationMode | str | int,
    antialias: bool,
) -> Any:
    """Any v2 input cropped to ``box`` (top, left, height, width) and resized, as v2 does it.

    One image on the CPU goes through the native kernel, which is several times faster and agrees with v2's to one gray
    level; everything else through v2's own kernels.

    Raises:
        TypeError: as `resized`.
        ValueError: as `resized`.
    """
    mode = interpolation_mode(interpolation)
    if _goes_native(inpt) and mode in K.INTERPOLATIONS:
        return on_pixels(
            inpt, lambda image: K.resized_crop(image, box, size, interpolation=mode, antialias=bool(antialias))
        )
    if _is_wide(inpt):
        return resized(transform, F.crop(inpt, *box), size, interpolation, antialias)
    _check_averaging(transform, inpt, mode)
    return transform._call_kernel(  # noqa: SLF001
        F.resized_crop, inpt, *box, size=list(size), interpolation=mode, antialias=antialias
    )


def _goes_native(inpt: Any) -> bool:
    return (
        isinstance(inpt, Tensor)
        and (is_bare(inpt) or isinstance(inpt, tv_tensors.Image))
        and inpt.ndim == 3
        and inpt.is_cpu
        and not inpt.requires_grad
        and (inpt.dtype is torch.uint8 or inpt.dtype is torch.float32)
        and K.backend() != "torch"
    )


def _is_image(inpt: Any) -> bool:
    return is_bare(inpt) or isinstance(inpt, (tv_tensors.Image, tv_tensors.Video))


def _is_wide(inpt: Any) -> bool:
    """Whether pixels are integers other than uint8, which v2's own kernels would cast without a bound."""
    return (_is_image(inpt) or isinstance(inpt, tv_tensors.Mask)) and inpt.dtype in _BITS


def _check_averaging(taker: object, inpt: Any, mode: InterpolationMode) -> None:
    if isinstance(inpt, PIL.Image.Image):
        if inpt.mode in _INDEXED and mode not in _NEAREST:
            raise TypeError(
                f"{type(taker).__name__} averages pixels, and those of a PIL image of mode {inpt.mode!r} hold "
                f"{_INDEXED[inpt.mode]}; convert it first: {_REMEDIES[inpt.mode]}, or use interpolation='nearest'"
            )
    elif _is_image(inpt):
        check_pixels(inpt, taker, ())
        if inpt.ndim < 3 or 0 in inpt.shape[-2:]:
            raise ValueError(
                f"{type(taker).__name__} takes images [..., C, H, W] of at least one pixel, got shape "
                f"{tuple(inpt.shape)}; a grayscale image is [1, H, W]"
            )
        if mode in (InterpolationMode.BOX, InterpolationMode.HAMMING):
            raise ValueError(
                f"interpolation must be nearest, nearest-exact, bilinear, bicubic or lanczos for tensors, got "
                f"{mode.value!r}, which Pillow alone knows; give PIL images, or use 'bilinear'"
            )
