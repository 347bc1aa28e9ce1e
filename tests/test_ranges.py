"""Whatever has an allowed range works on all of it: at both ends, next to them, and between."""

from __future__ import annotations

import itertools
import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings

from jointaug import (
    ContrastiveCrop,
    CropBox,
    JointBlur,
    JointColor,
    JointCrop,
    MultiResolution,
    UncroppedView,
    crop_box_from_heatmap,
)
from jointaug.difficulty import geometry, noise_scales, sdf, spectral_residual
from jointaug.distributions import (
    DecoupledPair,
    FixedRatioPair,
    IndependentLogRatio,
    IndependentPair,
    JointLogRatio,
    JointPair,
)
from jointaug.functional import cutmix_boxes, gaussian_blur
from jointaug.testing import assert_follows, assert_independent, assert_rate, assert_same_law
from jointaug.transforms import _boxes as boxes

many = settings(max_examples=300, deadline=None, derandomize=True, database=None)
few = settings(max_examples=100, deadline=None, derandomize=True, database=None)

LEAST, MOST = 2.0**-54, 1 - 2.0**-53  # of what a row of uniforms holds
UNIFORMS = st.one_of(st.sampled_from([LEAST, MOST, 1e-9, 0.5, 1 - 1e-9]), st.floats(LEAST, MOST))
BETAS = st.sampled_from([s * b for s in (1, -1) for b in (0.0, 1e-300, 1e-8, 0.999, 1.001, 3.0, 1e3, 1e6, 1e30)])
SIDES = st.one_of(st.sampled_from([1, 2, 3, 100_000, 2**31 - 1]), st.integers(1, 500))
ALPHAS = st.sampled_from([5e-324, 1e-3, 0.1, 1.0, 1e3, 1e6, 1e300])
PROBABILITIES = st.sampled_from([0.0, 5e-324, 1e-3, 0.5, 1 - 2.0**-53, 1.0])


def log_floats(low, high):
    ends = st.sampled_from([low, high])
    return ends | st.floats(math.log(low), math.log(high)).map(lambda x: min(max(math.exp(x), low), high))


def ranges(low, high):
    return st.tuples(log_floats(low, high), log_floats(low, high)).map(lambda pair: (min(pair), max(pair)))


# Crops ----------------------------------------------------------------------------------------------------------------


@st.composite
def crops(draw):
    how = {"scale": draw(ranges(1e-12, 1.0)), "ratio": draw(ranges(1e-3, 1e3) | st.just((1e-300, 1e300)))}
    kind = draw(st.sampled_from(["joint", "suppressed", "contrastive", "resolutions", "reference"]))
    if kind == "resolutions":
        return MultiResolution((1, 3), **how)
    if kind == "reference":
        how["scale"] = (how["scale"][0], max(how["scale"][0] * 1.2, how["scale"][1]))
        return JointCrop(1, **how, geometry="reference") if how["scale"][1] <= 1 else JointCrop(1, geometry="reference")
    if kind == "joint":
        return JointCrop(1, **how, beta=draw(BETAS))
    return (JointCrop if kind == "suppressed" else ContrastiveCrop)(1, **how, beta=draw(BETAS), alpha=draw(ALPHAS))


@st.composite
def box_ends(draw):
    """Left, top, right, bottom of any box, the thinnest too."""
    sides = []
    for _ in range(2):
        low = draw(st.sampled_from([0.0, 1 - 2.0**-24]) | st.floats(0, 1 - 2.0**-24, width=32))
        sides.append((low, draw(st.sampled_from([low + 2.0**-24, 1.0]))))
    return CropBox([sides[0][0], sides[1][0], sides[0][1], sides[1][1]]).tolist()


