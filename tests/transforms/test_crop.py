"""Crops: the drawn areas follow their law, the boxes realize them, the pixels are torchvision's."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from jointaug import (
    ContrastiveCrop,
    JointCrop,
    MultiView,
    PerView,
    UncroppedView,
    fuse,
)
from jointaug.distributions import FixedRatioPair, IndependentLogRatio, IndependentPair, JointLogRatio, JointPair
from jointaug.testing import assert_follows, assert_independent, assert_same_law

from .draws import FAILURE_RATE, IMAGES, SIZES, N, ks, ks_bound, log_ratio, rows

BETAS = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]


def draw(crop, size, n=N, seed=0):
    params = crop.params_from_uniform(rows(crop, n, seed), [size] * 2)
    areas, box = torch.stack(params["area"]), torch.stack(params["box"])  # [2, n], [2, n, 4]
    realized = box[..., 2] * box[..., 3] / (size[0] * size[1])
    return areas, box, realized


def bounds(box):
    """Of every pair, the sum of its two boxes' rounding bounds."""
    sides = box[..., 2:].double()
    longer = sides.amax(-1) - (sides.diff(dim=-1)[..., 0].abs() == 1).double()
    return -torch.log1p(-0.5 / longer.clamp(min=1)).sum(0)


def check_realization(areas, box, realized, law, low=0.2, high=1.0):
    """All that a crop policy owes to its law; raises AssertionError where it does not pay."""
    u, v = log_ratio(areas), log_ratio(realized)

    def cdf(x):
        return law.cdf(torch.as_tensor(x)).numpy()

    assert ks(u, cdf) < ks_bound(len(u))
    assert ks(v, cdf) < ks_bound(len(u))
    assert ((v - u).abs() <= bounds(box) + 1e-12).all()
    # the first area given the ratio is uniform on its interval: over all pairs, and in each tenth of the ratios
    least, most = (low * (-u).exp()).clamp(min=low), (high * (-u).exp()).clamp(max=high)
    position = ((areas[0] - least) / (most - least)).numpy()
    assert ks(position, "uniform") < ks_bound(len(u))
    for tenth in np.array_split(np.argsort(u.numpy()), 10):
        assert ks(position[tenth], "uniform") < ks_bound(len(tenth), FAILURE_RATE / 10)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("beta", BETAS)
def test_drawn_and_realized_areas_follow_the_law(beta, size):
    crop = JointCrop(beta=beta)
    areas, box, realized = draw(crop, size)
    check_realization(areas, box, realized, JointLogRatio(beta, 0.2, 1.0))


@pytest.mark.parametrize(("side", "mean", "most"), [(32, 0.015, 0.063), (96, 0.005, 0.021)])
def test_rounding_moves_the_log_ratio_by_as_much_as_is_documented(side, mean, most):
    areas, box, realized = draw(JointCrop(), (side, side))
    moved = (log_ratio(realized) - log_ratio(areas)).abs()
    assert moved.mean() == pytest.approx(mean, abs=0.0005)
    assert moved.max() < most
    assert (moved <= bounds(box) + 1e-12).all()


def test_independent_areas_follow_theirs():
    crop = JointCrop(law=IndependentPair(0.2, 1.0))
    areas, _, realized = draw(crop, (375, 500))
    law = IndependentLogRatio(0.2, 1.0)
    for drawn in (areas, realized):
        assert ks(log_ratio(drawn), lambda x: law.cdf(torch.as_tensor(x)).numpy()) < ks_bound(N)
    assert ks(areas[0], stats.uniform(0.2, 0.8).cdf) < ks_bound(N)


