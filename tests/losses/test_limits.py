"""Limiting cases and identities: what must hold of any correct implementation."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from jointaug import losses as L
from jointaug.losses import _softmax

B, D, K = 12, 6, 24


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


q, k, k2, other = (draw(B, D, seed=i) for i in range(4))
queue = F.normalize(draw(D, K, seed=9), dim=0)
pos, neg = draw(B, seed=5).tanh(), draw(B, K, seed=6).tanh()


class TestInfoNCE:
    def test_an_empty_queue_gives_exactly_zero(self):
        x = q.clone().requires_grad_()
        loss = L.reduce(L.info_nce(x, k, queue[:, :0]))
        loss.backward()
        assert loss.item() == 0
        assert not x.grad.any()

    def test_it_is_at_least_zero_also_far_below_rounding(self):
        small = L.info_nce(q, q, -F.normalize(q, dim=1).T, tau=0.01).per_sample
        assert (small >= 0).all()
        assert (small[:1] > 0).all(), "log1p keeps what 1 + x would lose"
        hard = L.info_nce(q, -q, F.normalize(q, dim=1).T, tau=0.01).per_sample
        torch.testing.assert_close(hard, torch.full_like(hard, 200.0), atol=5, rtol=0)

    def test_random_unit_vectors_have_the_predicted_mean(self):
        """log(K + 1) + 1 / (2 D tau^2); the mean's standard error is 1 / (sqrt(B D) tau), failure rate 1e-6 at 4.9."""
        n, width, size, tau = 512, 128, 4096, 0.2
        a, b = draw(n, width, seed=20), draw(n, width, seed=21)
        mean = L.reduce(L.info_nce(a, b, F.normalize(draw(width, size, seed=22), dim=0), tau=tau)).item()
        predicted = math.log(size + 1) + 1 / (2 * width * tau**2)
        assert abs(mean - predicted) < 4.9 / (math.sqrt(n * width) * tau) + 0.01  # .01: the next term of the expansion

    def test_lengths_do_not_matter(self):
        torch.testing.assert_close(L.info_nce(3 * q, 0.1 * k, queue).per_sample, L.info_nce(q, k, queue).per_sample)

    def test_the_queue_may_take_keys_before_the_backward_pass(self):
        gradients = []
        for early in (False, True):
            x, live = q.clone().requires_grad_(), queue.clone()
            loss = L.reduce(L.info_nce(x, k, live))
            if early:
                live[:, :B] = F.normalize(k, dim=1).T
            loss.backward()
            gradients.append(x.grad)
        assert torch.equal(*gradients)


class TestMarginNCE:
    def test_no_margin_is_info_nce(self):
        unit = F.normalize(q, dim=1)
        cosines = (unit * F.normalize(k, dim=1)).sum(1), unit @ queue
        torch.testing.assert_close(
            L.margin_nce(*cosines, m=0, tau=0.2).per_sample, L.info_nce(q, k, queue, tau=0.2).per_sample
        )
        torch.testing.assert_close(
            L.margin_nce(*cosines, m=-0.5, tau=0.2).per_sample, L.info_nce(q, k, queue, tau=0.2, m=-0.5).per_sample
        )

    @pytest.mark.parametrize("m", [-0.5, 0.3])
    @pytest.mark.parametrize("negatives", [queue.T, queue.T.expand(B, K, D)])
    def test_npid_has_the_same_margin(self, m, negatives):
        expected = L.info_nce(q, k, queue, tau=0.1, m=m).per_sample
        torch.testing.assert_close(L.npid(q, k, negatives, tau=0.1, m=m).per_sample, expected)

    @pytest.mark.parametrize("m", [-0.5, 0.3])
    def test_it_multiplies_every_negative(self, m):
        torch.testing.assert_close(
            L.margin_nce(pos, neg, m=m, tau=0.1).per_sample, L.margin_nce(pos, neg + m, m=0, tau=0.1).per_sample
        )

    def test_increasing_in_the_margin_and_decreasing_in_the_positive(self):
        values = [L.margin_nce(pos, neg, m=m, tau=0.1).per_sample for m in (-0.5, -0.1, 0, 0.2, 0.7)]
        assert all((a < b).all() for a, b in pairwise(values))
        p = pos.clone().requires_grad_()
        L.reduce(L.margin_nce(p, neg, m=-0.5, tau=0.1)).backward()
        assert (p.grad <= 0).all()

    def test_a_margin_far_below_gives_zero(self):
        per_sample = L.margin_nce(pos, neg, m=-1e4, tau=0.1).per_sample
        assert (per_sample == 0).all()

    def test_the_gradient_saturates(self):
        """At p = .9 with 4,096 negatives at 0: -.034 (the printed equation has -10 everywhere)."""
        p = torch.tensor([0.9], dtype=torch.float64, requires_grad=True)
        L.reduce(L.margin_nce(p, torch.zeros(1, 4096, dtype=torch.float64), m=-0.5, tau=0.1)).backward()
        assert p.grad.item() == pytest.approx(-0.034, abs=5e-4)

    def test_the_corrected_denominator(self):
        """p = 1, one negative at 0, m = -.5, tau = .1: 0 to four digits, where the printed equation has -9.99."""
        one = torch.tensor([1.0], dtype=torch.float64)
        assert L.margin_nce(one, 0 * one[:, None], m=-0.5, tau=0.1).per_sample.item() == pytest.approx(0, abs=5e-5)


