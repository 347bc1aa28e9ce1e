r"""The half-normal law on [0, 1]: density proportional to :math:`\exp(-k^2 y^2 / 2)`, of rate k > 0.

JC(beta) is this law with k = \|beta\|, turned around if beta < 0, stretched, and given a sign. All that is hard about
JC(beta), being accurate for tiny and for huge rates, is solved here.

Functions take and give tensors of one floating dtype, broadcasting; ``k`` comes from `rate`.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import torch
from torch import Tensor

# Rates k and 0 differ by k^2 / 6 in their laws, here 2e-17: in double precision this *is* the uniform law.
LEAST_RATE = 1e-8
# Further out than this many deviations the density is under exp(-40.5) = 3e-18 of its peak: quadrature stops there.
DEVIATIONS = 9.0

_ROOT_HALF = math.sqrt(0.5)
_inverse_normal_cdf = NormalDist().inv_cdf


def rate(beta: Tensor) -> Tensor:
    """The rate k of JC(beta)."""
    return beta.abs().clamp(min=LEAST_RATE)


def _mass(k: Tensor) -> Tensor:
    """2 Phi(k) - 1: the share of the uncut half-normal law that lies in [0, 1]."""
    return torch.erf(k * _ROOT_HALF)


def log_density(y: Tensor, k: Tensor) -> Tensor:
    """Log density at ``y`` in [0, 1]."""
    return (k * math.sqrt(2 / math.pi) / _mass(k)).log() - (k * y).square() / 2


def cdf(y: Tensor, k: Tensor) -> Tensor:
    """P(Y <= y)."""
    return _mass(k * y) / _mass(k)


def survival(y: Tensor, k: Tensor) -> Tensor:
    """P(Y > y), accurate in the tail of a large rate, where one less the cdf cancels."""
    tail = torch.erfc(k * y * _ROOT_HALF) - torch.erfc(k * _ROOT_HALF)
    return torch.where(k < 1, 1 - cdf(y, k), tail / _mass(k))


def quantile(p: Tensor, q: Tensor, k: Tensor) -> Tensor:
    """The ``y`` with P(Y <= y) = p, given also q = 1 - p, which may be too small to recover from p.

    Below k = 1 by the inverse error function, which is accurate for small y; from there on by the normal quantile of
    the upper tail, q / 2 + p Phi(-k), where the other would saturate.
    """
    near = k < 1
    small, large = torch.where(near, k, 1.0), torch.where(near, 1.0, k)  # gradients need the branch not taken finite
    center = torch.erfinv(p * _mass(small)) / (small * _ROOT_HALF)
    tail = -torch.special.ndtri(q / 2 + p * torch.erfc(large * _ROOT_HALF) / 2) / large
    return torch.where(near, center, tail).clamp(0.0, 1.0)


class QuantileAtRate:
    """`quantile` at the rate of one beta: what depends on that alone is a number, and no device computes it."""

    __slots__ = ("_k", "_mass", "_tail")

    def __init__(self, beta: float) -> None:
        k = rate(torch.tensor(beta, dtype=torch.float64))
        self._k, self._mass, self._tail = k.item(), _mass(k).item(), torch.erfc(k * _ROOT_HALF).item()

    def __call__(self, p: Tensor, q: Tensor) -> Tensor:
        """The ``y`` with P(Y <= y) = p = 1 - q."""
        if self._k < 1:
            y = torch.erfinv(p * self._mass) / (self._k * _ROOT_HALF)
        else:
            y = -torch.special.ndtri(q / 2 + p * self._tail / 2) / self._k
        return y.clamp(0.0, 1.0)


class FloatQuantile:
    """`quantile` for Python floats, at the rate of one beta."""

    __slots__ = ("_k", "_mass", "_tail")

    def __init__(self, beta: float) -> None:
        self._k = max(abs(beta), LEAST_RATE)
        self._mass = math.erf(self._k * _ROOT_HALF)
        self._tail = math.erfc(self._k * _ROOT_HALF) / 2

    def __call__(self, p: float, q: float) -> float:
        """The ``y`` with P(Y <= y) = p = 1 - q."""
        if self._k < 1.0:
            mass = p * self._mass
            z = _inverse_normal_cdf(0.5 + mass / 2)
            # The sum dropped the last digits of a small mass: a Newton step on erf(z / sqrt 2) = mass restores them.
            z -= (math.erf(z * _ROOT_HALF) - mass) * math.sqrt(math.pi / 2) * math.exp(z * z / 2)
            return min(max(z / self._k, 0.0), 1.0)
        upper = q / 2 + p * self._tail
        return min(max(-_inverse_normal_cdf(upper) / self._k, 0.0), 1.0) if upper > 0.0 else 1.0


def mean(k: Tensor) -> Tensor:
    """E Y."""
    return -torch.expm1(-k.square() / 2) * math.sqrt(2 / math.pi) / (k * _mass(k))


def second_moment(k: Tensor) -> Tensor:
    """E Y^2 = P(3/2, k^2 / 2) / (k^2 P(1/2, k^2 / 2)), P the regularized incomplete gamma function.

    The usual form, (1 - 2 k phi(k) / (2 Phi(k) - 1)) / k^2, loses all digits to cancellation as k -> 0; this one none.
    """
    half = k.square() / 2
    gamma: Tensor = torch.special.gammainc(torch.full_like(half, 1.5), half)
    return gamma / (k.square() * _mass(k))
