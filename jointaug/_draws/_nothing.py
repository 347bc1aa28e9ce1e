"""Transforms that draw nothing."""

from __future__ import annotations

from typing import Any

from torchvision.transforms import v2

from ..chance import Row
from ._adapt import ToTensor
from ._registry import draws


@draws(
    *(v2.CenterCrop, v2.ClampBoundingBoxes, v2.ClampKeyPoints, v2.ConvertBoundingBoxFormat, v2.ConvertImageDtype),
    *(v2.Grayscale, v2.Identity, v2.LinearTransformation, v2.Normalize, v2.PILToTensor, v2.Pad, v2.RGB, v2.Resize),
    *(v2.SanitizeBoundingBoxes, v2.SanitizeKeyPoints, v2.SetClampingMode, v2.ToDtype, v2.ToImage, v2.ToPILImage),
    *(v2.ToPureTensor, v2.ToTensor, ToTensor),
    width=0,
)
def _nothing(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    return {}
