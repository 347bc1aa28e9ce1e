"""assert_independent: scipy's hypergeometric tails, and dependence of every shape."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from jointaug.testing import _independence, assert_independent

from .cases import N, alarms, fails


@pytest.mark.parametrize(("n", "a", "b"), [(50, 20, 30), (1000, 500, 500), (1000, 3, 900)])
def test_the_tails_of_a_split_are_scipys_hypergeometric(n, a, b):
    for k in range(max(0, a + b - n), min(a, b) + 1):
        law = stats.hypergeom(n, a, b)
        assert _independence._tail(k, n, a, b, upper=True) == pytest.approx(law.sf(k - 1), rel=1e-6, abs=1e-300)
        assert _independence._tail(k, n, a, b, upper=False) == pytest.approx(law.cdf(k), rel=1e-6, abs=1e-300)


def test_the_splits_say_all_there_is_in_the_grid():
    """225 counts and the margins determine the 256 cells: the splits with the whole set are a basis."""
    splits = np.vstack([np.ones(16), _independence._splits(np.ones(16, bool))])
    assert splits.shape == (16, 16)
    assert np.linalg.matrix_rank(splits) == 16
    signs = 2 * splits - 1
    np.testing.assert_array_equal(signs[1:] @ signs[1:].T, 16 * np.eye(15))  # 15 halvings, each unrelated to the others


def test_one_decision_for_both_views_is_caught():
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 2000)) < 0.1
    assert_independent(one, other)
    fails(assert_independent, one, one | (rng.random(2000) < 0.02))


def test_views_that_are_never_both_blurred_are_caught():
    one, other = np.random.default_rng(0).random((2, 2000)) < 0.3
    fails(assert_independent, one, other & ~one)


@pytest.mark.parametrize("p", [0.01, 0.99])
def test_seldom_events_have_a_split_of_their_own(p):
    one, other = np.random.default_rng(0).random((2, 2000)) < p
    assert_independent(one, other)
    fails(assert_independent, one, one)


DEPENDENT: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "monotone": lambda x, e: x + 3 * e,
    "falling": lambda x, e: -x + 3 * e,
    "parabola": lambda x, e: (x - 0.5) ** 2 + e / 5,
    "circle": lambda x, e: np.sqrt(np.abs(0.25 - (x - 0.5) ** 2)) * np.sign(e - 0.5),
    "variance": lambda x, e: (e - 0.5) * (1 + x),
    "sine": lambda x, e: np.sin(4 * math.pi * x) + 2 * e,
    "checkerboard": lambda x, e: (np.floor(8 * x) % 2 + 2 * np.floor(4 * e) + (8 * e) % 1) / 8,
    "swapped tails": lambda x, e: np.where((x > 0.9) & (e > 0.7), 1 - e, e),
}


@pytest.mark.parametrize("kind", DEPENDENT)
def test_dependence_of_every_shape_is_caught(kind):
    x, e = np.random.default_rng(3).random((2, N))
    assert "depend on each other" in fails(assert_independent, x, DEPENDENT[kind](x, e))


def test_dependence_finer_than_a_sixteenth_is_not_seen():
    """As the documentation says."""
    x, e = np.random.default_rng(3).random((2, N))
    assert_independent(x, (np.floor(64 * x) % 2 + e) / 2)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_stated_resolution_of_the_dependence_check(sign):
    """Splits with a correlation of 6 / sqrt(n), and half a deviation more, fail in more than half of all runs."""
    n, r = 10_000, 6.5 / 100

    def check(rng: np.random.Generator) -> None:
        x, e, same = rng.random((3, n))
        assert_independent(x, ((x > 0.5) == (same < 0.5 + sign * r / 2)) + e)

    assert alarms(check, 40) >= 20


def test_a_large_sample_is_quick_and_exact():
    x, y = np.random.default_rng(0).random((2, 1_000_000))
    assert_independent(x, y)
    fails(assert_independent, x, x + 50 * y)


ok = np.linspace(0, 1, 100)


BAD: list[tuple[Callable[[], None], type[Exception], str]] = [
    (lambda: assert_independent(ok, ok[:99]), ValueError, "got 100 and 99"),
    (lambda: assert_independent(ok, np.ones(100)), ValueError, "y must vary, got 100 times 1"),
    (lambda: assert_independent(ok[:10], ok[:10]), ValueError, "n = 10"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()
