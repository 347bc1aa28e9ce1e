"""Distances and weights of score maps: formulas, slow loops, every scale; the running mean."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jointaug import losses as L

from .cases import B, draw, keys


class TestScoreCL:
    s1, s2 = draw(B, 3, 4, 5, seed=30), draw(B, 3, 4, 5, seed=31)
    kinds = pytest.mark.parametrize(("kind", "p"), [("vector", 1), ("vector", 2), ("norm_gap", 1), ("norm_gap", 2)])

    def distance(self, a: Tensor, b: Tensor, kind: str, p: int) -> Tensor:
        n = a[0].numel()
        if kind == "vector":
            return (a - b).abs().pow(p).flatten(1).sum(1).pow(1 / p) / n ** (1 / p)
        norms = [x.abs().pow(p).flatten(1).sum(1).pow(1 / p) for x in (a, b)]
        return (norms[0] - norms[1]).abs() / n ** (1 / p)

    @kinds
    def test_by_its_formula(self, kind, p):
        got = L.score_distance(self.s1, self.s2, kind=kind, p=p)
        torch.testing.assert_close(got, self.distance(self.s1, self.s2, kind, p))

    @kinds
    def test_symmetric_and_zero_for_identical_views(self, kind, p):
        there, back = (L.score_distance(*pair, kind=kind, p=p) for pair in ((self.s1, self.s2), (self.s2, self.s1)))
        assert torch.equal(there, back)
        assert (there >= 0).all()
        assert not L.score_distance(self.s1, self.s1, kind=kind, p=p).any()

    def test_orders(self):
        d = {
            (kind, p): L.score_distance(self.s1, self.s2, kind=kind, p=p)
            for kind in ("vector", "norm_gap")
            for p in (1, 2)
        }
        assert (d["vector", 1] <= d["vector", 2]).all()
        assert all((d["norm_gap", p] <= d["vector", p]).all() for p in (1, 2))

    def test_weights_average_one_and_do_not_see_a_scale(self):
        weight = L.score_weight(self.s1, self.s2)
        assert weight.mean().item() == pytest.approx(1, abs=1e-12)
        torch.testing.assert_close(L.score_weight(7 * self.s1, 7 * self.s2), weight)
        bare = L.score_weight(self.s1, self.s2, normalize=None)
        assert torch.equal(bare, L.score_distance(self.s1, self.s2))

    def test_an_identical_pair_has_weight_zero(self):
        s2 = self.s2.clone()
        s2[0] = self.s1[0]
        assert L.score_weight(self.s1, s2)[0] == 0

    def test_no_gradient_reaches_the_scores(self):
        s1 = self.s1.clone().requires_grad_()
        assert not L.score_weight(s1, self.s2).requires_grad
        assert not L.score_distances(s1, self.s2).requires_grad

    @kinds
    def test_all_distances_by_the_slow_loop(self, kind, p):
        views = torch.cat([self.s1, self.s2])
        expected = torch.stack([self.distance(views, v[None].expand_as(views), kind, p) for v in views])
        got = L.score_distances(self.s1, self.s2, kind=kind, p=p)
        torch.testing.assert_close(got, expected)
        torch.testing.assert_close(got.diagonal(B), L.score_distance(self.s1, self.s2, kind=kind, p=p))
        assert not got.diagonal().any()


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


class TestScoreStatistics:
    def test_without_momentum_it_is_the_batch_mean(self):
        statistics = L.ScoreStatistics(momentum=0.0)
        for seed in range(3):
            d = keys(6, seed=seed)[:, 0].abs()
            torch.testing.assert_close(statistics(d), L.batch_mean(d))

    def test_the_mean_is_bias_corrected(self):
        """The slow way: weights (1 - m) m^age, divided by their sum."""
        statistics, m = L.ScoreStatistics(momentum=0.9), 0.9
        batches = [keys(6, seed=seed)[:, 0].abs() for seed in range(4)]
        for n, d in enumerate(batches):
            ages = torch.tensor([m ** (n - i) for i in range(n + 1)])
            mean = (ages * torch.stack([b.mean() for b in batches[: n + 1]])).sum() / ages.sum()
            torch.testing.assert_close(statistics(d), d / mean)

    def test_eval_and_state(self):
        one, two, d = L.ScoreStatistics(momentum=0.5), L.ScoreStatistics(momentum=0.5).eval(), torch.tensor([1.0, 3.0])
        one(d)
        two.load_state_dict(one.state_dict())
        torch.testing.assert_close(two(torch.tensor([2.0, 8.0])), torch.tensor([1.0, 4.0]))
        torch.testing.assert_close(two(torch.tensor([2.0, 8.0])), torch.tensor([1.0, 4.0]))
        with pytest.raises(RuntimeError, match="mean must have the shape of this ScoreStatistics"):
            two.load_state_dict({"mean": torch.zeros(2), "share": torch.zeros(())})
        assert repr(one) == "ScoreStatistics(momentum=0.5)"
