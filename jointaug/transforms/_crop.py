"""Two crops whose areas follow a joint law, and the image without a crop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, Literal

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from .._validate import positive
from ..chance import Row
from ..distributions import PairLaw
from . import _boxes as boxes
from ._arguments import aspect_ratios, checked_interpolation, fractions, two_sides
from ._joint import JointTransform, pair_law
from ._pixels import resized, resized_crop

SCALE: Final = (0.2, 1.0)
RATIO: Final = (3.0 / 4.0, 4.0 / 3.0)
ALPHA: Final = "1 is uniform, 0.6 ContrastiveCrop's"
_REFERENCE_OFFSET: Final = 0.1  # the released code draws the log ratio within log(high / low - 0.1)


class JointCrop(JointTransform):
    """Two crops of one image, the log ratio of their areas drawn first.

    Two independent crops are mostly of similar area, and so easy to match. Here ``log(area2 / area1)`` is drawn from
    JC(beta), uniform at ``beta=0``, then the first area given the ratio; ``JointCrop(beta=0)`` alone is the paper's
    method (Zhang et al. 2025, https://arxiv.org/abs/2412.16522, sec. 3.2).

    The drawn areas are the realized ones up to rounding: the area comes first, then the aspect ratio, log-uniform
    among those of ``ratio`` with which a crop of this area fits, or the nearest that does where none fits (full
    height or full width: at ``beta=0``, 30 % of the views of a 16:9 image). So the aspect ratio depends on the area.
    There is no retry and no fallback to the whole image. The position is uniform. The law of the areas is
    ``laws["area"]``. (Rounding moves the log ratio of a pair by .015 on average and .06 at most on a 32 px image, by
    .005 and .02 on one of 96 px.)

    Shape: an image ``[..., C, H, W]`` gives two views ``[..., C, *size]``; dtype, device and type are kept. Masks,
    boxes and key points of the sample are cropped with their view. Integers of every width are rounded, and clamped
    to the range of their dtype. A PIL image of mode P or 1 takes its nearest pixels, whatever the interpolation.

    Args:
        size: of a view in pixels: one number for a square, or ``(height, width)``.
        scale: least and greatest area of a view, as fractions of the image's area.
        ratio: least and greatest aspect ratio (width over height) of a crop.
        interpolation: as in ``v2.RandomResizedCrop``.
        antialias: as in ``v2.RandomResizedCrop``.
        beta: smaller is harder: JC(beta)'s mean absolute log ratio falls as beta grows. By default 0.
        law: instead of ``beta`` and ``scale``, a law of the two areas with values in (0, 1]: ``IndependentPair(0.2,
            1.0)`` couples nothing, ``JointPair(0, 0.2, 1.0).decoupled()`` keeps the marginals of JC and drops the
            coupling.
        geometry: ``"exact"``, or ``"reference"`` for the authors' released procedure with beta 0: log ratio within
            ``log(high / low - 0.1)``, up to ten aspect ratios, then the whole image.
        alpha: instead of uniform positions, offsets as a fraction of the free pixels from Beta(alpha, alpha), for
            each axis of each view, rounded down to pixels as in the released code: below 1 the crops keep away from
            the center (Peng et al. 2022, center-suppressed sampling).

    Raises:
        TypeError: for an argument of the wrong type; on a call, for a PIL image of mode PA or HSV, unless the
            interpolation is nearest.
        ValueError: for a size under 1; unless ``0 < scale[0] <= scale[1] <= 1``; unless ``0 < ratio[0] <= ratio[1]``;
            for a ``beta`` that is not finite; for ``law`` together with ``beta`` or ``scale``; for a law of areas
            above 1.

    Example:
        >>> import torch
        >>> first, second = JointCrop(32)(torch.zeros(3, 60, 80, dtype=torch.uint8))
        >>> first.shape
        torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        size: int | Sequence[int] = 224,
        scale: tuple[float, float] | None = None,
        ratio: tuple[float, float] = RATIO,
        interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
        antialias: bool = True,
        *,
        beta: float | None = None,
        law: PairLaw | None = None,
        geometry: Literal["exact", "reference"] = "exact",
        alpha: float | None = None,
    ) -> None:
        _check_geometry(geometry, beta, law, alpha)
        range_ = fractions("scale", SCALE if scale is None else scale)
        areas = pair_law("scale", range_, beta, law, given=scale is not None)
        super().__init__({"area": areas})
        if float(areas.high) > 1.0:
            raise ValueError(
                f"law must draw areas in (0, 1] (fractions of the image's area), got {areas!r}; divide pixels by H * W"
            )
        self.size = two_sides("size", size)
        self.ratio = aspect_ratios(ratio)
        self.interpolation = checked_interpolation(interpolation)
        self.antialias = antialias
        self.geometry = geometry
        self.alpha = None if alpha is None else positive("alpha", alpha, remedy=ALPHA)
        self._log_ratio = (math.log(self.ratio[0]), math.log(self.ratio[1]))
        self._shrink = _reference_shrink(areas) if geometry == "reference" else 1.0

    @property
    def row_width(self) -> int:
        """The law's, then per view one for the aspect ratio (ten in the reference geometry), two for the position."""
        tries = boxes.TRIES if self.geometry == "reference" else 1
        return self.laws["area"].row_width + 2 * (tries + 2)

    def params_from_uniform(self, row: Row, queries: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
        """The drawn areas and the boxes of two crops.

        Args:
            row: `row_width` numbers in (0, 1), or as many tensors ``[B]``.
            queries: ``(height, width)`` of each view's image in pixels (numbers, or tensors ``[B]``).

        Returns:
            ``"area"``: the drawn areas of the two views as fractions of the image's, ``"box"``: their crops as
            ``(top, left, height, width)`` in pixels: integers, or int64 tensors ``[B, 4]``.
        """
        n = self.laws["area"].row_width
        ratio = 0.5 + (row[0] - 0.5) * self._shrink
        first, second = self.laws["area"].from_uniform(ratio, *row[1:n])
        half = n + (len(row) - n) // 2
        areas, rows = (first, second), (row[n:half], row[half:])
        box: Any
        if isinstance(first, Tensor) and all(a is b for a, b in zip(*queries, strict=True)):  # of one image: at once
            area, *both = map(torch.stack, [areas, *zip(*rows, strict=True)])  # type: ignore[arg-type]
            box = self._box(area, both, queries[0]).unbind()  # type: ignore[union-attr]
        else:
            box = tuple(map(self._box, areas, rows, queries))
        return {"area": (first, second), "box": box}

    def _box(self, area: float | Tensor, row: Row, query: tuple[Any, ...]) -> boxes.Box:
        size = query[:2]  # a subclass may ask for more
        if self.geometry == "reference":
            return boxes.reference_box(area, row, size, self._log_ratio)
        return boxes.exact_box(area, row, size, self._log_ratio, self.alpha)

    def transform_view(self, inpt: Any, params: dict[str, Any]) -> Any:
        """``inpt`` cropped to ``params["box"]`` and resized to ``size``."""
        return resized_crop(self, inpt, params["box"], self.size, self.interpolation, self.antialias)

    def extra_repr(self) -> str:
        settings = {
            "size": self.size,
            "ratio": tuple(round(r, 4) for r in self.ratio),
            "law": self.laws["area"],
            "geometry": self.geometry,
            "alpha": self.alpha,
        }
        return ", ".join(f"{name}={value}" for name, value in settings.items())


class UncroppedView(v2.Transform):
    """The whole image as a view: resized to ``size`` without a crop, the aspect ratio not kept.

    A branch of `MultiView`: ``MultiView(UncroppedView(224), crop, crop)`` is LeOCLR's triple (Alkhalefi et al. 2024,
    https://arxiv.org/abs/2403.06813, sec. 3.1).

    Args:
        size: of the view in pixels: one number for a square, or ``(height, width)``.
        interpolation: as in ``v2.Resize``.
        antialias: as in ``v2.Resize``.

    Raises:
        TypeError: for a size that is no integer.
        ValueError: for a size under 1.

    Example:
        >>> import torch
        >>> UncroppedView(32)(torch.zeros(3, 60, 80)).shape
        torch.Size([3, 32, 32])
    """

    def __init__(
        self,
        size: int | Sequence[int] = 224,
        interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
        antialias: bool = True,
    ) -> None:
        super().__init__()
        self.size = two_sides("size", size)
        self.interpolation = checked_interpolation(interpolation)
        self.antialias = antialias

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:  # noqa: ARG002
        """``inpt`` resized to ``size``."""
        return resized(self, inpt, self.size, self.interpolation, self.antialias)


def _check_geometry(geometry: str, beta: float | None, law: PairLaw | None, alpha: float | None) -> None:
    if geometry not in ("exact", "reference"):
        raise ValueError(f"geometry must be 'exact' or 'reference', got {geometry!r}; 'exact' keeps the drawn areas")
    if geometry == "reference" and (beta not in (None, 0) or law is not None or alpha is not None):
        raise ValueError(
            "geometry='reference' repeats released code that has beta=0 and nothing else, "
            f"got beta={beta}, law={law!r}, alpha={alpha}; drop them, or use geometry='exact'"
        )


def _reference_shrink(areas: PairLaw) -> float:
    """By how much the released code narrows the range of the log ratio."""
    low, high = float(areas.parameters["low"]), float(areas.parameters["high"])
    if high / low <= 1.0 + _REFERENCE_OFFSET:
        raise ValueError(
            f"geometry='reference' needs scale[1] / scale[0] > {1 + _REFERENCE_OFFSET} (the released code subtracts "
            f"{_REFERENCE_OFFSET} from it), got {(low, high)}; use geometry='exact'"
        )
    return math.log(high / low - _REFERENCE_OFFSET) / math.log(high / low)
