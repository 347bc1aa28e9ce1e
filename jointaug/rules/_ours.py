"""Rules of this library's transforms: the parameters of one view, already drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .. import functional as K
from ..transforms import ContrastiveCrop, JointBlur, JointColor, JointCrop, MultiResolution, UncroppedView
from ._registry import register
from ._view import Draws, View


@register(JointCrop, ContrastiveCrop)
def _joint_crop(transform: JointCrop, view: View, params: dict[str, Any]) -> View:
    return view.cut(params["box"], transform.size, transform.interpolation, transform.antialias)


@register(MultiResolution)
def _multi_resolution(transform: MultiResolution, view: View, params: dict[str, Any]) -> View:
    return view.cut(params["box"], params["size"], transform.interpolation, transform.antialias)


@register(JointBlur)
def _joint_blur(transform: JointBlur, view: View, params: dict[str, Any]) -> View:
    where = _sometimes(params["applied"], transform.p)
    return view.step(K.gaussian_blur, params["sigma"], transform.kernel_size, transform.max_sigma, where=where)


@register(JointColor)
def _joint_color(transform: JointColor, view: View, params: dict[str, Any]) -> View:
    factors = [params[name] for name in ("brightness", "contrast", "saturation", "hue")]
    return view.step(K.color_jitter, *factors, params["order"], where=_sometimes(params["applied"], transform.p))


@register(UncroppedView)
def _uncropped(transform: UncroppedView, view: View, draws: Draws) -> View:  # noqa: ARG001
    return view.cut(view.whole, transform.size, transform.interpolation, transform.antialias)


def _sometimes(applied: Tensor, p: Sequence[float]) -> Tensor | None:
    return None if min(p) == 1.0 else applied
