"""The InfoNCE family: golden values, slow loops, limits, and its two weightings by distance."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from jointaug import losses as L

from .cases import B, D, K, draw, k, neg, pos, q, queue, t, total


@pytest.mark.parametrize(
    ("tau", "m", "value"),
    [(0.1, 0, 0.558818), (0.1, -0.5, 0.005031), (0.1, 0.5, 4.719415), (0.2, 0, 0.801448), (0.2, -0.5, 0.096095)],
)
def test_margin_nce(tau, m, value):
    assert total(L.margin_nce(t(0.3), t([0.1, -0.2, 0.25]), m=m, tau=tau)) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("tau", "value"), [(0.5, 0.855528), (0.1, 1.139889)])
def test_nt_xent(tau, value):
    z1, z2 = t([1, 0, 0], [0, 1, 0]), t([0.6, 0.8, 0], [0, 0.6, 0.8])
    assert total(L.nt_xent(z1, z2, tau=tau)) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("d", "inside", "value"),
    [((2, 1, 0.5), True, 0.251781), ((2, 1, 0.5), False, -1.250667), ((1, 1, 1), True, 0.528229)],
)
def test_eq_6(d, inside, value):
    parts = L.score_nce(t(0.5), t([0.1, -0.2]), t(d[0]), t(list(d[1:])), tau=0.5, positive_in_denominator=inside)
    assert total(parts) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("inside", [True, False])
def test_nt_xent_with_d_is_eq_6_of_each_row(inside):
    """The slow loop: each of the 2B rows by score_nce, which the golden values hold."""
    z, d, B = F.normalize(draw(10, 3), dim=1), draw(10, 10, seed=1).abs() + 0.1, 5
    cos, rows = z @ z.T, []
    for i in range(10):
        positive = (i + B) % 10
        others = [j for j in range(10) if j not in (i, positive)]
        rows.append(
            L.score_nce(
                cos[i, positive][None],
                cos[i, others][None],
                d[i, positive][None],
                d[i, others][None],
                tau=0.3,
                positive_in_denominator=inside,
            ).per_sample
        )
    per_sample = L.nt_xent(z[:B], z[B:], tau=0.3, d=d, positive_in_denominator=inside).per_sample
    torch.testing.assert_close(per_sample, torch.stack(rows).view(2, B).mean(0))


def test_nt_xent_is_the_mean_of_an_images_two_rows():
    """The slow loop of SimCLR's eq. 1, denominators of 2B - 1 terms, positives among them."""
    B, tau = 6, 0.4
    z1, z2 = draw(B, 3), draw(B, 3, seed=1)
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    rows = []
    for i in range(2 * B):
        terms = [math.exp(float(z[i] @ z[j]) / tau) for j in range(2 * B) if j != i]
        rows.append(-float(z[i] @ z[(i + B) % (2 * B)]) / tau + math.log(sum(terms)))
    expected = torch.tensor([(rows[i] + rows[i + B]) / 2 for i in range(B)], dtype=torch.float64)
    torch.testing.assert_close(L.nt_xent(z1, z2, tau=tau).per_sample, expected)


@pytest.mark.parametrize("tau", [0.07, 0.2, 1.0])
def test_info_nce_is_cross_entropy_of_column_0(tau):
    q, k, queue = draw(9, 5), draw(9, 5, seed=1), F.normalize(draw(5, 33, seed=2), dim=0)
    a, b = F.normalize(q, dim=1), F.normalize(k, dim=1)
    logits = torch.cat([(a * b).sum(1, keepdim=True), a @ queue], 1) / tau
    expected = F.cross_entropy(logits, torch.zeros(9, dtype=torch.int64), reduction="none")
    torch.testing.assert_close(L.info_nce(q, k, queue, tau=tau).per_sample, expected)


def test_npid_is_cross_entropy_of_column_0():
    v, own, negatives = draw(9, 5), draw(9, 5, seed=1), F.normalize(draw(9, 20, 5, seed=2), dim=2)
    a, b = F.normalize(v, dim=1), F.normalize(own, dim=1)
    logits = torch.cat([(a * b).sum(1, keepdim=True), (a[:, None] * negatives).sum(2)], 1) / 0.07
    expected = F.cross_entropy(logits, torch.zeros(9, dtype=torch.int64), reduction="none")
    torch.testing.assert_close(L.npid(v, own, negatives).per_sample, expected)
    alike = L.npid(v, own, negatives[0])
    torch.testing.assert_close(alike.per_sample, L.npid(v, own, negatives[:1].expand(9, -1, -1)).per_sample)


@pytest.mark.parametrize("tau", [0.2, 1.0])
def test_moco_v3_is_twice_tau_cross_entropy_both_ways(tau):
    q1, q2, k1, k2 = (draw(7, 4, seed=i) for i in range(4))

    def ctr(q: Tensor, k: Tensor) -> Tensor:
        return 2 * tau * F.cross_entropy(F.normalize(q) @ F.normalize(k).T / tau, torch.arange(7), reduction="none")

    torch.testing.assert_close(L.moco_v3(q1, q2, k1, k2, tau=tau).per_sample, ctr(q1, k2) + ctr(q2, k1))


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


class TestScoreNCE:
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
