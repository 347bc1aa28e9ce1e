"""Transforms that draw nothing."""

from __future__ import annotations

from typing import Any, Final

from torchvision.transforms import v2

from ..chance import Row
from ._adapt import ToTensor
from ._registry import draws

SANITIZERS: Final = tuple(
    getattr(v2, name) for name in ("SanitizeBoundingBoxes", "SanitizeKeyPoints") if hasattr(v2, name)
)
"""Transforms of a sample as a whole, which decide by its boxes what becomes of its labels; the second is torchvision's
from 0.24 on."""


@draws(
    *(v2.CenterCrop, v2.ClampBoundingBoxes, v2.ClampKeyPoints, v2.ConvertBoundingBoxFormat, v2.ConvertImageDtype),
    *(v2.Grayscale, v2.Identity, v2.LinearTransformation, v2.Normalize, v2.PILToTensor, v2.Pad, v2.RGB, v2.Resize),
    *(v2.SetClampingMode, v2.ToDtype, v2.ToImage, v2.ToPILImage, v2.ToPureTensor, v2.ToTensor, ToTensor, *SANITIZERS),
    width=0,
)
def _nothing(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    return {}
