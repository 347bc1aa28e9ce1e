"""Torch's laws without a cdf: scipy's is the integral of torch's density, and the law of torch's draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate
from torch import distributions as td
from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli

from jointaug.testing import assert_follows
from jointaug.testing._scipy import _equivalents, scipy_cdf

from .cases import fails


def double(*values):
    return [torch.tensor(value, dtype=torch.float64) for value in values]


CONTINUOUS = {  # and where the density begins
    "Beta": (td.Beta(*double(0.5, 2.0)), 0.0),
    "StudentT": (td.StudentT(*double(3.0, 1.0, 2.0)), -math.inf),
    "FisherSnedecor": (td.FisherSnedecor(*double(3.0, 5.0)), 0.0),
    "VonMises": (td.VonMises(*double(2.5, 1.5)), -math.pi),
    "LogitRelaxedBernoulli": (LogitRelaxedBernoulli(*double(0.7, 0.3)), -math.inf),
}
DISCRETE = {
    "Bernoulli": td.Bernoulli(*double(0.3)),
    "Binomial": td.Binomial(5, *double(0.3)),
    "NegativeBinomial": td.NegativeBinomial(*double(2.5, 0.4)),
    "Geometric": td.Geometric(*double(0.3)),
    "Poisson": td.Poisson(*double(2.3)),
    "Categorical": td.Categorical(*double([0.2, 0.0, 0.5, 0.3])),
}
halves, two = double([0.25, 0.75])[0], double([2.0, 5.0])[0]
COMPOSED = {
    "mixture": td.MixtureSameFamily(td.Categorical(halves), td.Beta(two, two.flip(0))),
    "mixture of categories": td.MixtureSameFamily(
        td.Categorical(halves), td.Categorical(torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]], dtype=torch.float64))
    ),
    "mixture of angles": td.MixtureSameFamily(td.Categorical(halves), td.VonMises(two, two)),
    "transformed": td.TransformedDistribution(td.Beta(*double(1.0, 2.0)), [td.AffineTransform(1.0, -2.0)]),
    "relaxed": td.RelaxedBernoulli(*double(0.7, 0.3)),
    "of single precision": td.StudentT(3.0),
    "subclass": type("Mine", (td.Beta,), {})(*double(2.0, 3.0)),
}


def test_all_are_here():
    kinds = {kind.__name__ for kind in _equivalents()}
    assert kinds == set(CONTINUOUS) | set(DISCRETE)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_the_cdf_is_the_integral_of_the_density(name):
    law, begin = CONTINUOUS[name]
    points = law.sample((5,)).numpy()
    for point, found in zip(points, scipy_cdf(law)(points), strict=True):
        integral, error = integrate.quad(
            lambda x: math.exp(law.log_prob(torch.tensor(x, dtype=torch.float64))), begin, point, limit=200
        )
        assert found == pytest.approx(integral, abs=1e-7 + 10 * error)


@pytest.mark.parametrize("name", DISCRETE)
def test_the_cdf_is_the_sum_of_the_probabilities(name):
    law = DISCRETE[name]
    values = law.enumerate_support() if law.has_enumerate_support else torch.arange(30.0, dtype=torch.float64)
    expected = law.log_prob(values).exp().cumsum(0).numpy()
    points = values.double().numpy()
    np.testing.assert_allclose(scipy_cdf(law)(points), expected, atol=1e-12)
    np.testing.assert_allclose(scipy_cdf(law)(points + 0.75), expected, atol=1e-12)
    np.testing.assert_allclose(scipy_cdf(law)(np.array([-0.5, -1.0])), 0.0, atol=0)


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE, *COMPOSED])
def test_torchs_draws_follow_it_and_moved_ones_do_not(name):
    """Of one million seeds one fails."""
    laws = {**{k: law for k, (law, _) in CONTINUOUS.items()}, **DISCRETE, **COMPOSED}
    torch.manual_seed(0)
    sample = laws[name].sample((10_000,))
    assert_follows(sample, laws[name])
    fails(assert_follows, 0.2 + 0.7 * sample.double(), laws[name])


def test_torchs_own_cdf_comes_first():
    assert scipy_cdf(td.Normal(0.0, 1.0)) is None
    own = type("Own", (td.Beta,), {"cdf": lambda self, value: value})
    assert scipy_cdf(own(1.0, 1.0)) is None
    assert scipy_cdf(td.MixtureSameFamily(td.Categorical(halves), td.Normal(two, two))) is None
