"""assert_follows and assert_same_law: scipy's distances, Massart's bound, wrong samplers, steps and allowances."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats

from jointaug.distributions import FixedRatioPair, IndependentPair, JointLogRatio, JointPair
from jointaug.testing import assert_follows, assert_same_law

from .cases import N, fails, number_after, pairs


@pytest.mark.parametrize("seed", range(5))
def test_the_distance_is_scipys(seed):
    sample = np.random.default_rng(seed).normal(0.4, 1.3, 500)
    message = fails(assert_follows, sample, stats.norm, 0.5)
    expected = stats.kstest(sample, stats.norm.cdf)
    assert number_after(message, "distance") == pytest.approx(expected.statistic, rel=1e-3)
    assert number_after(message, "Worst at") == pytest.approx(expected.statistic_location, rel=1e-5)
    assert f"n = {len(sample)}" in message


def test_the_two_sample_distance_is_scipys():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=400), rng.normal(0.8, 1.0, 900)
    message = fails(assert_same_law, x, y, 0.5)
    assert number_after(message, "distance") == pytest.approx(stats.ks_2samp(x, y).statistic, rel=1e-3)


def test_the_bound_is_massarts():
    """A sampler whose distance is known to be d passes where sqrt(log(2 / rate) / 2n) is above d, and fails below."""
    n = 1000
    grid = (np.arange(n) + 0.5) / n * 0.9  # uniform on (0, 0.9): distance 0.1 from (0, 1), at 0.9
    distance = float(stats.kstest(grid, stats.uniform.cdf).statistic)
    rate = 2 * math.exp(-2 * n * distance**2)
    assert_follows(grid, stats.uniform, rate / 1.01)
    fails(assert_follows, grid, stats.uniform, rate * 1.01)


def test_the_sum_of_two_bounds_is_that_of_two_samples():
    n, m = 1000, 500
    x, y = np.arange(n) / n, np.arange(m) / m * 0.8
    distance = float(stats.ks_2samp(x, y).statistic)
    rate = 4 * math.exp(-2 * (distance / (n**-0.5 + m**-0.5)) ** 2)
    assert_same_law(x, y, rate / 1.01)
    fails(assert_same_law, x, y, rate * 1.01)


def ten_tries_with_fallback(law: JointPair, n: int, seed: int, log_aspect: float = math.log(16 / 9)) -> torch.Tensor:
    """Log area ratios of 16:9 crops, ten aspect ratios tried for each area, else the whole image."""
    rng = np.random.default_rng(seed)
    u = torch.from_numpy(rng.random((2, n)))
    areas = torch.stack(list(law.from_uniform(u[0], u[1])), -1).numpy()
    aspects = rng.uniform(math.log(3 / 4), math.log(4 / 3), (n, 2, 10))
    fits = (np.abs(aspects - log_aspect) <= -np.log(areas)[..., None]).any(-1)
    areas = np.where(fits, areas, 1.0)
    return torch.from_numpy(np.log(areas[:, 1] / areas[:, 0]))


def test_ten_tries_with_a_fallback_do_not_follow_the_law():
    law = JointPair(0.0, 0.2, 1.0)
    assert "do not follow JointLogRatio" in fails(
        assert_follows, ten_tries_with_fallback(law, 100_000, 0), law.log_ratio
    )


@pytest.mark.parametrize("beta", [0.9, 1.0, 2.0, -1.0])
def test_another_beta_does_not_follow_the_law(beta):
    t1, t2 = pairs(JointPair(beta, 0.2, 1.0), 200_000)
    fails(assert_follows, (t2 / t1).log(), JointLogRatio(0.0, 0.2, 1.0))


def test_another_log_base_does_not_follow_the_law():
    t1, t2 = pairs(JointPair(0.0, 0.2, 1.0))
    fails(assert_follows, (t2 / t1).log2(), JointLogRatio(0.0, 0.2, 1.0))


def test_a_fault_that_the_log_ratio_hides_is_caught_by_t1_given_the_ratio():
    """The independent law's ratio, then t1 as the joint law draws it: the log ratio alone is right."""
    law, n = IndependentPair(0.2, 1.0), N
    ratio, first = torch.from_numpy(np.random.default_rng(0).random((2, n)))
    u = law.log_ratio.icdf(ratio)
    low, high = (0.2 * (-u).exp()).clamp(min=0.2), (-u).exp().clamp(max=1.0)
    t1 = low + first * (high - low)
    wrong = torch.stack([t1, t1 * u.exp()], -1)
    assert_follows(u, law.log_ratio)
    assert "t1 of the pairs, given their ratio, do not follow" in fails(assert_follows, wrong, law)
    assert_follows(torch.stack(pairs(law), -1), law)


def test_the_three_checks_of_a_pair_share_its_failure_rate():
    drawn = torch.stack(pairs(JointPair(1.0, 0.2, 1.0)), -1)
    assert "at failure rate 0.01" in fails(assert_follows, drawn, JointPair(0.0, 0.2, 1.0), 0.03)


def test_a_first_value_that_leans_on_the_ratio_is_caught():
    """t1's quantile is uniform, the log ratio is right, and yet one goes up with the other."""
    law = JointPair(0.0, 0.2, 1.0)
    u = torch.from_numpy(np.random.default_rng(0).random(N))
    noise = torch.from_numpy(np.random.default_rng(1).random(N))
    t1, t2 = law.from_uniform(u, (u + 0.5 * noise) % 1)
    assert "depend on each other" in fails(assert_follows, torch.stack([t1, t2], -1), law)


