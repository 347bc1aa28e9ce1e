"""Rules of v2's conversions: what an image is, its dtype, and its unit."""

from __future__ import annotations

from functools import partial
from typing import Any

import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from .. import functional as K
from .._draws import SANITIZERS, ToTensor
from ._registry import planned
from ._view import View


@planned(v2.Normalize)
def _normalize(transform: v2.Normalize, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    if view.kind is PIL.Image.Image or not view.dtype.is_floating_point:
        got = "PIL images" if view.kind is PIL.Image.Image else str(view.dtype)
        image = "v2.ToImage() and " if view.kind is PIL.Image.Image else ""
        raise TypeError(
            f"{transform!r} needs floating point images, got {got}; put {image}v2.ToDtype(torch.float32, scale=True) "
            "before"
        )
    mean, std = (list(v) * view.channels if len(v) == 1 else list(v) for v in (transform.mean, transform.std))
    return view.step(K.normalize, mean, std)


@planned(v2.ToDtype, v2.ConvertImageDtype)
def _to_dtype(transform: Any, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    if view.kind is PIL.Image.Image:
        raise TypeError(f"{transform!r} leaves PIL images as they are; put v2.ToImage() before")
    dtype, scale = transform.dtype, getattr(transform, "scale", True)
    if isinstance(dtype, dict):
        if view.kind is not None and view.kind not in dtype and "others" not in dtype:
            named = ", ".join(getattr(key, "__name__", repr(key)) for key in dtype)
            raise ValueError(
                f"dtype must name the type of the images, {view.kind.__name__}, got ToDtype of {named}; add it, or "
                "'others'"
            )
        dtype = view.of_kind(dtype, transform)
    if dtype is None or dtype == view.dtype:
        return view
    if dtype is not torch.uint8 and not dtype.is_floating_point:  # no kernel takes it: by v2's own function
        return view.call(partial(F.to_dtype, dtype=dtype, scale=scale)).cast(dtype)
    return view.cast(dtype) if scale else view.call(partial(Tensor.to, dtype=dtype)).cast(dtype)


@planned(
    *(v2.Identity, v2.ClampBoundingBoxes, v2.ClampKeyPoints, v2.ConvertBoundingBoxFormat, v2.SetClampingMode),
    *SANITIZERS,
)
def _as_is(transform: Any, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view


@planned(v2.ToImage)
def _to_image(transform: v2.ToImage, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view.having(kind=tv_tensors.Image)


@planned(v2.ToPureTensor)
def _to_pure_tensor(transform: v2.ToPureTensor, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view.having(kind=Tensor) if view.kind is tv_tensors.Image else view


@planned(v2.PILToTensor)
def _pil_to_tensor(transform: v2.PILToTensor, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view.having(kind=Tensor) if view.kind is PIL.Image.Image else view


@planned(v2.ToTensor)
def _to_tensor(transform: v2.ToTensor, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view.cast(torch.float32).having(kind=Tensor) if view.kind is PIL.Image.Image else view


@planned(ToTensor)
def _to_floats(transform: ToTensor, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    """By v1's, which makes floats of tensors too: see `jointaug._draws`."""
    return view.cast(torch.float32).having(kind=Tensor)
