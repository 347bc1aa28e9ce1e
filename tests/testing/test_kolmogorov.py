"""Distances and bounds by themselves: the greater of both sides, and what is too few."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jointaug.testing._kolmogorov import follows, same

from .cases import fails, number_after


def uniform(points):
    return points.clip(0.0, 1.0)


@pytest.mark.parametrize(
    ("sample", "distance", "side"),
    [
        ([0.5] * 20, 0.5, "at or below"),  # by hand: the step of the empirical cdf, before and after, against the point
        ([0.75] * 20, 0.75, "below"),
        ([0.2] * 20, 0.8, "at or below"),
        ([0.1] * 10 + [1.0] * 10, 0.5, "below"),
    ],
)
def test_the_distance_is_the_greater_of_both_sides(sample, distance, side):
    message = fails(follows, "they", np.array(sample), uniform, uniform, 0.1)
    assert number_after(message, "distance") == pytest.approx(distance)
    assert f"of the samples lie {side} it" in message
    assert message.startswith("they do not follow uniform")


def test_bounds_are_those_of_one_and_of_two():
    grid = (np.arange(200) + 0.5) / 200
    fit = follows("they", grid, uniform, uniform, 0.1)
    assert fit.bound == pytest.approx(math.sqrt(math.log(20) / 400))
    assert fit.distance == pytest.approx(1 / 400)
    both = same("they", grid, grid[::2], 0.1)
    assert both.bound == pytest.approx(math.sqrt(math.log(40) / 400) + math.sqrt(math.log(40) / 200))
    assert both.distance == pytest.approx(1 / 200)


def test_too_few_are_refused():
    with pytest.raises(ValueError, match=r"samples must be so many that the bound is at most 0\.5, got n = 3"):
        follows("they", np.zeros(3), uniform, uniform, 0.1)
    with pytest.raises(ValueError, match=r"x and y must be so many that the bound is at most 0\.5, got 3 and 9"):
        same("they", np.zeros(3), np.zeros(9), 0.1)
