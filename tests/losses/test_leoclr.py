"""LeOCLR: golden values, and what it is where crops are equal."""

from __future__ import annotations

import pytest
import torch

from jointaug import losses as L

from .cases import B, draw, k, k2, other, q, queue, t, total


def test_leoclr():
    u, v1, v2, queue = t([1, 0]), t([0.8, 0.6]), t([0.6, -0.8]), t([0, 1], [0, -1]).T
    first, second = (total(L.info_nce(u, v, queue, tau=0.2)) for v in (v1, v2))
    assert (first, second) == (pytest.approx(0.035976, abs=1e-6), pytest.approx(0.094923, abs=1e-6))
    assert total(L.leoclr(u, v1, v2, queue, tau=0.2)) == pytest.approx(0.130899, abs=1e-6)


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
