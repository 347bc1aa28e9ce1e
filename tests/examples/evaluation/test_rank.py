"""The effective rank of known spectra, in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from trainer.evaluation.rank import effective_rank


def with_variances(*variances: float) -> torch.Tensor:
    """Features whose covariance has exactly these eigenvalues (times a factor), in a random orthogonal frame."""
    d = len(variances)
    basis = torch.linalg.qr(torch.randn(2 * d + 1, d + 1, dtype=torch.float64))[0]
    centered = torch.linalg.qr(basis - basis.mean(0))[0][:, :d]  # orthonormal columns of mean 0
    frame = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64))[0]
    return 3.0 + (centered * torch.tensor(variances, dtype=torch.float64).sqrt()) @ frame


@pytest.mark.parametrize("k", [1, 2, 7])
def test_equal_variance_in_k_directions_is_rank_k(k: int):
    torch.manual_seed(k)
    assert effective_rank(with_variances(*[4.0] * k, *[0.0] * (8 - k))) == pytest.approx(k)


def test_two_unequal_directions():
    """exp(-p ln p - q ln q)."""
    torch.manual_seed(0)
    p, q = 0.9, 0.1
    assert effective_rank(with_variances(9.0, 1.0)) == pytest.approx(math.exp(-p * math.log(p) - q * math.log(q)))


def test_a_geometric_spectrum():
    """Shares (1 - r) r^i: entropy -(ln(1 - r) + r ln r / (1 - r)), but for the tail that is cut off (under 1e-9)."""
    torch.manual_seed(0)
    r = 0.5
    entropy = -(math.log(1 - r) + r * math.log(r) / (1 - r))
    assert effective_rank(with_variances(*[r**i for i in range(36)])) == pytest.approx(math.exp(entropy), rel=1e-6)


def test_scale_and_place_do_not_matter():
    torch.manual_seed(0)
    x = with_variances(5.0, 3.0, 1.0)
    assert effective_rank(1e-3 * x + 40.0) == pytest.approx(effective_rank(x), rel=1e-6)
    assert effective_rank(x.float()) == pytest.approx(effective_rank(x), rel=1e-4)


def test_features_that_do_not_vary_have_rank_0():
    assert effective_rank(torch.full((5, 3), 2.0)) == 0.0


def test_bad_input():
    with pytest.raises(ValueError, match=r"features must be \[n, d\] with n >= 1, got shape \(2, 3, 4\)"):
        effective_rank(torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match="features must be finite"):
        effective_rank(torch.full((2, 3), torch.inf))
