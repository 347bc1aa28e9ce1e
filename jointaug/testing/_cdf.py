"""Laws of every kind as cdfs: torch's, continued beyond their support or replaced by scipy's, and functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, TransformedDistribution, constraints

from ._arguments import Floats
from ._scipy import scipy_cdf

_TOLERANCE: Final = 1e-5  # a cdf computed in float32 may leave [0, 1], or fall, by as much


def cdf_of(law: Any, device: torch.device | None) -> Callable[[Floats], Floats]:
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
            or values.min() < -_TOLERANCE
            or values.max() > 1 + _TOLERANCE
            or np.diff(values[order]).min(initial=0.0) < -_TOLERANCE
        ):
            raise ValueError(
                f"law must have a cdf: from n values to n probabilities that do not fall, got {law} with values of "
                f"shape {values.shape} from {values.min():.6g} to {values.max():.6g}; pass a cdf, not a density"
            )
        return values

    return checked


def _cdf_anywhere(law: Distribution, points: Tensor) -> Tensor:
    """The cdf, 0 below the support and 1 above it: torch's laws refuse points there, or answer nonsense."""
    known = scipy_cdf(law)
    if known is not None:
        return torch.from_numpy(known(points.cpu().numpy())).to(points.device)
    try:
        support: Any = law.support
    except NotImplementedError:  # a law of one's own that does not say; its cdf has to take all numbers
        return law.cdf(points)
    if support.is_discrete:
        points = points.floor()
    inside = support.check(points)
    values = torch.ones_like(points, dtype=torch.float64)
    if not bool(inside.all()):
        values = (points >= _lower_bound(law)).to(values)
    values[inside] = _cdf_inside(law, points[inside]).to(values)
    return values


def _cdf_inside(law: Any, points: Tensor) -> Tensor:
    values: Tensor
    if type(law).cdf is not TransformedDistribution.cdf:
        values = law.cdf(points)
        return values
    for transform in reversed(law.transforms):
        points = transform.inv(points)
    values = law._monotonize_cdf(_cdf_anywhere(law.base_dist, points))  # noqa: SLF001  # torch forgets its support
    return values


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


def law_name(law: Any) -> str:
    """A name for messages: a scipy law's and a function's own, else what it prints."""
    name = getattr(getattr(law, "dist", law), "name", None) or getattr(law, "__qualname__", None)
    return name if isinstance(name, str) else str(law)
