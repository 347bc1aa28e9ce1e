"""Samples from hypothesis: such as v2 takes, in every nesting."""

from __future__ import annotations

from typing import Any

import PIL.Image
import pytest
import torch
from hypothesis import given
from torch.utils._pytree import tree_leaves
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import testing

from .cases import occurs, pool, quick


@pytest.fixture(scope="module")
def some_samples() -> list[Any]:
    return pool(testing.samples(), 200)


@quick
@given(testing.samples())
def test_every_sample_is_one_that_v2_crops(sample):
    leaves = tree_leaves(sample)
    view = v2.RandomResizedCrop(5)(*sample) if isinstance(sample, tuple) else v2.RandomResizedCrop(5)(sample)
    assert [type(leaf) for leaf in tree_leaves(view)] == [type(leaf) for leaf in leaves]
    for leaf in leaves:
        if isinstance(leaf, (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)):
            xy = (
                F.convert_bounding_box_format(leaf, new_format="XYXY")
                if leaf.ndim and hasattr(leaf, "format")
                else leaf
            )
            height, width = leaf.canvas_size
            limit = torch.tensor([width, height] * (xy.shape[-1] // 2))
            assert bool(((xy >= -1e-4) & (xy <= limit + 1e-4)).all())


@pytest.mark.parametrize(
    "wish",
    [
        lambda sample: isinstance(sample, PIL.Image.Image),
        lambda sample: isinstance(sample, tuple) and isinstance(sample[1], int),
        lambda sample: isinstance(sample, tuple) and isinstance(sample[1], torch.Tensor),
        lambda sample: isinstance(sample, tuple) and isinstance(sample[1], dict) and len(sample[1]["boxes"]) == 0,
        lambda sample: isinstance(sample, dict) and len(sample["keypoints"]) == 3,
        *[
            lambda sample, f=f: isinstance(sample, dict) and sample["boxes"].format.value == f and len(sample["boxes"])
            for f in ("XYXY", "XYWH", "CXCYWH")
        ],
    ],
)
def test_samples_come_in_every_nesting(wish, some_samples):
    assert occurs(wish, some_samples, testing.samples())
