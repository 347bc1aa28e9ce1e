"""The table of docs/reference/transforms.md holds every class of torchvision, and says of each what is true.

`python -m tests.rules.test_completeness` writes it anew; what pixels do is said here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2

from jointaug import Address, fuse, views_at
from jointaug._draws import DRAWS
from jointaug._draws._adapt import _ADAPTERS
from jointaug._draws._noise import seeded
from jointaug.pipeline import container_of
from jointaug.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "transforms.md"

CUT, FLIP, AFFINE, PROJECTIVE, FIELD = "cut, resized", "mirrored", "affine", "projective", "a field: no map"
SOME_AFFINE = "affine, of some operations"
GEOMETRY = {
    **dict.fromkeys((v2.RandomHorizontalFlip, v2.RandomVerticalFlip), FLIP),
    **dict.fromkeys((v2.CenterCrop, v2.RandomCrop, v2.RandomResizedCrop, v2.RandomIoUCrop), CUT),
    **dict.fromkeys((v2.Resize, v2.RandomResize, v2.RandomShortestSize, v2.ScaleJitter), CUT),
    **dict.fromkeys((v2.Pad, v2.RandomZoomOut), "padded"),
    **dict.fromkeys((v2.RandomAffine, v2.RandomRotation), AFFINE),
    **dict.fromkeys((v2.AutoAugment, v2.RandAugment, v2.TrivialAugmentWide), SOME_AFFINE),
    v2.RandomPerspective: PROJECTIVE,
    v2.ElasticTransform: FIELD,
    v2.AugMix: "a mixture: no map",
    **dict.fromkeys((v2.FiveCrop, v2.TenCrop), "cut, to several"),
}
"""Where a transform puts pixels; others leave them in their places."""

RULE, BY_V2, SEEDED = "a rule", "v2's kernel, image by image", "v2's kernel, image by image, from a seed"
WALKED, ALONE, REFUSED = "its parts", "as it stands, image by image, from a seed", "refused"
APART = {
    v2.RandomIoUCrop: "refused: it looks at boxes; put it before, in the data set",
    v2.FiveCrop: "refused: it makes five images; views are made by `MultiView`",
    v2.TenCrop: "refused: it makes ten images; views are made by `MultiView`",
    v2.MixUp: "no transform of an image: of a batch with labels, after the loader",
    v2.CutMix: "no transform of an image: of a batch with labels, after the loader",
    v2.UniformTemporalSubsample: "no transform of an image: of videos",
}
"""What is for something else than one image."""
ANNOTATED = {v2.RandomErasing: '; of `value="random"` v2\'s kernel, from a seed'}


def classes(module):
    """Transforms that a module exports."""
    return {name: kind for name, kind in vars(module).items() if isinstance(kind, type) and made(kind)}


def made(kind):
    """Whether a class is of transforms (v1's are no modules, some of them)."""
    return kind is not v2.Transform and (issubclass(kind, nn.Module) or kind.__module__ == v1.Compose.__module__)


def way(kind):
    """How `fuse` does it."""
    if kind in APART:
        return APART[kind]
    if container_of(kind.__new__(kind)):
        return WALKED
    if kind in RULES:
        return RULE + ANNOTATED.get(kind, "")
    if kind in DRAWS:
        return SEEDED if DRAWS[kind].act is seeded else BY_V2
    return ALONE


def rows():
    """Of v2's transforms, by name: what v1 has of the name, how `fuse` does it, where pixels go."""
    of_v1 = classes(v1)
    table = {}
    for name, kind in classes(v2).items():
        own = of_v1.get(name)
        if own is None:
            stood_for = ""
        elif own in _ADAPTERS:
            stood_for = "stands for it"
        else:
            stood_for = WALKED if container_of(own.__new__(own)) else ALONE
        table[name] = (stood_for, way(kind), GEOMETRY.get(kind, ""))
    return dict(sorted(table.items()))


def text():
    lines = ["| `v2.` | `torchvision.transforms.` | in `fuse` | pixels |", "| --- | --- | --- | --- |"]
    return [*lines, *(f"| `{name}` | {' | '.join(cells)} |" for name, cells in rows().items())]


@pytest.mark.skipif(not hasattr(v2, "SanitizeKeyPoints"), reason="the page has the transforms of torchvision 0.24")
def test_every_transform_of_torchvision_is_in_the_table():
    """A new class of either turns this red; run this file to write it, and say above what its pixels do."""
    written = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    assert written == text()
    assert classes(v1).keys() <= classes(v2).keys()


def test_what_has_neither_rule_nor_draw_is_named_here():
    """Nothing is image by image by oversight: it is for something else, a container, or a user's function."""
    left = {name for name, (_, how, _) in rows().items() if how == ALONE}
    assert left == {"Lambda"}
    assert {kind for kind in APART if kind in RULES.keys() | DRAWS.keys()} == set()


@pytest.mark.parametrize("kind", [v2.RandomIoUCrop, lambda: v2.FiveCrop(4), lambda: v2.TenCrop(4)])
@pytest.mark.filterwarnings("ignore:fuse has no rule")
def test_what_is_refused_says_so(kind):
    images = torch.zeros(2, 3, 8, 8)
    with pytest.raises(TypeError, match=r"image by image, but failed|makes views by itself"):
        fuse(kind())(images)


def test_a_crop_by_boxes_repeats_at_an_address():
    boxes = tv_tensors.BoundingBoxes([[2, 2, 9, 9]], format="XYXY", canvas_size=(16, 16))
    sample = (tv_tensors.Image(torch.rand(3, 16, 16)), boxes)
    first, again = (views_at(v2.RandomIoUCrop(), Address(0, 0, 5), *sample) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


if __name__ == "__main__":
    head = PAGE.read_text().split("| `v2.`")[0]
    tail = PAGE.read_text().split("|\n\n")[-1] if "|\n\n" in PAGE.read_text() else ""
    PAGE.write_text(head + "\n".join(text()) + "\n" + ("\n" + tail if tail else ""))
    sys.exit()
