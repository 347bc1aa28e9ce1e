"""What the checks return: the figures that they compare, beside scipy's and by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import stats

from jointaug.distributions import JointPair
from jointaug.testing import (
    Fit,
    Independence,
    Rate,
    assert_follows,
    assert_independent,
    assert_rate,
    assert_same_law,
)

from .cases import N, fails, number_after, pairs


def test_a_fit_is_scipys_distance_beside_massarts_bound():
    sample = np.random.default_rng(0).normal(size=500)
    expected = stats.kstest(sample, stats.norm.cdf)
    fit = assert_follows(sample, stats.norm, 0.01)
    assert fit.distance == pytest.approx(expected.statistic)
    assert fit.worst == expected.statistic_location
    assert fit.bound == pytest.approx(math.sqrt(math.log(2 / 0.01) / 1000))
    assert (fit.n, fit.failure_rate, fit.parts) == (500, 0.01, {})
    assert fit.used == fit.distance / fit.bound
    assert assert_follows(sample, stats.norm, 0.01, slack=0.1).bound == pytest.approx(fit.bound + 0.1)


def test_a_fit_of_two_samples_is_scipys_distance():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=400), rng.normal(size=900)
    fit = assert_same_law(x, y)
    assert fit.distance == pytest.approx(stats.ks_2samp(x, y).statistic)
    assert fit.bound == pytest.approx(math.sqrt(math.log(4e6) / 2) * (400**-0.5 + 900**-0.5))
    assert fit.n == 400


def test_the_fit_of_a_pair_has_its_parts():
    fit = assert_follows(torch.stack(pairs(JointPair(1.0, 0.2, 1.0)), -1), JointPair(1.0, 0.2, 1.0), 0.03)
    assert list(fit.parts) == ["log ratio", "t1 given the ratio", "independence"]
    assert [part.failure_rate for part in fit.parts.values()] == pytest.approx([0.01] * 3)
    assert fit.failure_rate == pytest.approx(0.03)
    assert fit.used == max(part.used for part in fit.parts.values())
    distances = [part for part in fit.parts.values() if isinstance(part, Fit)]
    assert fit.distance == max(distances, key=lambda part: part.used).distance
    decoupled = JointPair(1.0, 0.2, 1.0).decoupled()
    assert list(assert_follows(torch.stack(pairs(decoupled), -1), decoupled).parts) == ["t1", "t2", "independence"]
    constant = JointPair(1.0, 0.2, 0.2)
    assert assert_follows(torch.stack(pairs(constant), -1), constant).used < 1


def test_a_rate_is_a_binomial_beside_its_quantiles():
    found = assert_rate(120, 0.1, 0.01, of=1000)
    assert (found.rate, found.p, found.n, found.failure_rate) == (0.12, 0.1, 1000, 0.01)
    assert found.low == pytest.approx(stats.binom.ppf(0.005, 1000, 0.1) / 1000)
    assert found.high == pytest.approx(stats.binom.isf(0.005, 1000, 0.1) / 1000)
    assert found.used == pytest.approx((120 - 100) / (1000 * found.high - 100))
    assert assert_rate(80, 0.1, 0.01, of=1000).used == pytest.approx((100 - 80) / (100 - 1000 * found.low))
    assert assert_rate(100, 0.1, of=1000).used == 0.0
    assert assert_rate(100, 1.0, of=100).used == 0.0


def test_a_dependence_is_a_hypergeometric_tail():
    """Two booleans: one split of each, so that Fisher's exact test says all."""
    rng = np.random.default_rng(0)
    x = rng.random(400) < 0.3
    y = rng.random(400) < np.where(x, 0.5, 0.6)
    found = assert_independent(x, y)
    table = [[(x & y).sum(), (x & ~y).sum()], [(~x & y).sum(), (~x & ~y).sum()]]
    ends = [stats.fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
    assert found.probability == pytest.approx(min(ends))
    assert abs(found.correlation) == pytest.approx(abs(np.corrcoef(x, y)[0, 1]))
    assert found.least == pytest.approx(1e-6 / 2)
    assert found.used == pytest.approx(math.log(min(ends)) / math.log(found.least))
    assert found.n == 400
    assert "[x in sixteenths" in found.where


def test_used_is_one_where_the_check_begins_to_fail():
    """At the failure rate of its own probability a finding passes, and at a little more it fails."""
    rng = np.random.default_rng(0)
    sample, (x, y) = rng.random(N), rng.random((2, N))
    fit = assert_follows(sample, stats.uniform)
    limit = 2 * math.exp(-2 * N * fit.distance**2)
    assert assert_follows(sample, stats.uniform, limit * 0.999).used == pytest.approx(1, abs=1e-2)
    fails(assert_follows, sample, stats.uniform, limit * 1.001)
    found = assert_independent(x, y)
    limit = found.probability / found.least * found.failure_rate
    assert assert_independent(x, y, limit * 0.999).used == pytest.approx(1, abs=1e-2)
    assert number_after(fails(assert_independent, x, y, limit * 1.001), "; probability") == pytest.approx(
        found.probability, rel=0.05
    )


@pytest.mark.parametrize(
    "finding",
    [
        Fit(0.1, 0.2, 9, 0.0, 1e-6),
        Independence(0.1, 0.5, 1e-9, 9, "", 1e-6),
        Rate(0.1, 0.2, 0.0, 0.5, 9, 1e-6),
    ],
    ids=["Fit", "Independence", "Rate"],
)
def test_a_finding_stays_as_it_was(finding):
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.n = 0
    assert 0 <= finding.used < 1
