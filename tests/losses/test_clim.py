"""CLIM: what it is where nothing is mixed in, and the sum over resolutions."""

from __future__ import annotations

import math

import torch

from jointaug import losses as L

from .cases import B, D, K, draw, k, k2, q, queue


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
