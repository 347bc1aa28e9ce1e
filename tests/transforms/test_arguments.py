"""Arguments of transforms: read as v2 reads them, or refused with a remedy."""

from __future__ import annotations

import pytest
from torchvision.transforms import InterpolationMode, Resize, v2

from jointaug._validate import interpolation_mode
from jointaug.transforms._arguments import (
    aspect_ratios,
    checked_interpolation,
    fractions,
    two_probabilities,
    two_sides,
)


@pytest.mark.parametrize("size", [7, (7,), [7], (7, 9), [7, 9]], ids=str)
def test_sizes_are_v2s(size):
    assert two_sides("size", size) == tuple(v2.RandomResizedCrop(size).size)


@pytest.mark.parametrize("code", range(6))
def test_pillows_numbers_are_torchvisions(code):
    assert interpolation_mode(code) is Resize(8, interpolation=code).interpolation


@pytest.mark.parametrize("mode", InterpolationMode)
def test_an_interpolation_has_a_name(mode):
    assert interpolation_mode(mode) is mode
    assert interpolation_mode(mode.value) is mode
    assert checked_interpolation(mode.value) == mode.value  # as it was given


def test_ranges():
    assert fractions("scale", (0.2, 1)) == (0.2, 1.0)
    assert aspect_ratios((1, 1)) == (1.0, 1.0)


def test_one_probability_is_for_both_views():
    assert two_probabilities(0.5) == (0.5, 0.5)
    assert two_probabilities((1, 0.1)) == (1.0, 0.1)


WRONG = [
    (lambda: two_sides("size", 0), ValueError, "size must be a positive integer, or two .*got 0; write size=224"),
    (lambda: two_sides("sizes[1]", (1, 2, 3)), ValueError, r"sizes\[1\] must be .* got \(1, 2, 3\)"),
    (lambda: two_sides("size", True), TypeError, "size must be .* got True of type bool"),
    (lambda: fractions("scale", (0, 1)), ValueError, r"0 < low <= high <= 1.*got \(0, 1\); write scale=\(0.2, 1.0\)"),
    (lambda: fractions("scale", (10, 500)), ValueError, r"got \(10, 500\); divide pixels by H \* W"),
    (lambda: aspect_ratios((2, 1)), ValueError, r"ratio must satisfy 0 < low <= high .*got \(2, 1\)"),
    (lambda: interpolation_mode("cubic"), ValueError, "interpolation must be one of nearest, .* got 'cubic'; pick one"),
    (lambda: interpolation_mode(6), ValueError, "got 6"),
    (lambda: checked_interpolation(True), TypeError, "got True; write interpolation='bilinear'"),
    (lambda: two_probabilities((0.5,)), ValueError, r"or one for each view of a pair, got 1: \(0.5,\)"),
    (lambda: two_probabilities((0.5, 1.5)), ValueError, r"p\[1\] must be a probability .* got 1.5"),
]


@pytest.mark.parametrize(("check", "error", "words"), WRONG)
def test_what_is_wrong_is_named(check, error, words):
    with pytest.raises(error, match=words):
        check()