def test_independent_crops_are_torchvisions_where_every_crop_fits():
    """The limiting case of SPEC 6, in law: area, aspect ratio and place of `v2.RandomResizedCrop` on a square.

    At most half of it is taken, so that torchvision never tries again. Its sides are rounded to pixels, of 10,000.
    """
    side, n = 10_000, 20_000
    _, box, _ = draw(JointCrop(law=IndependentPair(0.2, 0.5)), (side, side), n)
    baseline, image = v2.RandomResizedCrop(224, (0.2, 0.5)), torch.empty(3, side, side, device="meta")
    torch.manual_seed(0)
    drawn = [baseline.make_params([image]) for _ in range(n)]
    top, left, height, width = (
        np.array([params[name] for params in drawn]) for name in ("top", "left", "height", "width")
    )
    for mine in box:
        x, y, w, h = mine.double().numpy().T
        for ours, theirs in (
            (w * h / side**2, width * height / side**2),
            (np.log(w / h), np.log(width / height)),
            (x / (side - w), left / (side - width)),
            (y / (side - h), top / (side - height)),
        ):
            assert_same_law(ours, theirs, FAILURE_RATE, slack=1e-3)


def test_a_fixed_ratio_is_realized():
    areas, box, realized = draw(JointCrop(law=FixedRatioPair(3.0, 0.2, 1.0)), (375, 500))
    torch.testing.assert_close(areas[1] / areas[0], torch.full((N,), 3.0, dtype=torch.float64))
    assert ((log_ratio(realized) - math.log(3)).abs() <= bounds(box)).all()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("policy", ["tries and fallback", "whole reference"])
def test_ten_tries_and_a_fallback_turn_this_red(policy, size):
    """The check above has teeth: a retry loop that takes the whole image in the end breaks the pairs it touches."""
    crop = JointCrop(geometry="reference")
    if policy == "tries and fallback":
        crop._shrink = 1.0  # only the geometry differs from the exact one
    with pytest.raises(AssertionError):
        check_realization(*draw(crop, size), JointLogRatio(0.0, 0.2, 1.0))


def test_swapped_views_or_an_inverted_ratio_turn_this_red():
    """At beta 0 the law is symmetric, so a ratio drawn without a sign is what symmetry cannot hide."""
    areas, box, realized = draw(JointCrop(), (375, 500))
    order = areas.argsort(0)
    ordered = [x.gather(0, order) for x in (areas, realized)]
    with pytest.raises(AssertionError):
        check_realization(ordered[0], box, ordered[1], JointLogRatio(0.0, 0.2, 1.0))


# (width, height): P(ratio beyond 2:1), E|u|, KS to JC(0), a view fell back, E|u - u drawn|, P(|u - u drawn| > .05)
REFERENCE = {
    (500, 500): (0.564, 0.796, 0.0055, 0.074, 0.0030, 0.007),
    (500, 375): (0.566, 0.800, 0.004, 0.138, 0.0071, 0.041),
    (500, 333): (0.578, 0.823, 0.018, 0.388, 0.031, 0.237),
    (640, 360): (0.609, 0.868, 0.041, 0.612, 0.085, 0.46),
    (96, 96): (0.564, 0.796, 0.006, 0.054, 0.008, 0.005),
    (32, 32): (0.562, 0.794, 0.009, 0.023, 0.023, 0.077),
}


