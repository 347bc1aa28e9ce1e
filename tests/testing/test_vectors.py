"""Laws of vectors: correct samplers pass, wrong ones are seen, and the parts are what they are said to be."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from scipy import stats
from torch import distributions as td

from jointaug.testing import assert_follows, assert_same_law
from jointaug.testing._vectors import _made_of, directions

from .cases import alarms, fails, most_alarms

N = 20_000
GENERATOR = torch.Generator().manual_seed(0)
ROOT = torch.randn(4, 4, generator=GENERATOR, dtype=torch.float64)
LOC, SPREAD = torch.arange(4.0, dtype=torch.float64), ROOT @ ROOT.T + 0.1 * torch.eye(4)
SHAPE = torch.tensor([0.5, 2.0, 5.0, 1.0], dtype=torch.float64)
HALVES = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)


def each(kind, *parameters):
    return td.Independent(kind(*parameters), 1)


LAWS = {
    "normal": td.MultivariateNormal(LOC, SPREAD),
    "single precision": td.MultivariateNormal(LOC.float(), SPREAD.float()),
    "low rank": td.LowRankMultivariateNormal(LOC, ROOT[:, :2], SHAPE),
    "of one number": td.MultivariateNormal(LOC[:1] + 1, SPREAD[:1, :1]),
    "Dirichlet": td.Dirichlet(SHAPE),
    "of two parts": td.Dirichlet(SHAPE[:2]),
    "exponential of normal": td.TransformedDistribution(td.MultivariateNormal(LOC, SPREAD), [td.ExpTransform()]),
    "logistic normal": td.LogisticNormal(LOC / 4, SHAPE),
    **{
        kind.__name__: each(kind, *parameters)
        for kind, *parameters in (
            (td.Normal, LOC, SHAPE),
            (td.Uniform, -SHAPE, SHAPE),
            (td.Beta, SHAPE, 1 + LOC),
            (td.Bernoulli, HALVES),
            (td.Poisson, SHAPE),
            (td.StudentT, torch.tensor(3.0), LOC),
            (td.Binomial, 5, HALVES),
            (td.LogNormal, LOC / 4, SHAPE),
            (td.Gumbel, LOC, SHAPE),
        )
    },
    "logits": td.Independent(td.Bernoulli(logits=LOC), 1),
    "one constant": each(td.Bernoulli, torch.tensor([1.0, 0.5, 0.5])),
    "20 numbers": each(td.Normal, torch.zeros(20), torch.ones(20)),
}


@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_their_law_and_others_do_not(name):
    torch.manual_seed(0)
    sample = LAWS[name].sample((5000,))
    fit = assert_follows(sample, LAWS[name])
    assert fit.failure_rate == pytest.approx(1e-6)
    assert 0 < fit.used < 1
    fails(assert_follows, sample.flip(-1) if sample.shape[1] > 1 and "20" not in name else sample * 1.2, LAWS[name])
    assert_same_law(sample, LAWS[name].sample((4000,)))
    assert assert_same_law(sample[0::2], sample[1::2]).failure_rate == pytest.approx(1e-6)


def test_the_parts_are_independent_and_named():
    normal = LAWS["normal"]
    torch.manual_seed(0)
    parts = assert_follows(normal.sample((2000,)), normal).parts
    assert len(parts) == 4 + 6 + 16
    assert {part.failure_rate for part in parts.values()} == {1e-6 / 26}
    assert list(parts)[:2] == ["whitened number 0", "whitened number 1"]
    assert "whitened number 0 and whitened number 3" in parts
    assert "projection 15" in parts
    assert len(assert_follows(LAWS["20 numbers"].sample((2000,)), LAWS["20 numbers"]).parts) == 20 + 19 + 16
    assert len(assert_follows(LAWS["Bernoulli"].sample((2000,)), LAWS["Bernoulli"]).parts) == 3 + 3


def test_a_sum_of_squares_of_whitened_numbers_is_scipys_distance():
    x = LAWS["normal"].sample((50,))
    white = np.stack([one.column for one in _made_of(x.numpy(), LAWS["normal"], None)], -1)
    off = x.numpy() - LOC.numpy()
    expected = np.einsum("ni,ij,nj->n", off, np.linalg.inv(SPREAD.numpy()), off)
    np.testing.assert_allclose((white**2).sum(1), expected, rtol=1e-9)


def test_densities_of_the_broken_stick_make_dirichlets():
    """Change of variables: the density of the parts, over their Jacobian, is the density of the whole."""
    law = LAWS["Dirichlet"]
    x = law.sample((20,))
    made = _made_of(x.numpy(), law, None)
    log_density = sum(one.law.log_prob(torch.from_numpy(one.column)) for one in made)
    left = 1 - x.cumsum(1)[:, :-2]  # of which the second and the third number take their share
    torch.testing.assert_close(log_density - left.log().sum(1), law.log_prob(x), atol=1e-6, rtol=1e-6)


def parity(n, seed):
    """Three normal numbers, every two of them independent, whose signs multiply to one."""
    z = np.random.default_rng(seed).normal(size=(n, 3))
    z[:, 2] = np.abs(z[:, 2]) * np.sign(z[:, 0] * z[:, 1])
    return z


def correlated(n, seed, r):
    return stats.multivariate_normal([0, 0], [[1, r], [r, 1]]).rvs(n, np.random.default_rng(seed))


def test_faults_that_no_single_number_shows_are_seen():
    standard = [td.MultivariateNormal(torch.zeros(k), torch.eye(k)) for k in (2, 3)]
    message = fails(assert_follows, correlated(N, 0, 0.2), standard[0])
    assert message.startswith("x = whitened number 0 and y = whitened number 1 of MultivariateNormal")
    assert "of the normal scores do not follow Normal" in fails(assert_follows, parity(N, 0), standard[1])
    coins = np.random.default_rng(0).random((N, 1)) < 0.5
    twice = td.Independent(td.Bernoulli(torch.tensor([0.5, 0.5])), 1)
    assert "depend on each other" in fails(assert_follows, np.repeat(coins, 2, 1), twice)


def test_two_samples_that_differ_in_no_single_number_are_seen():
    rng = np.random.default_rng(1)
    assert "x and y, projection" in fails(assert_same_law, correlated(N, 0, 0.8), rng.normal(size=(N, 2)))
    assert "x and y, projection" in fails(assert_same_law, parity(2 * N, 0), rng.normal(size=(2 * N, 3)))
    assert "x and y, number 1," in fails(assert_same_law, rng.normal(size=(N, 2)), rng.normal([0, 0.1], size=(N, 2)))


@pytest.mark.parametrize(
    "check",
    [
        lambda rng, rate: assert_follows(
            rng.normal(size=(300, 2)), td.MultivariateNormal(torch.zeros(2), torch.eye(2)), rate
        ),
        lambda rng, rate: assert_same_law(rng.normal(size=(300, 2)), rng.normal(size=(200, 2)), rate),
        lambda rng, rate: assert_follows(rng.dirichlet([1, 2], 300), td.Dirichlet(torch.tensor([1.0, 2.0])), rate),
    ],
)
def test_false_alarms_keep_to_the_stated_rate(check):
    """The bound is passed by a correct check once in a million seeds; the seeds are fixed."""
    runs, rate = 100, 0.1
    assert alarms(lambda rng: check(rng, rate), runs) <= most_alarms(runs, rate)


def test_directions_are_unit_vectors_and_stay():
    assert np.allclose(np.linalg.norm(directions(5), axis=1), 1)
    assert np.array_equal(directions(5), directions(5))
    assert len(directions(5)) == 16


class OneOff(td.Distribution):
    """Vectors of a law of one's own."""

    arg_constraints: ClassVar = {}

    def __init__(self):
        super().__init__(event_shape=torch.Size([2]), validate_args=False)