@pytest.mark.parametrize("beta", [0.0, 1e-8, 3.0, -3.0, 1e3, -1e3])
@pytest.mark.parametrize("kind", ["joint", "decoupled", "single precision"])
def test_every_pair_law_follows_itself_and_not_its_rivals(beta, kind):
    law = JointPair(beta, 0.2, 1.0).decoupled() if kind == "decoupled" else JointPair(beta, 0.2, 1.0)
    drawn = torch.stack(pairs(law, 5000), -1)
    assert_follows(drawn.float() if kind == "single precision" else drawn, law)
    fails(assert_follows, drawn, law.decoupled() if kind != "decoupled" else JointPair(beta, 0.2, 1.0))
    if kind != "decoupled" or beta < 1e3:  # there both are all but uniform
        fails(assert_follows, drawn, IndependentPair(0.2, 1.0))


def test_a_pair_law_of_one_point_follows_itself():
    for law in (JointPair(1.0, 0.2, 0.2), IndependentPair(0.2, 0.2), JointPair(1.0, 0.2, 0.2).decoupled()):
        drawn = torch.stack(pairs(law, 1000), -1)
        assert_follows(drawn, law)
        assert_follows(drawn.float(), law)
        fails(assert_follows, drawn * torch.tensor([1.0, 0.9]), law)
        fails(assert_follows, drawn * 0.99, law)


def test_a_degenerate_law_is_followed_exactly():
    law = JointLogRatio(0.0, 0.5, 0.5)
    assert_follows(torch.zeros(100), law)
    assert_follows(torch.zeros(100, dtype=torch.float64), law)
    fails(assert_follows, torch.full((100,), 1e-3), law)
    fails(assert_follows, torch.full((100,), -1e-3), law)
    assert_follows(torch.full((100,), -1e-3), law, rounding=2e-3)


def test_a_fixed_ratio_is_followed_within_the_rounding_of_its_draws():
    law = FixedRatioPair(2.0, 0.2, 1.0)
    t1, t2 = pairs(law, 1000)
    assert_follows((t2 / t1).log().abs(), lambda x: (x >= math.log(2)).double(), rounding=1e-12)


def test_rounded_samples_follow_the_law_once_their_rounding_is_named():
    x = np.random.default_rng(0).random(N)
    rounded = np.round(x * 8) / 8
    fails(assert_follows, rounded, stats.uniform)
    assert_follows(rounded, stats.uniform, rounding=1 / 16)
    fails(assert_follows, rounded + 1 / 16, stats.uniform, rounding=1 / 16)


def test_steps_are_found_from_the_left_however_far_the_rounding():
    """Ones and nothing else; a value that was rounded by just as much as is allowed keeps to its law."""
    assert_follows(np.full(100, 1e-9), lambda x: (x >= -10).astype(float), rounding=10 + 1e-9)
    fails(assert_follows, np.full(100, 1e-9), lambda x: (x >= -10.1).astype(float), rounding=10)


def test_slack_moves_the_bound_and_nothing_else():
    x = np.random.default_rng(0).random(N) * 0.9
    distance = stats.kstest(x, stats.uniform.cdf).statistic
    bound = math.sqrt(math.log(2e6) / (2 * N))
    assert_follows(x, stats.uniform, slack=distance - bound + 1e-9)
    message = fails(assert_follows, x, stats.uniform, slack=distance - bound - 1e-9)
    assert "slack" in message
    y = np.random.default_rng(1).random(N)
    fails(assert_same_law, x, y)
    assert_same_law(x, y, slack=0.1)


ok = np.linspace(0, 1, 100)


BAD: list[tuple[Callable[[], None], type[Exception], str]] = [
    (lambda: assert_follows(ok[:29], stats.uniform), ValueError, "n = 29 with a bound of 0.5.*draw more"),
    (lambda: assert_follows(ok, stats.uniform, slack=0.3), ValueError, "slack 0.3"),
    (lambda: assert_follows(ok, stats.uniform, slack=-1), ValueError, "slack must be at least 0, got -1"),
    (lambda: assert_follows(ok, stats.uniform, rounding="1"), TypeError, "rounding must be at least 0"),
    (
        lambda: assert_follows(ok, JointPair(0.0, 0.2, 1.0)),
        ValueError,
        r"rows \[n, 2\], for a law of 2 numbers, got shape \(100,\)",
    ),
    (
        lambda: assert_follows(np.ones((99, 2)), FixedRatioPair(2.0, 0.2, 1.0)),
        ValueError,
        "test t1 and t2 by themselves",
    ),
    (
        lambda: assert_follows(np.ones((99, 2)), JointPair(0.0, 0.2, 1.0), rounding=0.1),
        ValueError,
        "rounding must be 0",
    ),
    (lambda: assert_follows(np.zeros((99, 2)), JointPair(0.0, 0.2, 1.0)), ValueError, "samples must be positive"),
    (lambda: assert_follows(np.ones((9, 2)), JointPair(0.0, 0.2, 1.0)), ValueError, "n = 9"),
    (lambda: assert_same_law(ok, ok[:50], 1e-9), ValueError, "got 100 and 50"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()
