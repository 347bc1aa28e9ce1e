"""A check of a rate, by exact binomial tails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc
from torch import Tensor

from .._validate import integer, probability
from ._arguments import FAILURE_RATE, checked_rate, column_of
from ._findings import Rate


def assert_rate(
    successes: Tensor | NDArray[Any] | Sequence[bool] | int,
    p: float,
    failure_rate: float = FAILURE_RATE,
    *,
    of: int | None = None,
) -> Rate:
    """Something happens with probability ``p``: its count lies between exact binomial tails.

    Each tail has half the failure rate. At the default rate, 100,000 trials and p = 0.5 the accepted rates are 0.4923
    to 0.5077.

    Args:
        successes: ``[n]`` booleans (or zeros and ones), one for each independent trial; or their number, with ``of``.
        p: the probability that is claimed, in [0, 1].
        failure_rate: greatest probability of a false alarm, in (0, 1).
        of: number of trials, where ``successes`` is a count.

    Returns:
        The rate, and the rates that were accepted.

    Raises:
        AssertionError: if the count is too small or too great.
        TypeError: if ``successes`` is a count without ``of``, or booleans with it.
        ValueError: for values other than zero and one; for ``p`` outside [0, 1]; for so few trials that no count
            would be rejected.

    Example:
        >>> found = assert_rate(50_321, 0.5, of=100_000)
        >>> print(f"{found.rate:.5f}, accepted are {found.low:.5f} to {found.high:.5f}")
        0.50321, accepted are 0.49227 to 0.50773
    """
    __tracebackhide__ = True
    count, n = _count(successes, of)
    p, rate = probability("p", p), checked_rate(failure_rate)
    least, most = _accepted_counts(n, p, rate / 2)
    if least == 0 and most == n:
        raise ValueError(
            f"trials must be so many that some count is rejected, got n = {n} for p = {p:g} at failure_rate={rate:g}; "
            "draw more, or allow a greater failure_rate"
        )
    if not least <= count <= most:
        raise AssertionError(
            f"the rate is {count / n:.6g} ({count} of {n}), not p = {p:g}: counts from {least} to {most} (rates "
            f"{least / n:.6g} to {most / n:.6g}) were accepted at failure rate {rate:g}"
        )
    return Rate(count / n, p, least / n, most / n, n, rate)


def _count(successes: Any, of: int | None) -> tuple[int, int]:
    if of is not None:
        count = integer("successes", successes, low=0, rule="a count of at least 0", remedy="drop of= for booleans")
        n = integer("of", of, low=1, rule="a positive number of trials")
        if count > n:
            raise ValueError(f"successes must be at most of = {n}, got {count}; pass the number of trials as of")
        return count, n
    if isinstance(successes, int):
        raise TypeError(f"successes must be booleans, or a count with of=, got {successes!r}; add of=<trials>")
    column = column_of("successes", successes)
    if not np.isin(column, (0.0, 1.0)).all():
        raise ValueError(
            f"successes must be booleans or zeros and ones, got {column[~np.isin(column, (0.0, 1.0))][0]:g}; compare "
            "first, e.g. samples > 2"
        )
    return int(column.sum(dtype=np.float64)), len(column)


def _accepted_counts(n: int, p: float, tail: float) -> tuple[int, int]:
    """The least and the greatest count whose binomial tail is at least ``tail``."""
    if p in (0.0, 1.0):
        return int(n * p), int(n * p)
    least = _first(0, n, lambda k: bool(bdtr(k, n, p) >= tail))
    most = n - _first(0, n, lambda k: bool(k == n or bdtrc(n - k - 1, n, p) >= tail))
    return least, most


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The least number in [low, high] from which ``holds`` is true (it is at ``high``)."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
