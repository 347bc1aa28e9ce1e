"""Crops around the place where a network responds, away from its center: ContrastiveCrop and the box that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode

from .._validate import BELOW_1, number, positive
from ..chance import Row
from ..distributions import IndependentPair, PairLaw
from . import _boxes as boxes
from ._arguments import fractions, two_sides
from ._crop import ALPHA, RATIO, SCALE, JointCrop
from ._joint import query_size

if TYPE_CHECKING:
    from typing_extensions import Self


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
    crops are plain, at uniform positions: the paper's warm-up, when no box is known yet. A fused pipeline takes the
    boxes of a batch as ``fused(images, crop_boxes=boxes)``, too.

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
        alpha = positive("alpha", alpha, remedy=ALPHA)
        super().__init__(size, scale, ratio, interpolation, antialias, beta=beta, law=law, alpha=alpha)

    def query(self, flat_inputs: list[Any]) -> tuple[Any, ...]:
        """Height and width of the image, then, if there is a box, its left, top, right and bottom as fractions."""
        found = [leaf for leaf in flat_inputs if isinstance(leaf, CropBox)]
        if len(found) > 1:
            raise ValueError(f"a sample holds at most one CropBox, got {len(found)}; keep the image's own")
        size = query_size([leaf for leaf in flat_inputs if not isinstance(leaf, CropBox)])
        return (*size, *found[0].tolist()) if found else size

    def _box(self, area: float | Tensor, row: Row, query: tuple[Any, ...]) -> boxes.Box:
        return boxes.exact_box(area, row, query, self._log_ratio, self.alpha if len(query) > 2 else None)

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
    number("threshold", threshold, rule="a number in [0, 1)", low=0.0, high=BELOW_1, remedy="the paper's is 0.1")
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
