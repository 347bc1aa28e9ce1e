"""What is estimated from a sample, and how sure that is: means, shares and distances, with intervals.

The one home of levels, Student's and Clopper and Pearson's intervals, and of the statistics of images and draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from scipy.special import betaincinv, stdtrit
from torch import Tensor

from .._validate import ABOVE_0, BELOW_1, number

Target: TypeAlias = Literal["dataset", "population"]

_BLOCK = 1024  # images whose statistics are added up at a time, whatever the batch


class Measured(NamedTuple):
    """A mean over pairs, or a share of them, with a confidence interval.

    Attributes:
        value: the mean or the share.
        low: end of the interval.
        high: end of the interval.
    """

    value: float
    low: float
    high: float


class Distance(NamedTuple):
    """How far what is realized is from a law: a Kolmogorov-Smirnov distance, seen through ``n`` pairs.

    The true distance is within ``bound`` of the one that was seen, with the asked probability, for every law and every
    number of pairs (Massart 1990, "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality").

    Attributes:
        distance: as it was seen.
        bound: by how much the true one may differ from it.
        n: pairs.
    """

    distance: float
    bound: float
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true distance lies."""
        return max(self.distance - self.bound, 0.0), min(self.distance + self.bound, 1.0)


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """A mean over images and draws, with the error that its target implies.

    Attributes:
        mean: over all images and draws.
        level: of the interval.
        target: what the interval is about: this ``"dataset"``, or the ``"population"`` that its images are from.
        images: how many.
        draws: of each image.
    """

    mean: float
    level: float
    target: Target
    images: int
    draws: int
    _error: float
    _freedom: float

    @property
    def standard_error(self) -> float:
        """Standard error of the mean.

        Raises:
            ValueError: if one pair is all there is: nothing says how much another one would differ.
        """
        self._require_error()
        return self._error

    @property
    def interval(self) -> tuple[float, float]:
        """Student's confidence interval of the expectation.

        Raises:
            ValueError: as `standard_error`.
        """
        self._require_error()
        half = student(self._freedom, self.level) * self._error
        return self.mean - half, self.mean + half

    @property
    def has_interval(self) -> bool:
        """Whether there is enough data for a standard error: two images, or for this data set two draws of each."""
        return self._freedom > 0

    def _require_error(self) -> None:
        if not self.has_interval:
            raise ValueError(
                f"an interval about the population takes at least two images, got {self.images} (draws={self.draws}); "
                "give more images, or with draws=2 or more ask for target='dataset'"
            )

    def __repr__(self) -> str:
        about = f"target={self.target!r}, {self.images} images, {self.draws} draws"
        if not self.has_interval:
            return f"{self.mean:.5f}, no interval: one image says nothing of others ({about})"
        low, high = self.interval
        return f"{self.mean:.5f} [{low:.5f}, {high:.5f}] ({100 * self.level:g} % interval, {about})"


class Moments:
    """What intervals need of values ``[images, draws, k]``, added up in blocks of a fixed size.

    So the sums do not depend on how the values came in, and no value is kept.

    Args:
        draws: of each image.
    """

    def __init__(self, draws: int) -> None:
        self._draws = draws
        self._waiting: list[Tensor] = []
        self._images = 0
        self._mean: Any = 0.0  # of the image means
        self._between: Any = 0.0  # sum of their squared deviations
        self._within: Any = 0.0  # sum over images of the variance of their mean over draws
        self._within_squares: Any = 0.0  # sum of its squares

    def add(self, values: Tensor) -> None:
        """Values ``[b, draws, k]`` of the next images, float64."""
        self._waiting.append(values)
        if sum(map(len, self._waiting)) >= _BLOCK:
            *full, rest = torch.split(torch.cat(self._waiting), _BLOCK)
            if len(rest) == _BLOCK:
                full, rest = [*full, rest], rest[:0]
            for block in full:
                self._add_block(block)
            self._waiting = [rest]

    def _add_block(self, values: Tensor) -> None:
        n, before = len(values), self._images
        if n == 0:
            return
        means = values.mean(1)
        mean = means.mean(0)
        shift = mean - self._mean
        self._images += n
        self._mean = self._mean + shift * n / self._images
        self._between = self._between + (means - mean).square().sum(0) + shift.square() * before * n / self._images
        if self._draws > 1:
            variances = values.var(1) / self._draws
            self._within = self._within + variances.sum(0)
            self._within_squares = self._within_squares + variances.square().sum(0)

    def estimates(self, target: Target, level: float) -> list[Estimate]:
        """An estimate for each of the k columns; no value may be added afterwards."""
        self._add_block(torch.cat(self._waiting))
        n, free = self._images, self._draws - 1
        found = []
        for k, mean in enumerate(self._mean.tolist()):
            if target == "population":
                error = math.sqrt(float(self._between[k]) / (n - 1) / n) if n > 1 else math.nan
                freedom = n - 1.0
            else:
                total, squares = float(self._within[k]), float(self._within_squares[k])
                error = math.sqrt(total) / n
                # Satterthwaite's: images differ in variance. (f + 2) undoes that squared variances are too large in
                # the mean, by a factor of 1 + 2 / f if values are normal.
                freedom = min(total**2 * (free + 2) / squares, n * free) if squares > 0 else n * free
            found.append(Estimate(mean, level, target, n, self._draws, error, freedom))
        return found


def student(freedom: float, level: float) -> float:
    """Half the width of Student's interval, in standard errors."""
    return -float(stdtrit(freedom, (1 - level) / 2))


def mean_of(values: Tensor, level: float) -> Measured:
    """Mean of independent numbers ``[n]``, with Student's interval."""
    values, n = values.double(), len(values)
    mean = float(values.mean())
    half = student(n - 1, level) * float(values.std()) / math.sqrt(n)
    return Measured(mean, mean - half, mean + half)


def share_of(hits: Tensor, level: float) -> Measured:
    """Share of independent booleans ``[n]`` that are true, with Clopper and Pearson's interval."""
    n, count, tail = len(hits), int(hits.sum()), (1 - level) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, tail))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - tail))
    return Measured(count / n, low, high)


def checked_level(level: Any) -> float:
    """A confidence level.

    Raises:
        TypeError: for no number.
        ValueError: outside (0, 1).
    """
    return number("level", level, rule="in (0, 1)", low=ABOVE_0, high=BELOW_1, remedy="write 0.95 for 95 %")
