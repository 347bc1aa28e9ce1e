"""Checks of a law by Kolmogorov-Smirnov distances: of samples to a law, and of two sets of samples to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor
from torch.distributions import Distribution

from .._validate import number
from ..distributions import PairLaw
from ._arguments import FAILURE_RATE, Numbers, checked_rate, column_of, rows_of
from ._cdf import cdf_of
from ._findings import Fit
from ._kolmogorov import follows, same
from ._pairs import pairs_follow
from ._vectors import vectors_follow, vectors_same


def assert_follows(
    samples: Numbers,
    law: Any,
    failure_rate: float = FAILURE_RATE,
    *,
    slack: float = 0.0,
    rounding: float = 0.0,
) -> Fit:
    """Samples follow a law: their empirical cdf stays within the DKW bound of the law's.

    The greatest distance between the two cdfs exceeds ``sqrt(log(2 / failure_rate) / (2 n))`` in at most a share
    ``failure_rate`` of runs, for every law, discrete ones too, and for every n (Massart 1990, "The tight constant in
    the Dvoretzky-Kiefer-Wolfowitz inequality"). At the default rate and n = 100,000 that is 0.0085: a law that is
    twice as far away, anywhere, is caught with the same certainty. Draw more samples to see finer faults.

    Pairs ``[n, 2]`` are held to the whole law of a pair, in three checks of a third of the rate each: the log ratio
    ``ln(t2 / t1)``, t1 given that ratio (as a quantile, which must be uniform), and that the two are independent. For
    a law without a log ratio (`JointPair.decoupled`): t1, t2, and that they are independent.

    Vectors ``[n, d]`` are held to a MultivariateNormal, a LowRankMultivariateNormal, a Dirichlet, an Independent of
    numbers, or a transform of one of these, by the independent numbers that they are made of (whitened numbers, shares
    of what is left of a stick). Each follows its law, every two are independent (beyond 16 numbers, neighbors), and
    16 projections of their normal scores are normal. All checks share the failure rate in equal parts.

    Args:
        samples: ``[n]`` independent draws; ``[n, 2]`` for a law of pairs, ``[n, d]`` for one of vectors.
        law: a ``torch.distributions`` law of scalars, a scipy law, or a cdf: a function from an array (a tensor, if
            ``samples`` is one) of n values to their n probabilities. Steps are welcome, continuous from the right.
            Where torch has no cdf, scipy's stands for it: Beta, StudentT, FisherSnedecor, VonMises, Bernoulli,
            Binomial, NegativeBinomial, Geometric, Poisson, Categorical, LogitRelaxedBernoulli, and mixtures of these.
            Or a `PairLaw`, or a law of vectors.
        failure_rate: greatest probability of a false alarm, in (0, 1).
        slack: by how much the law's cdf may be off everywhere, a probability; 0 for an exact law.
        rounding: by how much each sample may be off from the value that was drawn, in the samples' units; 0 for none.
            Crops that are rounded to pixels are measured so. For laws of scalars only.

    Returns:
        The distance, and the bound; for pairs and vectors what each check measured as ``parts``.

    Raises:
        AssertionError: if the samples do not follow the law; the message says how far off they are, and where.
        TypeError: if ``law`` is none of these.
        ValueError: for samples that are not finite or have the wrong shape, or so few that the check could see little
            (bound and slack above 0.5: fewer than 30 at the default rate); for a batch of laws; for what is no cdf, or
            a law of your own without one; for a law of pairs whose ratio is fixed.

    Example:
        >>> import torch
        >>> from jointaug.distributions import JointPair
        >>> law = JointPair(0.0, 0.2, 1.0)
        >>> _ = torch.manual_seed(0)
        >>> pairs = law.sample((10_000,))
        >>> found = assert_follows((pairs[:, 1] / pairs[:, 0]).log(), law.log_ratio)
        >>> print(f"{found.distance:.4f} of {found.bound:.4f}")
        0.0079 of 0.0269
        >>> list(assert_follows(pairs, law).parts)
        ['log ratio', 't1 given the ratio', 'independence']
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
        return pairs_follow(rows_of("samples", samples, 2), law, device, rate / 3, slack)
    if isinstance(law, Distribution) and len(law.event_shape) == 1 and not law.batch_shape:
        if rounding:
            raise ValueError(f"rounding must be 0 for a law of vectors, got {rounding:g}; test each number with it")
        return vectors_follow(rows_of("samples", samples, law.event_shape[0]), law, device, rate, slack)
    return follows("samples", column_of("samples", samples), cdf_of(law, device), law, rate, slack, rounding)


def assert_same_law(x: Numbers, y: Numbers, failure_rate: float = FAILURE_RATE, *, slack: float = 0.0) -> Fit:
    """Two sets of samples follow one law, whatever it is: their empirical cdfs stay close.

    Each is within its DKW bound (Massart 1990) of the law at half the failure rate, so the two are within the sum,
    ``sqrt(log(4 / failure_rate) / 2) * (1 / sqrt(n) + 1 / sqrt(m))``. This needs nothing of how x and y depend on each
    other: the two views' parameters of the same pairs may be compared, or two policies that share their random
    numbers.

    Vectors are compared along their d axes and along 16 directions, drawn once for all, that share the failure rate.
    The directions take the numbers in the units that they come in: bring them to like ones first. Two laws of vectors
    that differ do so along almost every direction (Cramer and Wold 1936), but perhaps by little along these.

    Args:
        x: ``[n]`` draws, or ``[n, d]``, independent among themselves.
        y: ``[m]`` draws, or ``[m, d]``, likewise.
        failure_rate: greatest probability of a false alarm, in (0, 1).
        slack: by how much the two cdfs may differ everywhere, a probability.

    Returns:
        The distance, and the bound; of vectors each projection's as ``parts``.

    Raises:
        AssertionError: if the laws differ.
        ValueError: for samples that are not finite or of other shapes, or too few (bound and slack above 0.5).

    Example:
        >>> import torch
        >>> from jointaug.distributions import JointPair
        >>> _ = torch.manual_seed(0)
        >>> pairs = JointPair(2.0, 0.2, 1.0).sample((10_000,))
        >>> assert_same_law(pairs[:, 0], pairs[:, 1]).used < 1
        True
    """
    __tracebackhide__ = True
    rate, slack = checked_rate(failure_rate), number("slack", slack, rule="at least 0", low=0.0)
    if np.ndim(x) == 2:
        return vectors_same(rows_of("x", x), rows_of("y", y), rate, slack)
    return same("x and y", column_of("x", x), column_of("y", y), rate, slack)
