"""Directions of vectors and cosines between them, whatever their scale."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

_SAFE: Final = 2.0**40  # norms between this and its inverse: no square, product or quotient of theirs leaves float32


def unit(x: Tensor) -> Tensor:
    """``x`` divided by its Euclidean norm along the last dimension; half precision becomes float32.

    Every row but one of zeros has a direction, also where the sum of its squares leaves the number format (in float32,
    norms beyond 1e19 or below 1e-19). Its gradient is as large as the row is small; what the format cannot hold is
    infinite. A row of zeros stays as it is, and so does its gradient: a dead embedding gives a finite loss and does not
    blow up the step.
    """
    u: Tensor = _Unit.apply(_at_least_float32(x))[0]
    return u


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """Cosine along the last dimension, in [-1, 1]; rows as in `unit`, and cheaper than two unit rows."""
    x, y = _at_least_float32(x), _at_least_float32(y)
    norms = [torch.linalg.vector_norm(rows.detach(), dim=-1) for rows in (x, y)]
    if all(_safe(each) for each in norms):
        result: Tensor = _Cosine.apply(x, y, *norms)[0]
        return result
    return torch.linalg.vecdot(unit(x), unit(y)).clamp(-1, 1)  # type: ignore[no-any-return]


def power_of_two(size: Tensor) -> Tensor:
    """The power of two that brings each positive ``size`` to [0.5, 1), as far as its format has it; 1 for 0."""
    most = 125 if size.dtype == torch.float32 else 1021
    exponent = torch.frexp(size)[1].clamp(-most, most)
    return torch.ldexp(torch.ones_like(size), -exponent)


def scale_of(x: Tensor) -> Tensor:
    """`power_of_two` of the largest absolute value in ``x``."""
    return power_of_two(torch.stack(x.aminmax()).abs().amax())


def _at_least_float32(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _safe(norms: Tensor) -> bool:
    """Whether squares of these norms are exact; elsewhere than on a CPU asking costs more than the other way."""
    if norms.device.type != "cpu" or not norms.numel():
        return False
    low, high = norms.aminmax()
    return float(low) > 1 / _SAFE and float(high) < _SAFE


class _Unit(torch.autograd.Function):
    """Direction and norm (of the scaled row); the derivative is made of both, so that it has one itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        ctx.scale = None
        if not _safe(norm) and x.shape[-1]:
            ctx.scale = power_of_two(x.abs().amax(-1, keepdim=True))
            x = x * ctx.scale
            norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
            norm = norm.masked_fill_(norm == 0, 1.0)
        u = x / norm
        ctx.save_for_backward(u, norm)
        return u, norm

    @staticmethod
    def backward(ctx: Any, grad_u: Tensor | None, grad_norm: Tensor | None) -> Tensor | None:
        u, norm = ctx.saved_tensors
        grad = None if grad_u is None else (grad_u - u * (u * grad_u).sum(-1, keepdim=True)) / norm
        if grad_norm is not None:
            grad = grad_norm * u if grad is None else grad + grad_norm * u
        return grad if grad is None or ctx.scale is None else grad * ctx.scale


class _Cosine(torch.autograd.Function):
    """Cosine and both norms, of rows whose norms are safe."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        cosines = (torch.linalg.vecdot(x, y) / (a * b)).clamp_(-1, 1)
        a, b = a.view_as(a), b.view_as(b)
        ctx.save_for_backward(x, y, a, b, cosines)
        return cosines, a, b

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, *grad_norms: Tensor | None) -> tuple[Tensor | None, ...]:
        x, y, a, b, cosines = ctx.saved_tensors
        found: list[Tensor | None] = []
        for i, (own, other, norm) in enumerate(((x, y, a), (y, x, b))):
            if not ctx.needs_input_grad[i]:
                found.append(None)
                continue
            along = 0.0 if grad is None else -grad * cosines / norm.square()  # of the row itself
            if (of_norm := grad_norms[i]) is not None:
                along = along + of_norm / norm
            total = along[..., None] * own if isinstance(along, Tensor) else torch.zeros_like(own)
            found.append(total if grad is None else torch.addcmul(total, (grad / (a * b))[..., None], other))
        return *found, None, None
