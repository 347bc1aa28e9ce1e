"""The cdfs that torch's laws lack, by scipy's laws of the same parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import distributions as td
from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli

from ._arguments import Floats

Cdf: TypeAlias = "Callable[[Floats], Floats]"


def scipy_cdf(law: td.Distribution) -> Cdf | None:
    """The cdf of a law of torch's that has none of its own; ``None``, if it has, or scipy does not know it.

    Args:
        law: of numbers; with a batch ``[k]`` of parameters, the cdf takes numbers ``[n, 1]`` to ``[n, k]``.
    """
    if isinstance(law, td.MixtureSameFamily):
        parts = scipy_cdf(law.component_distribution)
        weights = _array(law.mixture_distribution.probs)
        return None if parts is None else lambda points: parts(points[:, None]) @ weights
    if type(law).cdf is not td.Distribution.cdf:
        return None
    return next((make(law) for kind, make in _equivalents().items() if isinstance(law, kind)), None)


@cache
def _equivalents() -> dict[type, Callable[[Any], Cdf]]:
    """For each type of torch's, scipy's cdf with a law's parameters; discrete ones have steps at the integers."""
    from scipy import stats  # it takes a while, and most tests need none

    def equivalent(kind: Any, *parameters: Callable[[Any], Any]) -> Callable[[Any], Cdf]:
        def make(law: Any) -> Cdf:
            cdf: Cdf = kind(*(_array(parameter(law)) for parameter in parameters)).cdf
            return cdf

        return make

    def categorical(law: Any) -> Cdf:
        probs = _array(law.probs)
        return lambda points: ((points[..., None] >= np.arange(probs.shape[-1])) * probs).sum(-1)

    def von_mises(law: Any) -> Cdf:
        around, loc = stats.vonmises(_array(law.concentration)), _array(law.loc)

        def cdf(points: Floats) -> Floats:  # torch wraps what it draws to [-pi, pi), wherever the mode is
            turned: Floats = around.cdf(points.clip(-np.pi, np.pi) - loc) - around.cdf(-np.pi - loc)
            return turned

        return cdf

    return {
        td.Beta: equivalent(stats.beta, lambda law: law.concentration1, lambda law: law.concentration0),
        td.StudentT: equivalent(stats.t, lambda law: law.df, lambda law: law.loc, lambda law: law.scale),
        td.FisherSnedecor: equivalent(stats.f, lambda law: law.df1, lambda law: law.df2),
        td.VonMises: von_mises,
        LogitRelaxedBernoulli: equivalent(
            stats.logistic, lambda law: law.logits / law.temperature, lambda law: 1 / law.temperature
        ),
        td.Bernoulli: equivalent(stats.bernoulli, lambda law: law.probs),
        td.Binomial: equivalent(stats.binom, lambda law: law.total_count, lambda law: law.probs),
        td.NegativeBinomial: equivalent(stats.nbinom, lambda law: law.total_count, lambda law: 1 - law.probs),
        td.Geometric: equivalent(stats.nbinom, lambda law: torch.ones_like(law.probs), lambda law: law.probs),
        td.Poisson: equivalent(stats.poisson, lambda law: law.rate),
        td.Categorical: categorical,
    }


def _array(parameter: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = parameter.detach().double().cpu().numpy()
    return array
