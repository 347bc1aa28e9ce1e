"""Laws of vectors: by the independent numbers that they are made of, and by projections."""

from __future__ import annotations

import itertools
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor
from torch import distributions as td

from ._arguments import Floats
from ._cdf import cdf_of
from ._findings import Fit, Independence
from ._independence import assert_independent
from ._kolmogorov import follows, same

_NORMAL: Final = td.Normal(*torch.tensor([0.0, 1.0], dtype=torch.float64))
_DIRECTIONS: Final = 16
_ALL_PAIRS: Final = 16  # numbers of which every two are held to be independent; of more, neighbors
_ROUNDING: Final = 1e-4  # by how much single precision may leave a simplex of a thousand numbers


class _Made(NamedTuple):
    """Independent numbers that a vector is made of, one of them.

    Attributes:
        name: in words.
        column: ``[n]``.
        law: that it follows.
        device: on which the law is asked.
    """

    name: str
    column: Floats
    law: td.Distribution
    device: torch.device | None


def vectors_follow(
    samples: Floats, law: td.Distribution, device: torch.device | None, rate: float, slack: float
) -> Fit:
    """Vectors ``[n, d]`` follow a law of vectors.

    Args:
        samples: independent draws.
        law: MultivariateNormal, LowRankMultivariateNormal, Dirichlet, Independent numbers, or a transform of these.
        device: on which the law is asked; ``None`` for the CPU.
        rate: of false alarms of all checks together.
        slack: of each cdf.

    Raises:
        AssertionError: if they do not.
        ValueError: for another law.
    """
    __tracebackhide__ = True
    made = _made_of(samples, law, device)
    smooth = len(made) > 1 and not any(_is_discrete(one.law) for one in made)
    varying = [k for k, one in enumerate(made) if np.ptp(one.column) > 0]
    pairs = [pair for pair in itertools.combinations(varying, 2) if len(made) <= _ALL_PAIRS or pair[1] == pair[0] + 1]
    share = rate / (len(made) + len(pairs) + _DIRECTIONS * smooth)
    parts: dict[str, Fit | Independence] = {}
    for one in made:
        parts[one.name] = follows(one.name, one.column, cdf_of(one.law, one.device), one.law, share, slack)
    for i, j in pairs:
        named = f"{made[i].name} and {made[j].name}"
        try:
            parts[named] = assert_independent(made[i].column, made[j].column, share)
        except AssertionError as error:
            raise AssertionError(f"x = {made[i].name} and y = {made[j].name} of {law}: {error}") from None
    if smooth:
        normal = np.stack([_normal(one) for one in made], -1)
        for number, direction in enumerate(directions(len(made))):
            named = f"projection {number}"
            parts[named] = follows(f"{named} of the normal scores", normal @ direction, ndtr, _NORMAL, share, slack)
    return Fit.of_parts(parts)


def vectors_same(x: Floats, y: Floats, rate: float, slack: float) -> Fit:
    """Vectors ``[n, d]`` and ``[m, d]`` follow one law, seen along the axes and along random directions.

    Args:
        x: draws, independent among themselves.
        y: likewise.
        rate: of false alarms of all projections together.
        slack: of each distance.

    Raises:
        AssertionError: if they do not.
        ValueError: if they differ in width, or are too few.
    """
    __tracebackhide__ = True
    width = x.shape[1]
    if y.shape[1] != width:
        raise ValueError(
            f"x and y must be rows of one width, got {width} and {y.shape[1]}; pass the same numbers of both"
        )
    views = {f"number {k}": axis for k, axis in enumerate(np.eye(width))}
    if width > 1:
        views |= {f"projection {k}": direction for k, direction in enumerate(directions(width))}
    share = rate / len(views)
    parts = {name: same(f"x and y, {name},", x @ axis, y @ axis, share, slack) for name, axis in views.items()}
    return Fit.of_parts(parts)


def directions(width: int) -> Floats:
    """Unit vectors ``[16, width]``, uniform on the sphere, the same in every call."""
    drawn = np.random.default_rng(0).normal(size=(_DIRECTIONS, width))
    unit: Floats = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def _is_discrete(law: Any) -> bool:
    return bool(law.support.is_discrete)


def _normal(one: _Made) -> Floats:
    """A column as normal scores, by its law."""
    scores: Floats = ndtri(cdf_of(one.law, one.device)(one.column).clip(1e-300, 1 - 1e-16))
    return scores


def _made_of(samples: Floats, law: td.Distribution, device: torch.device | None) -> list[_Made]:
    """The numbers that the vectors are made of, which are independent if the vectors follow the law."""
    if isinstance(law, td.TransformedDistribution):
        values = torch.from_numpy(samples).to(device)
        for transform in reversed(law.transforms):
            values = transform.inv(values)
        return _made_of(values.double().cpu().numpy(), law.base_dist, device)
    if isinstance(law, (td.MultivariateNormal, td.LowRankMultivariateNormal)):
        loc, spread = law.loc.double().cpu(), torch.linalg.cholesky(law.covariance_matrix.double().cpu())
        white = torch.linalg.solve_triangular(spread, (torch.from_numpy(samples) - loc).T, upper=False).numpy()
        return [_Made(f"whitened number {k}", column, _NORMAL, None) for k, column in enumerate(white)]
    if isinstance(law, td.Dirichlet):
        return _broken_stick(samples, law)
    if isinstance(law, td.Independent) and law.base_dist.batch_shape == law.event_shape:
        return [_Made(f"number {k}", samples[:, k], one, device) for k, one in enumerate(_unbound(law.base_dist))]
    raise ValueError(
        "law must be one of numbers or pairs, a MultivariateNormal, Dirichlet or Independent, or a transform of these, "
        f"got {law}; compare with draws of it: assert_same_law(samples, law.sample((n,)))"
    )


def _broken_stick(samples: Floats, law: td.Dirichlet) -> list[_Made]:
    """Each number's share of what those before it left: independent, and Beta."""
    off = float(np.abs(samples.sum(1) - 1).max())
    if samples.min() < 0 or off > _ROUNDING:
        raise AssertionError(
            f"samples do not follow {law}: they must be at least 0 and sum to 1, the least is {samples.min():g} and a "
            f"sum is off by {off:.3g}"
        )
    concentration = law.concentration.double().cpu()
    left = np.cumsum(samples[:, ::-1], 1)[:, ::-1]  # summed from the end, where nothing cancels
    rest = concentration.flip(0).cumsum(0).flip(0)
    if not left.all():
        raise ValueError(f"samples of {law} must not underflow to 0, got such; draw them in double precision")
    return [
        _Made(f"share {k} of what is left", samples[:, k] / left[:, k], td.Beta(concentration[k], rest[k + 1]), None)
        for k in range(samples.shape[1] - 1)
    ]


def _unbound(laws: td.Distribution) -> list[td.Distribution]:
    """A batch ``[d]`` of laws as d laws, made anew from their parameters."""
    count, kind = laws.batch_shape[0], type(laws)
    names = set(laws.arg_constraints)
    if {"probs", "logits"} <= names:  # either says the other
        names.remove("logits" if "probs" in vars(laws) else "probs")
    stored = {name: getattr(laws, name) for name in names}
    try:
        return [kind(**{name: _entry(value, k, count) for name, value in stored.items()}) for k in range(count)]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"law must be of numbers that are made of their parameters, got {laws} ({error}); test each by itself"
        ) from error


def _entry(value: Any, k: int, count: int) -> Any:
    return value[k] if isinstance(value, Tensor) and value.ndim and len(value) == count else value
