"""Of v2's transforms that draw more than a row of uniforms holds: a row's number seeds torch's generator for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2

from ..chance import Row
from ._registry import draws


def seed(row: Row) -> dict[str, Any]:
    """The seed that a row of one number stands for: its first word."""
    u: Any = row[0]
    return {"seed": (u * 2**32).long() if isinstance(u, Tensor) else int(u * 2**32)}


def seeded(transform: Any, inpt: Any, params: dict[str, Any]) -> Any:
    """One image (mask, box, ...) by the transform as it stands, torch's CPU generator seeded for it and restored."""
    state = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(params["seed"])
        return transform(inpt)
    finally:
        torch.set_rng_state(state)


@draws(v2.AugMix, v2.ElasticTransform, v2.GaussianNoise, width=1, act=seeded)
def _noise(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    return seed(row)
