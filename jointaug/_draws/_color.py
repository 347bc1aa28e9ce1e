"""Of v2's color steps and blur."""

from __future__ import annotations

from typing import Any, Final

from torchvision.transforms import v2

from ..chance import Row
from ._numbers import any_order, between, chosen_where, offset, permutation
from ._registry import draws

_CHANNELS: Final = 16
"""Uniforms for an order of channels: one for each, of as many as an image may have."""


@draws(v2.ColorJitter, width=5)
def _color_jitter(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    params = {"fn_idx": any_order(row[4])}
    for name, u in zip(("brightness", "contrast", "saturation", "hue"), row[:4], strict=True):
        span = getattr(transform, name)
        params[f"{name}_factor"] = None if span is None else between(span, u)
    return params


@draws(v2.GaussianBlur, width=1)
def _gaussian_blur(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    sigma = between(transform.sigma, row[0])
    return {"sigma": [sigma, sigma]}


@draws(v2.RandomGrayscale, width=1)
def _grayscale(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    return {"applied": row[0] < transform.p, "num_input_channels": seen.channels}


@draws(
    *(v2.RandomAdjustSharpness, v2.RandomAutocontrast, v2.RandomEqualize, v2.RandomHorizontalFlip, v2.RandomInvert),
    *(v2.RandomPosterize, v2.RandomSolarize, v2.RandomVerticalFlip),
    width=1,
)
def _whether(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    return {"applied": row[0] < transform.p}


@draws(v2.JPEG, width=1)
def _jpeg(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    least, most = transform.quality
    return {"quality": least + offset(most - least, row[0])}


@draws(v2.RandomChannelPermutation, width=_CHANNELS)
def _channels(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    return {"permutation": permutation(seen.channels, row)}


_DISTORTIONS: Final = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}
"""What a distortion may change, and the factor that changes nothing."""


def _distorted(transform: Any, inpt: Any, params: dict[str, Any]) -> Any:
    """By v2, which has None for what is left as it is: a hue of PIL images would not survive a turn by 0."""
    neutral = {f"{name}_factor": value for name, value in _DISTORTIONS.items()}
    same = {name: None if params[name] == value else params[name] for name, value in neutral.items()}
    order = params["channel_permutation"]
    same["channel_permutation"] = None if order == sorted(order) else order
    return transform.transform(inpt, params | same)


@draws(v2.RandomPhotometricDistort, width=10 + _CHANNELS, act=_distorted)
def _distort(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    """What v2 leaves out (None) is a factor that changes nothing, or channels in their order."""
    params: dict[str, Any] = {}
    for k, (name, neutral) in enumerate(_DISTORTIONS.items()):
        factor = between(getattr(transform, name), row[k])
        params[f"{name}_factor"] = chosen_where(row[4 + k] < transform.p, factor, neutral)
    params["contrast_before"] = row[8] < 0.5
    kept = list(range(seen.channels))
    params["channel_permutation"] = chosen_where(row[9] < transform.p, permutation(seen.channels, row[10:]), kept)
    return params
