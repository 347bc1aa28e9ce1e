"""The half-normal law on [0, 1]: quantiles on floats and tensors, moments without cancellation."""

import math

import pytest
import scipy.integrate
import scipy.stats
import torch

from jointaug.distributions import _half_normal as half_normal


def double(value):
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("beta", [0.0, 1e-5, 0.3, 0.999, 1.0, 1.001, 3.0, 12.0, 1e3, 1e6])
def test_half_normal_quantiles_on_floats_and_tensors(beta):
    """Both paths, either form, from 1e-15 of an end on, against the cdf and the tail, each where it is accurate."""
    k = half_normal.rate(double(beta))
    small = 10.0 ** torch.linspace(-15, -0.31, 60, dtype=torch.float64)
    p, q = torch.cat([small, 1 - small]), torch.cat([1 - small, small])
    y = half_normal.quantile(p, q, k)
    floats = [half_normal.FloatQuantile(beta)(*pair) for pair in zip(p.tolist(), q.tolist(), strict=True)]
    torch.testing.assert_close(torch.tensor(floats, dtype=torch.float64), y, rtol=1e-13, atol=2e-15 / max(1.0, beta))
    torch.testing.assert_close(half_normal.cdf(y, k), p, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(half_normal.survival(y, k), q, rtol=1e-12, atol=1e-15 if beta < 10 else 0.0)


@pytest.mark.parametrize("k", [1e-8, 1e-4, 0.05, 0.1, 0.5, 3.0, 20.0])
def test_half_normal_moments_lose_no_digit(k):
    """Against quadrature; the usual closed form of the second gives -2.2 for 1/3 at k = 1e-8."""
    density = lambda y: math.exp(half_normal.log_density(double(y), double(k)).item())  # noqa: E731
    for moment, power in ((half_normal.mean, 1), (half_normal.second_moment, 2)):
        expected, _ = scipy.integrate.quad(lambda y, n=power: y**n * density(y), 0, 1, epsabs=0, epsrel=1e-12)
        assert moment(double(k)).item() == pytest.approx(expected, rel=1e-12)
