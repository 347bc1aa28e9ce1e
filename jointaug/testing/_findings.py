"""What the statistical checks measured: a distance, a rate, a dependence, each beside what was allowed.

All have ``used``: which share of the allowance was used up, 1 at the limit. A correct sampler's is anywhere below;
one that stays near 1 under other seeds too has a fault that more draws would show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Independence:
    """How much two variables were seen to depend on each other.

    Attributes:
        correlation: of the two splits of the ranks that keep company most, in [-1, 1].
        probability: that independent variables keep as much company there, or more.
        least: the least that was allowed: the failure rate over the number of tails.
        n: draws.
        where: the two splits.
        failure_rate: of all tails together.
    """

    correlation: float
    probability: float
    least: float
    n: int
    where: str
    failure_rate: float

    @property
    def used(self) -> float:
        """Digits of the probability, over those of the least allowed."""
        return math.log(self.probability) / math.log(self.least)


@dataclass(frozen=True)
class Fit:
    """How far samples are from a law, or from other samples.

    Attributes:
        distance: the Kolmogorov-Smirnov distance, with ``rounding`` taken off.
        bound: the greatest that was allowed, ``slack`` included.
        n: samples.
        worst: where the two cdfs differ most, in the samples' units.
        failure_rate: of all that was compared.
        parts: for laws of several numbers, what each check measured, by name; the figures above are then those of the
            distance nearest to its bound.
    """

    distance: float
    bound: float
    n: int
    worst: float
    failure_rate: float
    parts: Mapping[str, Fit | Independence] = field(default_factory=dict)

    @classmethod
    def of_parts(cls, parts: Mapping[str, Fit | Independence]) -> Fit:
        """That of the distance nearest to its bound, with all parts."""
        nearest = max((part for part in parts.values() if isinstance(part, Fit)), key=lambda fit: fit.used)
        return replace(nearest, failure_rate=sum(part.failure_rate for part in parts.values()), parts=parts)

    @property
    def used(self) -> float:
        """Distance over bound; the greatest share of all parts."""
        return max([self.distance / self.bound, *(part.used for part in self.parts.values())])


@dataclass(frozen=True)
class Rate:
    """How often something happened.

    Attributes:
        rate: the share of trials.
        p: the probability that was claimed.
        low: least rate that was allowed.
        high: greatest.
        n: trials.
        failure_rate: of both tails together.
    """

    rate: float
    p: float
    low: float
    high: float
    n: int
    failure_rate: float

    @property
    def used(self) -> float:
        """Distance from ``p``, over that of the end on the same side."""
        end = self.high if self.rate > self.p else self.low
        return (self.rate - self.p) / (end - self.p) if self.rate != self.p else 0.0
