"""Unit rows at both ends of a dtype, and twice differentiable."""

from __future__ import annotations

import pytest
import torch

from jointaug import losses as L

from .cases import draw


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
