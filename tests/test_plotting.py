"""Pictures show what they say: pixels, boxes, densities and counts are read back from what was drawn."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import integrate, stats
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import JointCrop, PerView
from jointaug.distributions import (
    FixedRatioPair,
    IndependentLogRatio,
    IndependentPair,
    JointLogRatio,
    JointPair,
    PairLaw,
)
from jointaug.plotting import (
    plot_joint_density,
    plot_log_ratio_densities,
    plot_log_ratio_histogram,
    plot_pairs,
)
from jointaug.testing import images

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(autouse=True)
def _no_pyplot_and_no_traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Importing pyplot fails, and matplotlib's settings are the same afterwards."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    before = mpl.rcParams.copy()
    yield
    assert mpl.rcParams.copy() == before


def rendered(figure: Any) -> np.ndarray:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    return np.asarray(PIL.Image.open(buffer).convert("RGB"))


def boxes_on(axes: Any) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def shown(axes: Any) -> np.ndarray:
    (picture,) = axes.images
    return np.asarray(picture.get_array())


# Pairs ----------------------------------------------------------------------------------------------------------------


def a_pair(seed: int = 0, height: int = 40, width: int = 60) -> tuple[torch.Tensor, dict[str, Any], Any]:
    torch.manual_seed(seed)
    image, crop = torch.rand(3, height, width), JointCrop(16)
    params = crop.make_params([image])
    return image, params, crop.transform(image, params)


def test_sources_and_views_are_shown_as_they_are():
    image, params, views = a_pair()
    figure = plot_pairs([image], [params], [views])
    np.testing.assert_allclose(shown(figure.axes[0]), image.permute(1, 2, 0), atol=1e-6)
    for axes, view in zip(figure.axes[1:], views, strict=True):
        np.testing.assert_allclose(shown(axes), view.permute(1, 2, 0), atol=1e-6)
    assert rendered(figure).std() > 10


def test_boxes_enclose_the_pixels_of_their_crops():
    """Pixel (i, j) is drawn about the point (j, i); those inside the rectangle are the crop."""
    image, params, views = a_pair(1)
    figure = plot_pairs([image], [params["box"]], [views])
    pixels = shown(figure.axes[0])
    rectangles = boxes_on(figure.axes[0])
    assert len(rectangles) == 2
    for rectangle, (top, left, height, width) in zip(rectangles, params["box"], strict=True):
        x0, y0, x1, y1 = (*rectangle.get_xy(), rectangle.get_xy()[0] + rectangle.get_width(), 0)
        y1 = y0 + rectangle.get_height()
        i, j = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
        inside = (x0 < j) & (j < x1) & (y0 < i) & (i < y1)
        crop = F.crop(image, top, left, height, width).permute(1, 2, 0).numpy()
        np.testing.assert_allclose(pixels[inside].reshape(crop.shape), crop, atol=1e-6)


def test_a_view_has_its_boxs_color_number_and_area():
    image, params, views = a_pair(2)
    params = {"box": [(0, 0, 20, 30), (10, 10, 30, 40)]}  # 600 and 1200 of 2400 pixels
    figure = plot_pairs([image], [params], [views], titles=["a bird"])
    source, *others = figure.axes
    assert source.get_title() == "a bird, areas 1 : 2"
    assert [axes.get_title() for axes in others] == ["view 1: 25% of the area", "view 2: 50% of the area"]
    assert [text.get_text() for text in source.texts] == ["1", "2"]
    assert source.get_xlabel() == "60 × 40 px"
    assert others[0].get_xlabel() == "16 × 16 px"
    colors = [rectangle.get_edgecolor() for rectangle in boxes_on(source)]
    assert colors[0] != colors[1]
    assert [axes.spines["left"].get_edgecolor() for axes in others] == colors
    assert plot_pairs([image], [params["box"][::-1]], [views]).axes[0].get_title() == "areas 2 : 1"


def test_normalized_views_are_shown_as_before():
    image, params, views = a_pair()
    normalized = PerView(v2.Normalize(MEAN, STD))(views)
    figure = plot_pairs([image], [params], [normalized], mean=MEAN, std=STD)
    np.testing.assert_allclose(shown(figure.axes[0]), image.permute(1, 2, 0), atol=1e-6)
    np.testing.assert_allclose(shown(figure.axes[1]), views[0].permute(1, 2, 0), atol=1e-6)


def test_rows_may_have_different_numbers_of_views_and_boxes():
    image, params, views = a_pair()
    figure = plot_pairs([image] * 3, [params, [], [params["box"][0]]], [views, [image], [*views, *views]])
    assert len(figure.axes) == 3 * 5
    visible = [sum(axes.axison for axes in figure.axes[5 * row : 5 * row + 5]) for row in range(3)]
    assert visible == [3, 2, 5]
    assert [len(boxes_on(axes)) for axes in figure.axes[::5]] == [2, 0, 1]
    assert figure.axes[6].get_title() == "view 1"
    assert rendered(figure).std() > 10


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(images(max_side=12))
def test_images_of_every_kind_are_shown(image):
    axes = plot_pairs([image], [[]], [[image]]).axes[0]
    pixels = shown(axes)
    assert list(pixels.shape[:2]) == F.get_size(image)
    assert 0 <= pixels.min() <= pixels.max() <= 1
    if isinstance(image, PIL.Image.Image) and image.mode in ("RGB", "P", "CMYK", "HSV", "YCbCr"):
        np.testing.assert_allclose(pixels * 255, np.asarray(image.convert("RGB")), atol=1e-3)
    if isinstance(image, PIL.Image.Image) and image.mode in ("I;16", "I"):
        np.testing.assert_allclose(pixels * 65535, np.asarray(image), atol=1e-2)
    if isinstance(image, torch.Tensor) and image.dtype == torch.uint8:
        frame = image[0] if isinstance(image, tv_tensors.Video) else image
        np.testing.assert_allclose(pixels.reshape(*frame.shape[1:], -1)[..., 0] * 255, frame[0], atol=1e-3)


def test_a_film_is_shown_by_its_first_frame():
    film = tv_tensors.Video(torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)]))
    assert shown(plot_pairs([film], [[]], [[film]]).axes[0]).max() == 0


def test_a_given_figure_is_drawn_on():
    image, params, views = a_pair()
    figure = Figure((8, 3), layout="constrained")
    left, right = figure.subfigures(1, 2)
    assert plot_pairs([image], [params], [views], figure=left) is left
    assert len(left.axes) == 3
    assert not right.axes
    assert rendered(figure).std() > 10


# Densities ------------------------------------------------------------------------------------------------------------


class Lopsided(PairLaw):
    """Density ``2 t2 / (high^2 - low^2) / (high - low)``: t1 uniform, t2 leaning upward."""

    def log_prob(self, value):
        area = (self.high**2 - self.low**2) * (self.high - self.low)
        return (2 * value[..., 1] / area).log() + 0 * value[..., 0]


def mesh_on(axes: Any) -> tuple[np.ndarray, np.ndarray]:
    (mesh,) = [c for c in axes.collections if type(c).__name__ == "QuadMesh"]
    corners = mesh.get_coordinates()  # [rows + 1, columns + 1, (x, y)]
    middles = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    return middles, np.asarray(mesh.get_array()).reshape(middles.shape[:2])


@pytest.mark.parametrize(
    "law",
    [
        JointPair(0.0, 0.2, 1.0),
        JointPair(3.0, 0.1, 2.0),
        JointPair(-2.0, 0.6, 1.4).decoupled(),
        IndependentPair(0.2, 1.0),
        Lopsided(None, low=0.2, high=1.0),
    ],
    ids=repr,
)
def test_the_color_at_a_pair_is_its_density(law):
    axes = plot_joint_density(law)
    at, density = mesh_on(axes)
    expected = law.log_prob(torch.from_numpy(at)).exp().numpy()  # x is view 1, y is view 2
    np.testing.assert_allclose(density, expected, rtol=1e-5)
    cell = ((float(law.high) - float(law.low)) / len(density)) ** 2
    assert density.sum() * cell == pytest.approx(1.0, abs=0.03)  # two corners are infinite
    assert rendered(axes.figure).std() > 10


def test_a_lopsided_density_leans_upward_and_not_to_the_right():
    _, density = mesh_on(plot_joint_density(Lopsided(None, low=0.2, high=1.0)))
    assert density[-1, 0] == pytest.approx(density[-1, -1], rel=1e-5)
    assert density[-1, 0] > 4 * density[0, 0]


def test_realised_points_lie_where_they_are():
    points = np.array([[0.3, 0.9], [0.5, 0.6]])
    axes = plot_joint_density(JointPair(0.0, 0.2, 1.0), torch.from_numpy(points), quantity="sigma (pixels)")
    (dots,) = [c for c in axes.collections if type(c).__name__ == "PathCollection"]
    np.testing.assert_allclose(dots.get_offsets(), points)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("view 1: sigma (pixels)", "view 2: sigma (pixels)")


GOLDEN = {  # JC densities on [0.2, 1] at u = 0, 0.5 and 1.5, to six digits
    2.0: (0.519386, 0.428212, 0.091413),
    1.0: (0.363089, 0.345983, 0.235176),
    0.0: (0.310667, 0.310667, 0.310667),
    -1.0: (0.220224, 0.286305, 0.362250),
    -2.0: (0.070291, 0.200796, 0.514605),
}


def test_log_ratio_densities_are_the_papers():
    axes = plot_log_ratio_densities(list(GOLDEN), 0.2, 1.0)
    *joint, independent = axes.lines
    for line, (beta, expected) in zip(joint, GOLDEN.items(), strict=True):
        assert line.get_label() == f"JC({beta:g})"
        np.testing.assert_allclose(np.interp([0.0, 0.5, 1.5], *line.get_data()), expected, atol=1e-4)
    assert independent.get_linestyle() == ":"
    u = np.array([0.0, 0.5, -1.5])
    closed = (np.exp(-np.abs(u)) - 0.04 * np.exp(np.abs(u))) / (2 * 0.64)  # two uniforms on [0.2, 1]
    np.testing.assert_allclose(np.interp(u, *independent.get_data()), closed, atol=1e-4)
    for line in axes.lines:
        assert integrate.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1.0, abs=1e-4)
    assert "ln(t2 / t1) (nats)" in axes.get_xlabel()
    assert rendered(axes.figure).std() > 10


def test_the_ratio_axis_says_the_ratios():
    (top,) = plot_log_ratio_densities([0.0], 0.2, 1.0).child_axes
    labels = {text.get_text(): at for text, at in zip(top.get_xticklabels(), top.get_xticks(), strict=True)}
    assert labels["1 : 5"] == pytest.approx(math.log(5))
    assert labels["2 : 1"] == pytest.approx(-math.log(2))
    assert set(labels) == {"5 : 1", "2 : 1", "1 : 1", "1 : 2", "1 : 5"}


def test_the_independent_law_may_be_left_out_and_axes_given():
    given_axes = Figure().subplots()
    axes = plot_log_ratio_densities([1.0], 0.1, 2.0, independent=False, quantity="sigma", ax=given_axes)
    assert axes is given_axes
    assert len(axes.lines) == 1
    assert "sigma" in axes.get_xlabel()
    plot_log_ratio_densities([2.0], 0.1, 2.0, independent=False, ax=axes)
    assert len(axes.child_axes) == 1  # one ratio axis for both


# Histograms -----------------------------------------------------------------------------------------------------------


def bars_on(axes: Any) -> Any:
    return axes.patches[0].get_data()


def test_the_histogram_is_numpys():
    torch.manual_seed(0)
    law = JointLogRatio(1.0, 0.2, 1.0)
    drawn = law.sample((5000,))
    axes = plot_log_ratio_histogram(drawn, law, bins=40, label="JointCrop")
    bars = bars_on(axes)
    expected, edges = np.histogram(drawn.numpy(), bins=40, range=(-math.log(5), math.log(5)), density=True)
    np.testing.assert_allclose(bars.edges, edges, atol=1e-6)
    assert np.abs(bars.values - expected).max() < 2 / (5000 * 0.08)  # a value at an edge may fall on either side
    assert (bars.values * np.diff(bars.edges)).sum() == pytest.approx(1.0, abs=1e-9)
    assert axes.get_legend().get_texts()[0].get_text() == "JointCrop, n = 5,000"
    np.testing.assert_allclose(np.interp([0.0, 0.5], *axes.lines[0].get_data()), GOLDEN[1.0][:2], atol=1e-4)
    assert rendered(axes.figure).std() > 10


def test_log_ratios_beyond_the_law_are_counted_in_bars_of_the_same_width():
    law = IndependentLogRatio(0.5, 1.0)
    axes = plot_log_ratio_histogram([0.0, 0.1, -1.0, 2.0], law, bins=10)
    bars = bars_on(axes)
    np.testing.assert_allclose(np.diff(bars.edges), 2 * math.log(2) / 10, rtol=1e-6)
    assert bars.edges[0] < -1
    assert bars.edges[-1] > 2
    assert (bars.values * np.diff(bars.edges)).sum() == pytest.approx(1.0, abs=1e-9)


def test_a_law_of_pairs_stands_for_its_log_ratio():
    pair = JointPair(0.0, 0.2, 1.0)
    axes = plot_log_ratio_histogram([0.1, 0.2], pair)
    assert "JointLogRatio" in axes.get_legend().get_texts()[-1].get_text()


def test_95_percent_of_the_bars_lie_in_the_band():
    """Normal approximation of binomial counts of 100 and more: 94 to 96 %; 600 bars, failure rate 1e-6."""
    law, inside, bars = JointLogRatio(-1.0, 0.2, 1.0), 0, 0
    for seed in range(30):
        drawn = law.from_uniform(torch.from_numpy(np.random.default_rng(seed).random(5000)))
        axes = plot_log_ratio_histogram(drawn, law, bins=20)
        values, _, _ = bars_on(axes)
        top, _, bottom = axes.patches[1].get_data()
        inside += int(((bottom <= values) & (values <= top)).sum())
        bars += len(values)
    assert bars == 600
    assert stats.binom.ppf(5e-7, bars, 0.94) <= inside <= stats.binom.isf(5e-7, bars, 0.96)


# Bad input ------------------------------------------------------------------------------------------------------------

grey = torch.zeros(1, 8, 8)
flat = JointPair(0.0, 0.5, 0.5)
several = JointPair(torch.zeros(2), 0.2, 1.0)
BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: plot_pairs([], [], []), ValueError, "at least one, got .*'images': 0"),
    (lambda: plot_pairs([grey], [], [[grey]]), ValueError, "'boxes': 0"),
    (lambda: plot_pairs([grey], [[]], [[grey]], titles=["a", "b"]), ValueError, "'titles': 2"),
    (
        lambda: plot_pairs([grey], [[(0, 0, 4)]], [[grey]]),
        ValueError,
        r"\(top, left, height, width\).*\[0.0, 0.0, 4.0\]",
    ),
    (lambda: plot_pairs([grey], [[(0, 0, 4, 4)] * 2], [[grey]]), ValueError, "for 1 views"),
    (lambda: plot_pairs([grey], [[]], [[grey]], mean=MEAN), ValueError, "mean and std must come together"),
    (
        lambda: plot_pairs([grey], [[]], [[grey - 2]]),
        ValueError,
        "views must lie in .*from -2 to -2; pass the mean and std",
    ),
    (lambda: plot_pairs([grey + math.nan], [[]], [[grey]]), ValueError, r"images must lie in \[0, 1\].*nan"),
    (lambda: plot_pairs([grey[0]], [[]], [[grey]]), TypeError, r"images must hold .*shape \(8, 8\)"),
    (lambda: plot_pairs([grey], [[]], [[np.zeros((8, 8))]]), TypeError, "views must hold .*ndarray"),
    (lambda: plot_joint_density(JointLogRatio(0.0, 0.2, 1.0)), TypeError, "law must be a PairLaw"),  # type: ignore[arg-type]
    (lambda: plot_joint_density(several), ValueError, r"law must be one law, got a batch of shape \(2,\)"),
    (lambda: plot_joint_density(FixedRatioPair(2.0, 0.2, 1.0)), NotImplementedError, "has no density"),
    (lambda: plot_joint_density(flat), NotImplementedError, "has no density"),
    (lambda: plot_joint_density(JointPair(0.0, 0.2, 1.0), np.zeros((2, 3))), ValueError, r"got shape \(2, 3\)"),
    (
        lambda: plot_joint_density(JointPair(0.0, 0.2, 1.0), [[0.3, math.nan]]),
        ValueError,
        "points must be finite, got 1",
    ),
    (lambda: plot_log_ratio_densities([0.0], 0.2, 0.2), ValueError, "one value has no log ratio"),
    (lambda: plot_log_ratio_densities([0.0], 1.0, 0.2), ValueError, r"0 < low < high"),
    (lambda: plot_log_ratio_densities([math.nan]), ValueError, "beta must be a finite number, got nan"),
    (lambda: plot_log_ratio_densities([], independent=False), ValueError, "betas must name at least one"),
    (lambda: plot_log_ratio_histogram([0.0], stats.norm), TypeError, "law must be a law of the log ratio or of pairs"),  # type: ignore[arg-type]
    (lambda: plot_log_ratio_histogram([0.0], several), ValueError, "law must be one law"),
    (lambda: plot_log_ratio_histogram([0.0], flat), NotImplementedError, "has no density"),
    (lambda: plot_log_ratio_histogram([[0.0]], JointPair(0.0, 0.2, 1.0)), ValueError, r"one-dimensional .*\(1, 1\)"),
    (lambda: plot_log_ratio_histogram([math.inf], JointPair(0.0, 0.2, 1.0)), ValueError, "log_ratios must be finite"),
    (lambda: plot_log_ratio_histogram([0.0], JointPair(0.0, 0.2, 1.0), bins=0), ValueError, "bins must be a positive"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def test_a_missing_matplotlib_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"jointaug\.plotting needs matplotlib.*pip install 'jointaug\[plot\]'"
    ):
        plot_log_ratio_densities()
