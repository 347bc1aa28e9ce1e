"""Of transforms that draw more than a row of uniforms holds, or are not known: a number seeds torch's generator."""

from __future__ import annotations

from typing import Any, Final

from torchvision.transforms import v2

from ..chance import Row
from ._registry import Draw, draw_of, draws
from ._seed import generator_kept, seed_of


def seed(row: Row) -> dict[str, Any]:
    """What is drawn: a seed, from a row of one number."""
    return {"seed": seed_of(row[0])}


def seeded(transform: Any, inpt: Any, params: dict[str, Any]) -> Any:
    """One image (mask, box, ...) by the transform as it stands, torch's CPU generator seeded for it and restored."""
    with generator_kept() as generator:
        generator.manual_seed(params["seed"])
        return transform(inpt)


@draws(v2.AugMix, v2.ElasticTransform, v2.GaussianNoise, width=1, act=seeded)
def _noise(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    return seed(row)


_UNKNOWN: Final = Draw(lambda _: 1, _noise, seeded)


def any_draw_of(transform: Any) -> Draw:
    """What a transform draws; of one that is known by name alone, a seed."""
    return draw_of(transform) or _UNKNOWN
