"""Kolmogorov-Smirnov distances against bounds that hold for every law and every number of samples (Massart 1990)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ._arguments import Floats
from ._cdf import law_name
from ._findings import Fit

_WEAKEST_BOUND: Final = 0.5  # beyond it a sampler that always gives the median would pass


def follows(
    what: str,
    column: NDArray[Any],
    cdf: Callable[[Floats], Floats],
    law: Any,
    rate: float,
    slack: float = 0.0,
    rounding: float = 0.0,
) -> Fit:
    """Samples ``[n]`` stay within the DKW bound of a cdf.

    Args:
        what: the samples, in words.
        column: of numbers.
        cdf: checked, of float64 arrays.
        law: for messages.
        rate: of false alarms.
        slack: of the cdf.
        rounding: of the samples.

    Raises:
        AssertionError: if they do not.
        ValueError: if they are too few.
    """
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
        return Fit(float(distance), bound, n, float(values[worst]), rate)
    if excess[worst] >= lack[worst]:
        where, share, claim = "at or below", at_or_below[worst], claimed[worst]
    else:
        where, share, claim = "below", below[worst], claimed[len(values) + worst]
    raise AssertionError(
        f"{what} do not follow {law_name(law)}: Kolmogorov-Smirnov distance {distance:.4g} > {bound:.4g}, the bound "
        f"for n = {n} at failure rate {rate:.2g}{_allowances(slack, rounding)}. Worst at {values[worst]:.6g}: "
        f"{share:.4f} of the samples lie {where} it, the law says {claim:.4f}"
    )


def same(what: str, x: NDArray[Any], y: NDArray[Any], rate: float, slack: float = 0.0) -> Fit:
    """Two sets of samples, ``[n]`` and ``[m]``, stay within the sum of their DKW bounds.

    Args:
        what: both, in words.
        x: numbers.
        y: numbers.
        rate: of false alarms.
        slack: of the distance.

    Raises:
        AssertionError: if they do not.
        ValueError: if they are too few.
    """
    __tracebackhide__ = True
    first, second = np.sort(x).astype(np.float64), np.sort(y).astype(np.float64)
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
            f"{what} do not follow one law: Kolmogorov-Smirnov distance {gap[worst]:.4g} > {bound:.4g}, the bound for "
            f"n = {len(first)}, m = {len(second)} at failure rate {rate:.2g}{_allowances(slack, 0.0)}. Worst at "
            f"{values[worst]:.6g}: {shares[0][worst]:.4f} of x and {shares[1][worst]:.4f} of y lie at or below it"
        )
    return Fit(float(gap[worst]), bound, len(first), float(values[worst]), rate)


def _dkw(n: int, failure_rate: float, sides: float) -> float:
    """What a correct sampler's Kolmogorov-Smirnov distance exceeds with probability ``2 / sides * failure_rate``."""
    return math.sqrt((math.log(sides) - math.log(failure_rate)) / (2 * n))


def _allowances(slack: float, rounding: float) -> str:
    named = [f"{name} {value:g}" for name, value in (("slack", slack), ("rounding", rounding)) if value]
    return f", {' and '.join(named)} allowed for" if named else ""
