"""Intervals against scipy's own, and against how often they cover."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats
from trainer.record.intervals import Interval, correlation, difference, mean, seeds_needed, student

GENERATOR = np.random.default_rng(0)
A, B = GENERATOR.normal(50, 0.5, 8).tolist(), GENERATOR.normal(51, 1.5, 6).tolist()


def test_mean_is_students():
    expected = stats.ttest_1samp(A, 0).confidence_interval(0.95)
    found = mean(A)
    np.testing.assert_allclose((found.value, found.low, found.high), (np.mean(A), *expected), rtol=1e-12)


def test_difference_is_welchs():
    for level in (0.95, 0.9875):
        expected = stats.ttest_ind(A, B, equal_var=False).confidence_interval(level)
        found = difference(A, B, level)
        np.testing.assert_allclose((found.low, found.high), tuple(expected), rtol=1e-10)
        assert math.isclose(found.value, np.mean(A) - np.mean(B))


def test_correlation_is_pearsons_with_fishers_interval():
    first, second = A[:6], B
    expected = stats.pearsonr(first, second)
    found = correlation(first, second)
    np.testing.assert_allclose(
        (found.value, found.low, found.high), (expected.statistic, *expected.confidence_interval(0.95)), rtol=1e-10
    )


def test_seeds_needed():
    """By hand: 2 ((1.95996 + 0.84162) / effect)^2 is 15.7 for an effect of one deviation, and falls with its square."""
    assert seeds_needed(0.5, 0.5) == 16
    assert seeds_needed(0.5, 1.0) == 4
    assert seeds_needed(1.0, 1.0) == 16


def test_difference_covers():
    """4,000 pairs of arms of 8 and 8: a true 95 % interval misses in 168 to 235 of them, but for one run in 1,000."""
    draws = np.random.default_rng(1).normal(0, [[[1.0]], [[2.0]]], (2, 4000, 8))
    missed = sum(difference(a, b).excludes(0.0) for a, b in zip(*draws.tolist(), strict=True))
    assert 155 < missed < 248


def test_too_few_runs_have_no_interval():
    alone = mean([47.5])
    assert alone.text() == "47.50"
    assert math.isnan(alone.low)
    assert not alone.excludes(0)
    assert difference([1.0], [2.0, 3.0]).text("+.1f") == "-1.5"
    assert difference([1.0, 1.0], [2.0, 2.0]) == Interval(-1.0, -1.0, -1.0)


def test_told():
    assert Interval(1.234, 0.5, 2.0).text("+.1f") == "+1.2 (+0.5 to +2.0)"


def test_half_widths_are_students():
    """``plus_minus`` tells half the interval, and gives the sign to the value alone; `student` is in deviations."""
    half = stats.t.interval(0.95, len(A) - 1, np.mean(A), stats.sem(A))[1] - np.mean(A)
    assert mean(A).plus_minus("+.3f") == f"+{np.mean(A):.3f} ± {half:.3f}"
    assert Interval(-1.5, -2.0, -1.0).plus_minus("+.1f") == "-1.5 ± 0.5"
    assert math.isclose(student(len(A)) * np.std(A, ddof=1), half)