@pytest.mark.parametrize("size", REFERENCE, ids=str)
def test_reference_geometry_realizes_what_the_released_code_does(size):
    """Against a simulation of 2 x 10^6 pairs of the released procedure, rounded to the digits shown."""
    width, height = size
    n = 400_000
    crop = JointCrop(geometry="reference")
    areas, _, realized = draw(crop, (height, width), n)
    u, v = log_ratio(areas), log_ratio(realized)
    tries = torch.stack(rows(crop, n)[2:]).view(2, 12, n)[:, :10]
    aspects = torch.exp((tries * 2 - 1) * math.log(4 / 3))
    pixels = (areas * width * height)[:, None]
    fits = ((pixels * aspects).sqrt().round() <= width) & ((pixels / aspects).sqrt().round() <= height)
    fell_back = (~fits.any(1)).any(0).double()
    measured = (
        (v.abs() > math.log(2)).double().mean(),
        v.abs().mean(),
        ks(v, lambda x: JointLogRatio(0.0, 0.2, 1.0).cdf(torch.as_tensor(x)).numpy()),
        fell_back.mean(),
        (v - u).abs().mean(),
        ((v - u).abs() > 0.05).double().mean(),
    )
    digits = (0.0005, 0.0005, 0.0005, 0.0005, 0.0005, 0.005 if size == (640, 360) else 0.0005)
    spread = (0.5, 0.6, 0.87, 0.5, 0.3, 0.5)  # standard deviations of one pair; DKW's constant for KS
    for name, value, expected, rounding, sigma in zip(
        ("beyond 2:1", "E|u|", "KS", "fell back", "E|du|", "P(|du| > .05)"),
        measured,
        REFERENCE[size],
        digits,
        spread,
        strict=True,
    ):
        assert abs(float(value) - expected) < rounding + 5 * sigma / math.sqrt(n), (name, float(value), expected)


def drawn_pair(rng, low, high, shrink=0.0):
    """SPEC 5.1 at beta 0: the log ratio uniform, the first area given it; ``shrink`` is the released code's .1."""
    most = math.log(high / low - shrink)
    u = rng.uniform(-most, most)
    first = rng.uniform(max(low, low * math.exp(-u)), min(high * math.exp(-u), high))
    return first, min(max(first * math.exp(u), low), high)


def released_crop(rng, area, height, width):
    """The released code: up to ten aspect ratios, sides by rounding, a place by a random integer, else all."""
    for _ in range(10):
        aspect = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * height * width * aspect)), round(math.sqrt(area * height * width / aspect))
        if 0 < w <= width and 0 < h <= height:
            return rng.randint(0, height - h), rng.randint(0, width - w), h, w
    return 0, 0, height, width


def exact_crop(rng, area, height, width):
    """SPEC 5.1: the aspect ratio log-uniform among those that fit, or the nearest; both sides rounded here."""
    low, high = max(3 / 4, area * width / height), min(4 / 3, width / (area * height))
    if low > high:  # full height, or full width
        low = high = area * width / height if area * width / height > 4 / 3 else width / (area * height)
    aspect = math.exp(rng.uniform(math.log(low), math.log(high)))
    h = min(max(round(math.sqrt(area * height * width / aspect)), 1), height)
    w = min(max(round(math.sqrt(area * height * width * aspect)), 1), width)
    return rng.randint(0, height - h), rng.randint(0, width - w), h, w


@pytest.mark.parametrize(
    ("geometry", "size", "slack"),
    [
        *(("reference", size, 0.0) for size in ((32, 32), (96, 96), (333, 500), (640, 360))),
        *(("exact", size, 0.004) for size in ((1024, 1024), (1500, 2000), (2000, 1125))),  # sides rounded otherwise
    ],
    ids=str,
)
def test_pairs_of_crops_are_those_of_the_slow_loop(geometry, size, slack):
    """Two samples of 50,000 pairs: false alarms in at most 1e-5 of runs a case."""
    n, rng = 50_000, random.Random(1)
    shrink, cut = (0.1, released_crop) if geometry == "reference" else (0.0, exact_crop)
    pairs = [drawn_pair(rng, 0.2, 1.0, shrink) for _ in range(n)]
    theirs = np.array([[cut(rng, area, *size) for area in pair] for pair in pairs])  # [n, 2, 4]
    crop = JointCrop(geometry=geometry)
    ours = torch.stack(crop.params_from_uniform(rows(crop, n), [size] * 2)["box"], 1).numpy()
    seen = []
    for found in (ours, theirs):
        area = found[..., 2] * found[..., 3] / math.prod(size)
        top, left, height, width = found[:, 0].T
        seen.append(
            [
                np.log(area[:, 1] / area[:, 0]),
                area[:, 0],
                np.log(width / height),
                top / (size[0] - height + 1),
                left / (size[1] - width + 1),
                found[:, 0, 0] + found[:, 0, 2] - found[:, 1, 0],  # which says how the two views lie
            ]
        )
    for mine, oracle in zip(*seen, strict=True):
        assert_same_law(mine, oracle, FAILURE_RATE, slack=slack)