class TestLeOCLR:
    def test_equal_crops_are_moco(self):
        moco = L.info_nce(q, k, queue).per_sample
        assert torch.equal(L.leoclr(q, k, k, queue).per_sample, 2 * moco)
        assert torch.equal(L.leoclr(q, k, k, queue, reduction="mean").per_sample, moco)

    def test_an_empty_queue_gives_exactly_zero(self):
        assert not L.leoclr(q, k, k2, queue[:, :0], q1=other).per_sample.any()

    def test_crops_may_be_swapped(self):
        results = []
        for crops in ((k, k2), (k2, k)):
            x = q.clone().requires_grad_()
            loss = L.reduce(L.leoclr(x, *crops, queue))
            loss.backward()
            results.append((loss, x.grad))
        for one, two in zip(*results, strict=True):
            torch.testing.assert_close(one, two)

    def test_attract_all_adds_the_crops_term(self):
        terms = [L.info_nce(a, b, queue).per_sample for a, b in ((q, k), (q, k2), (other, k2))]
        torch.testing.assert_close(L.leoclr(q, k, k2, queue, q1=other).per_sample, sum(terms))
        mean = L.leoclr(q, k, k2, queue, q1=other, reduction="mean").per_sample
        torch.testing.assert_close(mean, sum(terms) / 3)

    def test_pairs_are_weighted_before_they_meet(self):
        weights = draw(B, 2, seed=4).abs()
        terms = [L.info_nce(q, v, queue).per_sample for v in (k, k2)]
        got = L.leoclr(q, k, k2, queue, pair_weights=weights).per_sample
        torch.testing.assert_close(got, weights[:, 0] * terms[0] + weights[:, 1] * terms[1])

    def test_end_to_end_is_two_nt_xent(self):
        terms = [L.nt_xent(q, v, tau=0.1).per_sample for v in (k, k2)]
        torch.testing.assert_close(L.leoclr_end_to_end(q, k, k2).per_sample, sum(terms))
        torch.testing.assert_close(L.leoclr_end_to_end(q, k, k2, reduction="mean").per_sample, sum(terms) / 2)


