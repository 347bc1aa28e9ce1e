"""Boxes keep their area, fit, and are the same for one image and for a batch."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from jointaug import (
    ContrastiveCrop,
    JointCrop,
)
from jointaug.distributions import JointPair
from jointaug.transforms import _boxes as boxes

from .draws import SIZES, rows


@given(
    height=st.integers(1, 700),
    width=st.integers(1, 700),
    area=st.floats(0.02, 1.0),
    aspect=st.floats(1e-9, 1 - 1e-9),
    ratio=st.tuples(st.floats(0.2, 1.0), st.floats(1.0, 5.0)),
)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_a_crop_fits_keeps_its_area_and_its_aspect(height, width, area, aspect, ratio):
    log = (math.log(ratio[0]), math.log(ratio[1]))
    h, w = boxes.crop_shape(area, aspect, height, width, log)
    assert 1 <= h <= height
    assert 1 <= w <= width
    if area * height * width >= 1:
        assert abs(math.log(h * w / (area * height * width))) <= boxes.rounding_bound((0, 0, h, w)) + 1e-12
    low, high = boxes.aspect_interval(area, height, width, ratio)
    if min(h, w) >= 3:
        assert (w - 0.5) / (h + 1.0) <= high * (1 + 1e-9)
        assert (w + 1.0) / (h - 0.5) >= low * (1 - 1e-9)
    batch = boxes.crop_shapes(*torch.tensor([[area], [aspect]], dtype=torch.float64), height, width, log)
    assert (batch[0].item(), batch[1].item()) == (h, w)


@pytest.mark.parametrize(
    ("area", "height", "width", "interval"),
    [
        (0.9, 375, 500, (1.2, 4 / 3)),
        (0.5, 360, 640, (8 / 9, 4 / 3)),
        (0.95, 100, 100, (0.95, 1 / 0.95)),
        (0.9, 360, 640, (1.6, 1.6)),  # none of [3/4, 4/3] fits: full height
    ],
)
def test_feasible_aspect_ratios(area, height, width, interval):
    assert boxes.aspect_interval(area, height, width, (3 / 4, 4 / 3)) == pytest.approx(interval)


VARIANTS = {
    "exact": lambda: JointCrop(32),
    "hard": lambda: JointCrop(32, scale=(0.08, 1.0), beta=-2.0),
    "decoupled": lambda: JointCrop(32, law=JointPair(0.0, 0.2, 1.0).decoupled()),
    "reference": lambda: JointCrop(32, geometry="reference"),
    "suppressed": lambda: JointCrop(32, alpha=0.1),
    "contrastive": lambda: ContrastiveCrop(32, beta=0.0),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [*SIZES, (1, 1), (7, 300), (32, 32)], ids=str)
def test_one_image_gets_the_boxes_of_its_batch(variant, size):
    crop = VARIANTS[variant]()
    query = (*size, 0.25, 0.1, 0.75, 0.6) if variant == "contrastive" else size
    columns = rows(crop, 300)
    batch = crop.params_from_uniform(columns, [query, query])
    for i in range(300):
        one = crop.params_from_uniform([column[i].item() for column in columns], [query, query])
        for k in (0, 1):
            assert one["area"][k] == pytest.approx(batch["area"][k][i].item(), rel=1e-12)
            assert list(one["box"][k]) == batch["box"][k][i].tolist()
            top, left, height, width = one["box"][k]
            assert 0 <= top <= size[0] - height
            assert 0 <= left <= size[1] - width


def test_sizes_may_differ_within_a_batch():
    crop, n = JointCrop(32), 50
    heights, widths = torch.randint(20, 300, (2, n), generator=torch.Generator().manual_seed(0))
    columns = rows(crop, n)
    batch = crop.params_from_uniform(columns, [(heights, widths)] * 2)
    for i in range(n):
        size = (int(heights[i]), int(widths[i]))
        one = crop.params_from_uniform([column[i].item() for column in columns], [size] * 2)
        assert [list(box) for box in one["box"]] == [box[i].tolist() for box in batch["box"]]
