"""Crops: two whose areas follow a joint law, the image without a crop, and crops inside a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

from .._validate import integer, interval, number
from ..chance import Row
from ..distributions import IndependentPair, PairLaw
from . import _boxes as boxes
from ._joint import JointTransform, pair_law, query_size
from ._pixels import checked_interpolation, resized, resized_crop

if TYPE_CHECKING:
    from typing_extensions import Self

SCALE: Final = (0.2, 1.0)
RATIO: Final = (3.0 / 4.0, 4.0 / 3.0)
_REFERENCE_OFFSET: Final = 0.1  # the released code draws the log ratio within log(high / low - 0.1)


class JointCrop(JointTransform):
    """Two crops of one image, the log ratio of their areas drawn first.

    Two independent crops are mostly of similar area, and so easy to match. Here ``log(area2 / area1)`` is drawn from
    JC(beta), uniform at ``beta=0``, then the first area given the ratio; ``JointCrop(beta=0)`` alone is the paper's
    method (Zhang et al. 2025, https://arxiv.org/abs/2412.16522, sec. 3.2).

    The drawn areas are the realised ones up to rounding: the area comes first, then the aspect ratio, log-uniform
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
        self._check_geometry(geometry, beta, law, alpha)
        areas = pair_law(
            "scale", fractions("scale", SCALE if scale is None else scale), beta, law, given=scale is not None
        )
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
        self.alpha = None if alpha is None else positive("alpha", alpha)
        self._log_ratio = (math.log(self.ratio[0]), math.log(self.ratio[1]))
        self._shrink = (
            _reference_shrink(*(float(areas.parameters[end]) for end in ("low", "high")))
            if geometry == "reference"
            else 1.0
        )

    @staticmethod
    def _check_geometry(geometry: str, beta: float | None, law: PairLaw | None, alpha: float | None) -> None:
        if geometry not in ("exact", "reference"):
            raise ValueError(
                f"geometry must be 'exact' or 'reference', got {geometry!r}; 'exact' keeps the drawn areas"
            )
        if geometry == "reference" and (beta not in (None, 0) or law is not None or alpha is not None):
            raise ValueError(
                "geometry='reference' repeats released code that has beta=0 and nothing else, "
                f"got beta={beta}, law={law!r}, alpha={alpha}; drop them, or use geometry='exact'"
            )

    @property
    def uniforms(self) -> int:
        """Length of a row: the law's, then per view one (reference: ten) for the aspect ratio, two for the position."""
        tries = boxes.TRIES if self.geometry == "reference" else 1
        return self.laws["area"].uniforms + 2 * (tries + 2)

    def params_from_uniform(self, row: Row, queries: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
        """The drawn areas and the boxes of two crops.

        Args:
            row: `uniforms` numbers in (0, 1), or as many tensors ``[B]``.
            queries: ``(height, width)`` of each view's image in pixels (numbers, or tensors ``[B]``).

        Returns:
            ``"area"``: the drawn areas of the two views as fractions of the image's, ``"box"``: their crops as
            ``(top, left, height, width)`` in pixels: integers, or int64 tensors ``[B, 4]``.
        """
        n = self.laws["area"].uniforms
        ratio = 0.5 + (row[0] - 0.5) * self._shrink
        areas = self.laws["area"].from_uniform(ratio, *row[1:n])
        share = (len(row) - n) // 2
        box: Any = self._box if isinstance(row[0], float) else self._boxes
        return {
            "area": areas,
            "box": tuple(box(areas[k], row[n + k * share : n + (k + 1) * share], queries[k]) for k in (0, 1)),
        }

    def _box(self, area: float, row: Sequence[float], query: tuple[Any, ...]) -> tuple[int, int, int, int]:
        height, width = query[:2]
        if self.geometry == "reference":
            return boxes.reference_box(area, row, height, width, self._log_ratio)  # type: ignore[no-any-return]
        h, w = boxes.crop_shape(area, row[0], height, width, self._log_ratio)
        return self._offset(height - h, row[1]), self._offset(width - w, row[2]), h, w

    def _boxes(self, area: Tensor, row: Sequence[Tensor], query: tuple[Any, ...]) -> Tensor:
        height, width = query[:2]
        if self.geometry == "reference":
            return boxes.reference_boxes(area, row, height, width, self._log_ratio)
        h, w = boxes.crop_shapes(area, row[0], height, width, self._log_ratio)
        return torch.stack([self._offsets(height - h, row[1]), self._offsets(width - w, row[2]), h, w], -1)

    def _offset(self, free: int, uniform: float) -> int:
        return boxes.place(free, uniform) if self.alpha is None else boxes.beta_place(0, free, uniform, self.alpha)

    def _offsets(self, free: Tensor, uniform: Tensor) -> Tensor:
        if self.alpha is None:
            return boxes.places(free, uniform)
        return boxes.beta_places(torch.zeros_like(free), free, uniform, self.alpha)

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


class CropBox(tv_tensors.TVTensor):
    """A box that travels with a sample and says where its crops are: ``(left, top, right, bottom)``.

    Fractions of the image's sides, shape ``[4]``. It passes through transforms as it is, once for all views.

    Example:
        >>> CropBox([0.25, 0.25, 0.75, 0.75])  # the fixed box of SimCCrop
        CropBox([0.2500, 0.2500, 0.7500, 0.7500])
    """

    passes_once = True

    def __new__(cls, data: Any) -> Self:
        try:
            tensor = torch.as_tensor(data, dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(
                f"a CropBox is four numbers (left, top, right, bottom), got {data!r}; write CropBox([0, 0, 1, 1])"
            ) from error
        left, top, right, bottom = tensor.tolist() if tensor.shape == (4,) else (0.0, 0.0, 0.0, 0.0)
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(
                "a CropBox is (left, top, right, bottom) with 0 <= left < right <= 1 and 0 <= top < bottom <= 1 "
                f"(fractions of the image's sides), got {data!r}; divide pixels by the image's width and height"
            )
        return tensor.as_subclass(cls)


class ContrastiveCrop(JointCrop):
    """Two crops around a box that travels with the sample, away from the box's center.

    On each axis a crop centered on the box's first end and one on its last, both moved into the image, are the two
    extremes; the crop lies between them at a fraction from Beta(alpha, alpha), drawn for each axis and view (Peng et
    al. 2022, https://arxiv.org/abs/2202.03278, Algorithm 1, as released). With box ends ``b0, b1`` in pixels, rounded
    down, and a crop of ``h`` pixels in an image of ``H``: ``low = clip(b0 - h // 2, 0, H - h)``, ``high`` likewise of
    ``b1``, and the offset ``low + int((high - low) * fraction)``. So a box of the whole image is
    ``JointCrop(alpha=alpha)``.

    The box comes from the network's heat map (`crop_box_from_heatmap`) as a `CropBox` in the sample. Without one the
    crops are plain, at uniform positions: the paper's warm-up, when no box is known yet.

    Areas are independent by default, as in that paper; ``beta=`` draws them as `JointCrop` does (Zhang et al. 2025,
    App. G).

    Args:
        size: as `JointCrop`.
        scale: as `JointCrop`.
        ratio: as `JointCrop`.
        interpolation: as `JointCrop`.
        antialias: as `JointCrop`.
        alpha: of the Beta law, as `JointCrop`; 0.6 for ImageNet, 0.1 for small images in the paper.
        beta: of JC(beta), for joint areas.
        law: as `JointCrop`.

    Raises:
        TypeError: as `JointCrop`.
        ValueError: as `JointCrop`; on a call, if a sample holds several boxes.

    Example:
        >>> import torch
        >>> views, box = ContrastiveCrop(32)(torch.zeros(3, 60, 80), CropBox([0.5, 0.0, 1.0, 1.0]))
        >>> len(views)
        2
    """

    def __init__(
        self,
        size: int | Sequence[int] = 224,
        scale: tuple[float, float] | None = None,
        ratio: tuple[float, float] = RATIO,
        interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
        antialias: bool = True,
        *,
        alpha: float = 0.6,
        beta: float | None = None,
        law: PairLaw | None = None,
    ) -> None:
        if beta is None and law is None:
            law, scale = IndependentPair(*fractions("scale", SCALE if scale is None else scale)), None
        super().__init__(
            size, scale, ratio, interpolation, antialias, beta=beta, law=law, alpha=positive("alpha", alpha)
        )

    def query(self, flat_inputs: list[Any]) -> tuple[Any, ...]:
        """Height and width of the image, then, if there is a box, its left, top, right and bottom as fractions."""
        found = [leaf for leaf in flat_inputs if isinstance(leaf, CropBox)]
        if len(found) > 1:
            raise ValueError(f"a sample holds at most one CropBox, got {len(found)}; keep the image's own")
        size = query_size([leaf for leaf in flat_inputs if not isinstance(leaf, CropBox)])
        return (*size, *found[0].tolist()) if found else size

    def _box(self, area: float, row: Sequence[float], query: tuple[Any, ...]) -> tuple[int, int, int, int]:
        height, width, *box = query
        h, w = boxes.crop_shape(area, row[0], height, width, self._log_ratio)
        if not box:
            return boxes.place(height - h, row[1]), boxes.place(width - w, row[2]), h, w
        left, top, right, bottom = box
        alpha: float = self.alpha  # type: ignore[assignment]  # JointCrop's may be None
        y, x = (
            boxes.beta_place(boxes.centered(start, side, limit), boxes.centered(end, side, limit), uniform, alpha)
            for start, end, side, limit, uniform in ((top, bottom, h, height, row[1]), (left, right, w, width, row[2]))
        )
        return y, x, h, w

    def _boxes(self, area: Tensor, row: Sequence[Tensor], query: tuple[Any, ...]) -> Tensor:
        height, width, *box = query
        h, w = boxes.crop_shapes(area, row[0], height, width, self._log_ratio)
        if not box:
            return torch.stack([boxes.places(height - h, row[1]), boxes.places(width - w, row[2]), h, w], -1)
        left, top, right, bottom = box
        alpha: float = self.alpha  # type: ignore[assignment]  # JointCrop's may be None
        y, x = (
            boxes.beta_places(
                boxes.centered_all(start, side, limit), boxes.centered_all(end, side, limit), uniform, alpha
            )
            for start, end, side, limit, uniform in ((top, bottom, h, height, row[1]), (left, right, w, width, row[2]))
        )
        return torch.stack([y, x, h, w], -1)

    def transform_view(self, inpt: Any, params: dict[str, Any]) -> Any:
        """As `JointCrop`; the box itself passes as it is."""
        return inpt if isinstance(inpt, CropBox) else super().transform_view(inpt, params)


def crop_box_from_heatmap(heatmap: Tensor, size: int | Sequence[int], threshold: float = 0.1) -> list[CropBox]:
    """The boxes in which a network responds: where the heat map, scaled to [0, 1], exceeds a threshold.

    Args:
        heatmap: ``[B, h, w]``, a network's last feature map summed over its channels.
        size: of the image, to which the map is resized (bilinear): one number for a square, or ``(height, width)``.
        threshold: of a row's or column's greatest value, in [0, 1).

    Returns:
        A `CropBox` for each image: the span of rows and columns above the threshold; the whole image where the map is
        constant. Resizing may lower the map's greatest value: where nothing is left above the threshold, it is the
        span of what is greatest.

    Raises:
        TypeError: for what is no tensor of real numbers, and other arguments of the wrong type.
        ValueError: for a map of another rank, without places, or with nan; for a size under 1; for a threshold out of
            range.

    Source: Peng et al. 2022, https://arxiv.org/abs/2202.03278, sec. 3.2.
    """
    if not isinstance(heatmap, Tensor) or heatmap.is_complex():
        got = heatmap.dtype if isinstance(heatmap, Tensor) else type(heatmap).__name__
        raise TypeError(
            f"heatmap must be a tensor of real numbers [B, h, w], got {got}; sum the feature map's channels"
        )
    if heatmap.ndim != 3 or 0 in heatmap.shape[1:]:
        raise ValueError(
            f"heatmap must be of shape [B, h, w] with h and w at least 1, got shape {tuple(heatmap.shape)}; "
            "sum the feature map over its channels"
        )
    if not bool(heatmap.isfinite().all()):
        bad = int((~heatmap.isfinite()).any((1, 2)).long().argmax())
        raise ValueError(f"heatmap must be finite, got other values in heatmap[{bad}]; look at the network's features")
    if not 0.0 <= number("threshold", threshold, remedy="the paper's is 0.1") < 1.0:
        raise ValueError(f"threshold must be in [0, 1), got {threshold!r}; the paper's is 0.1")
    sides = two_sides("size", size)
    heat = heatmap if heatmap.dtype == torch.float64 else heatmap.float()
    heat = heat / heat.abs().amax((1, 2), keepdim=True).clamp(min=torch.finfo(heat.dtype).tiny)  # no range overflows
    least, most = heat.amin((1, 2), keepdim=True), heat.amax((1, 2), keepdim=True)
    scaled = torch.where(most > least, (heat - least) / (most - least), 1.0)
    full = torch.nn.functional.interpolate(scaled[:, None].float(), size=sides, mode="bilinear")[:, 0]
    spans = [(_span(image.amax(0), threshold), _span(image.amax(1), threshold)) for image in full]
    return [CropBox([left, top, right, bottom]) for (left, right), (top, bottom) in spans]


def _span(greatest: Tensor, threshold: float) -> tuple[float, float]:
    """First and last place above the threshold, or if there is none, of the greatest value; as fractions."""
    hot = greatest > threshold
    places = (hot if bool(hot.any()) else greatest == greatest.max()).nonzero()
    return places.min().item() / len(greatest), (places.max().item() + 1) / len(greatest)


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


def two_sides(name: str, value: Any) -> tuple[int, int]:
    """A size in pixels as ``(height, width)``."""
    rule = "a positive integer, or two (height, width) in pixels"
    sides = value if isinstance(value, Sequence) and not isinstance(value, str) else (value, value)
    if len(sides) not in (1, 2):
        raise ValueError(f"{name} must be {rule}, got {value!r}; write {name}=224")
    height, width = (integer(name, s, low=1, rule=rule, remedy=f"write {name}=224") for s in (sides[0], sides[-1]))
    return height, width


def fractions(name: str, value: Any) -> tuple[float, float]:
    """A range of areas as fractions of the image's area."""
    pixels = isinstance(value, Sequence) and any(isinstance(v, (int, float)) and v > 1 for v in value)
    return interval(
        name,
        value,
        rule="0 < low <= high <= 1 (fractions of the image's area)",
        high=1.0,
        remedy="divide pixels by H * W" if pixels else f"write {name}=(0.2, 1.0)",
    )


def aspect_ratios(value: Any) -> tuple[float, float]:
    """A range of widths over heights."""
    rule = "0 < low <= high (width over height)"
    return interval("ratio", value, rule=rule, remedy="write ratio=(3 / 4, 4 / 3)")


def positive(name: str, value: Any) -> float:
    """A positive number."""
    result = number(name, value, rule="a positive number", remedy="1 is uniform, 0.6 ContrastiveCrop's")
    if result <= 0.0:
        raise ValueError(f"{name} must be a positive number, got {value!r}; 1 is uniform, 0.6 ContrastiveCrop's")
    return result


def _reference_shrink(low: float, high: float) -> float:
    """By how much the released code narrows the range of the log ratio."""
    if high / low <= 1.0 + _REFERENCE_OFFSET:
        raise ValueError(
            f"geometry='reference' needs scale[1] / scale[0] > {1 + _REFERENCE_OFFSET} (the released code subtracts "
            f"{_REFERENCE_OFFSET} from it), got {(low, high)}; use geometry='exact'"
        )
    return math.log(high / low - _REFERENCE_OFFSET) / math.log(high / low)