ok = np.random.default_rng(0).normal(size=(200, 2))
BAD = [
    (lambda: assert_follows(ok, OneOff()), ValueError, r"law must be one of numbers or pairs, a MultivariateNormal"),
    (
        lambda: assert_follows(ok[:, :1], td.Dirichlet(SHAPE[:2])),
        ValueError,
        r"samples must be rows \[n, 2\], for a law of 2",
    ),
    (lambda: assert_follows(ok, td.Dirichlet(SHAPE[:2])), AssertionError, "they must be at least 0 and sum to 1"),
    (lambda: assert_follows(abs(ok), td.Dirichlet(SHAPE[:2])), AssertionError, "and a sum is off by"),
    (
        lambda: assert_follows(ok[:9], td.Dirichlet(SHAPE[:2]), rounding=0.1),
        ValueError,
        "rounding must be 0 for a law of",
    ),
    (
        lambda: assert_follows(ok * math.nan, td.Dirichlet(SHAPE[:2])),
        ValueError,
        "samples must be finite, got 400 of 400",
    ),
    (lambda: assert_same_law(ok, ok[:, :1]), ValueError, "x and y must be rows of one width, got 2 and 1"),
    (lambda: assert_same_law(ok, ok[:, 0]), ValueError, r"y must be rows \[n, d\]"),
    (lambda: assert_same_law(ok[:5], ok), ValueError, "x and y must be so many"),
    (
        lambda: assert_follows(ok[:, 0], td.Wishart(torch.tensor(3.0), torch.eye(2))),
        ValueError,
        "law must be one law of",
    ),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()
