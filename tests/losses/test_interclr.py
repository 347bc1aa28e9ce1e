"""InterCLR: both ends of lambda, and the weight."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from jointaug import losses as L

from .cases import B, k, k2, neg, pos, q, queue


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
