"""The quantile of Beta(alpha, alpha): scipy's on the CPU, and elsewhere a polynomial, for which no host waits."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

ERROR: Final = 1e-9
"""How far the polynomial may be from the quantile, for alpha in `ALPHAS`."""
ALPHAS: Final = (0.01, 8.0)
"""Beyond, one polynomial does not reach that, and the host waits."""
_DEGREE: Final = 28
_NORMAL: Final = 1e7  # alpha from which two terms are exact in doubles; scipy 1.12 loses digits there, then never ends
_LEAST: Final = 1e-100  # alpha of which the quantile is 0 or 1, and of far less than which scipy makes 1/2, or nan


def beta_quantile(uniform: Tensor, alpha: float) -> Tensor:
    """The x with P(X <= x) = uniform.

    With B the beta function, ``w = (alpha B u)^(1 / alpha)`` is a power series in x that begins with x, so for u up to
    1/2 the quantile is w times a smooth function of w, and beyond it follows by symmetry.
    """
    if uniform.device.type == "cpu" or not ALPHAS[0] <= alpha <= ALPHAS[1]:
        return torch.from_numpy(scipys_quantile(uniform.cpu().numpy(), alpha)).to(uniform.device)
    *others, last = _polynomial(alpha)
    power = (torch.minimum(uniform, 1 - uniform) * 2) ** (1 / alpha)  # w, as a share of its value at 1/2
    place = power * 2 - 1
    value = torch.full_like(place, last)
    for coefficient in reversed(others):
        value = value * place + coefficient
    small = power * value
    return torch.where(uniform < 0.5, small, 1 - small)


def scipys_quantile(uniform: Any, alpha: float) -> Any:
    """`beta_quantile` of a number or an array in (0, 1), by scipy.

    From alpha = 1e7 on it is the normal law's, and Cornish and Fisher's term (1938) of the fourth cumulant.
    """
    from scipy.special import betaincinv, ndtri

    if alpha >= _NORMAL:
        z = ndtri(uniform)
        excess = -6 / (2 * alpha + 3)
        return 0.5 + (z + excess / 24 * (z**3 - 3 * z)) / (2 * math.sqrt(2 * alpha + 1))
    alpha = max(alpha, _LEAST)
    return betaincinv(alpha, alpha, uniform)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _polynomial(alpha: float) -> tuple[float, ...]:
    """The quantile over w, by powers of w's place in [-1, 1], the constant first."""
    return _fitted(alpha)


@lru_cache(maxsize=16)
def _fitted(alpha: float) -> tuple[float, ...]:
    """A fit at Chebyshev's points."""
    place = np.cos((np.arange(4 * _DEGREE) + 0.5) * np.pi / (4 * _DEGREE))
    power = (place + 1) / 2
    fitted = np.polynomial.chebyshev.chebfit(place, scipys_quantile(power**alpha / 2, alpha) / power, _DEGREE)
    shortest = np.polynomial.chebyshev.chebtrim(fitted, ERROR / 100)
    return tuple(float(coefficient) for coefficient in np.polynomial.chebyshev.cheb2poly(shortest))
