"""Range checks: ends belong to the range, the next float beyond does not; what is no number is named."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from jointaug._validate import ABOVE_0, BELOW_1, integer, interval, number, positive, probability


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.5, 0.5), (ABOVE_0, BELOW_1), (3.0, 3.0)])
def test_ends_of_a_range_are_in_it(low, high):
    for value in (low, high):
        assert number("x", value, low=low, high=high) == value
    for value in (math.nextafter(low, -math.inf), math.nextafter(high, math.inf), math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=r"^x must be in it, got .*; look$"):
            number("x", value, rule="in it", low=low, high=high, remedy="look")


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int64(1)], ids=repr)
def test_real_numbers_become_floats(value):
    for check in (number, positive, probability):
        assert type(check("x", value)) is float


@pytest.mark.parametrize("value", [True, "1", None, 1j, [1.0], torch.tensor(1.0)], ids=repr)
def test_anything_else_is_no_number(value):
    for check in (number, positive, probability):
        with pytest.raises(TypeError, match=r"^x must be .*, got .* of type"):
            check("x", value)


def test_positive_begins_above_zero():
    assert positive("x", ABOVE_0) == ABOVE_0
    for value in (0, -0.0, -1):
        with pytest.raises(ValueError, match=f"x must be a positive number, got {value}"):
            positive("x", value)


def test_a_probability_may_be_0_and_1():
    assert (probability("p", 0), probability("p", 1)) == (0.0, 1.0)
    with pytest.raises(ValueError, match=r"p must be a probability in \[0, 1\], got 80; divide percentages by 100"):
        probability("p", 80)


@pytest.mark.parametrize("value", [(0, 1), (-1, 1), (2, 1), (1, math.inf), (1, math.nan)], ids=str)
def test_an_interval_is_above_zero_and_in_order(value):
    with pytest.raises(ValueError, match="x must "):
        interval("x", value, rule="0 < low <= high")


@pytest.mark.parametrize("value", [1, "12", (1,), (1, 2, 3), {1, 2}], ids=str)
def test_an_interval_is_two_numbers(value):
    with pytest.raises(TypeError, match="x must be two numbers, 0 < low <= high, got"):
        interval("x", value, rule="0 < low <= high")


def test_an_interval_may_begin_lower():
    assert interval("x", (-0.5, 0.5), rule="", low=-0.5, high=0.5) == (-0.5, 0.5)
    assert interval("x", (0, 2), rule="", low=0.0) == (0.0, 2.0)


def test_integers():
    assert integer("n", np.int64(3), low=1, rule="") == 3
    with pytest.raises(TypeError, match=r"n must be at least 1, got 3\.0 of type float"):
        integer("n", 3.0, low=1, rule="at least 1")
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        integer("n", 0, low=1, rule="at least 1")
