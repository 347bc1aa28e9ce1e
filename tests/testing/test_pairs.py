"""Pairs against a law of pairs: the parts by themselves (test_distance.py has the wrong samplers)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jointaug.distributions import JointPair
from jointaug.testing._pairs import _first_given_ratio, pairs_follow

from .cases import fails, pairs


@pytest.mark.parametrize("law", [JointPair(1.0, 0.2, 1.0), JointPair(-3.0, 0.2, 1.0)])
def test_the_uniform_of_t1_is_found_again(law):
    """The law makes t1 from two uniforms; the second one is recovered from the first and t1, to 40 bisections."""
    ratio, first = torch.from_numpy(np.random.default_rng(0).random((2, 500)))
    t1, _ = law.from_uniform(ratio, first)
    np.testing.assert_allclose(_first_given_ratio(law, ratio.numpy(), t1.numpy()), first.numpy(), atol=1e-6)


def test_each_part_has_the_rate_that_is_given():
    law = JointPair(0.0, 0.2, 1.0)
    fit = pairs_follow(torch.stack(pairs(law, 2000), -1).numpy(), law, None, 0.01, 0.05)
    assert {part.failure_rate for part in fit.parts.values()} == {0.01}
    assert fit.failure_rate == pytest.approx(0.03)


def test_a_constant_is_held_to_single_precision():
    law, drawn = JointPair(0.0, 0.2, 0.2), np.full((9, 2), 0.2)
    assert pairs_follow(drawn, law, None, 0.1, 0.0).distance < 1e-7
    assert pairs_follow(drawn * (1 + 5e-7), law, None, 0.1, 0.0).used == pytest.approx(0.5, rel=0.05)
    assert "which is a constant" in fails(pairs_follow, drawn * (1 + 2e-6), law, None, 0.1, 0.0)
