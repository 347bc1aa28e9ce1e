"""Laws of the log ratio ``ln(t2 / t1)`` of two views' parameters in [low, high]: JC(beta), and what chance makes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, overload

import torch
from torch import Tensor
from torch.distributions import constraints

from . import _half_normal as half_normal
from ._law import Law, between
from ._quadrature import unit_rule

if TYPE_CHECKING:
    from torch.distributions.constraints import Constraint


_LONG = 40.0  # from this half span on the entropy of two independent uniforms is 1 + ln 2, to the last digit


class LogRatioLaw(Law):
    r"""A law of ``u = ln(t2 / t1)`` on :math:`[-s, s]`, :math:`s = \ln(high / low)`, symmetric about 0.

    By symmetry the law of \|u\| is all: a subclass gives its quantile, ``_size``, and its tail, ``_beyond``.
    """

    row_width = 1

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Constraint:
        """From ``-ln(high / low)`` to ``ln(high / low)``."""
        end = self._result(self._span())
        return between(-end, end)

    @overload
    def from_uniform(self, u: float) -> float: ...
    @overload
    def from_uniform(self, u: Tensor) -> Tensor: ...
    def from_uniform(self, u: float | Tensor) -> float | Tensor:
        """The log ratio that ``u`` in (0, 1) stands for: the quantile function, so that the one grows with the other.

        A float gives a float, by the ``math`` module, if the law is one of numbers; all else gives a tensor.
        """
        draw: float | Tensor = self._from_uniform(u)[0]
        return draw

    def icdf(self, value: Tensor) -> Tensor:
        """Quantile function; nan outside [0, 1]."""
        return torch.where((value >= 0) & (value <= 1), self.from_uniform(value), math.nan)

    def cdf(self, value: Tensor) -> Tensor:
        """P(u <= value), for any real value."""
        u = self._working(value)
        half = self._beyond(u.abs()) / 2
        return self._result(torch.where(u < 0, half, 1 - half), value)

    def tail(self, rho: float | Tensor) -> Tensor:
        """P(the larger parameter is over ``rho`` times the smaller), for rho >= 1.

        Raises:
            ValueError: if ``rho`` is below 1.
        """
        ratio = torch.as_tensor(rho, device=self.low.device)
        if not bool((ratio >= 1).all()):
            raise ValueError(f"rho must be at least 1, got {rho!r}; take 1 / rho: it bounds larger over smaller")
        exceeded = self._beyond(self._working(ratio).log())
        return self._result(exceeded, ratio) if isinstance(rho, Tensor) else self._result(exceeded)

    @property
    def mean(self) -> Tensor:
        """0, by symmetry."""
        return torch.zeros_like(self.low)

    @property
    def mean_abs(self) -> Tensor:
        r"""E \|u\|."""
        raise NotImplementedError(self._lacks("mean absolute value", "mean_abs"))

    def _span(self, device: torch.device | None = None) -> Tensor:
        return span(*self._exact(device)[-2:])

    def _draw(self, *row: Tensor) -> tuple[Tensor, ...]:
        (u,) = row
        size = self._size((2 * u - 1).abs(), 2 * torch.minimum(u, 1 - u))
        return (torch.copysign(size, u - 0.5),)

    def _draw_floats(self, *row: float) -> tuple[float, ...]:
        (u,) = row
        if u < 0.5:
            return (-self._float_size(1.0 - 2.0 * u, 2.0 * u),)
        return (self._float_size(2.0 * u - 1.0, 2.0 * (1.0 - u)),)

    def _size(self, inner: Tensor, outer: Tensor) -> Tensor:
        r"""The \|u\| that the share ``inner`` of draws stays below and the share ``outer`` = 1 - inner exceeds."""
        raise NotImplementedError(self._lacks("quantile", "_size(inner, outer)"))

    def _float_size(self, inner: float, outer: float) -> float:
        size = self._size(*torch.tensor([inner, outer], dtype=torch.float64).unbind())
        return float(size)

    def _beyond(self, size: Tensor) -> Tensor:
        r"""P(\|u\| > size)."""
        raise NotImplementedError(self._lacks("cdf", "_beyond(size)"))


class JointLogRatio(LogRatioLaw):
    r"""JC(beta), the law of the log ratio in JointCrop: one number leads from like views to unlike ones.

    With :math:`s = \ln(high / low)`: for beta > 0 a normal law of deviation ``s / beta``, cut off at -s and s; for
    beta = 0 uniform; for beta < 0 the law of -beta with each half turned around, so that it peaks at both ends
    (Zhang et al. 2025, https://arxiv.org/abs/2412.16522, sec. 3.2). With :math:`k = |\beta|`, :math:`x = |u| / s`, and
    :math:`y = x` if beta >= 0, :math:`y = 1 - x` if not,

    .. math:: p(u) = \frac{1}{2 s} \, \frac{k \sqrt{2 / \pi} \, e^{-k^2 y^2 / 2}}{\operatorname{erf}(k / \sqrt 2)}.

    The law is continuous in beta, and :math:`E_\beta |u| + E_{-\beta} |u| = s`. It is accurate for \|beta\| up to 1e4
    and finite up to 1e6 and beyond; with ``high == low`` it is the constant 0.

    Args:
        beta: positive for like views, 0 for all log ratios equally likely, negative for unlike views. Finite.
        low: least value of one view's parameter (an area fraction, a sigma, a factor), above 0.
        high: greatest value, at least ``low``.
        validate_args: whether arguments are checked, as in torch.

    Raises:
        ValueError: unless beta is finite and 0 < low <= high < inf.
        TypeError: if one of them is neither a number nor a tensor.

    Example:
        >>> law = JointLogRatio(beta=0.0, low=0.2, high=1.0)
        >>> round(law.from_uniform(0.1), 6)
        -1.28755
        >>> law.tail(2.0)  # more than half of all pairs differ by more than 2:1
        tensor(0.5693)
    """

    beta: Tensor

    def __init__(
        self, beta: float | Tensor, low: float | Tensor, high: float | Tensor, validate_args: bool | None = None
    ) -> None:
        super().__init__(validate_args, beta=beta, low=low, high=high)

    def _prepare(self) -> None:
        if self._floats:
            beta, low, high = self._floats
            self._flipped = beta < 0
            self._float_span = math.log1p((high - low) / low)
            self._float_quantile = half_normal.FloatQuantile(beta)
            ends = torch.tensor([low, high], dtype=torch.float64).unbind()
            self._number_span, self._quantile = span(*ends).item(), half_normal.QuantileAtRate(beta)

    @property
    def arg_constraints(self) -> dict[str, Constraint]:
        """Constraints of the parameters, as in torch."""
        return {"beta": constraints.real, **super().arg_constraints}

    def _size(self, inner: Tensor, outer: Tensor) -> Tensor:
        if self._floats and not self._batch_shape:
            if self._flipped:
                return self._number_span * (1 - self._quantile(outer, inner))
            return self._number_span * self._quantile(inner, outer)
        beta, low, high = self._exact(inner.device)
        p, q = torch.where(beta < 0, outer, inner), torch.where(beta < 0, inner, outer)
        return span(low, high) * _turn(half_normal.quantile(p, q, half_normal.rate(beta)), beta)

    def _float_size(self, inner: float, outer: float) -> float:
        if self._flipped:
            return self._float_span * (1.0 - self._float_quantile(outer, inner))
        return self._float_span * self._float_quantile(inner, outer)

    def _beyond(self, size: Tensor) -> Tensor:
        beta, low, high = self._exact(size.device)
        k, x = half_normal.rate(beta), _share(size, span(low, high))
        beyond = torch.where(beta < 0, half_normal.cdf(1 - x, k), half_normal.survival(x, k))
        return torch.where(high > low, beyond, torch.zeros_like(beyond))

    def _log_density(self, value: Tensor) -> Tensor:
        beta, low, high = self._exact(value.device)
        length = span(low, high)
        return (
            half_normal.log_density(_turn(_share(value.abs(), length), beta), half_normal.rate(beta))
            - (2 * length).log()
        )

    def quadrature(self) -> tuple[Tensor, Tensor]:
        r"""Sizes and weights ``[*batch_shape, n]``: ``(weights * f(sizes)).sum(-1)`` is E f(\|u\|), for a smooth f."""
        beta, low, high = (parameter.unsqueeze(-1) for parameter in self._exact())
        k = half_normal.rate(beta)
        nodes, weights = unit_rule(k)
        reach = (half_normal.DEVIATIONS / k).clamp(max=1.0)
        y = reach * nodes
        return span(low, high) * _turn(y, beta), reach * weights * half_normal.log_density(y, k).exp()

    @property
    def mean_abs(self) -> Tensor:
        r"""E \|u\|, in closed form."""
        beta, low, high = self._exact()
        return self._result(span(low, high) * _turn(half_normal.mean(half_normal.rate(beta)), beta))

    @property
    def variance(self) -> Tensor:
        """E u^2, in closed form."""
        beta, low, high = self._exact()
        k = half_normal.rate(beta)
        second = half_normal.second_moment(k)
        return self._result(span(low, high) ** 2 * torch.where(beta < 0, 1 - 2 * half_normal.mean(k) + second, second))

    def entropy(self) -> Tensor:
        """Differential entropy in nats, in closed form; beta and -beta have the same."""
        self._require_density()
        beta, low, high = self._exact()
        k = half_normal.rate(beta)
        peak = half_normal.log_density(torch.zeros_like(k), k)
        return self._result((2 * span(low, high)).log() - peak + k.square() * half_normal.second_moment(k) / 2)


class IndependentLogRatio(LogRatioLaw):
    r"""The law of ``ln(t2 / t1)`` for independent t1 and t2, uniform on [low, high]: what JointCrop replaces.

    The law of the ratio itself is derived by Zhang et al. 2025 (https://arxiv.org/abs/2412.16522), App. H, eqs. 4 to 8.
    Of its logarithm, with :math:`s = \ln(high / low)`, it reads

    .. math::
        P(|u| > v) = \left(\frac{\sinh((s - v) / 2)}{\sinh(s / 2)}\right)^2, \qquad
        p(u) = \frac{\sinh(s - |u|)}{4 \sinh^2(s / 2)}.

    Args:
        low: least value of one view's parameter, above 0.
        high: greatest value, at least ``low``.
        validate_args: whether arguments are checked, as in torch.

    Raises:
        ValueError: unless 0 < low <= high < inf.
        TypeError: if one of them is neither a number nor a tensor.

    Example:
        >>> IndependentLogRatio(0.2, 1.0).tail(2.0)  # by eq. 9; the paper's 18.75 % (sec. 3.2) does not follow from it
        tensor(0.2812)
    """

    def __init__(self, low: float | Tensor, high: float | Tensor, validate_args: bool | None = None) -> None:
        super().__init__(validate_args, low=low, high=high)

    def _prepare(self) -> None:
        if self._floats:
            low, high = self._floats
            self._float_span = math.log1p((high - low) / low)
            self._float_sinh = math.sinh(self._float_span / 2)

    def _size(self, inner: Tensor, outer: Tensor) -> Tensor:
        length = self._span(inner.device)
        return (length - 2 * torch.asinh(outer.sqrt() * torch.sinh(length / 2))).clamp(min=0.0)

    def _float_size(self, inner: float, outer: float) -> float:  # noqa: ARG002  # `outer` says it all
        return max(self._float_span - 2.0 * math.asinh(math.sqrt(outer) * self._float_sinh), 0.0)

    def _beyond(self, size: Tensor) -> Tensor:
        length = self._span(size.device)
        beyond = (torch.sinh((length - size).clamp(min=0.0) / 2) / torch.sinh(length / 2)).square()
        return torch.where(length > 0, beyond, torch.zeros_like(beyond))

    def _log_density(self, value: Tensor) -> Tensor:
        length = self._span(value.device)
        return torch.sinh((length - value.abs()).clamp(min=0.0)).log() - 2 * (2 * torch.sinh(length / 2)).log()

    def _moment(self, order: int) -> Tensor:
        r"""E \|u\|^n, the integral of n v^(n-1) P(\|u\| > v): closed forms cancel as high / low -> 1, this does not."""
        length = self._span().unsqueeze(-1)
        nodes, weights = unit_rule(length)
        half = length.clamp(min=half_normal.LEAST_RATE) / 2
        beyond = (torch.sinh(half * (1 - nodes)) / torch.sinh(half)).square()
        return self._result(length.squeeze(-1) ** order * (weights * order * nodes ** (order - 1) * beyond).sum(-1))

    @property
    def mean_abs(self) -> Tensor:
        r"""E \|u\| = (sinh s - s) / (cosh s - 1)."""
        return self._moment(1)

    @property
    def variance(self) -> Tensor:
        """E u^2 = 2 - s^2 / (cosh s - 1)."""
        return self._moment(2)

    def entropy(self) -> Tensor:
        """Differential entropy in nats: 1 + ln(2 sinh h) - ln(cosh h) / tanh(h)^2, with h = s / 2."""
        self._require_density()
        square = torch.sinh((self._span() / 2).clamp(max=_LONG)).square()
        return self._result(1 + (4 * square).log() / 2 - torch.log1p(square) * (1 + square) / (2 * square))


def span(low: Tensor, high: Tensor) -> Tensor:
    """ln(high / low), to the last digit for narrow ranges too."""
    return torch.log1p((high - low) / low)


def _share(size: Tensor, greatest: Tensor) -> Tensor:
    """``size / greatest``, in [0, 1], also if the greatest size is 0."""
    return (size / greatest.clamp(min=torch.finfo(greatest.dtype).tiny)).clamp(max=1.0)


def _turn(x: Tensor, beta: Tensor) -> Tensor:
    """From a share of the greatest size to the half-normal variable, or back: a negative beta counts from the end."""
    return torch.where(beta < 0, 1 - x, x)
