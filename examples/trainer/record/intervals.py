"""What a few runs say: a mean, a difference of two means, a correlation, each with its interval."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtri, stdtrit

PILOT = 8  # seeds; with fewer, the result is called a pilot


@dataclass(frozen=True)
class Interval:
    """An estimate, and an interval that covers its target with probability ``level``; nan where runs are too few."""

    value: float
    low: float = math.nan
    high: float = math.nan

    def excludes(self, value: float) -> bool:
        """Whether the interval exists and leaves the value out."""
        return value < self.low or value > self.high

    def text(self, spec: str = ".2f") -> str:
        """``47.53 (46.90 to 48.16)``, or the value alone."""
        ends = "" if math.isnan(self.low) else f" ({self.low:{spec}} to {self.high:{spec}})"
        return f"{self.value:{spec}}{ends}"

    def plus_minus(self, spec: str = ".2f") -> str:
        """``47.5 ± 0.6``; a sign in ``spec`` is the value's alone."""
        return f"{self.value:{spec}} ± {(self.high - self.low) / 2:{spec.removeprefix('+')}}"


def student(count: int, level: float = 0.95) -> float:
    """Half the width of Student's interval for a mean of ``count`` values, in their standard deviations."""
    return float(stdtrit(count - 1, (1 + level) / 2)) / math.sqrt(count)


def mean(values: Sequence[float], level: float = 0.95) -> Interval:
    """Student's interval for the mean over seeds; one value has none."""
    center = statistics.fmean(values)
    if len(values) < 2:
        return Interval(center)
    half = student(len(values), level) * statistics.stdev(values)
    return Interval(center, center - half, center + half)


def difference(first: Sequence[float], second: Sequence[float], level: float = 0.95) -> Interval:
    """Mean of ``first`` minus mean of ``second``, unpaired, with unequal variances (Welch 1947)."""
    center = statistics.fmean(first) - statistics.fmean(second)
    if min(len(first), len(second)) < 2:
        return Interval(center)
    shares = [statistics.variance(values) / len(values) for values in (first, second)]
    if not (total := sum(shares)):
        return Interval(center, center, center)
    freedom = total**2 / sum(
        share**2 / (len(values) - 1) for share, values in zip(shares, (first, second), strict=True)
    )
    half = float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(total)
    return Interval(center, center - half, center + half)


def correlation(first: Sequence[float], second: Sequence[float], level: float = 0.95) -> Interval:
    """Pearson's correlation of the runs of equal seeds, with Fisher's interval; four pairs at least have one."""
    value = statistics.correlation(first, second)
    if len(first) < 4 or abs(value) >= 1:
        return Interval(value)
    half = float(ndtri((1 + level) / 2)) / math.sqrt(len(first) - 3)
    return Interval(value, math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half))


def seeds_needed(deviation: float, effect: float, level: float = 0.95, power: float = 0.8) -> int:
    """Seeds an arm so that an unpaired comparison finds ``effect`` with probability ``power``; by the normal law."""
    quantiles = float(ndtri((1 + level) / 2) + ndtri(power))
    return math.ceil(2 * (quantiles * deviation / effect) ** 2)
