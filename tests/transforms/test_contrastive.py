"""Crops around a box lie where the released code puts them, and boxes where a heat map is high."""

from __future__ import annotations

import math
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy import stats
from torchvision import tv_tensors
from torchvision.transforms import v2

from jointaug import (
    ContrastiveCrop,
    CropBox,
    JointCrop,
    PerView,
    crop_box_from_heatmap,
)
from jointaug.distributions import FixedRatioPair, IndependentLogRatio, IndependentPair, JointLogRatio
from jointaug.testing import assert_same_law
from jointaug.transforms import _boxes as boxes

from .draws import FAILURE_RATE, IMAGES, ks, ks_bound, log_ratio, rows


def test_small_contrastive_crops_have_their_centers_in_the_box():
    """Far from the borders a crop's center follows Beta(alpha, alpha) over the box."""
    crop = ContrastiveCrop(32, scale=(0.01, 0.02), alpha=0.6)
    query = (4000, 4000, 0.3, 0.2, 0.7, 0.6)  # left, top, right, bottom: crops of 2 % fit around every center
    params = crop.params_from_uniform(rows(crop, 20_000), [query, query])
    box = params["box"][0].double()
    for center, low, high in ((box[:, 0] + box[:, 2] / 2, 0.2, 0.6), (box[:, 1] + box[:, 3] / 2, 0.3, 0.7)):
        position = (center / 4000 - low) / (high - low)
        slack = stats.beta(0.6, 0.6).cdf(1 / 1600)
        assert ks(position, stats.beta(0.6, 0.6).cdf) < ks_bound(20_000) + slack