class TestCLIM:
    def test_nothing_mixed_in_is_moco_v2(self):
        assert torch.equal(L.clim(q, k, k2, 1.0, queue).per_sample, L.info_nce(q, k, queue).per_sample)
        assert torch.equal(L.clim(q, k, k2, 0.0, queue).per_sample, L.info_nce(q, k2, queue).per_sample)

    def test_linear_in_lambda_and_symmetric(self):
        lam = torch.rand(B, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        own, mixed_in = (L.info_nce(q, x, queue).per_sample for x in (k, k2))
        got = L.clim(q, k, k2, lam, queue).per_sample
        torch.testing.assert_close(got, lam * own + (1 - lam) * mixed_in)
        torch.testing.assert_close(got, L.clim(q, k2, k, 1 - lam, queue).per_sample)

    def test_one_resolution(self):
        got = L.clim_multi_resolution([q], [k], [k2], 0.3, queue)
        assert torch.equal(got.per_sample, L.clim(q, k, k2, 0.3, queue).per_sample)

    def test_every_query_meets_the_keys_of_every_resolution(self):
        q_mix, k_i, k_j = ([draw(B, D, seed=10 * s + r) for r in range(3)] for s in (1, 2, 3))
        lam = [0.2, torch.full((B,), 0.5), 0.9]
        terms = [L.clim(q_mix[r], k_i[s], k_j[s], lam[r], queue).per_sample for r in range(3) for s in range(3)]
        torch.testing.assert_close(L.clim_multi_resolution(q_mix, k_i, k_j, lam, queue).per_sample, sum(terms))
        mean = L.clim_multi_resolution(q_mix, k_i, k_j, lam, queue, reduction="mean").per_sample
        torch.testing.assert_close(mean, sum(terms) / 9)

    def test_equal_logits_give_n_squared_logarithms(self):
        zero = [torch.zeros(B, D, dtype=torch.float64)] * 2  # a zero query has cosine 0 with everything
        got = L.clim_multi_resolution(zero, [k, k2], [k2, k], 0.4, queue).per_sample
        torch.testing.assert_close(got, torch.full_like(got, 4 * math.log(K + 1)))


class TestInterCLR:
    intra, inter = L.vicreg(q, k), L.margin_nce(pos, neg, m=-0.5)

    def test_lambda_one_is_the_baseline_bit_for_bit(self):
        assert L.interclr(self.intra, self.inter, lam=1.0) is self.intra
        broken = L.LossParts(self.inter.per_sample * math.nan, self.inter.shared)
        assert L.interclr(self.intra, broken, lam=1.0) is self.intra

    def test_lambda_zero_is_the_inter_term(self):
        assert L.reduce(L.interclr(self.intra, self.inter, lam=0.0)).item() == L.reduce(self.inter).item()

    def test_the_sum_and_its_weight(self):
        weight = torch.arange(B).double()
        expected = 0.75 * L.reduce(self.intra, weight) + 0.25 * L.reduce(self.inter)
        torch.testing.assert_close(L.reduce(L.interclr(self.intra, self.inter), weight), expected)

    def test_npid_refuses_a_weight_through_it(self):
        intra = L.npid(q, k, queue.T)
        with pytest.raises(TypeError, match="one view"):
            L.reduce(L.interclr(intra, self.inter), torch.ones(B))
        torch.testing.assert_close(
            L.reduce(L.interclr(intra, self.inter)), 0.75 * L.reduce(intra) + 0.25 * L.reduce(self.inter)
        )

    def test_byol_with_cluster_mates(self):
        """The paper's inter term of BYOL, 2 - 2 cos(p, v_j) over both views, is byol with one row for both targets."""
        expected = 4 - 2 * F.cosine_similarity(q, k) - 2 * F.cosine_similarity(k2, k)
        torch.testing.assert_close(L.byol(q, k2, k, k).per_sample, expected)


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

    def test_equal_distances_are_simclr(self):
        for scale in (1.0, 0.3):
            got = L.nt_xent(q, k, tau=0.5, d=torch.full((2 * B, 2 * B), scale)).per_sample
            torch.testing.assert_close(got, L.nt_xent(q, k, tau=0.5).per_sample)

    def test_eq_6_sees_only_ratios(self):
        d = draw(2 * B, 2 * B, seed=3).abs() + 0.1
        torch.testing.assert_close(
            L.nt_xent(q, k, tau=0.5, d=d).per_sample, L.nt_xent(q, k, tau=0.5, d=100 * d).per_sample
        )

    def test_without_the_positive_its_distance_moves_no_gradient(self):
        d = draw(2 * B, 2 * B, seed=3).abs() + 0.1
        far = d + torch.diag(torch.full((B,), 5.0), B) + torch.diag(torch.full((B,), 5.0), -B)
        gradients = []
        for distances in (d, far):
            x = q.clone().requires_grad_()
            L.reduce(L.nt_xent(x, k, tau=0.5, d=distances, positive_in_denominator=False)).backward()
            gradients.append(x.grad)
        torch.testing.assert_close(*gradients, rtol=0, atol=1e-15)

    def test_a_far_pair_gains_in_algorithm_1_and_loses_in_eq_6(self):
        inside, outside = [], []
        for d in (0.1, 1.0, 10.0, 100.0):
            p = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
            n, ones = torch.tensor([[0.1, -0.2]], dtype=torch.float64), torch.ones(1, 2)
            (slope,) = torch.autograd.grad(L.score_nce(p, n, torch.tensor([d]), ones).per_sample, p)
            inside.append(-slope.item())
            (slope,) = torch.autograd.grad(L.reduce(L.margin_nce(p, n, m=0, tau=0.5), torch.tensor([d])), p)
            outside.append(-slope.item())
        assert inside == sorted(inside, reverse=True)
        assert outside == pytest.approx([d * outside[1] for d in (0.1, 1, 10, 100)])


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


class TestLogSumExp:
    """The blocks: one row at a time, some rows, all at once, give the same."""

    skip = torch.stack([torch.randperm(K, generator=torch.Generator().manual_seed(i))[:3] for i in range(B)])

    @pytest.mark.parametrize("block", [1, 5 * K, 2**24])
    @pytest.mark.parametrize("skip", [None, skip])
    def test_value_and_gradient(self, monkeypatch, block, skip):
        monkeypatch.setattr(_softmax, "_BLOCK", block)
        a, b = (5 * q).requires_grad_(), queue.T.contiguous().requires_grad_()
        products = (5 * q) @ queue
        if skip is not None:
            products = products.scatter(1, skip, -torch.inf)
        torch.testing.assert_close(_softmax.log_sum_exp(a, b, skip), products.logsumexp(1))
        assert torch.autograd.gradcheck(lambda x, y: _softmax.log_sum_exp(x, y, skip), (a, b))

    def test_nothing_left(self):
        everything = torch.arange(K).expand(B, K)
        a, b = q.clone().requires_grad_(), queue.T.contiguous().requires_grad_()
        result = _softmax.log_sum_exp(a, b, everything)
        assert (result == -torch.inf).all()
        _softmax.nce(torch.zeros(B), result).sum().backward()
        assert not a.grad.any()
        assert not b.grad.any()

    def test_nan_is_not_hidden(self):
        a = q.clone()
        a[1, 0] = torch.nan
        result = _softmax.log_sum_exp(a, queue.T)
        assert result.isnan().tolist() == [i == 1 for i in range(B)]
