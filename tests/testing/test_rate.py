"""assert_rate: scipy's binomial tails, and wrong probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from jointaug.testing import assert_rate

from .cases import N, fails


@pytest.mark.parametrize("p", [0.0, 0.001, 0.2, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("rate", [1e-6, 0.05])
def test_the_accepted_counts_are_scipys_binomial_tails(p, rate):
    n = 5000
    k = np.arange(n + 1)
    expected = k[np.minimum(stats.binom.cdf(k, n, p), stats.binom.sf(k - 1, n, p)) >= rate / 2]
    least, most = int(expected[0]), int(expected[-1])
    assert_rate(least, p, rate, of=n)
    assert_rate(most, p, rate, of=n)
    for wrong in (least - 1, most + 1):
        if 0 <= wrong <= n:
            assert f"counts from {least} to {most}" in fails(assert_rate, wrong, p, rate, of=n)


@pytest.mark.parametrize("p", [0.1, 0.45])
def test_p_for_1_minus_p_is_caught(p):
    applied = np.random.default_rng(0).random(N) < p
    assert_rate(applied, p)
    assert f"not p = {1 - p:g}" in fails(assert_rate, applied, 1 - p)


ok = np.linspace(0, 1, 100)


BAD: list[tuple[Callable[[], None], type[Exception], str]] = [
    (lambda: assert_rate(5, 0.5), TypeError, "add of="),
    (lambda: assert_rate(ok > 0.5, 0.5, of=100), TypeError, "drop of= for booleans"),
    (lambda: assert_rate(101, 0.5, of=100), ValueError, "at most of = 100"),
    (lambda: assert_rate(ok, 0.5), ValueError, "zeros and ones, got 0.010101"),
    (lambda: assert_rate(ok > 0.5, 1.5), ValueError, r"p must be a probability in \[0, 1\]"),
    (lambda: assert_rate([True] * 20, 0.5), ValueError, "n = 20 for p = 0.5"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()