@many
@given(crop=crops(), height=SIDES, width=SIDES, box=box_ends(), data=st.data())
def test_every_crop_lies_in_its_image_with_an_area_in_its_range(crop, height, width, box, data):
    row = data.draw(st.lists(UNIFORMS, min_size=crop.row_width, max_size=crop.row_width))
    query = (height, width, *box) if isinstance(crop, ContrastiveCrop) and data.draw(st.booleans()) else (height, width)
    low, high = (
        crop.scale
        if isinstance(crop, MultiResolution)
        else (float(crop.laws["area"].parameters[k]) for k in ("low", "high"))
    )
    one = crop.params_from_uniform(row, [query] * 2)
    batch = crop.params_from_uniform([torch.tensor([u], dtype=torch.float64) for u in row], [query] * 2)
    for k in (0, 1):
        assert low <= one["area"][k] <= high
        assert batch["area"][k].item() == pytest.approx(one["area"][k], rel=1e-9)
        for top, left, h, w in (one["box"][k], batch["box"][k][0].tolist()):
            assert 0 <= top <= height - h
            assert 0 <= left <= width - w
            assert min(h, w) >= 1
        if not (isinstance(crop, JointCrop) and crop.geometry == "reference") and height * width < 2**31:
            h, w = one["box"][k][2:]
            pixels = one["area"][k] * height * width
            if pixels >= 1:
                assert abs(math.log(h * w / pixels)) <= boxes.rounding_bound((0, 0, h, w)) + 1e-9


SMALL = st.sampled_from([(1, 1), (1, 9), (9, 1), (2, 3), (1, 300)])
DTYPES = st.sampled_from([torch.uint8, torch.float16, torch.float32, torch.float64])


def image_of(size, dtype, seed=0):
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (image * 255).to(dtype) if dtype == torch.uint8 else image.to(dtype)


def is_image(view, size, dtype):
    inside = dtype == torch.uint8 or bool(((view.double() >= -1e-3) & (view.double() <= 1 + 1e-3)).all())
    return view.shape == (3, *size) and view.dtype == dtype and inside


@few
@given(crop=crops(), size=SMALL, dtype=DTYPES)
def test_the_smallest_images_give_the_smallest_views(crop, size, dtype):
    torch.manual_seed(0)
    views = crop(image_of(size, dtype))
    sides = crop.sizes if isinstance(crop, MultiResolution) else [crop.size] * 2
    assert all(is_image(view, side, dtype) for view, side in zip(views, sides, strict=True))


@few
@given(size=st.integers(1, 40) | st.tuples(st.integers(1, 40), st.integers(1, 40)), image=SMALL, dtype=DTYPES)
def test_uncropped_views_of_any_size(size, image, dtype):
    sides = (size, size) if isinstance(size, int) else size
    assert is_image(UncroppedView(size)(image_of(image, dtype)), sides, dtype)


def upsampled(image, height, width):
    """Bilinear, pixel by pixel: the weights of the nearest two places along each side."""
    h, w = image.shape

    def along(n, out, k):
        place = min(max((k + 0.5) * n / out - 0.5, 0.0), n - 1.0)
        low = min(int(place), n - 1)
        return low, min(low + 1, n - 1), place - low

    full = np.empty((height, width))
    for y in range(height):
        a, b, v = along(h, height, y)
        for x in range(width):
            c, d, u = along(w, width, x)
            full[y, x] = (1 - v) * ((1 - u) * image[a, c] + u * image[a, d]) + v * (
                (1 - u) * image[b, c] + u * image[b, d]
            )
    return full


@few
@given(
    heat=st.integers(1, 5).flatmap(
        lambda w: st.lists(st.lists(st.integers(0, 9), min_size=w, max_size=w), min_size=1, max_size=5)
    ),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    threshold=st.sampled_from([0.0, 5e-324, 0.1, 0.52, 0.9, 0.999, 1 - 2.0**-53]),
    unit=st.sampled_from([1.0, 1e-44, 1e-30, 1e30, -1.0]),
)
@example(heat=[[0, 0], [0, 9]], size=(3, 3), threshold=0.999, unit=1.0)
def test_heat_maps_give_boxes_at_every_threshold(heat, size, threshold, unit):
    """SPEC 5.1: rows and columns whose greatest value exceeds the threshold; what is greatest, if none does."""
    values = np.array(heat, np.float64) * unit
    (box,) = crop_box_from_heatmap(torch.tensor(values[None], dtype=torch.float64), size, threshold)
    spread = values.max() - values.min()
    full = upsampled((values - values.min()) / spread if spread else np.ones_like(values), *size)
    for axis, (first, last) in ((1, box[[1, 3]].tolist()), (0, box[[0, 2]].tolist())):
        greatest = full.max(axis)
        if np.abs(greatest - threshold).min() < 1e-6 and threshold > 1e-6:
            continue  # single precision decides
        hot = greatest > max(threshold, 1e-12)
        hot = hot if hot.any() else greatest > greatest.max() - 1e-6
        places = np.flatnonzero(hot)
        assert first == pytest.approx(places[0] / len(hot), abs=1e-6)
        assert last == pytest.approx((places[-1] + 1) / len(hot), abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.int64, torch.bool])
