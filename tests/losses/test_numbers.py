"""Numbers that are finite in come out right, or not at all: float32 against float64, from end to end of its range."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jointaug import losses as L


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def off_diagonal(z: Tensor) -> Tensor:
    """The slow obvious way: every pair of different dimensions."""
    return torch.cov(z.double().T).fill_diagonal_(0).square().sum() / z.shape[1]


class TestVICReg:
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


class TestWhitening:
    def reference(self, h: Tensor, eps: float = 0.0) -> Tensor:
        h = h.double() - h.double().mean(0)
        covariance = (1 - eps) * (h.T @ h) / (len(h) - 1) + eps * torch.eye(h.shape[1], dtype=torch.float64)
        return torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), h.T, upper=False).T

    @pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e-10, 1.0, 1e10, 1e20, 1e30])
    @pytest.mark.parametrize("eps", [0.0, 0.1])
    def test_scales(self, scale, eps):
        h = (draw(40, 6) * scale).float()
        torch.testing.assert_close(L.whiten(h, eps=eps).double(), self.reference(h, eps), rtol=1e-4, atol=1e-5)

    def test_columns_of_many_scales(self):
        h = (draw(40, 6) * torch.logspace(-25, 25, 6, dtype=torch.float64)).float()
        got = torch.cov(L.whiten(h).double().T)
        torch.testing.assert_close(got, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-5)

    @pytest.mark.parametrize("left", [1e-1, 1e-3, 1e-5])
    def test_nearly_dependent_columns_and_an_offset(self, left):
        h = draw(40, 6)
        h[:, 3] = h[:, 0] - 2 * h[:, 1] + left * h[:, 3]
        h = (h + torch.tensor([0, 0, 0, 0, 0, 1e4])).float()
        torch.testing.assert_close(L.whiten(h).double(), self.reference(h), rtol=1e-3, atol=1e-3)

    def test_dependent_columns_are_refused_and_not_whitened_from_rounding(self):
        h = draw(40, 6).float()
        h[:, 3] = 2 * h[:, 1]
        with pytest.raises(ValueError, match="h must have a covariance of full rank"):
            L.whiten(h)


@pytest.mark.parametrize("exponent", [-100, -83, 0, 60, 100])
@pytest.mark.parametrize(("kind", "p"), [("vector", 1), ("vector", 2), ("norm_gap", 1), ("norm_gap", 2)])
def test_score_distances_scale(kind, p, exponent):
    """Theory: a distance scales with the scores, exactly by a power of two; a weight does not see it."""
    s1, s2 = (draw(5, 3, 4, seed=i).float() for i in range(2))
    scale = 2.0**exponent
    for distance in (L.score_distance, L.score_distances):
        exact = distance(s1.double(), s2.double(), kind=kind, p=p)
        torch.testing.assert_close(
            distance(s1 * scale, s2 * scale, kind=kind, p=p).double() / scale, exact, rtol=1e-5, atol=1e-9
        )
    weight = L.score_weight(s1 * scale, s2 * scale, kind=kind, p=p)
    torch.testing.assert_close(weight, L.score_weight(s1, s2, kind=kind, p=p))


@pytest.mark.parametrize("p", [1, 2])
def test_a_gap_between_nearly_equal_norms(p):
    s1 = draw(5, 3000).float()
    s2 = s1.clone()
    s2[:, 7] += 1e-3
    exact = L.score_distance(s1.double(), s2.double(), kind="norm_gap", p=p)
    torch.testing.assert_close(L.score_distance(s1, s2, kind="norm_gap", p=p).double(), exact, rtol=1e-5, atol=0)


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1.0, 1e10, 1e30])
def test_dino_at_any_scale(scale):
    student, teacher = ([(draw(6, 9, seed=s + i) * scale).float() for i in range(2)] for s in (0, 5))
    center = (draw(9, seed=9) * scale).float()
    exact = L.dino([s.double() for s in student], [t.double() for t in teacher], center.double())
    torch.testing.assert_close(
        L.dino(student, teacher, center).per_sample.double(), exact.per_sample, rtol=1e-5, atol=1e-6
    )


def test_equal_vectors_stay_in_the_ranges_that_are_promised():
    z = draw(2000, 7).float()
    assert L.byol(z, z, 3 * z, z / 7).per_sample.min() >= 0
    assert L.byol(z, z, -z, -z).per_sample.max() <= 8
    assert L.simsiam(z, z, 3 * z, z).per_sample.min() >= -1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_unit_row_is_one_at_both_ends_of_its_dtype(dtype):
    info = torch.finfo(dtype)
    for length in (info.smallest_normal, 1.0, info.max):
        rows = draw(50, 3).clamp(-0.9, 0.9).to(dtype) * length
        expected = torch.nn.functional.normalize(rows.double() / length, dim=1)
        torch.testing.assert_close(L.unit(rows).double(), expected, rtol=0, atol=1e-6)
    assert not L.unit(torch.zeros(2, 3, dtype=dtype)).any()


def test_directions_can_be_differentiated_twice():
    x, y, z = draw(4, 3).requires_grad_(), draw(4, 3, seed=1).requires_grad_(), draw(4, 3, seed=2)
    for scale in (1.0, 1e-25):
        assert torch.autograd.gradgradcheck(lambda a, s=scale: L.unit(a * s), x)
        assert torch.autograd.gradgradcheck(lambda a, b, s=scale: L.simsiam(a * s, b, z, z).per_sample, (x, y))
