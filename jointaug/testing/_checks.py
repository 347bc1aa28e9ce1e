"""Checks of samples against a law, another sampler, a rate, or independence; each with its rate of false alarms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, gammaln
from torch import Tensor
from torch.distributions import Distribution, TransformedDistribution, constraints

from .._validate import integer, number, probability
from ..distributions import PairLaw

Numbers: TypeAlias = "Tensor | NDArray[Any] | Sequence[float]"
Floats: TypeAlias = NDArray[np.float64]

FAILURE_RATE: Final = 1e-6
_WEAKEST_BOUND: Final = 0.5  # beyond it a sampler that always gives the median would pass
_CDF_TOLERANCE: Final = 1e-5  # a cdf computed in float32 may leave [0, 1], or fall, by as much
_SINGLE_PRECISION: Final = 1e-6
_LEVELS: Final = 16


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
    rate = _failure_rate(failure_rate)
    slack, rounding = (number(n, v, rule="at least 0", low=0.0) for n, v in (("slack", slack), ("rounding", rounding)))
    device = samples.device if isinstance(samples, Tensor) else None
    if isinstance(law, PairLaw) and not law.batch_shape:
        if rounding:
            raise ValueError(
                f"rounding must be 0 for a law of pairs, got {rounding:g}; test the log ratio by law.log_ratio with it"
            )
        _pairs_follow(_pairs("samples", samples), law, device, rate / 3, slack)
        return
    _follow("samples", _column("samples", samples), _cdf_of(law, device), law, rate, slack, rounding)


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
    first, second = np.sort(_column("x", x)).astype(np.float64), np.sort(_column("y", y)).astype(np.float64)
    rate = _failure_rate(failure_rate)
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


def assert_rate(
    successes: Tensor | NDArray[Any] | Sequence[bool] | int,
    p: float,
    failure_rate: float = FAILURE_RATE,
    *,
    of: int | None = None,
) -> None:
    """Something happens with probability ``p``: its count lies between exact binomial tails.

    Each tail has half the failure rate. At the default rate, 100,000 trials and p = 0.5 the accepted rates are 0.4923
    to 0.5077.

    Args:
        successes: ``[n]`` booleans (or zeros and ones), one for each independent trial; or their number, with ``of``.
        p: the probability that is claimed, in [0, 1].
        failure_rate: greatest probability of a false alarm, in (0, 1).
        of: number of trials, where ``successes`` is a count.

    Raises:
        AssertionError: if the count is too small or too great.
        TypeError: if ``successes`` is a count without ``of``, or booleans with it.
        ValueError: for values other than zero and one; for ``p`` outside [0, 1]; for so few trials that no count
            would be rejected.

    Example:
        >>> assert_rate(50_321, 0.5, of=100_000)
    """
    __tracebackhide__ = True
    count, n = _count(successes, of)
    p, rate = probability("p", p), _failure_rate(failure_rate)
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


def assert_independent(x: Numbers, y: Numbers, failure_rate: float = FAILURE_RATE) -> None:
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

    Raises:
        AssertionError: if x and y depend on each other; the message says which ranks keep company.
        ValueError: for samples that are not finite, not one-dimensional or not equally many; if one of them is
            constant; if they are so few that no dependence would be seen.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> x, y = torch.rand(2, 10_000)
        >>> assert_independent(x, y)
    """
    __tracebackhide__ = True
    columns = _column("x", x), _column("y", y)
    rate = _failure_rate(failure_rate)
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
    for flat in np.argsort(-np.abs(z), axis=None)[:8]:  # exact tails only for those that may be the rarest
        i, j = np.unravel_index(flat, z.shape)
        tail = _tail(int(both[i, j]), n, int(in_x[i]), int(in_y[j]), upper=bool(surplus[i, j] > 0))
        if tail == 0.0 or math.log(tail) < needed:
            r = z[i, j] / math.sqrt(n - 1)
            raise AssertionError(
                f"x and y depend on each other: [x in {_named(splits[0][i])}] and [y in {_named(splits[1][j])} of its "
                f"ranks] have correlation {r:.3g} (both in {int(both[i, j])} of {n} draws, {a[i, 0] * b[0, j] / n:.0f} "
                f"expected); probability {tail:.2g} if they were independent, below {math.exp(needed):.2g} = failure "
                f"rate {rate:g} / {2 * both.size} tails"
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
        f"{what} do not follow {_named_law(law)}: Kolmogorov-Smirnov distance {distance:.4g} > {bound:.4g}, the bound "
        f"for n = {n} at failure rate {rate:.2g}{_allowances(slack, rounding)}. Worst at {values[worst]:.6g}: "
        f"{share:.4f} of the samples lie {where} it, the law says {claim:.4f}"
    )


def _pairs(name: str, values: Any) -> NDArray[np.float64]:
    """``[n, 2]`` finite numbers."""
    shape = tuple(np.shape(values))
    if len(shape) != 2 or shape[1] != 2:
        raise ValueError(f"{name} must be pairs [n, 2] for a law of pairs, got shape {shape}; stack t1 and t2 last")
    flat = values.reshape(-1) if isinstance(values, Tensor) else np.reshape(values, -1)
    return _column(name, flat).astype(np.float64).reshape(shape)


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
        cdf = _cdf_of(ratios, device)
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