def test_a_multi_crop_has_each_pair_of_its_own_range():
    """SPEC 5.1, DINO: JC on the pair of globals with their range, on the locals as consecutive pairs with theirs."""
    n = 20_000
    fused = fuse(MultiView(JointCrop(8, scale=(0.4, 1.0)), *[JointCrop(4, scale=(0.05, 0.4))] * 2))
    images = torch.zeros(1, 1, 1, 1).expand(n, 1, 400, 400)
    plan = fused.make_params(images, generator=torch.Generator().manual_seed(0))
    assert [view.height for view in plan.views] == [8, 8, 4, 4, 4, 4]
    areas = [torch.stack(drawn.params["area"], 1) for drawn in plan.drawn]
    for pair, law in zip(areas, [JointPair(0.0, 0.4, 1.0), *[JointPair(0.0, 0.05, 0.4)] * 2], strict=True):
        assert_follows(pair, law, FAILURE_RATE)
    for k, m in ((0, 1), (0, 2), (1, 2)):
        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
            assert_independent(areas[k][:, i], areas[m][:, j], FAILURE_RATE)


@pytest.mark.parametrize(("size", "share"), [((375, 500), 0.0), ((333, 500), 0.16), ((360, 640), 0.30)], ids=str)
def test_aspect_ratios_leave_their_range_only_where_no_crop_fits(size, share):
    """At 3:2 and 16:9 large crops take the full height; their share at beta 0 is that of areas above it."""
    height, width = size
    areas, box, _ = draw(JointCrop(), size)
    needed = 4 / 3 * height / width  # the greatest area with an aspect ratio of 4:3
    forced = (areas > needed + 1e-12).double().mean().item()
    assert forced == pytest.approx(share, abs=0.005)
    full_height = box[..., 2] == height
    assert full_height[areas > needed].all()


def test_positions_are_uniform():
    _, box, _ = draw(JointCrop(), (375, 500))
    for k in (0, 1):
        free = 375 - box[k, :, 2]
        wide = free > 50
        u = (box[k, :, 0][wide] + torch.rand(int(wide.sum()), generator=torch.Generator().manual_seed(1))) / (
            free[wide] + 1
        )
        assert ks(u, "uniform") < ks_bound(len(u))


SEPARATE = {  # on a square of which at most half is taken: every aspect ratio fits, no try fails
    "exact": lambda: JointCrop(32, scale=(0.2, 0.5)),
    "reference": lambda: JointCrop(32, scale=(0.2, 0.5), geometry="reference"),
    "suppressed": lambda: JointCrop(32, scale=(0.2, 0.5), alpha=0.6),
    "contrastive": lambda: ContrastiveCrop(32, scale=(0.2, 0.5)),
}


@pytest.mark.parametrize("name", SEPARATE)
def test_area_aspect_ratio_and_place_are_independent(name):
    """Within a view, and of the other view's: all 27 pairs but that of the areas, whose law is joint."""
    side = 10_000
    areas, box, _ = draw(SEPARATE[name](), (side, side))
    quantities = []
    for k in (0, 1):
        top, left, height, width = box[k].double().T
        quantities += [areas[k], (width / height).log(), top / (side - height), left / (side - width)]
    for i, first in enumerate(quantities):
        for j in range(i):
            if (j, i) != (0, 4):
                assert_independent(first, quantities[j], FAILURE_RATE / 28)


