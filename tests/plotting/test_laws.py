"""Pictures of laws show what they say: densities and counts are read back from what was drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy import integrate, stats

from jointaug.distributions import (
    FixedRatioPair,
    IndependentLogRatio,
    IndependentPair,
    JointLogRatio,
    JointPair,
    PairLaw,
)
from jointaug.plotting import plot_joint_density, plot_log_ratio_densities, plot_log_ratio_histogram

from .cases import rendered


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


def test_realized_points_lie_where_they_are():
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


flat = JointPair(0.0, 0.5, 0.5)
several = JointPair(torch.zeros(2), 0.2, 1.0)


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: plot_joint_density(JointLogRatio(0.0, 0.2, 1.0)), TypeError, "law must be a PairLaw"),  # type: ignore[arg-type],
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
    (lambda: plot_log_ratio_histogram([0.0], stats.norm), TypeError, "law must be a law of the log ratio or of pairs"),  # type: ignore[arg-type],
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
