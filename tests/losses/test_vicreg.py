"""VICReg: golden values, torch's covariance, float64 at every scale."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jointaug import losses as L

from .cases import B, D, draw, k, q, t, total

Z, Z2 = t([1, 0], [0, 1], [1, 1], [0, 0]), t([1, 0.5], [0, 1], [0.5, 1], [0, 0.5])


def test_vicreg():
    code, paper = L.vicreg(Z, Z2), L.vicreg(Z, Z2, form="paper")
    assert code.per_sample.mean().item() / 25 == pytest.approx(0.09375, abs=1e-9)
    assert L.vicreg(Z, Z2, mu=0).shared.item() == pytest.approx(0 + 0.001736, abs=1e-6)
    assert L.vicreg(Z, Z2, nu=0).shared.item() / 25 == pytest.approx(0.211282 + 0.308083, abs=1e-6)
    assert total(code) == pytest.approx(15.329611, abs=1e-6)
    assert total(paper) == pytest.approx(30.657486, abs=1e-6)
    assert total(code, t(2, 0, 1, 1)) == pytest.approx(16.110861, abs=1e-6)


@pytest.mark.parametrize(("n", "D"), [(20, 6), (6, 20), (7, 7)])
@pytest.mark.parametrize("form", ["code", "paper"])
def test_vicreg_by_torch_cov(n, D, form):
    """n < D takes the other way round, through the Gram matrix."""
    z1, z2 = draw(n, D), draw(n, D, seed=1) * 0.3
    half, width = (2, D) if form == "code" else (1, 1)
    shared = 0.0
    for z in (z1, z2):
        C = torch.cov(z.T)
        hinge = torch.clamp(1 - (C.diagonal() + 1e-4).sqrt(), min=0).mean()
        shared += 25 * hinge / half + (C.square().sum() - C.diagonal().square().sum()) / D
    got = L.vicreg(z1, z2, form=form)
    torch.testing.assert_close(got.per_sample, 25 * (z1 - z2).square().sum(1) / width)
    torch.testing.assert_close(got.shared, shared)


class TestVICReg:
    def test_shared_does_not_see_the_weight(self):
        parts = L.vicreg(q, k)
        assert L.reduce(parts, 2 * torch.ones(B)).item() == pytest.approx(
            (2 * parts.per_sample.mean() + parts.shared).item()
        )

    def test_forms_differ_by_the_width_and_by_two(self):
        code, paper = L.vicreg(q, k, nu=0), L.vicreg(q, k, nu=0, form="paper")
        torch.testing.assert_close(paper.per_sample, D * code.per_sample)
        torch.testing.assert_close(paper.shared, 2 * code.shared)


def off_diagonal(z: Tensor) -> Tensor:
    """The slow obvious way: every pair of different dimensions."""
    return torch.cov(z.double().T).fill_diagonal_(0).square().sum() / z.shape[1]


class TestScales:
    def test_uncorrelated_dimensions_have_no_covariance(self):
        """Closed form: 0; the Gram matrix's difference was -.02."""
        z = torch.zeros(4, 6)
        z[:2, 0], z[2:, 1] = torch.tensor([3.3, -3.3]), torch.tensor([0.7, -0.7])
        assert L.vicreg(z, z, mu=0).shared.item() == 0
        assert L.vicreg(100 * z, z, mu=0).shared.item() == 0

    @pytest.mark.parametrize(("n", "width"), [(4, 6), (16, 24), (24, 25), (32, 96), (64, 16)])
    @pytest.mark.parametrize("deviation", [1.0, 1000.0])
    @pytest.mark.parametrize("offset", [0.0, 1e4])
    @pytest.mark.parametrize("rank", [1, 2, None])
    def test_value_and_gradient_are_float64s(self, n, width, deviation, offset, rank):
        z = draw(n, width, seed=1) if rank is None else draw(n, rank, seed=1) @ draw(rank, width, seed=2)
        z[:, 0] *= deviation
        single = (z + offset).float().requires_grad_()
        double = single.detach().double().requires_grad_()
        other = draw(n, width, seed=3)
        got, expected = L.vicreg(single, other.float(), mu=0), off_diagonal(double) + off_diagonal(other.float())
        torch.testing.assert_close(got.shared.double(), expected, rtol=1e-5, atol=1e-12)
        got.shared.backward()
        expected.backward()
        error = (single.grad.double() - double.grad).norm() / double.grad.norm()
        assert error < 1e-5

    @pytest.mark.parametrize("exponent", [-100, -60, -20, 20, 60, 100])
    def test_scales(self, exponent):
        """What float32 can hold is right: gradient of the invariance always, the variance's hinge always."""
        z1, z2 = ((draw(12, 5, seed=i).float() * 2.0**exponent).requires_grad_() for i in range(2))
        parts = L.vicreg(z1, z2, nu=0)
        L.reduce(parts).backward()
        d1, d2 = (z.detach().double().requires_grad_() for z in (z1, z2))
        exact = L.vicreg(d1, d2, nu=0)
        L.reduce(exact).backward()
        torch.testing.assert_close(parts.shared.double(), exact.shared, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(parts.per_sample, exact.per_sample.float(), rtol=1e-5, atol=0)  # infinite in both
        torch.testing.assert_close(z1.grad.double(), d1.grad, rtol=1e-4, atol=1e-9)

    def test_a_term_left_out_may_be_infinite(self):
        z1, z2 = (draw(12, 5, seed=i).float() * 1e30 for i in range(2))
        assert L.vicreg(z1, z2, nu=0, lam=0).shared.item() == 0
        assert not L.vicreg(z1, z2, nu=0, lam=0).per_sample.any()
