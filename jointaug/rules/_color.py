"""Rules of v2's color steps and blur."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Final

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from .. import functional as K
from ._draws import acts
from ._registry import register
from ._view import Draws, View

_ORDERS: Final = tuple(permutations(range(4)))


@register(v2.ColorJitter)
def _color_jitter(transform: v2.ColorJitter, view: View, draws: Draws) -> View:
    row = draws.row(5)
    order = torch.tensor(_ORDERS, device=view.device)[(row[4] * len(_ORDERS)).long()]
    neutral = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
    factors: dict[str, Tensor | float] = {}
    for (name, nothing), u in zip(neutral.items(), row[:4], strict=True):
        between = getattr(transform, name)
        factors[name] = nothing if between is None else between[0] + u * (between[1] - between[0])
    draws.record(transform, {**factors, "order": order})
    if all(getattr(transform, name) is None for name in neutral):
        return view
    return view.step(K.color_jitter, *factors.values(), order)


@register(v2.RandomGrayscale)
def _random_grayscale(transform: v2.RandomGrayscale, view: View, draws: Draws) -> View:
    where = acts(transform, draws)
    return view if view.channels == 1 else view.step(K.rgb_to_grayscale, where=where)


@register(v2.Grayscale)
def _grayscale(transform: v2.Grayscale, view: View, draws: Draws) -> View:  # noqa: ARG001
    channels = transform.num_output_channels
    if channels != view.channels:
        return replace(view.call(partial(K.rgb_to_grayscale, num_output_channels=channels)), channels=channels)
    return view if channels == 1 else view.step(K.rgb_to_grayscale)


@register(v2.GaussianBlur)
def _gaussian_blur(transform: v2.GaussianBlur, view: View, draws: Draws) -> View:
    (u,) = draws.row(1)
    low, high = transform.sigma
    sigma = low + u * (high - low)
    draws.record(transform, {"sigma": sigma})
    return view.step(K.gaussian_blur, sigma, list(transform.kernel_size), float(high))


@register(v2.RandomSolarize)
def _solarize(transform: v2.RandomSolarize, view: View, draws: Draws) -> View:
    white = 255.0 if view.dtype == torch.uint8 else 1.0
    if transform.threshold > white:
        raise TypeError(
            f"threshold must be at most {white:g} for images of {view.dtype}, got {transform!r}; "
            "divide it as the images were"
        )
    threshold = transform.threshold / white
    return view.step(K.solarize, threshold, where=acts(transform, draws))


@register(v2.RandomPosterize)
def _posterize(transform: v2.RandomPosterize, view: View, draws: Draws) -> View:
    return view.step(K.posterize, transform.bits, where=acts(transform, draws))


@register(v2.RandomInvert)
def _invert(transform: v2.RandomInvert, view: View, draws: Draws) -> View:
    return view.step(K.invert, where=acts(transform, draws))


@register(v2.RandomEqualize)
def _equalize(transform: v2.RandomEqualize, view: View, draws: Draws) -> View:
    return view.call(F.equalize, where=acts(transform, draws))
