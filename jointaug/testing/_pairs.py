"""Laws of pairs, by the independent laws of one number that they are made of."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..distributions import PairLaw
from ._arguments import Floats
from ._cdf import cdf_of
from ._findings import Fit
from ._independence import assert_independent
from ._kolmogorov import follows

_SINGLE_PRECISION: Final = 1e-6


def pairs_follow(
    pairs: NDArray[np.float64], law: PairLaw, device: torch.device | None, rate: float, slack: float
) -> Fit:
    """Pairs ``[n, 2]`` follow the laws that a law of pairs is made of.

    Args:
        pairs: t1 and t2.
        law: one, no batch.
        device: on which it is asked; ``None`` for the CPU.
        rate: of false alarms of each check; there are three.
        slack: of each cdf.

    Raises:
        AssertionError: if they do not.
        ValueError: for a law that says too little of itself.
    """
    __tracebackhide__ = True
    t1, t2 = pairs.T
    if bool(law.low == law.high):  # nothing is left to chance
        off = np.abs(pairs / float(law.low) - 1.0).max()
        if off > _SINGLE_PRECISION:
            raise AssertionError(f"the pairs do not follow {law}, which is a constant: one is off by {off:.3g} of it")
        return Fit(float(off), _SINGLE_PRECISION, len(pairs), float(pairs.flat[0]), 3 * rate)

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

        parts = {
            "t1": follows("the first of the pairs", t1, marginal, law, rate, slack),
            "t2": follows("the second of the pairs", t2, marginal, law, rate, slack),
        }
        first, second = t1, t2
    else:
        if not ((t1 > 0).all() and (t2 > 0).all()):
            raise ValueError(f"samples must be positive for a law of ratios, got {pairs.min():g}; look in the sampler")
        log_ratio = np.log(t2 / t1)
        cdf = cdf_of(ratios, device)
        parts = {"log ratio": follows("ln(t2 / t1) of the pairs", log_ratio, cdf, ratios, rate, slack)}
        first = cdf(log_ratio)
        second = _first_given_ratio(law, first, t1)
        named = "t1 of the pairs, given their ratio,"
        parts["t1 given the ratio"] = follows(named, second, uniform, law, rate, slack)
    return Fit.of_parts({**parts, "independence": assert_independent(first, second, rate)})


def _first_given_ratio(law: PairLaw, ratio: Floats, t1: Floats) -> Floats:
    """The uniforms from which the law makes ``t1``, given those of the log ratio: by bisection, so for every law."""
    u_ratio, target = torch.from_numpy(ratio), torch.from_numpy(t1)
    below, above = torch.zeros_like(u_ratio), torch.ones_like(u_ratio)
    for _ in range(40):
        middle = (below + above) / 2
        less = law.from_uniform(u_ratio, middle)[0] < target
        below, above = torch.where(less, middle, below), torch.where(less, above, middle)
    return ((below + above) / 2).numpy()
