"""One crop of an image, rendered at several sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torchvision.transforms import InterpolationMode

from ..chance import Row
from . import _boxes as boxes
from ._arguments import aspect_ratios, checked_interpolation, fractions, two_sides
from ._crop import RATIO, SCALE
from ._joint import JointTransform
from ._pixels import resized_crop


class MultiResolution(JointTransform):
    """One random crop, rendered at several sizes: views that differ in resolution alone.

    The area is uniform in ``scale``, the aspect ratio log-uniform among those of ``ratio`` that fit, the position
    uniform, as in `JointCrop`. Follow it by `Shared` for color steps that are alike at every resolution; two
    independent crops at every size are ``MultiView(MultiResolution(sizes), MultiResolution(sizes))`` (CLIM; Li et al.
    2020, https://arxiv.org/abs/2011.02697, sec. 3.3).

    Shape: an image ``[..., C, H, W]`` gives one view ``[..., C, *size]`` for each size; dtype, device and type stay.

    Args:
        sizes: of the views in pixels, each one number for a square or ``(height, width)``.
        scale: least and greatest area of the crop, as fractions of the image's area.
        ratio: least and greatest aspect ratio (width over height) of the crop.
        interpolation: as in ``v2.RandomResizedCrop``.
        antialias: as in ``v2.RandomResizedCrop``.

    Raises:
        TypeError: for an argument of the wrong type.
        ValueError: for no sizes or a size under 1; unless ``0 < scale[0] <= scale[1] <= 1``; unless
            ``0 < ratio[0] <= ratio[1]``.

    Example:
        >>> import torch
        >>> [tuple(view.shape) for view in MultiResolution((32, 24))(torch.zeros(3, 60, 80))]
        [(3, 32, 32), (3, 24, 24)]
    """

    def __init__(
        self,
        sizes: Sequence[int | Sequence[int]] = (224, 160),
        scale: tuple[float, float] = SCALE,
        ratio: tuple[float, float] = RATIO,
        interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
        antialias: bool = True,
    ) -> None:
        super().__init__({})
        if not isinstance(sizes, Sequence) or isinstance(sizes, str) or not sizes:
            raise TypeError(f"sizes must be a sequence of at least one size, got {sizes!r}; write sizes=(224, 160)")
        self.sizes = tuple(two_sides(f"sizes[{i}]", size) for i, size in enumerate(sizes))
        self.scale = fractions("scale", scale)
        self.ratio = aspect_ratios(ratio)
        self.interpolation = checked_interpolation(interpolation)
        self.antialias = antialias
        self._log_ratio = (math.log(self.ratio[0]), math.log(self.ratio[1]))

    @property
    def views(self) -> int:
        """As many as sizes."""
        return len(self.sizes)

    @property
    def row_width(self) -> int:
        """Area, aspect ratio, top, left."""
        return 4

    def params_from_uniform(self, row: Row, queries: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
        """The drawn area (a fraction of the image's), the box ``(top, left, height, width)`` and each view's size."""
        area = self.scale[0] + row[0] * (self.scale[1] - self.scale[0])
        box = boxes.exact_box(area, row[1:], queries[0], self._log_ratio)
        views = len(self.sizes)
        return {"area": (area,) * views, "box": (box,) * views, "size": self.sizes}

    def transform_view(self, inpt: Any, params: dict[str, Any]) -> Any:
        """``inpt`` cropped to the box and resized to the view's size."""
        return resized_crop(self, inpt, params["box"], params["size"], self.interpolation, self.antialias)

    def extra_repr(self) -> str:
        ratio = tuple(round(r, 4) for r in self.ratio)
        return f"sizes={self.sizes}, scale={self.scale}, ratio={ratio}"
