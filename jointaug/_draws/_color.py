"""Of v2's color steps and blur."""

from __future__ import annotations

from itertools import permutations
from typing import Any, Final

from torchvision.transforms import v2

from ..chance import Row
from ._numbers import between, one_of
from ._registry import draws

_ORDERS: Final = tuple(permutations(range(4)))


@draws(v2.ColorJitter, width=5)
def _color_jitter(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    params = {"fn_idx": one_of(_ORDERS, row[4])}
    for name, u in zip(("brightness", "contrast", "saturation", "hue"), row[:4], strict=True):
        span = getattr(transform, name)
        params[f"{name}_factor"] = None if span is None else between(span, u)
    return params


@draws(v2.GaussianBlur, width=1)
def _gaussian_blur(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    sigma = between(transform.sigma, row[0])
    return {"sigma": [sigma, sigma]}


@draws(v2.RandomGrayscale, width=1)
def _grayscale(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    return {"applied": row[0] < transform.p, "num_input_channels": seen.channels}


@draws(
    *(v2.RandomEqualize, v2.RandomHorizontalFlip, v2.RandomInvert, v2.RandomPosterize),
    *(v2.RandomSolarize, v2.RandomVerticalFlip),
    width=1,
)
def _whether(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    return {"applied": row[0] < transform.p}
