"""Rules of v2's color steps and blur."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import PIL.Image
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from .. import functional as K
from ._registry import planned
from ._view import View
from ._written import written_on

_NEUTRAL: Final = {"brightness_factor": 1.0, "contrast_factor": 1.0, "saturation_factor": 1.0, "hue_factor": 0.0}


@planned(v2.ColorJitter)
def _color_jitter(transform: v2.ColorJitter, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    if all(params[name] is None for name in _NEUTRAL):
        return view
    factors = [neutral if params[name] is None else params[name] for name, neutral in _NEUTRAL.items()]
    return view.step(K.color_jitter, *factors, params["fn_idx"])


@planned(v2.RandomGrayscale)
def _random_grayscale(transform: v2.RandomGrayscale, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view if view.channels == 1 else view.step(K.rgb_to_grayscale, where=params["applied"])


@planned(v2.Grayscale)
def _grayscale(transform: v2.Grayscale, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    channels = transform.num_output_channels
    if channels != view.channels:
        return view.call(partial(K.rgb_to_grayscale, num_output_channels=channels)).having(channels=channels)
    return view if channels == 1 else view.step(K.rgb_to_grayscale)


@planned(v2.RGB)
def _rgb(transform: v2.RGB, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    if view.channels == 2 and view.kind is not PIL.Image.Image:
        raise ValueError("RGB needs images of 1, 3 or more channels, got 2; take the gray one, images[:, :1]")
    wanted = 3 if view.kind is PIL.Image.Image else max(view.channels, 3)
    return view if view.channels == wanted else view.call(_with_colors).having(channels=wanted)


def _with_colors(images: Tensor) -> Tensor:
    """Gray (without its alpha) three times over; colors without their alpha."""
    colors = images[:, :1].expand(-1, 3, -1, -1) if images.shape[1] < 3 else images[:, :3]
    return colors.contiguous()


@planned(v2.GaussianBlur)
def _gaussian_blur(transform: v2.GaussianBlur, view: View, params: dict[str, Any]) -> View:
    return view.step(K.gaussian_blur, params["sigma"][0], list(transform.kernel_size), float(transform.sigma[1]))


@planned(v2.RandomSolarize)
def _solarize(transform: v2.RandomSolarize, view: View, params: dict[str, Any]) -> View:
    white = 255.0 if view.dtype == torch.uint8 else 1.0
    if transform.threshold > white:
        raise TypeError(
            f"threshold must be at most {white:g} for images of {view.dtype}, got {transform!r}; "
            "divide it as the images were"
        )
    return view.step(K.solarize, transform.threshold / white, where=params["applied"])


@planned(v2.RandomPosterize)
def _posterize(transform: v2.RandomPosterize, view: View, params: dict[str, Any]) -> View:
    return view.step(K.posterize, transform.bits, where=params["applied"])


@planned(v2.RandomInvert)
def _invert(transform: v2.RandomInvert, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view.step(K.invert, where=params["applied"])


@planned(v2.RandomEqualize)
def _equalize(transform: v2.RandomEqualize, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view.call(F.equalize, where=params["applied"])


@planned(v2.RandomAutocontrast)
def _autocontrast(transform: v2.RandomAutocontrast, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view.call(F.autocontrast, where=params["applied"])


@planned(v2.RandomAdjustSharpness)
def _sharpness(transform: v2.RandomAdjustSharpness, view: View, params: dict[str, Any]) -> View:
    return view.call(partial(_sharpened, factor=transform.sharpness_factor), where=params["applied"])


def _sharpened(images: Tensor, *, factor: float) -> Tensor:
    with written_on(images.device):
        sharpened: Tensor = F.adjust_sharpness(images, factor)
    return sharpened


@planned(v2.RandomChannelPermutation)
def _permutation(transform: v2.RandomChannelPermutation, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view.call(_permuted, view.own(params["permutation"]))


def _permuted(images: Tensor, orders: Tensor) -> Tensor:
    return images.gather(1, orders[:, :, None, None].expand_as(images))


@planned(v2.RandomPhotometricDistort)
def _distort(transform: v2.RandomPhotometricDistort, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    """v2's steps one after another, contrast in one of two places."""
    first = params["contrast_before"]
    view = view.step(K.adjust_brightness, params["brightness_factor"])
    view = view.step(K.adjust_contrast, params["contrast_factor"], where=first)
    view = view.step(K.adjust_saturation, params["saturation_factor"])
    view = view.step(K.adjust_hue, params["hue_factor"])
    view = view.step(K.adjust_contrast, params["contrast_factor"], where=not first if view.alone else ~first)
    return view.call(_permuted, view.own(params["channel_permutation"]))