def released_offset(limit, ends, side, fraction):
    """SPEC 5.1: where a crop of ``side`` of ``limit`` pixels starts; box ends are fractions, exact ones."""
    low, high = (min(max(int(limit * Fraction(end)) - side // 2, 0), limit - side) for end in ends)
    return low + int((high - low) * fraction)


def released_boxes(size, box, alpha, n, seed):
    """SPEC 5.1 as a loop over crops: ``[n, 4]``; areas and aspect ratios are `boxes.crop_shape`'s, tested above."""
    rng = np.random.default_rng(seed)
    height, width = size
    left, top, right, bottom = box
    log, found = (math.log(3 / 4), math.log(4 / 3)), []
    for area, aspect, y, x in zip(
        rng.uniform(0.2, 1.0, n), rng.random(n), *rng.beta(alpha, alpha, (2, n)).tolist(), strict=True
    ):
        h, w = boxes.crop_shape(area, aspect, height, width, log)
        found.append((released_offset(height, (top, bottom), h, y), released_offset(width, (left, right), w, x), h, w))
    return np.array(found)


WHOLE_IMAGE = ("0", "0", "1", "1")


PLACES = [  # (height, width), (left, top, right, bottom) as exact fractions, alpha
    ((224, 224), WHOLE_IMAGE, 0.6),
    ((224, 224), WHOLE_IMAGE, 1.0),
    ((375, 500), WHOLE_IMAGE, 0.1),
    ((32, 32), WHOLE_IMAGE, 0.1),
    ((32, 32), ("1/8", "3/32", "1/2", "31/32"), 0.1),
    ((96, 96), ("29/96", "0", "31/96", "1/96"), 0.6),
    ((375, 500), ("1/3", "2/3", "9/10", "1"), 0.6),
    ((640, 360), ("1/4", "1/4", "3/4", "3/4"), 2.0),  # SimCCrop's box
    ((7, 300), ("1/2", "1/7", "299/300", "6/7"), 0.6),
]


@pytest.mark.parametrize(("size", "box", "alpha"), PLACES, ids=str)
def test_contrastive_crops_lie_where_the_released_code_puts_them(size, box, alpha):
    """Two samples of 50,000, ours and a loop over SPEC 5.1: false alarms in at most 1e-5 of runs a case."""
    n = 50_000
    query = (*size, *CropBox([float(Fraction(end)) for end in box]).tolist())
    crop = ContrastiveCrop(32, alpha=alpha)
    theirs = released_boxes(size, box, alpha, n, seed=1)
    for ours in crop.params_from_uniform(rows(crop, n), [query] * 2)["box"]:
        places = []
        for start, extent in ((x[:, :2], x[:, 2:]) for x in (ours.numpy(), theirs)):
            to_border = np.minimum(start, np.array(size) - start - extent).max(1)  # 0 in the corners
            places.append([*start.T, *(start + extent / 2).T, to_border])
        for mine, released in zip(*places, strict=True):
            assert_same_law(mine, released, FAILURE_RATE)


@given(
    height=st.integers(1, 700),
    width=st.integers(1, 700),
    ends=st.tuples(*[st.floats(0, 1)] * 4),
    area=st.floats(0.001, 1.0),
    uniforms=st.tuples(*[st.floats(1e-9, 1 - 1e-9)] * 3),
    alpha=st.sampled_from([1e-3, 0.1, 0.6, 1.0, 2.0, 1e3]),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_contrastive_crop_is_the_released_formula_to_the_pixel(height, width, ends, area, uniforms, alpha):
    """The box is kept in single precision, and still its ends are the pixels that they were made of."""
    (left, right), (top, bottom) = (
        sorted(round(end * n) for end in ends[k::2]) for k, n in ((0, width), (1, height))
    )  # pixels
    left, top = min(left, width - 1), min(top, height - 1)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    box = CropBox([left / width, top / height, right / width, bottom / height]).tolist()
    crop = ContrastiveCrop(32, alpha=alpha, law=FixedRatioPair(1.0, area, area))
    row = [0.5, 0.5, *uniforms, *uniforms]
    (found, _) = crop.params_from_uniform(row, [(height, width, *box)] * 2)["box"]
    h, w = found[2:]
    y, x = (float(stats.beta(alpha, alpha).ppf(u)) for u in uniforms[1:])
    expected = (
        released_offset(height, (Fraction(top, height), Fraction(bottom, height)), h, y),
        released_offset(width, (Fraction(left, width), Fraction(right, width)), w, x),
    )
    assert found[:2] == expected
    batch = crop.params_from_uniform([torch.tensor([u], dtype=torch.float64) for u in row], [(height, width, *box)] * 2)
    assert batch["box"][0][0].tolist() == list(found)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("size", [(32, 32), (375, 500)], ids=str)
def test_a_box_of_the_whole_image_is_center_suppressed_sampling(alpha, size):
    """SPEC 5.1: the offset is a fraction of the free pixels, with alpha 1 a uniform one."""
    law, whole = IndependentPair(0.2, 1.0), (0.0, 0.0, 1.0, 1.0)
    suppressed, contrastive = JointCrop(32, law=law, alpha=alpha), ContrastiveCrop(32, alpha=alpha)
    columns = rows(suppressed, 50_000)
    ours = contrastive.params_from_uniform(columns, [(*size, *whole)] * 2)["box"]
    theirs = suppressed.params_from_uniform(columns, [size] * 2)["box"]
    for mine, same in zip(ours, theirs, strict=True):
        assert torch.equal(mine, same)
    if alpha == 1.0:
        generator = torch.Generator().manual_seed(2)
        for axis in (0, 1):
            free = size[axis] - ours[0][:, 2 + axis]
            for some in free.unique()[1:].tolist()[:: max(size[axis] // 16, 1)]:
                offsets = ours[0][free == some, axis].double()
                if len(offsets) > 100:
                    assert ks(
                        offsets + torch.rand(len(offsets), generator=generator), stats.uniform(0, some).cdf
                    ) < ks_bound(len(offsets))


def test_without_a_box_a_contrastive_crop_is_a_plain_one():
    """The paper's warm-up."""
    plain, contrastive = JointCrop(32, law=IndependentPair(0.2, 1.0)), ContrastiveCrop(32, alpha=0.1)
    image = torch.zeros(3, 60, 80)
    assert contrastive.query([image]) == (60, 80)
    columns = rows(plain, 1000)
    for row in (columns, [column[0].item() for column in columns]):
        ours, theirs = (crop.params_from_uniform(row, [(60, 80)] * 2)["box"] for crop in (contrastive, plain))
        assert all(map(torch.equal, ours, theirs)) if row is columns else ours == theirs
    torch.manual_seed(0)
    views = contrastive(image)
    torch.manual_seed(0)
    assert all(map(torch.equal, views, plain(image)))


def test_contrastive_crop_takes_areas_from_either_paper():
    independent = draw_log_ratio(ContrastiveCrop(32))
    joint = draw_log_ratio(ContrastiveCrop(32, beta=0.0))
    assert ks(independent, lambda x: IndependentLogRatio(0.2, 1.0).cdf(torch.as_tensor(x)).numpy()) < ks_bound(20_000)
    assert ks(joint, lambda x: JointLogRatio(0.0, 0.2, 1.0).cdf(torch.as_tensor(x)).numpy()) < ks_bound(20_000)


def draw_log_ratio(crop):
    query = (100, 100, 0.0, 0.0, 1.0, 1.0)
    return log_ratio(crop.params_from_uniform(rows(crop, 20_000), [query, query])["area"])


def test_the_box_travels_with_the_sample_and_passes_once():
    box = CropBox([0.5, 0.0, 1.0, 1.0])
    pipeline = v2.Compose([ContrastiveCrop(16), PerView(v2.RandomHorizontalFlip())])
    views, same, label = pipeline(IMAGES["uint8"](), box, 3)
    assert len(views) == 2
    assert same is box
    assert label == 3
    nested = pipeline({"image": tv_tensors.Image(IMAGES["uint8"]()), "box": box})
    assert torch.equal(nested[0]["box"], box)


def test_heat_maps_give_boxes():
    heat = torch.zeros(2, 8, 8)
    heat[0, 2:4, 4:8] = 5.0
    boxed, constant = crop_box_from_heatmap(heat, (80, 160))
    left, top, right, bottom = boxed.tolist()
    assert (top, bottom) == pytest.approx((0.2, 0.55), abs=0.07)  # bilinear upsampling widens by up to half a cell
    assert (left, right) == pytest.approx((0.45, 1.0), abs=0.07)
    assert constant.tolist() == [0.0, 0.0, 1.0, 1.0]


def enlarged(heat, height, width):
    """Bilinear: the value at the middle of a pixel, between those at the middles of the map's places."""

    def weights(n, size):
        found = np.zeros((size, n))
        for i in range(size):
            at = min(max((i + 0.5) * n / size - 0.5, 0.0), n - 1.0)
            below = min(int(at), n - 2) if n > 1 else 0
            found[i, below] += 1 - (at - below)
            found[i, min(below + 1, n - 1)] += at - below
        return found

    return weights(heat.shape[0], height) @ heat @ weights(heat.shape[1], width).T


@pytest.mark.parametrize("offset", [0.0, -3.0, 100.0])
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8])
def test_boxes_of_heat_maps_are_those_of_the_slow_loop(threshold, offset):
    """Scaled to [0, 1], enlarged, then the first and last row and column whose greatest value is above."""
    rng = np.random.default_rng(0)
    heat = rng.random((40, 5, 7)) ** 6 * 3 + offset
    sizes = (40, 63)
    boxes_ = crop_box_from_heatmap(torch.from_numpy(heat), sizes, threshold)
    compared = 0
    for one, box in zip(heat, boxes_, strict=True):
        full = enlarged((one - one.min()) / (one.max() - one.min()), *sizes)
        found = []
        for greatest in (full.max(0), full.max(1)):
            hot = np.flatnonzero(greatest > threshold)
            found.append((hot[0] / len(greatest), (hot[-1] + 1) / len(greatest)) if len(hot) else None)
        if None in found or min(abs(full.max(axis) - threshold).min() for axis in (0, 1)) < 1e-6:
            continue  # nothing is left above, or rounding says
        compared += 1
        (left, right), (top, bottom) = found
        assert box.tolist() == pytest.approx([left, top, right, bottom], abs=1e-6)
    assert compared > 20


def test_a_box_ends_a_pixel_after_the_released_codes():
    """The code divides the last place above by the side: from the same map a crop starts at most a pixel earlier."""
    rng, side, compared, later = np.random.default_rng(1), 40, 0, 0
    heat = rng.random((60, 5, 5)) ** 6
    for one, box in zip(heat, crop_box_from_heatmap(torch.from_numpy(heat), side, 0.5), strict=True):
        greatest = enlarged((one - one.min()) / (one.max() - one.min()), side, side).max(0)
        hot = np.flatnonzero(greatest > 0.5)
        if not len(hot) or abs(greatest - 0.5).min() < 1e-6:
            continue  # nothing is left above, or rounding says
        compared += 1
        ours = [Fraction(round(end * side), side) for end in box.tolist()[::2]]
        released = [Fraction(int(hot[place]), side) for place in (0, -1)]
        assert (ours[0] - released[0], ours[1] - released[1]) == (0, Fraction(1, side))
        for crop, fraction in zip(rng.integers(1, side + 1, 20).tolist(), rng.random(20), strict=True):
            starts = [released_offset(side, ends, crop, fraction) for ends in (ours, released)]
            assert starts[0] - starts[1] in (0, 1)
            later += starts[0] - starts[1]
    assert compared > 20
    assert later > 0


WRONG = [
    (lambda: CropBox([0.5, 0, 0.4, 1]), ValueError, "a CropBox is"),
    (lambda: CropBox([0, 0, 1]), ValueError, "a CropBox is"),
    (lambda: crop_box_from_heatmap(torch.zeros(8, 8), (8, 8)), ValueError, "heatmap must be of shape"),
    (lambda: crop_box_from_heatmap(torch.zeros(1, 8, 8), (8, 8), 1.0), ValueError, "threshold"),
    (
        lambda: ContrastiveCrop(8)(torch.zeros(3, 9, 9), CropBox([0, 0, 1, 1]), CropBox([0, 0, 1, 1])),
        ValueError,
        "at most one CropBox, got 2",
    ),
]


@pytest.mark.parametrize(("make", "error", "words"), WRONG)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