def test_a_higher_threshold_gives_a_box_within_that_of_a_lower_one(dtype):
    heat = (torch.rand(20, 7, 7, generator=torch.Generator().manual_seed(0)) * 9).to(dtype)
    found = [
        torch.stack(crop_box_from_heatmap(heat, 31, t)).as_subclass(torch.Tensor)
        for t in (0, 0.3, 0.6, 0.9, 0.99, 1 - 2.0**-53)
    ]
    for wide, narrow in itertools.pairwise(found):
        assert (wide[:, :2] <= narrow[:, :2]).all()
        assert (wide[:, 2:] >= narrow[:, 2:]).all()


HEAT = torch.rand(2, 7, 7)
BAD_HEAT = [
    (lambda: crop_box_from_heatmap([[1.0]], 8), TypeError, "heatmap must be a tensor of real numbers .* got list"),
    (lambda: crop_box_from_heatmap(HEAT + 1j, 8), TypeError, "got torch.complex64"),
    (lambda: crop_box_from_heatmap(HEAT[:, :0], 8), ValueError, r"h and w at least 1, got shape \(2, 0, 7\)"),
    (lambda: crop_box_from_heatmap(HEAT * math.nan, 8), ValueError, r"finite, got other values in heatmap\[0\]"),
    (lambda: crop_box_from_heatmap(HEAT, (0, 8)), ValueError, "size must be a positive integer"),
    (lambda: crop_box_from_heatmap(HEAT, (8.0, 8)), TypeError, "size must be a positive integer"),
    (lambda: crop_box_from_heatmap(HEAT, (8, 8, 8)), ValueError, "size must be a positive integer"),
    (
        lambda: crop_box_from_heatmap(HEAT, 8, -5e-324),
        ValueError,
        r"threshold must be a number in \[0, 1\), got -5e-324",
    ),
    (lambda: crop_box_from_heatmap(HEAT, 8, math.nan), ValueError, r"threshold must be a number in \[0, 1\), got nan"),
]


@pytest.mark.parametrize(("call", "error", "words"), BAD_HEAT)
def test_bad_heat_maps_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


# Blur, color, mixing --------------------------------------------------------------------------------------------------


@few
@given(
    sigma=ranges(1e-12, 1e12),
    beta=BETAS,
    p=st.tuples(PROBABILITIES, PROBABILITIES),
    kernel_size=st.sampled_from([None, 1, 101]),
    size=SMALL,
    dtype=DTYPES,
)
def test_blurs_of_any_sigma(sigma, beta, p, kernel_size, size, dtype):
    image, blur = image_of(size, dtype), JointBlur(kernel_size, sigma, beta=beta, p=p)
    torch.manual_seed(0)
    assert all(is_image(view, size, dtype) for view in blur(image))
    flat = torch.full((1, *size), 0.5)
    assert all((gaussian_blur(flat, s, kernel_size) - 0.5).abs().max() < 1e-6 for s in sigma)


@few
@given(u=st.tuples(UNIFORMS, UNIFORMS), p=st.tuples(PROBABILITIES, PROBABILITIES))
def test_probability_0_is_never_and_1_always(u, p):
    for step in (JointBlur(p=p), JointColor(p=p)):
        row = [0.5] * (step.row_width - 2) + list(u)
        applied = step.params_from_uniform(row, [(8, 8)] * 2)["applied"]
        for was, chance in zip(applied, p, strict=True):
            assert chance not in (0.0, 1.0) or was == bool(chance)


FACTORS = st.one_of(st.sampled_from([0, 5e-324, 0.4, 1 - 2.0**-53]), ranges(1e-12, 1e12))


