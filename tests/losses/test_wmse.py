"""W-MSE and whitening: golden values, the slow loop, covariances, float64 at every scale."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from jointaug import losses as L

from .cases import B, D, draw, k, q, t


def test_whitening():
    white = L.whiten(t([1, 2], [2, 1], [0, 1], [3, 4]))
    expected = t([-0.387298, 0.414039], [0.387298, -1.449138], [-1.161895, 0.207020], [1.161895, 0.828079])
    torch.testing.assert_close(white, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.cov(white.T), torch.eye(2, dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize("weighted", [False, True])
def test_wmse_by_the_slow_loop(weighted):
    """Three views, two sub-batches, two permutations; weights act on a pair before pairs are averaged."""
    B, D, w = 16, 3, 8
    views = [draw(B, D, seed=i) for i in range(3)]
    perms = torch.stack([torch.randperm(B, generator=torch.Generator().manual_seed(s)) for s in (5, 6)])
    weights = draw(B, 3, seed=9).abs() if weighted else torch.ones(B, 3, dtype=torch.float64)
    expected = torch.zeros(B, dtype=torch.float64)
    for perm in perms:
        for members in perm.view(-1, w):
            white = []
            for view in views:
                h = view[members] - view[members].mean(0)
                inverse = torch.linalg.inv(torch.linalg.cholesky(h.T @ h / (w - 1)))
                white.append(F.normalize(h @ inverse.T, dim=1))
            for column, (a, b) in enumerate([(0, 1), (0, 2), (1, 2)]):
                expected[members] += (
                    weights[members, column] * (2 - 2 * (white[a] * white[b]).sum(1)) / (3 * len(perms))
                )
    got = L.wmse(views, w, perms, pair_weights=weights if weighted else None)
    torch.testing.assert_close(got.per_sample, expected)


class TestWMSE:
    perm = torch.randperm(B, generator=torch.Generator().manual_seed(1))

    @pytest.mark.parametrize("n", [13, 40])
    def test_whitened_covariance_is_the_identity(self, n):
        white = L.whiten(draw(3, n, D, seed=8) @ draw(D, D, seed=7))
        for w in white:
            torch.testing.assert_close(torch.cov(w.T), torch.eye(D, dtype=torch.float64), atol=1e-10, rtol=0)
            torch.testing.assert_close(w.mean(0), torch.zeros(D, dtype=torch.float64), atol=1e-10, rtol=0)

    def test_a_lower_triangular_map_changes_nothing_and_a_general_one_does(self):
        lower = draw(D, D, seed=3).tril()
        lower.diagonal().abs_().add_(0.5)
        before = L.wmse([q, k], B, self.perm).per_sample
        after = L.wmse([q @ lower.T + 3, k @ lower.T - 1], B, self.perm).per_sample
        torch.testing.assert_close(after, before)
        general = L.wmse([q @ draw(D, D, seed=4), k @ draw(D, D, seed=4)], B, self.perm).per_sample
        assert (general - before).abs().max() > 1e-3

    def test_identical_views_give_zero(self):
        torch.testing.assert_close(L.wmse([q, q], B, self.perm).per_sample, torch.zeros(B, dtype=torch.float64))

    def test_eps_saves_embeddings_that_collapsed(self):
        x = torch.zeros(B, D, requires_grad=True)
        loss = L.reduce(L.wmse([x, x.detach()], B, self.perm, eps=0.01))
        loss.backward()
        assert loss.isfinite()
        assert x.grad.isfinite().all()


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
