"""All checks together: no more false alarms than they state, correct samplers pass, names are complete."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from scipy import stats

from jointaug import testing
from jointaug.distributions import JointLogRatio, JointPair
from jointaug.testing import assert_follows, assert_independent, assert_rate, assert_same_law

from .cases import SUITE_RATE, alarms, fails, most_alarms, pairs


def correct_uniform(rng, rate):
    assert_follows(rng.random(60), stats.uniform, rate)


def correct_discrete(rng, rate):
    assert_follows(rng.binomial(5, 0.3, 200), stats.binom(5, 0.3), rate)


def correct_same(rng, rate):
    assert_same_law(rng.normal(size=150), rng.normal(size=400), rate)


def correct_rate(rng, rate):
    assert_rate(rng.random(500) < 0.1, 0.1, rate)


def correct_independent(rng, rate):
    assert_independent(rng.random(300), rng.normal(size=300), rate)


def correct_independent_with_ties(rng, rate):
    assert_independent(rng.integers(0, 5, 400), rng.random(400) < 0.2, rate)


@pytest.mark.parametrize(
    "check",
    [
        correct_uniform,
        correct_discrete,
        correct_same,
        correct_rate,
        correct_independent,
        correct_independent_with_ties,
    ],
)
def test_false_alarms_keep_to_the_stated_rate(check):
    runs, rate = 400, 0.05
    assert alarms(lambda rng: check(rng, rate), runs) <= most_alarms(runs, rate)


@pytest.mark.parametrize("check", [correct_uniform, correct_rate, correct_independent_with_ties])
def test_the_stated_rate_is_not_far_above_the_true_one(check):
    """A check that never fires keeps every rate: at a stated 0.5, between 2 % and 50 % of runs fail."""
    runs, rate = 400, 0.5
    count = alarms(lambda rng: check(rng, rate), runs)
    assert count <= most_alarms(runs, rate)
    assert count >= stats.binom.ppf(SUITE_RATE, runs, 0.02) + 1


def test_a_correct_joint_sampler_passes_every_check():
    law = JointPair(0.5, 0.2, 1.0)
    t1, t2 = pairs(law)
    assert_follows((t2 / t1).log(), law.log_ratio)
    assert_follows(t1, law.marginal_cdf)
    assert_same_law(t1, t2)
    assert_rate(t2 > t1, 0.5)


def test_views_that_are_sorted_by_size_are_caught():
    t1, t2 = pairs(JointPair(0.0, 0.2, 1.0))
    first, second = torch.minimum(t1, t2), torch.maximum(t1, t2)
    fails(assert_follows, (second / first).log(), JointLogRatio(0.0, 0.2, 1.0))
    fails(assert_same_law, first, second)
    fails(assert_rate, second > first, 0.5)


def test_no_public_name_is_missing():
    home = f"{testing.__name__}."
    public = {name for name, value in vars(testing).items() if getattr(value, "__module__", "").startswith(home)}
    assert {name for name in public if not name.startswith("_")} <= set(testing.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)


def test_the_extra_is_asked_for_only_where_it_is_needed():
    code = """if True:
        import sys, jointaug
        assert not {"hypothesis", "matplotlib", "scipy.stats"} & set(sys.modules)
        sys.modules["hypothesis"] = None
        import jointaug.testing
    """
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError: jointaug.testing needs hypothesis" in outcome.stderr
    assert "pip install 'jointaug[testing]'" in outcome.stderr