@few
@given(
    brightness=FACTORS,
    contrast=FACTORS,
    saturation=st.sampled_from([0, 1, 1e12, (0.0, 0.0), (0.0, 1e12)]),
    hue=st.sampled_from([0, 5e-324, 0.5, (-0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]),
    beta=BETAS,
    size=SMALL,
    dtype=DTYPES,
)
def test_colors_of_any_factor(brightness, contrast, saturation, hue, beta, size, dtype):
    jitter = JointColor(brightness, contrast, saturation, hue, beta=beta, p=1.0)
    torch.manual_seed(0)
    assert all(is_image(view, size, dtype) for view in jitter(image_of(size, dtype)))


@few
@given(
    lam=st.sampled_from([0, 5e-324, 1e-9, 0.25, 0.5, 0.75, 1 - 1e-9, 1 - 2.0**-53, 1]) | st.floats(0, 1),
    height=SIDES,
    width=SIDES,
    place=st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 2),
)
def test_cutmix_boxes_at_every_share(lam, height, width, place):
    """SPEC 3.1, in integers: half of ``int(side * sqrt(1 - lam))`` to each side of the center, clipped."""
    cy, cx = (int(share * (n - 1)) for share, n in zip(place, (height, width), strict=True))
    found, kept = cutmix_boxes(lam, cx, cy, height, width)
    spans = []
    for center, n in ((cy, height), (cx, width)):
        half = int(n * math.sqrt(1 - lam)) // 2
        spans.append((max(center - half, 0), min(center + half, n)))
    (y1, y2), (x1, x2) = spans
    assert found.tolist() == [y1, x1, y2 - y1, x2 - x1]
    assert kept.item() == pytest.approx(1 - (y2 - y1) * (x2 - x1) / (height * width), abs=1e-12)
    assert kept.item() >= lam - 1e-12


BAD_MIX = [
    ((math.nan, 0, 0, 4, 4), ValueError, r"lam must be a fraction in \[0, 1\], got nan; it is"),
    ((1.0 + 2.0**-52, 0, 0, 4, 4), ValueError, r"lam must be a fraction in \[0, 1\], got 1.0000000"),
    (("a", 0, 0, 4, 4), TypeError, "lam must be a fraction .* got 'a'"),
    ((torch.tensor(True), 0, 0, 4, 4), TypeError, "lam must be .* got a tensor of torch.bool"),
    ((0.5, "1", 0, 4, 4), TypeError, "cx must be an integer pixel.* got '1'"),
    ((0.5, True, 0, 4, 4), TypeError, "cx must be an integer pixel.* got True"),
    ((0.5, 0, torch.tensor([0.0]), 4, 4), TypeError, "cy must be an integer pixel"),
    ((0.5, 4, 0, 4, 4), ValueError, r"cx must be a column of the image, in \[0, 4\), got values from 4 to 4; draw"),
    ((torch.ones(2), torch.tensor([1, 2, 3]), 0, 4, 4), ValueError, r"must broadcast, got shapes \(2,\), \(3,\)"),
]


@pytest.mark.parametrize(("arguments", "error", "words"), BAD_MIX)
def test_bad_shares_and_centers_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        cutmix_boxes(*arguments)


# Laws -----------------------------------------------------------------------------------------------------------------

GRID = torch.tensor(
    [LEAST, 1e-12, 1e-6, 1e-3, 0.1, 0.25, 0.5 - 1e-12, 0.5, 0.5 + 1e-12, 0.7, 0.9, 1 - 1e-6, MOST], dtype=torch.float64
)


