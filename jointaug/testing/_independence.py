"""A check of independence, by exact hypergeometric tails of rank splits."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ._arguments import FAILURE_RATE, Numbers, checked_rate, column_of
from ._findings import Independence

_LEVELS: Final = 16


def assert_independent(x: Numbers, y: Numbers, failure_rate: float = FAILURE_RATE) -> Independence:
    """Knowing x tells nothing about y, as far as ranks in sixteenths can tell.

    Both are put on a 16 x 16 grid of ranks. Each of its axes is split into two halves in 15 ways (the Walsh functions:
    low and high, inner and outer, odd and even sixteenths, ...), and the 225 pairs of splits together say all there is
    in the grid, so dependence that is not monotone, y = (x - 1/2)^2 or a checkerboard, shows up in one of them as
    much as a correlation does in another (Zhang 2019, "BET on independence"). If x and y are independent, the number of
    points in both chosen halves is hypergeometric, whatever their laws; the check fails if one of these counts is
    in a tail that is rarer than the failure rate divided by the number of tails, which needs no approximation.

    It sees a pair of splits whose correlation is above about ``6 / sqrt(n)`` at the default rate: 0.02 for 100,000
    samples. It does not see dependence finer than a sixteenth of the ranks, nor among more than two variables, nor
    between draws that follow each other (for that, compare ``samples[0::2]`` with ``samples[1::2]``).

    Args:
        x: ``[n]`` numbers; ties and booleans are welcome.
        y: ``[n]`` numbers, of the same n independent draws.
        failure_rate: greatest probability of a false alarm, in (0, 1).

    Returns:
        The dependence that is the least likely, and how likely it is.

    Raises:
        AssertionError: if x and y depend on each other; the message says which ranks keep company.
        ValueError: for samples that are not finite, not one-dimensional or not equally many; if one of them is
            constant; if they are so few that no dependence would be seen.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> x, y = torch.rand(2, 10_000)
        >>> assert_independent(x, y).used < 1
        True
    """
    __tracebackhide__ = True
    columns = column_of("x", x), column_of("y", y)
    rate = checked_rate(failure_rate)
    n = len(columns[0])
    if n != len(columns[1]):
        raise ValueError(f"x and y must be equally many, got {n} and {len(columns[1])}; pass both values of each draw")
    levels = [_levels(name, column) for name, column in zip("xy", columns, strict=True)]
    table = np.bincount(levels[0] * _LEVELS + levels[1], minlength=_LEVELS**2).reshape(_LEVELS, _LEVELS)
    splits = [_splits(table.sum(1 - axis) > 0) for axis in (0, 1)]  # [s, 16] zeros and ones
    in_x, in_y = splits[0] @ table.sum(1), splits[1] @ table.sum(0)
    both = splits[0] @ table @ splits[1].T
    a, b = in_x[:, None], in_y[None, :]
    needed = math.log(rate) - math.log(2 * both.size)  # of the log of each tail, two of every count
    rarest = np.minimum(_log_pmf(np.minimum(a, b), n, a, b), _log_pmf(np.maximum(0, a + b - n), n, a, b))
    if rarest.min() > needed:
        raise ValueError(
            f"x and y must be so many that some dependence is seen, got n = {n} at failure_rate={rate:g}; draw more, "
            "or allow a greater failure_rate"
        )
    surplus = both - a * b / n
    z = surplus / np.sqrt(a * b * (n - a) * (n - b) / (n * n * (n - 1.0)))
    found = []
    for flat in np.argsort(-np.abs(z), axis=None)[:8]:  # exact tails only for those that may be the rarest
        i, j = np.unravel_index(flat, z.shape)
        tail = _tail(int(both[i, j]), n, int(in_x[i]), int(in_y[j]), upper=bool(surplus[i, j] > 0))
        r = float(z[i, j] / math.sqrt(n - 1))
        where = f"[x in {_named(splits[0][i])}] and [y in {_named(splits[1][j])} of its ranks]"
        if tail == 0.0 or math.log(tail) < needed:
            raise AssertionError(
                f"x and y depend on each other: {where} have correlation {r:.3g} (both in {int(both[i, j])} of {n} "
                f"draws, {a[i, 0] * b[0, j] / n:.0f} expected); probability {tail:.2g} if they were independent, below "
                f"{math.exp(needed):.2g} = failure rate {rate:g} / {2 * both.size} tails"
            )
        found.append(Independence(r, min(tail, 1.0), math.exp(needed), n, where, rate))
    return min(found, key=lambda one: one.probability)


def _levels(name: str, column: NDArray[Any]) -> NDArray[np.intp]:
    """In which sixteenth of the ranks each value lies; ties lie together, at their middle rank."""
    _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
    if len(counts) == 1:
        raise ValueError(f"{name} must vary, got {len(column)} times {column[0]:g}; a constant depends on nothing")
    middle = np.cumsum(counts) - counts / 2
    return (middle * (_LEVELS / len(column))).astype(np.intp)[inverse]


def _splits(occupied: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The Walsh functions of 16 levels as sets ``[s, 16]`` of zeros and ones, those that differ where points are."""
    walsh = np.ones((1, 1), np.int64)
    while len(walsh) < _LEVELS:
        walsh = np.block([[walsh, walsh], [walsh, 1 - walsh]])
    first = int(np.argmax(occupied))
    sets = np.where(walsh[:, [first]] == 1, 1 - walsh, walsh) * occupied  # a set and its complement are one split
    return np.unique(sets[sets.any(1)], axis=0)


def _log_pmf(k: Any, n: int, a: Any, b: Any) -> Any:
    """Log probability that sets of ``a`` and of ``b`` among n points, placed at random, share ``k``."""
    return (
        gammaln(a + 1.0) - gammaln(k + 1.0) - gammaln(a - k + 1.0)
        + gammaln(n - a + 1.0) - gammaln(b - k + 1.0) - gammaln(n - a - b + k + 1.0)
        - gammaln(n + 1.0) + gammaln(b + 1.0) + gammaln(n - b + 1.0)
    )  # fmt: skip


def _tail(k: int, n: int, a: int, b: int, *, upper: bool) -> float:
    """Probability that they share at least (or at most) ``k``."""
    ks = np.arange(k, min(a, b) + 1) if upper else np.arange(max(0, a + b - n), k + 1)
    return float(np.exp(_log_pmf(ks, n, a, b)).sum())


def _named(split: NDArray[np.int64]) -> str:
    """``sixteenths 1-4, 9-12``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], split, [0]])))
    runs = [f"{a + 1}" if b == a + 1 else f"{a + 1}-{b}" for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return f"sixteenths {', '.join(runs)}"
