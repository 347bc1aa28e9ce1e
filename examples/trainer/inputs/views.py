"""The views of a recipe, made of jointaug's transforms and v2's; `fuse` runs them in both data paths."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torchvision.transforms import v2

from jointaug import (
    ContrastiveCrop,
    JointBlur,
    JointColor,
    JointCrop,
    MultiResolution,
    MultiView,
    PerView,
    Shared,
    UncroppedView,
)
from jointaug.distributions import IndependentPair, JointPair

from .randaugment import RandAugment
from .settings import RANDAUGMENT, Settings

Transform = Any  # of jointaug or of torchvision, which has no types
SMALL_IMAGES = 64  # pixels
SOLARIZED = 128  # gray levels from which on they are inverted: images are uint8 up to `_to_network`
COLOR = ("jitter", "gray", RANDAUGMENT)  # steps that may come before the crop
OWN = ("jitter_p", "gray", "blur_p", "solarize")  # settings that may be each view's own
BLUR_REACH = 4.5  # half width of a blur's kernel, in the greatest sigma: 7e-6 of the Gaussian is cut off at most
INDEPENDENT: dict[str, Any] = {"crop": "independent", "beta": 0.0, "alpha": None}
CENTER_SUPPRESSED = 0.6  # alpha of a crop's place, where none is given: ContrastiveCrop's, on ImageNet


def pipeline(settings: Settings, views: int = 2) -> v2.Compose:
    """What makes an image into views, float32 and normalized.

    Args:
        settings: of the run.
        views: how many the method takes, an original among them, and local crops not.

    Raises:
        ValueError: for operations on a view that is not there.
    """
    s = settings
    outside = [place for place in s.randaugment_views if not 0 <= place < views + s.locals]
    if s.randaugment is not None and outside:
        raise ValueError(
            f"randaugment_views must be places of the {views + s.locals} views, from 0, got {outside[0]}; choose others"
        )
    if s.sizes:
        return _resolutions(s, views)
    if s.joint_choice:
        return v2.Compose([v2.RandomChoice([pipeline(half, views) for half in _halves(s)])])
    if s.locals and s.blur_law != "independent":
        return v2.Compose([MultiView(*[pipeline(pair) for pair in _pairs(s)])])
    crops = views - int(s.original)
    if s.color_first:
        chain = [_steps(s, k, [name for name in _order(s, k) if name in COLOR]) for k in range(crops)]
        couple = [MultiView(*[v2.Compose([*steps, _random_crop(s, s.size, s.scale)]) for steps in chain])]
    else:
        couple = [_view_maker(s, crops)]
    if s.joint_color:
        couple.append(JointColor(*s.jitter, p=s.jitter_p))
    places = range(views + s.locals)
    if not any(_of_view(s.blur_p, place) for place in places):
        return v2.Compose([*couple, _per_view(_rest, s, places)])
    before, after = (_per_view(steps, s, places) for steps in (_before_blur, _after_blur))
    return v2.Compose([*couple, before, _blurs(s, places), after])


def centered(size: int) -> v2.Compose:
    """The middle of an image, without chance: of small images all, of others 7/8 of the shorter side (224 of 256)."""
    resize = size if size <= SMALL_IMAGES else round(size * 256 / 224)
    return v2.Compose([v2.Resize(resize), v2.CenterCrop(size)])


def whole_view(settings: Settings) -> v2.Compose:
    """The whole image as large as a view, its aspect ratio not kept: of a heat map, so that places are shares of it.

    Also what LPIPS compares views with.
    """
    return v2.Compose([v2.Resize([settings.size, settings.size]), *_to_network(settings)])


def plain_view(settings: Settings) -> v2.Compose:
    """The view of a test: the middle of an image, normalized."""
    return v2.Compose([centered(settings.size), *_to_network(settings)])


def _resolutions(s: Settings, views: int) -> v2.Compose:
    """Every view at several resolutions: one crop, and one draw of flip and color (CLIM).

    Where a size is there twice, both would be one view: flip and color are drawn for each size then, as they are with
    one box for all views.
    """
    if s.share_box:
        crop = MultiResolution(s.sizes * views, s.scale, **_filter(s))
        return v2.Compose([crop, PerView(*[_compose(_rest(s, k)) for k in range(views) for _ in s.sizes])])
    couple = Shared if len(set(s.sizes)) == len(s.sizes) else PerView
    crop = MultiResolution(s.sizes, s.scale, **_filter(s))
    return v2.Compose([MultiView(*[v2.Compose([crop, couple(_compose(_rest(s, k)))]) for k in range(views)])])


def _view_maker(s: Settings, crops: int) -> Transform:
    branches: list[Transform] = [UncroppedView(s.size, **_filter(s))] if s.original else []
    pair = s.crop != "independent" and s.couple != "locals"
    branches += [_crop_pair(s)] if pair else [_random_crop(s, s.size, s.scale)] * crops
    if s.locals and s.crop == "joint" and s.couple != "globals":
        branches += [JointCrop(s.local_size, s.local_scale, **_filter(s), beta=s.beta)] * (s.locals // 2)
    else:
        branches += [_random_crop(s, s.local_size, s.local_scale)] * s.locals
    return branches[0] if len(branches) == 1 and pair else MultiView(*branches)


def _filter(s: Settings) -> dict[str, Any]:
    """How every view is resampled."""
    return {"interpolation": v2.InterpolationMode(s.interpolation)}


def _random_crop(s: Settings, size: int, scale: tuple[float, float]) -> Transform:
    return v2.RandomResizedCrop(size, scale, **_filter(s))


def _crop_pair(s: Settings) -> JointCrop:
    """Two crops whose areas or places have a law of their own."""
    how = _filter(s)
    if s.crop == "contrastive":
        return ContrastiveCrop(s.size, s.scale, **how, alpha=CENTER_SUPPRESSED if s.alpha is None else s.alpha)
    if s.crop == "center_suppressed":
        alpha = CENTER_SUPPRESSED if s.alpha is None else s.alpha
        return JointCrop(s.size, **how, law=IndependentPair(*s.scale), alpha=alpha)
    if s.crop == "decoupled":
        return JointCrop(s.size, **how, law=JointPair(s.beta, *s.scale).decoupled(), alpha=s.alpha)
    if s.crop == "reference":
        return JointCrop(s.size, s.scale, **how, geometry="reference")
    return JointCrop(s.size, s.scale, **how, beta=s.beta, alpha=s.alpha)


def _halves(s: Settings) -> tuple[Settings, Settings]:
    """JointCrop with plain blur, and plain crops with JointBlur (or the decoupled controls of either)."""
    crop = replace(s, joint_choice=False, blur_law="independent", crop="joint" if s.crop == "independent" else s.crop)
    law = "joint" if s.blur_law == "independent" else s.blur_law
    return crop, replace(s, joint_choice=False, blur_law=law, **INDEPENDENT)


def _pairs(s: Settings) -> list[Settings]:
    """Two large crops, then smaller ones two by two: each pair with the settings of a run that has no others."""
    pairs = []
    for first in range(0, 2 + s.locals, 2):
        own: dict[str, Any] = {
            name: tuple(_of_view(getattr(s, name), place) for place in (first, first + 1)) for name in OWN
        }
        own["randaugment_views"] = tuple(place - first for place in s.randaugment_views if 0 <= place - first < 2)
        own["blur_law"] = s.blur_law if any(own["blur_p"]) else "independent"
        if s.crop == "independent" or s.couple == ("locals" if first == 0 else "globals"):
            own |= INDEPENDENT
        elif first:
            own |= {"alpha": None} if s.crop == "joint" else INDEPENDENT
        if first:
            own |= {"size": s.local_size, "scale": s.local_scale}
        pairs.append(replace(s, **own, locals=0, couple="all"))
    return pairs


def _blurs(s: Settings, places: range) -> Transform:
    """The blur of all views: of a kernel that is the same under every law, so that the law is all that differs."""
    if s.blur_law == "independent":
        return _per_view(_blur, s, places)
    law = JointPair(0.0, *s.blur)
    p = [_of_view(s.blur_p, place) for place in places]
    return JointBlur(_kernel(s), law=law if s.blur_law == "joint" else law.decoupled(), p=p)


def _kernel(s: Settings) -> int:
    """An odd number of pixels that holds the greatest blur, no wider than v2 takes it in the smallest view."""
    least = min([s.size, *s.sizes, *([s.local_size] if s.locals else [])])
    return 2 * min(max(1, math.ceil(BLUR_REACH * s.blur[1] - 0.5)), max(least - 1, 0)) + 1


def _rest(s: Settings, place: int) -> list[Transform]:
    """All that one view goes through after its crop."""
    return [*_steps(s, place, _after_crop(s, place)), *_to_network(s)]


def _before_blur(s: Settings, place: int) -> list[Transform]:
    names = _after_crop(s, place)
    return _steps(s, place, names[: names.index("blur")])


def _after_blur(s: Settings, place: int) -> list[Transform]:
    names = _after_crop(s, place)
    return [*_steps(s, place, names[names.index("blur") + 1 :]), *_to_network(s)]


def _order(s: Settings, place: int) -> list[str]:
    """The steps of one view. RandAugment without a place of its own is instead of color, on the views that have it."""
    names = s.order.split(",")
    if s.randaugment is None or RANDAUGMENT in names or place not in s.randaugment_views:
        return names
    return [RANDAUGMENT if name == "jitter" else name for name in names if name != "gray"]


def _after_crop(s: Settings, place: int) -> list[str]:
    return [name for name in _order(s, place) if not (s.color_first and name in COLOR)]


def _steps(s: Settings, place: int, names: list[str]) -> list[Transform]:
    """What is done to one view by steps of these names; one whose probability is 0 is left out."""
    return [step for name in names for step in STEP[name](s, place)]


def _flip(s: Settings, place: int) -> list[Transform]:  # noqa: ARG001
    return [v2.RandomHorizontalFlip(s.flip)] if s.flip else []


def _jitter(s: Settings, place: int) -> list[Transform]:
    p = _of_view(s.jitter_p, place)
    return [v2.RandomApply([v2.ColorJitter(*s.jitter)], p)] if not s.joint_color and any(s.jitter) and p else []


def _gray(s: Settings, place: int) -> list[Transform]:
    p = _of_view(s.gray, place)
    return [v2.RandomGrayscale(p)] if p else []


def _blur(s: Settings, place: int) -> list[Transform]:
    p = _of_view(s.blur_p, place)
    return [v2.RandomApply([v2.GaussianBlur(_kernel(s), s.blur)], p)] if p else []


def _solarize(s: Settings, place: int) -> list[Transform]:
    p = _of_view(s.solarize, place)
    return [v2.RandomSolarize(SOLARIZED, p)] if p else []


def _randaugment(s: Settings, place: int) -> list[Transform]:
    if s.randaugment is None or place not in s.randaugment_views:
        return []
    if s.randaugment_of == "torchvision":
        return [v2.RandAugment(*s.randaugment)]
    return [RandAugment(*s.randaugment, fill=[round(255 * value) for value in s.mean])]


STEP: dict[str, Callable[[Settings, int], list[Transform]]] = {
    "flip": _flip,
    "jitter": _jitter,
    "gray": _gray,
    "blur": _blur,
    "solarize": _solarize,
    RANDAUGMENT: _randaugment,
}


def _to_network(s: Settings) -> list[Transform]:
    return [v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(s.mean), list(s.std))]


def _of_view(value: float | tuple[float, ...], place: int) -> float:
    """One value for all views, or each view's own; the last one for those beyond."""
    return value[min(place, len(value) - 1)] if isinstance(value, tuple) else value


def _compose(steps: list[Transform]) -> v2.Compose:
    """The steps, if there are any."""
    return v2.Compose(steps or [v2.Identity()])


def _per_view(steps: Callable[[Settings, int], list[Transform]], s: Settings, places: range) -> PerView:
    """Each view's own steps, which are written once where the settings are the same for all views."""
    own = {tuple(_of_view(getattr(s, name), place) for name in OWN) for place in places}
    alike = len(own) == 1 and s.randaugment is None
    return PerView(*[_compose(steps(s, place)) for place in (places[:1] if alike else places)])
