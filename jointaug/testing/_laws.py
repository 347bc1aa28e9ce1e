"""Laws of this library, drawn by hypothesis: usual, degenerate and extreme ones."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from torch.distributions import Distribution

from .._validate import interval
from ..distributions import FixedRatioPair, IndependentLogRatio, IndependentPair, JointLogRatio, JointPair, PairLaw


def betas() -> st.SearchStrategy[float]:
    """Values of beta: the paper's (-3 to 3), 0 and next to it, and up to a million either way."""
    special = [
        sign * size for size in (0.5, 1.0, 2.0, 3.0, 8.0, 1e-8, 1e-3, 0.999, 1.001, 1e2, 1e4, 1e6) for sign in (1, -1)
    ]
    return st.one_of(st.sampled_from([0.0, *special]), st.floats(-8.0, 8.0))


def log_ratio_laws(bounds: tuple[float, float] = (1e-3, 1e3)) -> st.SearchStrategy[Distribution]:
    """Laws of the log ratio of two parameters: JC(beta), and that of independent uniforms.

    Args:
        bounds: of the ranges of the parameters, positive. Ranges of one point (``low == high``) and of the whole
            width occur.

    Returns:
        A strategy of `JointLogRatio` and `IndependentLogRatio`.
    """
    ranges = _ranges(bounds)
    return st.one_of(
        st.builds(lambda beta, range_: JointLogRatio(beta, *range_), betas(), ranges),
        st.builds(lambda range_: IndependentLogRatio(*range_), ranges),
    )


def pair_laws(bounds: tuple[float, float] = (1e-3, 1e3)) -> st.SearchStrategy[PairLaw]:
    """Laws of the two views' parameters: joint, independent, with a fixed ratio, and decoupled.

    Args:
        bounds: of the ranges of the parameters, positive: ``(0.01, 1.0)`` for areas. Ranges of one point and of the
            whole width occur.

    Returns:
        A strategy of `PairLaw`.

    Example:
        >>> import torch
        >>> from hypothesis import given, settings
        >>> from jointaug import JointCrop
        >>> @settings(max_examples=5)
        ... @given(pair_laws((0.01, 1.0)))
        ... def test_areas_stay_in_range(law):
        ...     areas = JointCrop(8, law=law).make_params([torch.zeros(3, 20, 30)])["area"]
        ...     assert all(0.01 <= area <= 1.0 for area in areas)
        >>> test_areas_stay_in_range()
    """
    ranges = _ranges(bounds)
    joint = st.builds(lambda beta, range_: JointPair(beta, *range_), betas(), ranges)
    return st.one_of(
        joint,
        st.builds(lambda range_: IndependentPair(*range_), ranges),
        st.builds(_fixed_ratio, st.floats(0.0, 1.0), ranges),
        joint.map(lambda law: law.decoupled()),
    )


def laws(bounds: tuple[float, float] = (1e-3, 1e3)) -> st.SearchStrategy[Distribution]:
    """Every law of this library: `log_ratio_laws` and `pair_laws`.

    Args:
        bounds: of the ranges of the parameters, positive.

    Returns:
        A strategy of laws; ``law.event_shape`` tells the two sorts apart.
    """
    return st.one_of(log_ratio_laws(bounds), pair_laws(bounds))


def _ranges(bounds: tuple[float, float]) -> st.SearchStrategy[tuple[float, float]]:
    low, high = interval("bounds", bounds, rule="0 < low <= high", remedy="a log ratio must be finite")
    inside = st.floats(math.log(low), math.log(high)).map(lambda x: min(max(math.exp(x), low), high))
    some = st.tuples(inside, inside).map(lambda pair: (min(pair), max(pair)))
    return st.one_of(some, st.just((low, high)), inside.map(lambda x: (x, x)))


def _fixed_ratio(part: float, range_: tuple[float, float]) -> FixedRatioPair:
    low, high = range_
    return FixedRatioPair(min(max((high / low) ** part, 1.0), high / low), low, high)