@pytest.mark.parametrize("alpha", [0.1, 0.6, 2.0])
def test_offsets_follow_the_beta_law(alpha):
    _, box, _ = draw(JointCrop(alpha=alpha), (3750, 5000), n=20_000)
    for axis, side in ((0, 3750), (1, 5000)):
        free = side - box[0, :, 2 + axis]
        wide = free > 400
        offsets = box[0, :, axis][wide] / free[wide]
        slack = stats.beta(alpha, alpha).cdf(1 / 400)  # one pixel at the ends, where alpha < 1 piles up mass
        assert ks(offsets, stats.beta(alpha, alpha).cdf) < ks_bound(int(wide.sum())) + slack


@pytest.mark.filterwarnings("ignore:Anti-alias option is always applied for PIL")
@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("mode", [InterpolationMode.BILINEAR, InterpolationMode.BICUBIC, InterpolationMode.NEAREST])
@pytest.mark.parametrize("antialias", [True, False])
def test_pixels_are_torchvisions(kind, mode, antialias):
    """Within one gray level (1e-5 in float) of v2's own crop of the drawn box."""
    image = IMAGES[kind]()
    crop = JointCrop((24, 32), interpolation=mode, antialias=antialias)
    torch.manual_seed(0)
    for _ in range(10):
        params = crop.make_params([image])
        views = crop.transform(image, params)
        for view, box in zip(views, params["box"], strict=True):
            expected = F.resized_crop(image, *box, size=[24, 32], interpolation=mode, antialias=antialias)
            a, b = (F.to_image(x).as_subclass(torch.Tensor).double() for x in (view, expected))
            assert (a - b).abs().max() <= (1e-5 if kind in ("float", "batch") else 1.0)


def test_a_call_is_its_parameters_then_its_pixels():
    image, crop = IMAGES["uint8"](), JointCrop(24)
    torch.manual_seed(0)
    views = crop(image)
    torch.manual_seed(0)
    params = crop.make_params([image])
    assert all(torch.equal(a, b) for a, b in zip(views, crop.transform(image, params), strict=True))


def test_the_bare_transform_is_the_papers_method():
    crop = JointCrop()
    assert crop.size == (224, 224)
    assert crop.ratio == (3 / 4, 4 / 3)
    assert crop.laws["area"].beta.item() == 0
    assert (crop.laws["area"].low.item(), crop.laws["area"].high.item()) == pytest.approx((0.2, 1.0))


def test_beta_and_the_laws_long_form_agree():
    for short, long in [
        (JointCrop(beta=2.0), JointCrop(law=JointPair(2.0, 0.2, 1.0))),
        (JointCrop(scale=(0.08, 1.0)), JointCrop(law=JointPair(0.0, 0.08, 1.0))),
    ]:
        row = [0.1, 0.25, *[0.5] * 6]
        assert short.params_from_uniform(row, [(100, 100)] * 2) == long.params_from_uniform(row, [(100, 100)] * 2)


def test_golden_areas():
    first, second = JointCrop().params_from_uniform([0.1, 0.25, *[0.5] * 6], [(100, 100)] * 2)["area"]
    assert (first, second) == pytest.approx((0.793585, 0.218986), abs=1e-6)


def test_on_views_each_pair_has_a_draw():
    four = MultiView(*[v2.Identity()] * 4)
    views = v2.Compose([four, JointCrop(8)])(IMAGES["uint8"]())
    assert len(views) == 4
    assert len({tuple(view.flatten().tolist()) for view in views}) == 4


def test_the_whole_image_is_a_view():
    image = IMAGES["float"]()
    assert torch.equal(UncroppedView(24)(image), F.resize(image, [24, 24], antialias=True))
    for how in ({"interpolation": "bicubic"}, {"interpolation": "nearest"}, {"antialias": False}):
        options = {"antialias": True, **how}
        if "interpolation" in how:
            options["interpolation"] = InterpolationMode(how["interpolation"])
        assert torch.equal(UncroppedView((24, 30), **how)(image), F.resize(image, [24, 30], **options))
    crop = v2.RandomResizedCrop(24)
    leoclr = v2.Compose([MultiView(UncroppedView(24), crop, crop), PerView(v2.RandomHorizontalFlip(0.0))])
    assert torch.equal(leoclr(image)[0], UncroppedView(24)(image))


