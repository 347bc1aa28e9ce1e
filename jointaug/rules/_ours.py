"""Rules of this library's transforms: the parameters of one view, already drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functional as K
from ..transforms import ContrastiveCrop, JointBlur, JointColor, JointCrop, MultiResolution, UncroppedView
from ._registry import planned, register
from ._view import View


@planned(JointCrop, ContrastiveCrop)
def _joint_crop(transform: JointCrop, view: View, params: dict[str, Any]) -> View:
    return view.cut(params["box"], transform.size, transform.interpolation, transform.antialias)


@planned(MultiResolution)
def _multi_resolution(transform: MultiResolution, view: View, params: dict[str, Any]) -> View:
    return view.cut(params["box"], params["size"], transform.interpolation, transform.antialias)


@planned(JointBlur)
def _joint_blur(transform: JointBlur, view: View, params: dict[str, Any]) -> View:
    where = _sometimes(params["applied"], transform.p)
    return view.step(K.gaussian_blur, params["sigma"], transform.kernel_size, transform.max_sigma, where=where)


@planned(JointColor)
def _joint_color(transform: JointColor, view: View, params: dict[str, Any]) -> View:
    factors = [params[name] for name in ("brightness", "contrast", "saturation", "hue")]
    return view.step(K.color_jitter, *factors, params["order"], where=_sometimes(params["applied"], transform.p))


def _nothing(transform: UncroppedView, row: Any, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    return {}


@register(UncroppedView, width=0, params=_nothing)
def _uncropped(transform: UncroppedView, view: View, params: dict[str, Any]) -> View:  # noqa: ARG001
    return view.cut(view.whole, transform.size, transform.interpolation, transform.antialias)


def _sometimes(applied: Any, p: Sequence[float]) -> Any:
    return None if min(p) == 1.0 else applied
