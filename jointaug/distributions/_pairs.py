"""Laws of a pair (t1, t2) of two views' parameters in [low, high]: joint, independent, at a fixed ratio, decoupled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, overload

import torch
from torch import Tensor
from torch.distributions import constraints

from . import _half_normal as half_normal
from ._law import Law, between
from ._log_ratio import IndependentLogRatio, JointLogRatio, LogRatioLaw, span
from ._quadrature import unit_rule

if TYPE_CHECKING:
    from torch.distributions.constraints import Constraint


class PairLaw(Law):
    """A law of (t1, t2), both in [low, high]; ``event_shape`` is (2,).

    ``from_uniform`` gives t1 and t2 as a tuple, ``sample`` as one tensor ``[*sample_shape, *batch_shape, 2]``.
    """

    row_width = 2

    _event: ClassVar[torch.Size] = torch.Size([2])

    @constraints.dependent_property(is_discrete=False, event_dim=1)
    def support(self) -> Constraint:
        """The square [low, high] x [low, high]."""
        square = between(self.low.unsqueeze(-1), self.high.unsqueeze(-1))
        return constraints.independent(square, 1)

    @overload
    def from_uniform(self, *row: float) -> tuple[float, float]: ...
    @overload
    def from_uniform(self, *row: Tensor) -> tuple[Tensor, Tensor]: ...
    def from_uniform(self, *row: float | Tensor) -> tuple[float, float] | tuple[Tensor, Tensor]:
        """The pair that ``(u_ratio, u_first)`` stands for: the log ratio grows with the one, t1 with the other.

        Floats give floats, by the ``math`` module, if the law is one of numbers; else tensors of one shape, which
        broadcasts against ``batch_shape``, give tensors.
        """
        first, second = self._from_uniform(*row)
        return first, second

    @property
    def log_ratio(self) -> LogRatioLaw:
        """The law of ``ln(t2 / t1)``."""
        raise NotImplementedError(f"the law of the log ratio of {self!r} has no closed form; draw a sample of it")

    def marginal_log_prob(self, value: Tensor) -> Tensor:
        """Log density of t1, and of t2, which has the same, at a value in [low, high].

        Raises:
            ValueError: outside [low, high]; with ``validate_args=False`` it is -inf there.
            NotImplementedError: if ``high`` equals ``low``.
        """
        self._require_density()
        own = value.to(self.low.dtype)
        inside = (own >= self.low) & (own <= self.high)
        if self._validate_args and not bool(inside.all()):
            raise ValueError(f"value must lie in [low, high] of {self!r}, got {value!r}; marginal_cdf takes any number")
        low, high = self._exact(value.device)[-2:]
        log_density = self._marginal_log_density(self._working(value).clamp(low, high))
        return self._result(torch.where(inside, log_density, -math.inf), value)

    def marginal_cdf(self, value: Tensor) -> Tensor:
        """P(t1 <= value), and P(t2 <= value), which is the same, for any real value."""
        low, high = self._exact(value.device)[-2:]
        t = self._working(value).clamp(low, high)
        return self._result(torch.where(t >= high, (value >= high).to(t), self._marginal_cdf(t)), value)

    def _marginal_log_density(self, t: Tensor) -> Tensor:
        raise NotImplementedError(self._lacks("density of one view's parameter", "_marginal_log_density(t)"))

    def _marginal_cdf(self, t: Tensor) -> Tensor:
        raise NotImplementedError(self._lacks("cdf of one view's parameter", "_marginal_cdf(t)"))

    @property
    def correlation(self) -> Tensor:
        """Correlation of t1 and t2, of ``batch_shape``; nan where they are constant."""
        raise NotImplementedError(self._lacks("correlation in closed form", "correlation"))

    def _twice(self, moment: Tensor) -> Tensor:
        """A moment that t1 and t2 share, as ``[*batch_shape, 2]``."""
        return self._result(moment).unsqueeze(-1).expand(*self._batch_shape, 2)


class _RatioFirst(PairLaw):
    """Draws the log ratio u, then t1 in [max(low, low / e^u), min(high, high / e^u)]: there both views are in range."""

    _log_ratio: LogRatioLaw

    @property
    def log_ratio(self) -> LogRatioLaw:
        """The law of ``ln(t2 / t1)``."""
        return self._log_ratio

    def _first(self, near: Any, far: Any, u: Any) -> Any:
        """t1 in [near, far]: floats or tensors."""
        raise NotImplementedError(self._lacks("law of t1", "_first(near, far, u)"))

    def _draw(self, *row: Tensor) -> tuple[Tensor, ...]:
        u_ratio, u_first = row
        low, high = self._exact(u_ratio.device, last=2)
        growth = self._log_ratio.from_uniform(u_ratio).exp()
        near, far = torch.maximum(low, low / growth), torch.minimum(high, high / growth)
        first = self._first(near, far, u_first).clamp(low, high)  # rounding may lead past an end
        return first, (first * growth).clamp(low, high)

    def _draw_floats(self, *row: float) -> tuple[float, ...]:
        u_ratio, u_first = row
        low, high = self._floats[-2:]
        growth = math.exp(self._log_ratio.from_uniform(u_ratio))
        near, far = (low, high / growth) if growth > 1.0 else (low / growth, high)
        first = min(max(self._first(near, far, u_first), low), high)
        return first, min(max(first * growth, low), high)


class JointPair(_RatioFirst):
    r"""The paper's law of two views' parameters: ``ln(t2 / t1)`` is JC(beta), and t1 uniform where that leaves it room.

    Zhang et al. 2025 (https://arxiv.org/abs/2412.16522), sec. 3.2 (areas), 3.3 (sigmas) and 3.4 (anything). With
    :math:`f_\beta` the density of `JointLogRatio`,

    .. math::
        p(t_1, t_2) = \frac{f_\beta(\ln(t_2 / t_1))}{high \min(t_1, t_2) - low \max(t_1, t_2)},

    which is symmetric: t1 and t2 have one marginal law, and neither view is the greater more often. That marginal is
    not uniform, and depends on beta: `decoupled` keeps it and drops the coupling. Marginals and moments are integrals
    over the log ratio, by quadrature, within 1e-10 (relative).

    Args:
        beta: what is asked of pairs: positive alike, 0 any log ratio as likely as another, negative apart. Finite.
        low: least value of t1 and t2, above 0.
        high: greatest value, at least ``low``.
        validate_args: whether arguments are checked, as in torch.

    Raises:
        ValueError: unless beta is finite and 0 < low <= high < inf.
        TypeError: if one of them is neither a number nor a tensor.

    Example:
        >>> pair = JointPair(beta=0.0, low=0.2, high=1.0)
        >>> t1, t2 = pair.from_uniform(0.1, 0.25)
        >>> round(t1, 6), round(t2, 6)
        (0.793585, 0.218986)
        >>> pair.mean  # two independent uniforms: 0.6
        tensor([0.5485, 0.5485])
    """

    beta: Tensor
    _log_ratio: JointLogRatio

    def __init__(
        self, beta: float | Tensor, low: float | Tensor, high: float | Tensor, validate_args: bool | None = None
    ) -> None:
        super().__init__(validate_args, beta=beta, low=low, high=high)

    def _prepare(self) -> None:
        self._log_ratio = JointLogRatio(**self.parameters, validate_args=self._validate_args).expand(self._batch_shape)

    @property
    def arg_constraints(self) -> dict[str, Constraint]:
        """Constraints of the parameters, as in torch."""
        return {"beta": constraints.real, **super().arg_constraints}

    def decoupled(self) -> DecoupledPair:
        """Independent t1 and t2 with this law's marginals: the control that tells coupling from marginals."""
        return DecoupledPair(**self.parameters, validate_args=self._validate_args).expand(self._batch_shape)

    def _first(self, near: Any, far: Any, u: Any) -> Any:
        return near + u * (far - near)

    def _log_density(self, value: Tensor) -> Tensor:
        low, high = self._exact(value.device)[-2:]
        t1, t2 = (t.clamp(low, high) for t in value.unbind(-1))
        greatest = span(low, high)
        u = (t2 / t1).log().clamp(-greatest, greatest)
        room = high * torch.minimum(t1, t2) - low * torch.maximum(t1, t2)
        return self._log_ratio.log_prob(u) - room.clamp(min=0.0).log()

    def _marginal_log_density(self, t: Tensor) -> Tensor:
        as_smaller, as_larger = self._parts(t)
        return (as_smaller + as_larger).log()

    def _marginal_cdf(self, t: Tensor) -> Tensor:
        low, high = self._exact(t.device)[-2:]
        as_smaller, as_larger = self._parts(t)
        below = self._log_ratio.cdf
        # Integrating either part up to t, by parts, gives that part again, times the way to the end of the range.
        cdf = 0.5 + below((t / high).log()) - below((low / t).log()) - (high - t) * as_larger
        return torch.where(t <= low, 0.0, cdf + (t - low) * as_smaller).clamp(0.0, 1.0)

    def _parts(self, t: Tensor) -> tuple[Tensor, Tensor]:
        r"""Density of t as the smaller and as the larger of the pair: they add up to the marginal density.

        Given the size v of the log ratio, the smaller is uniform on [low, high / e^v]: its density at t is the mean of
        1 / (high / e^v - low) over all v up to ln(high / t), and that of the larger of 1 / (high - low e^v) over all
        v up to ln(t / low). In terms of x = 1 - v / s both denominators are multiples of expm1(s x).
        """
        low, high = self._exact(t.device)[-2:]
        length = span(low, high)
        return self._part(span(low, t) / length, 0.0), self._part(span(t, high) / length, 1.0)

    def _part(self, least: Tensor, tilt: float) -> Tensor:
        r"""E[exp(-tilt v) / expm1(s x)] / (2 low), over the x in [least, 1].

        The integrand goes like 1 / x: ln x is the variable, and its nodes are squared to crowd near the greatest x,
        where the rest of the integrand has its features. The range ends where the half-normal density is spent.
        """
        beta, low, high = (parameter.unsqueeze(-1) for parameter in self._exact(least.device))
        k, length, least = half_normal.rate(beta), span(low, high), least.unsqueeze(-1)
        reach = half_normal.DEVIATIONS / k
        most = torch.where(beta < 0, torch.hypot(least, reach), torch.ones_like(reach)).clamp(max=1.0)
        least = torch.where(beta < 0, least, torch.maximum(least, 1 - reach))
        nodes, weights = unit_rule(k)
        extent = (most / least).log()  # infinite at an end of the range, as the density is there
        log_x = most.log() - extent * nodes.square()
        x = log_x.exp().clamp(min=torch.finfo(k.dtype).tiny ** 0.5)
        log_density = half_normal.log_density(torch.where(beta < 0, x, -torch.expm1(log_x)), k)
        integrand = (log_density - tilt * length * (1 - x)).exp() * x / torch.expm1(length * x)
        return (extent * 2 * nodes * weights * integrand).sum(-1) / (2 * low.squeeze(-1))

    @property
    def mean(self) -> Tensor:
        """Mean of t1 and of t2, the same: ``[*batch_shape, 2]``."""
        return self._twice(self._moments()[0])

    @property
    def variance(self) -> Tensor:
        """Variance of t1 and of t2, the same: ``[*batch_shape, 2]``."""
        return self._twice(self._moments()[1])

    @property
    def correlation(self) -> Tensor:
        """Correlation of t1 and t2, of ``batch_shape``; nan where they are constant."""
        _, variance, covariance = self._moments()
        return self._result(covariance / variance)

    def _moments(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, variance, covariance. Given the ratio t1 and t2 are uniform, so that middles and widths say it all."""
        low, high = (parameter.unsqueeze(-1) for parameter in self._exact()[-2:])
        size, weights = self._log_ratio.quadrature()
        smaller, larger = high * torch.expm1(-size) / 2, low * torch.expm1(size) / 2  # middles, from (low + high) / 2
        narrow, wide = high * (-size).exp() - low, high - low * size.exp()
        mean = (weights * (smaller + larger)).sum(-1) / 2
        square = (weights * (smaller**2 + larger**2 + (narrow**2 + wide**2) / 12)).sum(-1) / 2
        product = (weights * (smaller * larger + narrow * wide / 12)).sum(-1)
        return (low + high).squeeze(-1) / 2 + mean, square - mean**2, product - mean**2


class DecoupledPair(PairLaw):
    """t1 and t2 independent, each with the marginal law of ``JointPair(beta, low, high)``.

    JointCrop changes the marginals as well as the coupling (mean area 0.5485 instead of 0.6 on [0.2, 1], beta 0): this
    control has the first without the second. A draw takes four uniforms, those of two joint pairs, and keeps t1 of the
    first and t2 of the second, so that under common uniforms t1 is the coupled pair's own.

    Args:
        beta: as in `JointPair`.
        low: least value of t1 and t2, above 0.
        high: greatest value, at least ``low``.
        validate_args: whether arguments are checked, as in torch.

    Raises:
        ValueError: unless beta is finite and 0 < low <= high < inf.
        TypeError: if one of them is neither a number nor a tensor.

    Example:
        >>> JointPair(beta=-1.0, low=0.2, high=1.0).decoupled()
        DecoupledPair(beta=-1.0, low=0.2, high=1.0)
    """

    row_width = 4
    beta: Tensor

    def __init__(
        self, beta: float | Tensor, low: float | Tensor, high: float | Tensor, validate_args: bool | None = None
    ) -> None:
        super().__init__(validate_args, beta=beta, low=low, high=high)

    def _prepare(self) -> None:
        self._joint = JointPair(**self.parameters, validate_args=self._validate_args).expand(self._batch_shape)

    @property
    def arg_constraints(self) -> dict[str, Constraint]:
        """Constraints of the parameters, as in torch."""
        return self._joint.arg_constraints

    def _draw(self, *row: Tensor) -> tuple[Tensor, ...]:
        return self._joint.from_uniform(*row[:2])[0], self._joint.from_uniform(*row[2:])[1]

    def _draw_floats(self, *row: float) -> tuple[float, ...]:
        return self._joint.from_uniform(*row[:2])[0], self._joint.from_uniform(*row[2:])[1]

    def _log_density(self, value: Tensor) -> Tensor:
        first, second = map(self._marginal_log_density, value.unbind(-1))
        return first + second

    def _marginal_log_density(self, t: Tensor) -> Tensor:
        return self._joint.marginal_log_prob(t)

    def _marginal_cdf(self, t: Tensor) -> Tensor:
        return self._joint.marginal_cdf(t)

    @property
    def mean(self) -> Tensor:
        """Mean of t1 and of t2: ``[*batch_shape, 2]``."""
        return self._joint.mean

    @property
    def variance(self) -> Tensor:
        """Variance of t1 and of t2: ``[*batch_shape, 2]``."""
        return self._joint.variance

    @property
    def correlation(self) -> Tensor:
        """0, by independence; nan where t1 and t2 are constant."""
        return 0 * self._joint.correlation


class IndependentPair(_RatioFirst):
    """t1 and t2 independent and uniform on [low, high], as two calls of an ordinary transform draw them.

    Drawn ratio first all the same: ``ln(t2 / t1)`` by `IndependentLogRatio`, then t1, whose density given the ratio is
    in proportion to t1. So the pair takes the uniforms of `JointPair` in the same roles, and the two can be compared
    image by image with common uniforms.

    Args:
        low: least value of t1 and t2, above 0.
        high: greatest value, at least ``low``.
        validate_args: whether arguments are checked, as in torch.

    Raises:
        ValueError: unless 0 < low <= high < inf.
        TypeError: if one of them is neither a number nor a tensor.

    Example:
        >>> IndependentPair(0.2, 1.0).log_ratio.tail(2.0)
        tensor(0.2812)
    """

    def __init__(self, low: float | Tensor, high: float | Tensor, validate_args: bool | None = None) -> None:
        super().__init__(validate_args, low=low, high=high)

    def _prepare(self) -> None:
        self._log_ratio = IndependentLogRatio(**self.parameters, validate_args=self._validate_args).expand(
            self._batch_shape
        )

    def _first(self, near: Any, far: Any, u: Any) -> Any:
        return (near * near + u * (far * far - near * near)) ** 0.5

    def _log_density(self, value: Tensor) -> Tensor:
        return 2 * self._marginal_log_density(value[..., 0])

    def _marginal_log_density(self, t: Tensor) -> Tensor:
        low, high = self._exact(t.device)
        return -(high - low).log() + torch.zeros_like(t)

    def _marginal_cdf(self, t: Tensor) -> Tensor:
        low, high = self._exact(t.device)
        return (t - low) / (high - low)

    @property
    def mean(self) -> Tensor:
        """Mean of t1 and of t2: ``[*batch_shape, 2]``."""
        low, high = self._exact()
        return self._twice((low + high) / 2)

    @property
    def variance(self) -> Tensor:
        """Variance of t1 and of t2: ``[*batch_shape, 2]``."""
        low, high = self._exact()
        return self._twice((high - low).square() / 12)

    @property
    def correlation(self) -> Tensor:
        """0, by independence; nan where t1 and t2 are constant."""
        low, high = self._exact()
        return self._result(torch.where(high > low, 0.0, math.nan))


class FixedRatioPair(PairLaw):
    """t1 uniform on [low, high / ratio] and ``t2 = ratio * t1``: pairs of one difficulty.

    Zhang et al. 2025 (https://arxiv.org/abs/2412.16522), Fig. 2, measure how difficult pairs are by their ratio. The
    order is not random: t2 is the larger, always. Of the two uniforms that other pairs take only the second is used,
    for t1 again. The pair lies on a line, so it has no density; t1 and t2 have different marginals.

    Args:
        ratio: t2 over t1, from 1 to ``high / low``.
        low: least value of t1, above 0.
        high: greatest value of t2, at least ``low``.
        validate_args: whether arguments are checked, as in torch.

    Raises:
        ValueError: unless 0 < low <= high < inf and 1 <= ratio <= high / low.
        TypeError: if one of them is neither a number nor a tensor.

    Example:
        >>> t1, t2 = FixedRatioPair(2.0, 0.2, 1.0).from_uniform(0.5, 0.5)
        >>> round(t1, 6), round(t2, 6)
        (0.35, 0.7)
    """

    ratio: Tensor

    def __init__(
        self, ratio: float | Tensor, low: float | Tensor, high: float | Tensor, validate_args: bool | None = None
    ) -> None:
        super().__init__(validate_args, ratio=ratio, low=low, high=high)

    def _check(self, given: str) -> None:
        super()._check(given)
        ratio, low, high = self._exact()
        if not bool(((ratio >= 1) & (ratio <= high / low)).all()):
            raise ValueError(
                f"ratio must lie in [1, high / low], got {given}; swap the views for a ratio below 1, "
                "and widen [low, high] for one beyond it"
            )

    @property
    def arg_constraints(self) -> dict[str, Constraint]:
        """Constraints of the parameters, as in torch."""
        return {"ratio": between(torch.ones_like(self.low), self.high / self.low), **super().arg_constraints}

    def _draw(self, *row: Tensor) -> tuple[Tensor, ...]:
        ratio, low, high = self._exact(row[1].device)
        first = (low + row[1] * (high / ratio - low)).clamp(low, high)
        return first, (ratio * first).clamp(low, high)

    def _draw_floats(self, *row: float) -> tuple[float, ...]:
        ratio, low, high = self._floats
        first = min(max(low + row[1] * (high / ratio - low), low), high)
        return first, min(max(ratio * first, low), high)

    @property
    def log_ratio(self) -> LogRatioLaw:
        """Nothing: the log ratio is a constant."""
        raise NotImplementedError(f"the log ratio of {self!r} is a constant, ln(ratio), and has no density")

    def _require_density(self) -> None:
        raise NotImplementedError(f"{self!r} has no density: all its pairs lie on the line t2 = ratio * t1")

    def marginal_log_prob(self, value: Tensor) -> Tensor:
        """Nothing: t1 and t2 have different marginals."""
        raise NotImplementedError(_TWO_MARGINALS.format(self))

    def marginal_cdf(self, value: Tensor) -> Tensor:
        """Nothing: t1 and t2 have different marginals."""
        raise NotImplementedError(_TWO_MARGINALS.format(self))

    @property
    def mean(self) -> Tensor:
        """Means of t1 and of t2: ``[*batch_shape, 2]``."""
        ratio, low, high = self._exact()
        return self._result(torch.stack((low + high / ratio, ratio * low + high), -1) / 2)

    @property
    def variance(self) -> Tensor:
        """Variances of t1 and of t2: ``[*batch_shape, 2]``."""
        ratio, low, high = self._exact()
        return self._result(torch.stack((high / ratio - low, high - ratio * low), -1).square() / 12)

    @property
    def correlation(self) -> Tensor:
        """1: t2 is a multiple of t1; nan where they are constant."""
        ratio, low, high = self._exact()
        return self._result(torch.where(high > ratio * low, 1.0, math.nan))


_TWO_MARGINALS = "t1 and t2 of {!r} have different laws, uniform on [low, high / ratio] and on [ratio * low, high]"
