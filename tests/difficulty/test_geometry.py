"""geometry: the table of realized laws, reference distances, and scipy's intervals and distances."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2

from jointaug import (
    Addresses,
    ContrastiveCrop,
    JointBlur,
    JointCrop,
    MultiView,
    PerView,
    Record,
    UncroppedView,
    fuse,
)
from jointaug.difficulty import CropGeometry, box_measures, geometry
from jointaug.distributions import FixedRatioPair, IndependentPair, JointPair
from jointaug.testing import assert_follows, assert_rate, assert_same_law

PAIRS = 30_000
SIGMAS = 4.9  # a normal deviate leaves this range once in a million
ROUNDED = 0.0005  # a reference with three digits


def classic(size=224, scale=(0.2, 1.0)):
    crop = v2.RandomResizedCrop(size, scale=scale)
    return MultiView(crop, crop)


def near(values, expected, rounding=ROUNDED, reference_pairs=10**6):
    """A mean is the reference's, as far as both samples' noise and its digits allow."""
    values = values.double()
    error = float(values.std()) * math.sqrt(1 / len(values) + 1 / reference_pairs)
    return abs(float(values.mean()) - expected) <= SIGMAS * error + rounding


# Realized laws (2 * 10**6 pairs, numpy, independent of this library): (height, width): of two RandomResizedCrop(0.2, 1)
# P(> 2:1), E|u|, mean area, KS to independent uniforms; of the reference JointCrop P(> 2:1), E|u|, KS to JC(0),
# pairs that fell back to the whole image, E|u - drawn u|, P(|u - drawn u| > .05).
REALIZED = {
    (500, 500): (0.252, 0.465, 0.539, 0.016, 0.564, 0.796, 0.0055, 0.074, 0.0030, 0.007),
    (375, 500): (0.233, 0.453, 0.495, 0.025, 0.566, 0.800, 0.004, 0.138, 0.0071, 0.041),
    (333, 500): (0.197, 0.420, 0.452, 0.044, 0.578, 0.823, 0.018, 0.388, 0.031, 0.237),
    (360, 640): (0.141, 0.374, 0.399, 0.070, 0.609, 0.868, 0.041, 0.612, 0.085, 0.46),
    (96, 96): (0.254, 0.468, 0.543, 0.015, 0.564, 0.796, 0.006, 0.054, 0.008, 0.005),
    (64, 64): (0.255, 0.469, 0.545, 0.014, 0.565, 0.796, 0.006, 0.044, 0.012, 0.005),
    (32, 32): (0.258, 0.473, 0.551, 0.012, 0.562, 0.794, 0.009, 0.023, 0.023, 0.077),
}


@pytest.mark.parametrize("size", REALIZED, ids=str)
def test_torchvisions_crops_realize_what_the_table_says(size):
    tail, mean_abs, area, distance = REALIZED[size][:4]
    pairs = geometry(classic(), size, pairs=PAIRS)
    assert near(pairs.log_ratio.abs() > math.log(2), tail)
    assert near(pairs.log_ratio.abs(), mean_abs)
    assert near(pairs.area.mean(1), area)
    low, high = pairs.ks(level=1 - 1e-6).interval
    assert low <= distance <= high
    assert pairs.law == IndependentPair(0.2, 1.0)
    assert pairs.drawn_area is None


@pytest.mark.parametrize("size", REALIZED, ids=str)
def test_the_released_joint_crop_realizes_what_the_table_says(size):
    tail, mean_abs, distance, fallback, error, broken = REALIZED[size][4:]
    pairs = geometry(JointCrop(224, geometry="reference"), size, pairs=PAIRS)
    off = (pairs.log_ratio - pairs.drawn_log_ratio).abs()
    assert near(pairs.log_ratio.abs() > math.log(2), tail)
    assert near(pairs.log_ratio.abs(), mean_abs)
    assert near(off, error, rounding=0.0005)
    assert near(off > 0.05, broken, rounding=0.005 if broken > 0.4 else ROUNDED)
    low, high = pairs.ks(level=1 - 1e-6).interval
    assert low <= distance <= high
    # A fallback shows in the box where the drawn area would not have been rounded to the whole image.
    given_up, whole = pairs.given_up.any(1).double(), pairs.whole.any(1).double()
    assert float(given_up.mean()) - SIGMAS * float(given_up.std()) / math.sqrt(PAIRS) <= fallback + ROUNDED
    assert fallback - ROUNDED <= float(whole.mean()) + SIGMAS * float(whole.std()) / math.sqrt(PAIRS)
    if min(size) >= 300:
        assert abs(float(given_up.mean()) - fallback) < 0.02


@pytest.mark.parametrize("size", [(375, 500), (360, 640), (96, 96)], ids=str)
def test_exact_geometry_realizes_the_law_that_it_names(size):
    pairs = geometry(JointCrop(224), size, pairs=PAIRS)
    assert near(pairs.log_ratio.abs() > math.log(2), 0.5693)
    assert near(pairs.area.mean(1), 0.5485)
    assert_follows(pairs.log_ratio, JointPair(0.0, 0.2, 1.0).log_ratio)
    assert not pairs.given_up.any()
    seen = pairs.ks(level=1 - 1e-6)
    assert seen.distance < seen.bound


def test_exact_geometry_realizes_its_marginal_law():
    pairs = geometry(JointCrop(224), (375, 500), pairs=5000)
    seen = pairs.ks("area", level=1 - 1e-6)
    assert seen.distance < seen.bound
    assert geometry(classic(), (375, 500), pairs=5000).ks("area", level=1 - 1e-6).interval[0] > 0.1


def test_torchvisions_own_draws_have_the_same_laws():
    crop, image = v2.RandomResizedCrop(64, scale=(0.2, 1.0)), torch.zeros(3, 60, 100)
    torch.manual_seed(0)
    own = [[crop.make_params([image]) for _ in range(2)] for _ in range(4000)]
    boxes = torch.tensor([[[p["top"], p["left"], p["height"], p["width"]] for p in pair] for pair in own])
    peer = CropGeometry(boxes.double(), torch.tensor([[60, 100]]).expand(4000, 2))
    ours = geometry(classic(), (60, 100), pairs=PAIRS)
    for name in ours.columns:
        assert_same_law(ours.columns[name], peer.columns[name])


# Unit square, exact geometry: mean distance of the top left corners, of the centers, mean IoU (10**6 pairs, numpy).
FIGURE_7 = {
    None: (0.197, 0.142, 0.534),
    3.0: (0.197, 0.154, 0.520),
    2.0: (0.224, 0.163, 0.473),
    1.0: (0.253, 0.171, 0.427),
    0.0: (0.264, 0.174, 0.408),
    -1.0: (0.276, 0.177, 0.389),
    -2.0: (0.304, 0.186, 0.343),
    -3.0: (0.333, 0.193, 0.299),
}


@pytest.mark.parametrize("beta", FIGURE_7, ids=str)
def test_distances_of_figure_7(beta):
    law = IndependentPair(0.2, 1.0) if beta is None else JointPair(beta, 0.2, 1.0)
    pairs = geometry(JointCrop(224, law=law), (4000, 4000), pairs=PAIRS)
    for values, expected in zip((pairs.corner_distance, pairs.center_distance, pairs.iou), FIGURE_7[beta], strict=True):
        assert near(values, expected)


def test_images_of_several_sizes_take_turns():
    sizes = [(50, 80), (64, 64), (90, 30)]
    pairs = geometry(JointCrop(16), sizes, pairs=900, seed=3)
    assert pairs.size.tolist() == [list(size) for size in sizes] * 300
    for i, size in enumerate(sizes):
        alone = geometry(JointCrop(16), size, pairs=900, seed=3)
        assert torch.equal(alone.boxes[i::3], pairs.boxes[i::3])
        assert torch.equal(alone.drawn_area[i::3], pairs.drawn_area[i::3])
    one_by_one = box_measures(pairs.boxes[1::3], 64, 64)
    assert all(torch.equal(pairs.columns[name][1::3], column) for name, column in one_by_one.items())


def test_policies_share_their_numbers():
    plain = geometry(v2.Compose([JointCrop(16)]), (60, 60), pairs=500)
    blurred = geometry(v2.Compose([JointCrop(16), JointBlur()]), (60, 60), pairs=500)
    assert torch.equal(plain.boxes, blurred.boxes)
    assert torch.equal(geometry(v2.Compose([JointCrop(16)]), (60, 60), pairs=200).boxes, plain.boxes[:200])
    assert not torch.equal(geometry(v2.Compose([JointCrop(16)]), (60, 60), pairs=500, seed=1).boxes, plain.boxes)


def test_laws_of_policies():
    assert geometry(JointCrop(16, beta=-2.0), (60, 60), pairs=2).law == JointPair(-2.0, 0.2, 1.0)
    assert geometry(ContrastiveCrop(16), (60, 60), pairs=2).law == IndependentPair(0.2, 1.0)
    assert geometry(MultiView(UncroppedView(16), v2.RandomResizedCrop(16)), (60, 60), pairs=2).law is None
    unequal = MultiView(v2.RandomResizedCrop(16), v2.RandomResizedCrop(16, scale=(0.2, 1.0)))
    assert geometry(unequal, (60, 60), pairs=2).law is None
    whole = geometry(MultiView(UncroppedView(16), UncroppedView(16)), (60, 60), pairs=50)
    assert whole.whole_image_rate().value == 1.0
    assert whole.whole_image_rate().high == 1.0
    assert whole.iou.eq(1).all()


def test_the_distance_is_scipys():
    pairs = geometry(classic(), (90, 120), pairs=2000)
    law = pairs.law.log_ratio

    def cdf(x):
        return law.cdf(torch.as_tensor(np.asarray(x, np.float64))).numpy()

    assert pairs.ks().distance == pytest.approx(stats.kstest(pairs.log_ratio.numpy(), cdf).statistic, abs=1e-12)
    assert pairs.ks().bound == pytest.approx(math.sqrt(math.log(2 / 0.05) / 4000))
    areas = pairs.area.flatten().numpy()
    uniform = stats.uniform(0.2, 0.8)
    assert pairs.ks("area").distance == pytest.approx(stats.kstest(areas, uniform.cdf).statistic, abs=1e-9)
    assert pairs.ks("area", law=lambda x: ((x - 0.2) / 0.8).clamp(0, 1)).distance == pytest.approx(
        pairs.ks("area").distance, abs=1e-6
    )


def test_the_bound_holds_for_a_law_that_is_followed():
    """In 95 % of samples or more, for the log ratio, and for both areas of a pair, which depend on each other."""
    pairs = geometry(JointCrop(224, law=IndependentPair(0.2, 1.0)), (3000, 3000), pairs=60 * 500)
    for quantity in ("log_ratio", "area"):
        held = 0
        for part in range(500):
            rows = slice(60 * part, 60 * (part + 1))
            few = CropGeometry(pairs.boxes[rows], pairs.size[rows], law=pairs.law).ks(quantity)
            held += few.distance <= few.bound
        assert stats.binom.cdf(held, 500, 0.95) > 1e-6


def test_intervals_of_shares_and_means():
    pairs = geometry(JointCrop(64), (90, 120), pairs=1000)
    beyond = pairs.log_ratio.abs() > math.log(3)
    exact = stats.binomtest(int(beyond.sum()), 1000).proportion_ci(0.9)
    assert pairs.tail(3.0, level=0.9)[1:] == pytest.approx((exact.low, exact.high))
    never = pairs.measured(pairs.iou > 2)
    assert never.value == never.low == 0.0
    assert never.high == pytest.approx(1 - 0.025 ** (1 / 1000))
    low, high = stats.t.interval(0.95, 999, pairs.iou.mean(), stats.sem(pairs.iou))
    assert pairs.measured("iou") == pytest.approx((float(pairs.iou.mean()), low, high))
    assert_rate(int(beyond.sum()), JointPair(0.0, 0.2, 1.0).log_ratio.tail(3.0).item(), of=1000)
    assert "beyond 2:1" in repr(pairs)


BAD = {
    "no pipeline": (lambda: geometry(3, (60, 60)), TypeError, "policy must be a pipeline"),
    "a class": (lambda: geometry(JointCrop, (60, 60)), TypeError, "policy must be a pipeline"),
    "one view": (
        lambda: geometry(v2.RandomResizedCrop(8), (60, 60)),
        ValueError,
        r"two views.*got no views.*MultiView",
    ),
    "size": (lambda: geometry(JointCrop(8), 60), TypeError, "size must be"),
    "three sides": (lambda: geometry(JointCrop(8), (3, 60, 60)), TypeError, "size must be"),
    "no pixels": (lambda: geometry(JointCrop(8), (0, 60)), ValueError, "at least 1 each.*got 0"),
    "no size": (lambda: geometry(JointCrop(8), []), ValueError, "got none"),
    "huge": (lambda: geometry(JointCrop(8), (2**31, 60)), ValueError, "under 2147483648"),
    "fraction": (lambda: geometry(JointCrop(8), (60.5, 60)), TypeError, "size must be"),
    "one pair": (lambda: geometry(JointCrop(8), (60, 60), pairs=1), ValueError, "pairs must be"),
    "seed": (lambda: geometry(JointCrop(8), (60, 60), seed=-1), ValueError, "seed"),
    "padding": (
        lambda: geometry(v2.Compose([JointCrop(8), PerView(v2.RandomCrop(8, padding=2))]), (60, 60)),
        ValueError,
        "put the crop first",
    ),
    "unknown column": (lambda: FEW.measured("overlap"), ValueError, "one of area1.*got 'overlap'"),
    "column of others": (lambda: FEW.measured(torch.zeros(3)), ValueError, r"shape \[10\]"),
    "not finite": (lambda: FEW.measured(FEW.iou * math.nan), ValueError, "finite, got 10"),
    "level": (lambda: FEW.measured("iou", 95), ValueError, "write 0.95"),
    "level of ks": (lambda: FEW.ks(level=0.0), ValueError, "level"),
    "ratio": (lambda: FEW.tail(0.5), ValueError, "ratio must be"),
    "quantity": (lambda: FEW.ks("iou"), ValueError, "'log_ratio' or 'area', got 'iou'"),
    "no law": (lambda: NAMELESS.ks(), ValueError, "law must be given"),
    "no draws": (lambda: NAMELESS.drawn_log_ratio, ValueError, "only a joint crop says"),
    "no draws, given up": (lambda: NAMELESS.given_up, ValueError, "only a joint crop says"),
    "fixed ratio": (lambda: FEW.ks(law=FixedRatioPair(2.0, 0.2, 1.0)), NotImplementedError, "constant"),
}


FEW = geometry(JointCrop(8), (60, 60), pairs=10)
NAMELESS = geometry(MultiView(UncroppedView(8), v2.RandomResizedCrop(8)), (60, 60), pairs=10)


def test_the_law_of_a_quantity_says_what_the_pairs_law_says():
    """And what its cdf says, as a function."""
    pairs, law = geometry(JointCrop(8), (60, 60), pairs=1000), JointPair(2.0, 0.2, 1.0)
    assert pairs.ks(law=law.log_ratio) == pairs.ks(law=law) == pairs.ks(law=law.log_ratio.cdf)
    uniform = torch.distributions.Uniform(0.1, 1.0)
    assert pairs.ks("area", uniform) == pairs.ks("area", uniform.cdf)


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


def test_a_record_says_what_its_pairs_are_like():
    """As the policy's own boxes at the same addresses, with the areas that were drawn."""
    policy = v2.Compose([JointCrop(32), PerView(v2.RandomHorizontalFlip())])
    addresses = Addresses(5, 0, torch.arange(200))
    images = torch.zeros(1, 1, 1, 1).expand(200, 3, 60, 80)
    fused = fuse(policy)
    record = fused.record(fused.make_params(images, addresses=addresses))
    found, drawn = geometry(record), geometry(policy, (60, 80), pairs=200, seed=5)
    assert torch.equal(found.size, drawn.size)
    torch.testing.assert_close(found.boxes, drawn.boxes, atol=1e-9, rtol=0)
    assert torch.equal(found.drawn_area, drawn.drawn_area)
    assert geometry(Record.from_json(record.to_json())).measured("iou") == found.measured("iou")


def test_a_record_of_something_else_is_refused():
    images = torch.zeros(3, 3, 60, 80)
    _, record = fuse(JointCrop(32))(images, record=True)
    with pytest.raises(TypeError, match="size must be left out with a record, which knows it, got 3; write geometry"):
        geometry(record, 3)
    with pytest.raises(ValueError, match="must be of a batch's pairs of views, got <Record of one image, 2 views>"):
        geometry(record[0])
    _, record = fuse(MultiView(*[JointCrop(32)] * 2))(images, record=True)
    with pytest.raises(ValueError, match="pairs of views, got <Record of 3 images, 4 views>"):
        geometry(record)
    generator = torch.Generator().manual_seed(0)
    _, record = fuse(v2.Compose([JointCrop(32), PerView(v2.RandAugment(8))]))(images, generator=generator, record=True)
    with pytest.raises(ValueError, match=r"got view \d of image \d turned, or moved in an unknown way"):
        geometry(record)
