"""Checks of a law by Kolmogorov-Smirnov distances: of samples to a law, and of two sets of samples to each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._validate import number
from ..distributions import PairLaw
from ._arguments import FAILURE_RATE, Floats, Numbers, checked_rate, column_of
from ._cdf import cdf_of, law_name
from ._independence import assert_independent

_WEAKEST_BOUND: Final = 0.5  # beyond it a sampler that always gives the median would pass
_SINGLE_PRECISION: Final = 1e-6


def assert_follows(
    samples: Numbers,
    law: Any,
    failure_rate: float = FAILURE_RATE,
    *,
    slack: float = 0.0,
    rounding: float = 0.0,
) -> None:
    """Samples follow a law: their empirical cdf stays within the DKW bound of the law's.

    The greatest distance between the two cdfs exceeds ``sqrt(log(2 / failure_rate) / (2 n))`` in at most a share
    ``failure_rate`` of runs, for every law, discrete ones too, and for every n (Massart 1990, "The tight constant in
    the Dvoretzky-Kiefer-Wolfowitz inequality"). At the default rate and n = 100,000 that is 0.0085: a law that is
    twice as far away, anywhere, is caught with the same certainty. Draw more samples to see finer faults.

    Pairs ``[n, 2]`` are held to the whole law of a pair, in three checks of a third of the rate each: the log ratio
    ``ln(t2 / t1)``, t1 given that ratio (as a quantile, which must be uniform), and that the two are independent. For
    a law without a log ratio (`JointPair.decoupled`): t1, t2, and that they are independent.

    Args:
        samples: ``[n]`` independent draws; ``[n, 2]`` for a law of pairs.
        law: a ``torch.distributions`` law of scalars, a scipy law, or a cdf: a function from an array (a tensor, if
            ``samples`` is one) of n values to their n probabilities. Steps are welcome, continuous from the right. Or
            a `PairLaw`.
        failure_rate: greatest probability of a false alarm, in (0, 1).
        slack: by how much the law's cdf may be off everywhere, a probability; 0 for an exact law.
        rounding: by how much each sample may be off from the value that was drawn, in the samples' units; 0 for none.
            Crops that are rounded to pixels are measured so. For laws of scalars only.

    Raises:
        AssertionError: if the samples do not follow the law; the message says how far off they are, and where.
        TypeError: if ``law`` is none of these.
        ValueError: for samples that are not finite or have the wrong shape, or so few that the check could see little
            (bound and slack above 0.5: fewer than 30 at the default rate); for a batch of laws; for what is no cdf, or
            a law without one (torch's Beta, StudentT, Poisson, ...); for a law of pairs whose ratio is fixed.

    Example:
        >>> import torch
        >>> from jointaug.distributions import JointPair
        >>> law = JointPair(0.0, 0.2, 1.0)
        >>> _ = torch.manual_seed(0)
        >>> pairs = law.sample((10_000,))
        >>> assert_follows((pairs[:, 1] / pairs[:, 0]).log(), law.log_ratio)
        >>> assert_follows(pairs, law)
    """
    __tracebackhide__ = True
    rate = checked_rate(failure_rate)
    slack, rounding = (number(n, v, rule="at least 0", low=0.0) for n, v in (("slack", slack), ("rounding", rounding)))
    device = samples.device if isinstance(samples, Tensor) else None
    if isinstance(law, PairLaw) and not law.batch_shape:
        if rounding:
            raise ValueError(
                f"rounding must be 0 for a law of pairs, got {rounding:g}; test the log ratio by law.log_ratio with it"
            )
        _pairs_follow(_pairs("samples", samples), law, device, rate / 3, slack)
        return
    _follow("samples", column_of("samples", samples), cdf_of(law, device), law, rate, slack, rounding)


def assert_same_law(x: Numbers, y: Numbers, failure_rate: float = FAILURE_RATE, *, slack: float = 0.0) -> None:
    """Two sets of samples follow one law, whatever it is: their empirical cdfs stay close.

    Each is within its DKW bound (Massart 1990) of the law at half the failure rate, so the two are within the sum,
    ``sqrt(log(4 / failure_rate) / 2) * (1 / sqrt(n) + 1 / sqrt(m))``. This needs nothing of how x and y depend on each
    other: the two views' parameters of the same pairs may be compared, or two policies that share their random
    numbers.

    Args:
        x: ``[n]`` draws, independent among themselves.
        y: ``[m]`` draws, likewise.
        failure_rate: greatest probability of a false alarm, in (0, 1).
        slack: by how much the two cdfs may differ everywhere, a probability.

    Raises:
        AssertionError: if the laws differ.
        ValueError: for samples that are not finite or not one-dimensional, or too few (bound and slack above 0.5).

    Example:
        >>> import torch
        >>> from jointaug.distributions import JointPair
        >>> _ = torch.manual_seed(0)
        >>> pairs = JointPair(2.0, 0.2, 1.0).sample((10_000,))
        >>> assert_same_law(pairs[:, 0], pairs[:, 1])
    """
    __tracebackhide__ = True
    first, second = np.sort(column_of("x", x)).astype(np.float64), np.sort(column_of("y", y)).astype(np.float64)
    rate = checked_rate(failure_rate)
    slack = number("slack", slack, rule="at least 0", low=0.0)
    bound = _dkw(len(first), rate, 4.0) + _dkw(len(second), rate, 4.0) + slack
    if bound > _WEAKEST_BOUND:
        raise ValueError(
            f"x and y must be so many that the bound is at most {_WEAKEST_BOUND}, got {len(first)} and {len(second)} "
            f"with a bound of {bound:.3g} (failure_rate={rate:g}, slack={slack:g}); draw more"
        )
    values = np.concatenate([first, second])
    shares = [np.searchsorted(sample, values, side="right") / len(sample) for sample in (first, second)]
    gap = np.abs(shares[0] - shares[1])
    worst = int(np.argmax(gap))
    if gap[worst] > bound:
        raise AssertionError(
            f"x and y do not follow one law: Kolmogorov-Smirnov distance {gap[worst]:.4g} > {bound:.4g}, the bound for "
            f"n = {len(first)}, m = {len(second)} at failure rate {rate:g}{_allowances(slack, 0.0)}. Worst at "
            f"{values[worst]:.6g}: {shares[0][worst]:.4f} of x and {shares[1][worst]:.4f} of y lie at or below it"
        )


def _follow(
    what: str,
    column: NDArray[Any],
    cdf: Callable[[Floats], Floats],
    law: Any,
    rate: float,
    slack: float = 0.0,
    rounding: float = 0.0,
) -> None:
    __tracebackhide__ = True
    n = len(column)
    bound = _dkw(n, rate, 2.0) + slack
    if bound > _WEAKEST_BOUND:
        raise ValueError(
            f"samples must be so many that the bound is at most {_WEAKEST_BOUND}, got n = {n} with a bound of "
            f"{bound:.3g} (failure rate {rate:.2g}, slack {slack:g}); draw more, or allow a greater failure_rate"
        )
    values, counts = np.unique(column, return_counts=True)
    at_or_below = np.cumsum(counts) / n
    below = at_or_below - counts / n
    before = np.nextafter(values, np.array(-np.inf, values.dtype))  # the law's limit from the left, at its steps
    exact = values.astype(np.float64)
    lowest = np.minimum(before.astype(np.float64) - rounding, np.nextafter(exact - rounding, -np.inf))
    claimed = cdf(np.concatenate([exact + rounding, lowest]))
    excess, lack = at_or_below - claimed[: len(values)], claimed[len(values) :] - below
    worst = int(np.argmax(np.maximum(excess, lack)))
    distance = max(excess[worst], lack[worst])
    if distance <= bound:
        return
    if excess[worst] >= lack[worst]:
        where, share, claim = "at or below", at_or_below[worst], claimed[worst]
    else:
        where, share, claim = "below", below[worst], claimed[len(values) + worst]
    raise AssertionError(
        f"{what} do not follow {law_name(law)}: Kolmogorov-Smirnov distance {distance:.4g} > {bound:.4g}, the bound "
        f"for n = {n} at failure rate {rate:.2g}{_allowances(slack, rounding)}. Worst at {values[worst]:.6g}: "
        f"{share:.4f} of the samples lie {where} it, the law says {claim:.4f}"
    )


def _pairs(name: str, values: Any) -> NDArray[np.float64]:
    """``[n, 2]`` finite numbers."""
    shape = tuple(np.shape(values))
    if len(shape) != 2 or shape[1] != 2:
        raise ValueError(f"{name} must be pairs [n, 2] for a law of pairs, got shape {shape}; stack t1 and t2 last")
    flat = values.reshape(-1) if isinstance(values, Tensor) else np.reshape(values, -1)
    return column_of(name, flat).astype(np.float64).reshape(shape)


def _pairs_follow(
    pairs: NDArray[np.float64], law: PairLaw, device: torch.device | None, rate: float, slack: float
) -> None:
    """A pair law by the laws that it is made of, each at the failure rate ``rate``."""
    __tracebackhide__ = True
    t1, t2 = pairs.T
    if bool(law.low == law.high):  # nothing is left to chance
        off = np.abs(pairs / float(law.low) - 1.0).max()
        if off > _SINGLE_PRECISION:
            raise AssertionError(f"the pairs do not follow {law}, which is a constant: one is off by {off:.3g} of it")
        return

    def uniform(points: Floats) -> Floats:
        return points.clip(0.0, 1.0)

    try:
        ratios = law.log_ratio
    except NotImplementedError:
        try:
            law.marginal_cdf(law.low)
        except NotImplementedError:
            raise ValueError(
                f"law must have a law of the log ratio or of both parameters, got {law}, which has neither; test t1 "
                "and t2 by themselves"
            ) from None

        def marginal(points: Floats) -> Floats:
            return law.marginal_cdf(torch.from_numpy(points).to(device)).double().cpu().numpy()

        _follow("the first of the pairs", t1, marginal, law, rate, slack)
        _follow("the second of the pairs", t2, marginal, law, rate, slack)
        first, second = t1, t2
    else:
        if not ((t1 > 0).all() and (t2 > 0).all()):
            raise ValueError(f"samples must be positive for a law of ratios, got {pairs.min():g}; look in the sampler")
        log_ratio = np.log(t2 / t1)
        cdf = cdf_of(ratios, device)
        _follow("ln(t2 / t1) of the pairs", log_ratio, cdf, ratios, rate, slack)
        first = cdf(log_ratio)
        second = _first_given_ratio(law, first, t1)
        _follow("t1 of the pairs, given their ratio,", second, uniform, law, rate, slack)
    assert_independent(first, second, rate)


def _first_given_ratio(law: PairLaw, ratio: Floats, t1: Floats) -> Floats:
    """The uniforms from which the law makes ``t1``, given those of the log ratio: by bisection, so for every law."""
    u_ratio, target = torch.from_numpy(ratio), torch.from_numpy(t1)
    below, above = torch.zeros_like(u_ratio), torch.ones_like(u_ratio)
    for _ in range(40):
        middle = (below + above) / 2
        less = law.from_uniform(u_ratio, middle)[0] < target
        below, above = torch.where(less, middle, below), torch.where(less, above, middle)
    return ((below + above) / 2).numpy()


def _dkw(n: int, failure_rate: float, sides: float) -> float:
    """What a correct sampler's Kolmogorov-Smirnov distance exceeds with probability ``2 / sides * failure_rate``."""
    return math.sqrt((math.log(sides) - math.log(failure_rate)) / (2 * n))


def _allowances(slack: float, rounding: float) -> str:
    named = [f"{name} {value:g}" for name, value in (("slack", slack), ("rounding", rounding)) if value]
    return f", {' and '.join(named)} allowed for" if named else ""
