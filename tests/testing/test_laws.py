"""Laws from hypothesis: they can be drawn from, degenerate and extreme ones among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jointaug import testing

from .cases import occurs, pool, quick

BAD: list[tuple[Callable[[], None], type[Exception], str]] = [
    (lambda: testing.pair_laws((0.0, 1.0)), ValueError, "bounds must satisfy 0 < low <= high"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


@pytest.fixture(scope="module")
def some_laws() -> list[Any]:
    return pool(testing.laws(), 400)


@quick
@given(testing.laws(), st.integers(0, 2**32 - 1))
def test_laws_can_be_drawn_from_and_stay_in_their_range(law, seed):
    u = torch.from_numpy(np.random.default_rng(seed).random((law.row_width, 100)))
    drawn = law.from_uniform(*u)
    drawn = torch.stack(list(drawn), -1) if law.event_shape else drawn
    assert bool(law.support.check(drawn.float()).all())


@pytest.mark.parametrize(
    "wish",
    [
        lambda law: type(law).__name__ == "JointPair" and float(law.beta) == 0,
        lambda law: type(law).__name__ == "JointPair" and abs(float(law.beta)) >= 1e6 - 1,
        lambda law: type(law).__name__ == "JointLogRatio" and 0 < abs(float(law.beta)) < 1e-7,
        lambda law: type(law).__name__ == "IndependentLogRatio",
        lambda law: type(law).__name__ == "IndependentPair" and law.low == law.high,
        lambda law: type(law).__name__ == "FixedRatioPair" and law.ratio == 1 and law.low < law.high,
        lambda law: type(law).__name__ == "DecoupledPair" and float(law.high / law.low) > 9e5,
        lambda law: law.low == law.high and not law.event_shape,
    ],
)
def test_laws_come_degenerate_and_extreme(wish, some_laws):
    assert occurs(wish, some_laws, testing.laws())