WRONG = [
    (lambda: JointCrop(beta=math.nan), ValueError, "beta must be a finite number, got nan"),
    (lambda: JointCrop(beta=math.inf), ValueError, "beta must be a finite number, got inf"),
    (lambda: JointCrop(beta="0"), TypeError, "beta must be a finite number, got '0'"),
    (lambda: JointCrop(scale=(1.0, 0.2)), ValueError, r"scale must satisfy 0 < low <= high <= 1.*got \(1.0, 0.2\)"),
    (lambda: JointCrop(scale=(0.0, 1.0)), ValueError, "scale must satisfy"),
    (lambda: JointCrop(scale=(0.2, 1.5)), ValueError, r"divide pixels by H \* W"),
    (lambda: JointCrop(scale=0.2), TypeError, "scale must be two numbers"),
    (lambda: JointCrop(ratio=(0.0, 1.0)), ValueError, "ratio must satisfy 0 < low <= high"),
    (lambda: JointCrop(ratio=(-1.0, 1.0)), ValueError, "ratio"),
    (lambda: JointCrop(0), ValueError, "size must be a positive integer"),
    (lambda: JointCrop(-3), ValueError, "got -3; write size=224"),
    (lambda: JointCrop(224.0), TypeError, "size must be a positive integer.*got 224.0 of type float"),
    (lambda: JointCrop((1, 2, 3)), ValueError, "size"),
    (lambda: JointCrop(beta=0, law=JointPair(0, 0.2, 1)), ValueError, "law says what beta says"),
    (lambda: JointCrop(scale=(0.2, 1), law=JointPair(0, 0.2, 1)), ValueError, "law says what scale says"),
    (lambda: JointCrop(law=JointPair(0, 0.2, 2.0)), ValueError, r"law must draw areas in \(0, 1\]"),
    (lambda: JointCrop(law=JointLogRatio(0, 0.2, 1.0)), TypeError, "must be a PairLaw"),
    (lambda: JointCrop(law=JointPair(torch.zeros(2), 0.2, 1.0)), ValueError, "must be one law, got a batch"),
    (lambda: JointCrop(generator=torch.Generator()), TypeError, "no argument 'generator'.*torch.manual_seed"),
    (lambda: JointCrop(betta=0), TypeError, "no argument 'betta', got betta=0; known are size, scale"),
    (lambda: JointCrop(geometry="official"), ValueError, "geometry must be 'exact' or 'reference', got 'official'"),
    (lambda: JointCrop(geometry="reference", beta=1), ValueError, "released code that has beta=0"),
    (lambda: JointCrop(geometry="reference", scale=(0.95, 1.0)), ValueError, r"needs scale\[1\] / scale\[0\] > 1.1"),
    (lambda: JointCrop(interpolation="bicubicc"), ValueError, "interpolation must be one of nearest, .*got 'bicubicc'"),
    (lambda: UncroppedView(32, interpolation=17), ValueError, "interpolation must be one of nearest, .*got 17"),
    (lambda: JointCrop(ratio=1), TypeError, r"ratio must be two numbers.*write ratio=\(3 / 4, 4 / 3\)"),
    (lambda: JointCrop(scale=(1, 0.2)), ValueError, r"scale must satisfy .*write scale=\(0.2, 1.0\)"),
    (lambda: JointCrop(32)("cat.png"), TypeError, "got str; open files with PIL.Image.open first"),
    (lambda: PerView(UncroppedView), TypeError, "must be a transform, got the class .*UncroppedView'>; call it"),
    (lambda: JointCrop(alpha=0), ValueError, "alpha must be a positive number, got 0"),
    (lambda: UncroppedView(0), ValueError, "size"),
]


@pytest.mark.parametrize(("make", "error", "words"), WRONG)
def test_wrong_arguments_are_named_at_construction(make, error, words):
    with pytest.raises(error, match=words):
        make()