@many
@given(range_=ranges(1e-30, 1e30) | ranges(0.999999, 1.0), beta=BETAS)
def test_log_ratios_of_any_beta_and_range(range_, beta):
    low, high = range_
    span = math.log1p((high - low) / low)
    for law in (JointLogRatio(beta, low, high), IndependentLogRatio(low, high)):
        drawn = law.from_uniform(GRID)
        assert (drawn.abs() <= span * (1 + 1e-12)).all()
        assert (drawn.diff() >= 0).all()
        torch.testing.assert_close(
            torch.tensor([law.from_uniform(u) for u in GRID.tolist()], dtype=torch.float64),
            drawn,
            rtol=1e-9,
            atol=1e-12,
        )
        points = torch.linspace(-1.1, 1.1, 101, dtype=torch.float64) * (span or 1.0)
        cdf = law.cdf(points)
        assert ((cdf >= 0) & (cdf <= 1)).all()
        assert (cdf.diff() >= -1e-12).all()
        assert all(0 <= float(law.tail(rho)) <= 1 for rho in (1.0, 2.0, 1e300))
        assert 0 <= law.mean_abs <= span * (1 + 1e-6)
        assert 0 <= law.variance <= span**2 * (1 + 1e-6)
        if span and abs(beta) <= 1e6:
            torch.testing.assert_close(law.cdf(drawn), GRID, rtol=0, atol=1e-6)
            assert law.entropy() <= math.log(2 * span) + 1e-5  # the uniform law has the most


@many
@given(range_=ranges(1e-15, 1e15) | ranges(0.999999, 1.0), beta=BETAS, part=st.floats(0, 1), data=st.data())
def test_pairs_of_any_beta_and_range(range_, beta, part, data):
    low, high = range_
    ratio = min(max((high / low) ** part, 1.0), high / low)
    for law in (
        JointPair(beta, low, high),
        DecoupledPair(beta, low, high),
        IndependentPair(low, high),
        FixedRatioPair(ratio, low, high),
    ):
        row = data.draw(st.lists(UNIFORMS, min_size=law.row_width, max_size=law.row_width))
        floats = law.from_uniform(*row)
        tensors = law.from_uniform(*[torch.tensor(u, dtype=torch.float64) for u in row])
        for one, same in zip(floats, tensors, strict=True):
            assert low <= one <= high
            assert low <= same <= high
            assert same.item() == pytest.approx(one, rel=1e-9)
        assert ((law.mean >= low * (1 - 1e-6)) & (law.mean <= high * (1 + 1e-6))).all()
        assert (law.variance >= 0).all()
        assert law.correlation.isnan() or abs(law.correlation) <= 1 + 1e-5
        if not isinstance(law, FixedRatioPair):
            points = low + torch.linspace(0, 1, 41, dtype=torch.float64) * (high - low)
            cdf = law.marginal_cdf(points)
            assert ((cdf >= 0) & (cdf <= 1)).all()
            assert (cdf.diff() >= -1e-9).all()


def test_the_entropy_of_a_very_wide_range_is_its_limit():
    """Of IndependentLogRatio, 1 + ln 2: |u| is exponential at both ends, s away from 0."""
    for low in (1e-30, 1e-200, 1e-307):
        law = IndependentLogRatio(torch.tensor(low, dtype=torch.float64), 1.0)
        assert law.entropy().item() == pytest.approx(1 + math.log(2), abs=1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: JointPair(1e300, 0.2, 1.0),
            "beta must be finite in every element, got beta=1e\\+300.* in torch.float32",
        ),
        (lambda: JointPair(0.0, 0.2, 1e300), "high must be finite in every element, got .* in torch.float32"),
        (lambda: JointPair(0.0, 1e-300, 1.0), "low must be above 0 in torch.float32, .* got .*low=1e-300.*; take a gr"),
        (lambda: JointPair(0.0, torch.tensor(5e-324, dtype=torch.float64), 1.0), "low must be .* high / low finite"),
        (lambda: JointCrop(scale=(5e-324, 1.0)), "low must be above 0 in torch.float32"),
    ],
)
def test_parameters_that_their_dtype_cannot_hold_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# Difficulty -----------------------------------------------------------------------------------------------------------

