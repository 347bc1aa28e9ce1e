"""Checks of arguments: what passes, what is refused, and that the words hold name, rule, value and remedy."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from jointaug import _validate as check


@pytest.mark.parametrize("value", [0, -3, 2.5, np.float32(0.25), np.int64(7), Fraction(1, 4)])
def test_a_number_is_a_float(value):
    result = check.number("x", value)
    assert type(result) is float
    assert result == float(value)


@pytest.mark.parametrize("value", [True, "1", None, [1.0], 1j, Decimal(1)])
def test_what_is_no_real_number_is_a_type_error(value):
    with pytest.raises(TypeError, match=r"x must be a finite number, got .* of type .*; use floats"):
        check.number("x", value, remedy="use floats")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.5])
def test_numbers_out_of_range_are_value_errors(value):
    with pytest.raises(ValueError, match=r"x must be a number of at least 0, got .*"):
        check.number("x", value, rule="a number of at least 0", low=0)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-0.5, 0.5), (check.ABOVE_0, check.BELOW_1), (3.0, 3.0), (-1.0, math.inf)]
)
def test_ends_of_a_range_are_in_it_and_the_next_float_is_not(low, high):
    most = min(high, 1e308)
    assert check.number("x", low, low=low, high=high) == low
    assert check.number("x", most, low=low, high=high) == most
    assert check.interval("x", (low, most), rule="in it", low=low, high=high) == (low, most)
    for value in (math.nextafter(low, -math.inf), math.nextafter(high, math.inf), math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=r"^x must be in it, got .*; look$"):
            check.number("x", value, rule="in it", low=low, high=high, remedy="look")


def test_what_is_positive_begins_above_zero():
    assert check.positive("x", check.ABOVE_0) == check.ABOVE_0
    assert check.interval("x", (check.ABOVE_0, 1), rule="0 < a <= b") == (check.ABOVE_0, 1.0)
    for value in (0, -0.0, -1):
        with pytest.raises(ValueError, match=f"x must be a positive number, got {value}"):
            check.positive("x", value)
        with pytest.raises(ValueError, match=r"x must satisfy 0 < a <= b, got"):
            check.interval("x", (value, 1), rule="0 < a <= b")


@pytest.mark.parametrize("value", [(0.0, 1.0), (0.5, 0.2), (0.2, 1.1), (math.nan, 1.0)])
def test_intervals_out_of_range_are_value_errors(value):
    with pytest.raises(ValueError, match="range must"):
        check.interval("range", value, rule="0 < a <= b <= 1", high=1.0)


@pytest.mark.parametrize("value", [0.5, "ab", (1,), (1, 2, 3), {1, 2}, None])
def test_what_is_no_pair_is_a_type_error(value):
    with pytest.raises(TypeError, match="range must be two numbers, 0 < a <= b"):
        check.interval("range", value, rule="0 < a <= b")


def test_probabilities_are_closed_at_both_ends():
    assert [check.probability("p", p) for p in (0, 1, 0.25)] == [0.0, 1.0, 0.25]
    for wrong in (-1e-9, 1 + 1e-9, 50):
        with pytest.raises(ValueError, match=r"p must be a probability in .*; divide percentages by 100"):
            check.probability("p", wrong)


def test_an_integer_is_one_of_any_kind_and_no_float_or_bool():
    assert check.integer("n", np.int64(3), low=1, rule="at least 1") == 3
    for wrong in (2.0, True, "2", None):
        with pytest.raises(TypeError, match=r"n must be at least 1, got .*; write n=2"):
            check.integer("n", wrong, low=1, rule="at least 1", remedy="write n=2")
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        check.integer("n", 0, low=1, rule="at least 1")


def test_a_resized_image_has_fewer_values_than_32_bits_count():
    check.resized_size((2**15, 2**15 - 1), 2, 2**15, 2**15 - 1)
    with pytest.raises(ValueError, match=r"size must keep .* below 2\*\*31, got 32768 and 2 channels"):
        check.resized_size(2**15, 2, 2**15, 2**15)
