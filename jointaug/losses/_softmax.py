"""``log sum exp`` of many similarities without keeping them.

The similarities of 256 queries with a queue of 65,536 keys are 64 MiB, those of SimCLR at batch 4,096 are 256 MiB, and
automatic differentiation keeps two or three such matrices. Only a sum and a softmax average of each row are needed:
both are taken while a block of rows is at hand, and the block is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_BLOCK = 2**24  # similarities at a time (64 MiB in float32)


def nce(positive: Tensor, negatives: Tensor) -> Tensor:
    """``-log e^p / (e^p + sum_j e^{n_j})`` from ``p`` and ``log sum_j e^{n_j}``: exact where small, 0 without any."""
    gap = negatives - positive
    return torch.logaddexp(gap, torch.zeros_like(gap))


def log_sum_exp(a: Tensor, b: Tensor, skip: Tensor | None = None) -> Tensor:
    """``log sum_j exp(a_i . b_j)`` over the rows ``j`` of ``b``; ``-inf`` where none is left.

    Args:
        a: ``[n, D]``.
        b: ``[m, D]``.
        skip: ``[n, s]`` int64, rows of ``b`` that row ``i`` leaves out.

    Returns:
        ``[n]``, differentiable once in ``a`` and ``b``.
    """
    result: Tensor = _LogSumExp.apply(a, b, skip)
    return result


def _blocks(a: Tensor, b: Tensor, skip: Tensor | None) -> Iterator[tuple[slice, Tensor]]:
    step = max(1, _BLOCK // max(1, b.shape[0]))
    for start in range(0, a.shape[0], step):
        rows = slice(start, start + step)
        products = a[rows] @ b.T
        if skip is not None:
            products.scatter_(1, skip[rows], -torch.inf)
        yield rows, products


class _LogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, skip: Tensor | None) -> Tensor:
        result = a.new_full((a.shape[0],), -torch.inf)
        average = torch.zeros_like(a)  # of b's rows under the softmax: the gradient in a
        if b.shape[0]:
            lowest = torch.finfo(a.dtype).min  # not -inf: a row that leaves out everything must give 0, not nan
            for rows, products in _blocks(a, b, skip):
                top = products.amax(1, keepdim=True).clamp_min(lowest)
                products.sub_(top).exp_()
                total = products.sum(1, keepdim=True)
                result[rows] = (top + total.log()).squeeze(1)
                if ctx.needs_input_grad[0]:
                    average[rows] = (products @ b).div_(total.clamp_min(torch.finfo(a.dtype).tiny))
        if ctx.needs_input_grad[1]:
            ctx.save_for_backward(average, a, b, skip, result)
        else:
            ctx.save_for_backward(average)  # so that a queue may take new keys before the backward pass
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        average, *others = ctx.saved_tensors
        grad_a = grad[:, None] * average if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return grad_a, None, None
        a, b, skip, result = others
        grad_b = torch.zeros_like(b)
        with torch.autocast(a.device.type, enabled=False):
            result = result.clamp_min(torch.finfo(a.dtype).min)
            for rows, products in _blocks(a, b, skip):
                softmax = products.sub_(result[rows, None]).exp_()
                grad_b.addmm_(softmax.T, grad[rows, None] * a[rows])
        return grad_a, grad_b, None
