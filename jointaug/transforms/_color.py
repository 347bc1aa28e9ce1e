"""Color jitter whose factors in the two views follow a joint law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import PIL.Image
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from .._draws import any_order
from .._validate import interval, number
from ..chance import Row
from ..distributions import JointPair, PairLaw
from ..functional import color_jitter
from ..views import is_bare
from ._joint import JointTransform
from ._pixels import LIGHT, check_pixels, on_pixels

OPERATIONS: Final = ("brightness", "contrast", "saturation", "hue")
_ADJUST: Final = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


class JointColor(JointTransform):
    """Color jitter of two views, the log ratios of their brightness and of their contrast drawn first.

    ``log(b2 / b1)`` of the brightness factors follows JC(beta), uniform at ``beta=0``, and so does, independently,
    that of the contrast factors (Zhang et al. 2025, https://arxiv.org/abs/2412.16522, sec. 3.4). Saturation is
    independent in the two views unless ``joint`` names it; hue, a shift without a ratio, always is. The order of the
    four operations is drawn for each view, and each view decides by itself whether it is jittered, both as in
    ``v2.ColorJitter`` under ``v2.RandomApply``.

    Shape: images ``[..., C, H, W]`` keep shape, dtype, device and type; masks, boxes and key points are left alone.
    C is 1 or 3; integers of every width are rounded, and clamped to [0, their dtype's greatest]. PIL images may have
    the modes L, LA, RGB, RGBA and RGBX.

    Args:
        brightness: ``f`` for factors in [1 - f, 1 + f], or ``(low, high)``; 0 leaves brightness alone.
        contrast: likewise.
        saturation: likewise.
        hue: ``f`` for shifts in [-f, f] turns, at most 0.5, or ``(low, high)``.
        beta: smaller is harder, as in `JointCrop`. By default 0.
        law: instead of ``beta``, for some of the joint operations by name, a law of the two factors.
        joint: the operations whose factors are joint.
        p: probability that a view is jittered: one number, or one for each view.

    Raises:
        TypeError: for an argument of the wrong type; on a call, for a PIL image whose numbers are no light.
        ValueError: for a joint operation whose lower factor is 0 (a strength of 1 or more): its log ratio would be
            infinite; for a negative factor; for hue outside [-0.5, 0.5]; for ``law`` together with ``beta``.

    Example:
        >>> import torch
        >>> from jointaug import JointCrop
        >>> first, second = JointColor(0.4, 0.4, 0.4, 0.1, p=0.8)(JointCrop(32)(torch.rand(3, 60, 80)))
        >>> first.shape
        torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        brightness: float | tuple[float, float] = 0.4,
        contrast: float | tuple[float, float] = 0.4,
        saturation: float | tuple[float, float] = 0.4,
        hue: float | tuple[float, float] = 0.1,
        *,
        beta: float | None = None,
        law: Mapping[str, PairLaw] | None = None,
        joint: Sequence[str] = ("brightness", "contrast"),
        p: float | Sequence[float] = 0.8,
    ) -> None:
        if not isinstance(joint, (Sequence, set, frozenset)):
            raise TypeError(f"joint must be names of operations, got {joint!r}; write joint=('brightness', 'contrast')")
        if law is not None and not isinstance(law, Mapping):
            raise TypeError(f"law must be a dict of laws by operation, got {law!r}; write law={{'brightness': law}}")
        unknown = [name for name in [*joint, *(law or {})] if name not in OPERATIONS[:3]]
        if unknown or isinstance(joint, str):
            raise ValueError(
                "joint and law may name 'brightness', 'contrast' and 'saturation' (hue has no ratio), got "
                f"{unknown[0] if unknown else joint!r}; write joint=('brightness', 'contrast')"
            )
        if law is not None and beta is not None:
            raise ValueError(f"law says what beta says, give one of them, got law={law!r} and beta={beta!r}")
        ranges = {
            "brightness": _factors("brightness", brightness),
            "contrast": _factors("contrast", contrast),
            "saturation": _factors("saturation", saturation),
            "hue": _shifts(hue),
        }
        beta_ = 0.0 if beta is None else number("beta", beta, remedy="beta=0 is the paper's method")
        given = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
        laws = {name: JointPair(beta_, *_positive(name, given[name], ranges[name])) for name in joint}
        super().__init__({**laws, **(law or {})}, p=p)
        self.ranges = ranges

    @property
    def row_width(self) -> int:
        """Per operation its law's (at least two), two for the orders, two for whether to apply."""
        return sum(self.laws[name].row_width if name in self.laws else 2 for name in OPERATIONS) + 4

    def params_from_uniform(self, row: Row, queries: Sequence[tuple[Any, ...]]) -> dict[str, Any]:  # noqa: ARG002
        """The factors of the two views, their orders of operations, and which view is jittered.

        Args:
            row: `row_width` numbers in (0, 1), or as many tensors ``[B]``.
            queries: not used.

        Returns:
            ``"brightness"``, ``"contrast"``, ``"saturation"``: factors; ``"hue"``: shifts in turns; ``"order"``: the
            operations by number in that order (int64 tensors ``[B, 4]`` for a batch); ``"applied"``.
        """
        params: dict[str, Any] = {}
        start = 0
        for name in OPERATIONS:
            law, (low, high) = self.laws.get(name), self.ranges[name]
            n = law.row_width if law is not None else 2
            drawn = row[start : start + n]
            params[name] = law.from_uniform(*drawn) if law is not None else tuple(low + u * (high - low) for u in drawn)
            start += n
        params["order"] = tuple(any_order(u) for u in row[start : start + 2])
        params["applied"] = (row[start + 2] < self.p[0], row[start + 3] < self.p[1])
        return params

    def query(self, flat_inputs: list[Any]) -> tuple[Any, ...]:
        """As the base's, once it is clear that the pixels have a brightness and a hue."""
        for leaf in flat_inputs:
            check_pixels(leaf, self, LIGHT)
            image = is_bare(leaf) or isinstance(leaf, (tv_tensors.Image, tv_tensors.Video))
            if image and leaf.ndim > 2 and leaf.shape[-3] not in (1, 3):
                raise ValueError(
                    f"JointColor takes images of one channel or three, got shape {tuple(leaf.shape)}; leave out an "
                    "alpha channel: image[:3]"
                )
        return super().query(flat_inputs)

    def transform_view(self, inpt: Any, params: dict[str, Any]) -> Any:
        """``inpt`` with the view's factors, in the view's order."""
        if isinstance(inpt, PIL.Image.Image):
            for operation in params["order"]:
                inpt = self._call_kernel(_ADJUST[operation], inpt, params[OPERATIONS[operation]])
            return inpt
        names = (*OPERATIONS, "order")
        return on_pixels(inpt, lambda image: color_jitter(image, *(params[name] for name in names)), unit=True)

    def extra_repr(self) -> str:
        ranges = ", ".join(f"{name}={self.laws.get(name, range_)}" for name, range_ in self.ranges.items())
        return f"{ranges}, p={self.p}"


def _factors(name: str, value: Any) -> tuple[float, float]:
    """A strength or a range of factors, as v2.ColorJitter reads it."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return interval(name, value, rule="0 <= low <= high", low=0.0)
    strength = number(name, value, rule="a strength of at least 0, or factors (low, high)", low=0.0)
    return max(1.0 - strength, 0.0), 1.0 + strength


def _positive(name: str, given: Any, range_: tuple[float, float]) -> tuple[float, float]:
    if range_[0] <= 0.0:
        raise ValueError(
            f"{name} must leave its lower factor above 0, since a log ratio is drawn, got {given!r}, "
            f"that is factors {range_}; use a strength below 1, or take {name!r} out of joint"
        )
    return range_


def _shifts(value: Any) -> tuple[float, float]:
    rule = "-0.5 <= low <= high <= 0.5 (turns)"
    remedy = "divide degrees by 360"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return interval("hue", value, rule=rule, low=-0.5, high=0.5, remedy=remedy)
    strength = number("hue", value, rule="a strength in [0, 0.5], or shifts (low, high)", low=0.0)
    return interval("hue", (-strength, strength), rule=rule, low=-0.5, high=0.5, remedy=remedy)