def _column(name: str, values: Any) -> NDArray[Any]:
    """One-dimensional finite numbers in floating point, in their own precision."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values  # numpy has none
    column = np.asarray(values)
    if column.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got {column.dtype}; pass a tensor, an array or a list of floats")
    if column.ndim != 1:
        raise ValueError(
            f"{name} must be one-dimensional, got shape {column.shape}; pass one column, or flatten what was drawn "
            "independently"
        )
    if not np.isfinite(column).all():
        first = int(np.argmin(np.isfinite(column)))
        raise ValueError(
            f"{name} must be finite, got {np.count_nonzero(~np.isfinite(column))} of {len(column)} that are not, first "
            f"{name}[{first}] = {column[first]}; look there in the sampler"
        )
    if not len(column):
        raise ValueError(f"{name} must hold samples, got none; draw some")
    return column if column.dtype.kind == "f" else column.astype(np.float64)


def _failure_rate(value: float) -> float:
    rate = number("failure_rate", value, rule="a probability in (0, 1)")
    if not 0.0 < rate < 1.0:
        raise ValueError(
            f"failure_rate must be a probability in (0, 1), got {value!r}; the default is {FAILURE_RATE:g}"
        )
    return rate


def _dkw(n: int, failure_rate: float, sides: float) -> float:
    """What a correct sampler's Kolmogorov-Smirnov distance exceeds with probability ``2 / sides * failure_rate``."""
    return math.sqrt((math.log(sides) - math.log(failure_rate)) / (2 * n))


def _named_law(law: Any) -> str:
    """A name for messages: a scipy law's and a function's own, else what it prints."""
    name = getattr(getattr(law, "dist", law), "name", None) or getattr(law, "__qualname__", None)
    return name if isinstance(name, str) else str(law)


def _allowances(slack: float, rounding: float) -> str:
    named = [f"{name} {value:g}" for name, value in (("slack", slack), ("rounding", rounding)) if value]
    return f", {' and '.join(named)} allowed for" if named else ""


def _cdf_of(law: Any, device: torch.device | None) -> Callable[[Floats], Floats]:
    """``law`` as a checked cdf of float64 arrays; ``device`` is that of the samples, ``None`` for an array."""
    if isinstance(law, type):
        raise TypeError(f"law must be a law, got the class {law.__name__}; call it with its parameters")
    if isinstance(law, Distribution):
        if law.event_shape or law.batch_shape:
            raise ValueError(
                f"law must be one law of numbers, got {law} of batch shape {tuple(law.batch_shape)} and event shape "
                f"{tuple(law.event_shape)}; test each by itself"
            )

        def evaluate(points: Floats) -> Any:
            return _cdf_anywhere(law, torch.from_numpy(points).to(device))

    elif hasattr(law, "cdf"):
        evaluate = law.cdf
    elif callable(law):

        def evaluate(points: Floats) -> Any:
            return law(points if device is None else torch.from_numpy(points).to(device))

    else:
        raise TypeError(f"law must be a torch.distributions law, a scipy law or a cdf, got {law!r}; pass its cdf")

    def checked(points: Floats) -> Floats:
        try:
            values = evaluate(points)
        except NotImplementedError as error:
            reason = f" ({error})" if str(error) else ""
            raise ValueError(
                f"law must have a cdf, got {law}, which has none{reason}; pass a function from n values to their n "
                "probabilities, or scipy's law of that name"
            ) from error
        values = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, np.float64)
        order = np.argsort(points, kind="stable")
        if (
            values.shape != points.shape
            or not np.isfinite(values).all()
            or values.min() < -_CDF_TOLERANCE
            or values.max() > 1 + _CDF_TOLERANCE
            or np.diff(values[order]).min(initial=0.0) < -_CDF_TOLERANCE
        ):
            raise ValueError(
                f"law must have a cdf: from n values to n probabilities that do not fall, got {law} with values of "
                f"shape {values.shape} from {values.min():.6g} to {values.max():.6g}; pass a cdf, not a density"
            )
        return values

    return checked


def _cdf_anywhere(law: Distribution, points: Tensor) -> Tensor:
    """The cdf, 0 below the support and 1 above it: torch's laws refuse points there, or answer nonsense."""
    try:
        support = law.support
    except NotImplementedError:  # a law of one's own that does not say; its cdf has to take all numbers
        return law.cdf(points)
    if support.is_discrete:  # type: ignore[union-attr]
        points = points.floor()
    inside = support.check(points)  # type: ignore[union-attr]
    values = torch.ones_like(points, dtype=torch.float64)
    if not bool(inside.all()):
        values = (points >= _lower_bound(law)).to(values)
    values[inside] = _cdf_inside(law, points[inside]).to(values)
    return values


def _cdf_inside(law: Distribution, points: Tensor) -> Tensor:
    if type(law).cdf is not TransformedDistribution.cdf:
        return law.cdf(points)
    for transform in reversed(law.transforms):  # type: ignore[attr-defined]
        points = transform.inv(points)
    base = _cdf_anywhere(law.base_dist, points)  # type: ignore[attr-defined]  # torch forgets the base's support
    return law._monotonize_cdf(base)  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001


def _lower_bound(law: Distribution) -> float:
    """Where the support of a law begins."""
    support = getattr(law.support, "base_constraint", law.support)  # a mixture's is that of its parts
    bound = torch.as_tensor(0.0 if support is constraints.boolean else getattr(support, "lower_bound", math.nan))
    if bound.numel() != 1 or bool(bound.isnan()):
        raise ValueError(
            f"law must say where its support begins, got {law} with the support {law.support}, and numbers outside of "
            "it; pass its cdf as a function from n values to n probabilities"
        )
    return float(bound)


def _count(successes: Any, of: int | None) -> tuple[int, int]:
    if of is not None:
        count = integer("successes", successes, low=0, rule="a count of at least 0", remedy="drop of= for booleans")
        n = integer("of", of, low=1, rule="a positive number of trials")
        if count > n:
            raise ValueError(f"successes must be at most of = {n}, got {count}; pass the number of trials as of")
        return count, n
    if isinstance(successes, int):
        raise TypeError(f"successes must be booleans, or a count with of=, got {successes!r}; add of=<trials>")
    column = _column("successes", successes)
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