LEVELS = (1e-300, 1e-12, 0.5, 0.95, 1 - 1e-12, 1 - 2.0**-53)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2**31 - 1, 1), (2**14, 2**31 - 1), (32, 32)], ids=str)
@pytest.mark.parametrize(
    "crop", [JointCrop(8), JointCrop(8, (1.0, 1.0)), JointCrop(8, (1e-9, 1.0), beta=-1e6)], ids=str
)
@pytest.mark.parametrize("pairs", [2, 50])
def test_geometry_at_every_level(crop, size, pairs):
    found = geometry(crop, size, pairs=pairs)
    assert "nan" not in repr(found)
    widths = []
    for level in LEVELS:
        mean, low, high = found.measured("iou", level)
        assert math.isfinite(low) and low - 1e-12 <= mean <= high + 1e-12 and math.isfinite(high)  # noqa: PT018
        widths.append(high - low)
        for share in (found.whole_image_rate(level), found.tail(1.0, level), found.tail(1e300, level)):
            assert 0 <= share.low <= share.value <= share.high <= 1
        for quantity in ("log_ratio", "area"):
            far = found.ks(quantity, level=level)
            assert 0 <= far.interval[0] <= far.distance <= 1
            assert math.isfinite(far.bound)
    assert widths == sorted(widths)


def test_too_many_pixels_are_refused():
    with pytest.raises(ValueError, match=r"size must be .* of at most 35184372088832 pixels, got \(2147483647, "):
        geometry(JointCrop(8), (2**31 - 1, 2**31 - 1))


@pytest.mark.parametrize("target", ["dataset", "population"])
def test_sdf_has_intervals_at_every_level(target):
    images = torch.rand(3, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    for level in LEVELS:
        found = sdf(lambda views: views.flatten(1) + 0.1, images, JointCrop(4), level=level, target=target)
        low, high = found.interval
        assert math.isfinite(low) and low <= found.mean <= high and math.isfinite(high)  # noqa: PT018


@pytest.mark.parametrize("sigma", [5e-324, 1e-6, 2.5, 1e6])
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 1, 1, 5), (2, 3, 8, 8)])
def test_saliency_of_any_sigma(sigma, shape):
    views = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    maps = spectral_residual(views, sigma=sigma)
    assert ((maps >= -1e-6) & (maps <= 1 + 1e-6)).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: spectral_residual(HEAT[:, None], sigma=0.0), ValueError, "sigma must be a positive number of pixels"),
        (lambda: spectral_residual(HEAT[:, None], sigma=math.nan), ValueError, "sigma must be a positive number"),
        (lambda: spectral_residual(HEAT[:, None], sigma="1"), TypeError, "sigma must be a positive number"),
        (lambda: spectral_residual(HEAT), ValueError, r"views must be \[B, C, H, W\]"),
        (lambda: spectral_residual(HEAT[:, None].byte()), TypeError, "got torch.uint8; divide uint8 by 255"),
    ],
)
def test_what_has_no_saliency_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


@few
@given(ends=ranges(1e-300, 1e300), count=st.integers(2, 50))
def test_noise_scales_fall_from_the_first_to_the_last(ends, count):
    last, first = ends
    if first / last < 1 + 1e-9:
        return
    scales = noise_scales(first, last, count)
    assert len(scales) == count
    assert (scales.diff() < 0).all()
    assert scales[[0, -1]].tolist() == pytest.approx([first, last], rel=1e-10)


# Checks of samples ----------------------------------------------------------------------------------------------------

RATES = (5e-324, 1e-300, 1e-12, 0.5, 1 - 2.0**-53)


@pytest.mark.parametrize("rate", RATES)
def test_checks_at_every_failure_rate(rate):
    """At a rate of nearly 1 a check may well fail; it neither crashes nor finds a wrong sampler right."""
    x, y = np.random.default_rng(0).random((2, 20_000))
    checks = [
        lambda v: assert_follows(v, lambda t: t.clip(0, 1), rate),
        lambda v: assert_same_law(v, y, rate),
        lambda v: assert_rate(v < 0.5, 0.5, max(rate, 1e-300)),  # half of the least number is 0
        lambda v: assert_independent(y, v if v is x else v + y, rate),
    ]
    for check in checks:
        try:
            check(x)
        except AssertionError:
            assert rate >= 0.5
        with pytest.raises(AssertionError):
            check(x**3)


@pytest.mark.parametrize("p", [0.0, 5e-324, 1e-9, 0.5, 1 - 2.0**-53, 1.0])
def test_rates_at_both_ends(p):
    n = 1000
    assert_rate(np.arange(n) < round(p * n), p)
    with pytest.raises(AssertionError):
        assert_rate(np.arange(n) >= round(p * n) if p != 0.5 else np.ones(n), p)
