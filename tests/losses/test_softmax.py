"""Blocks of a log-sum-exp."""

from __future__ import annotations

import pytest
import torch

from jointaug.losses import _softmax

from .cases import B, K, q, queue


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
