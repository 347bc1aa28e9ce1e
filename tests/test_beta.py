"""The quantile of Beta(alpha, alpha) without a host that waits, against scipy's."""

import numpy as np
import pytest
import torch
from scipy import integrate
from scipy.special import betaincinv, ndtr

from jointaug import _beta

from .pretend import NEEDS_CUDA, here, pretending, there

ENDS = 2.0 ** -torch.arange(1, 54, dtype=torch.float64)
U = torch.cat([torch.rand(20_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), ENDS, 1 - ENDS])


@NEEDS_CUDA
@pytest.mark.parametrize("alpha", [*_beta.ALPHAS, 0.1, 0.6, 1.0, 2.0, 4.0])
def test_is_scipys_to_the_stated_error(alpha):
    with pretending() as waits:
        found = _beta.beta_quantile(there(U), alpha)
    assert not waits
    assert (here(found) - torch.from_numpy(betaincinv(alpha, alpha, U.numpy()))).abs().max() < _beta.ERROR


@NEEDS_CUDA
def test_small_quantiles_keep_their_digits():
    """Relative error, where the quantile of 2^-53 is 2e-27."""
    with pretending():
        found = here(_beta.beta_quantile(there(ENDS), 0.6))
    np.testing.assert_allclose(found, betaincinv(0.6, 0.6, ENDS.numpy()), rtol=1e-9)


@NEEDS_CUDA
def test_beyond_the_host_computes():
    with pretending() as waits:
        found = here(_beta.beta_quantile(there(U), 30.0))
    assert waits.total() == 2
    assert torch.equal(found, _beta.beta_quantile(U, 30.0))


def test_on_the_cpu_it_is_scipys_bit_for_bit():
    assert torch.equal(_beta.beta_quantile(U, 0.6), torch.from_numpy(betaincinv(0.6, 0.6, U.numpy())))


@pytest.mark.parametrize("alpha", [5e-324, 1e-310, 1e-200])
def test_the_least_alphas_give_the_ends(alpha):
    """Half of the law is at 0 and half at 1; scipy makes 1/2 of them, or nan, where alpha is subnormal."""
    low, high = _beta.beta_quantile(torch.tensor([0.3, 0.7], dtype=torch.float64), alpha).tolist()
    assert low < 1e-300
    assert high > 1 - 1e-15


GREAT = 1e7  # where the one formula ends and the other begins


@pytest.mark.parametrize("below", [True, False])
def test_on_both_sides_of_the_bound_it_is_scipys(below):
    """To scipy 1.12's own error there, 1.5e-13; the normal law without its second term is 8e-10 away."""
    alpha = GREAT / 2 if below else GREAT
    found = _beta.beta_quantile(U, alpha).numpy()
    assert abs(found - betaincinv(alpha, alpha, U.numpy())).max() < (1e-15 if below else 2e-13)


@pytest.mark.parametrize("alpha", [GREAT, 1e9, 1e16, 1e24])
def test_great_alphas_have_the_laws_variance(alpha):
    """Closed form: 1 / (4 (2 alpha + 1)), the integral of the quantile's square about 1/2; and it is symmetric."""
    z = np.linspace(-8, 8, 2001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    from_middle = _beta.scipys_quantile(ndtr(z), alpha) - 0.5
    found = integrate.trapezoid(from_middle**2 * density, z)
    assert found == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=1e-6)
    assert _beta.scipys_quantile(0.25, alpha) + _beta.scipys_quantile(0.75, alpha) == 1


def test_the_greatest_alphas_give_the_middle():
    assert (_beta.beta_quantile(U, 1e300) == 0.5).all()
