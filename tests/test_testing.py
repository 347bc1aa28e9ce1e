"""The checks raise no more false alarms than they state and catch wrong samplers; the strategies give what they say."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from scipy import stats
from torch import distributions as td
from torch.distributions import LogNormal, Normal, Uniform, constraints
from torch.utils._pytree import tree_leaves
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import Views, testing
from jointaug.distributions import FixedRatioPair, IndependentPair, JointLogRatio, JointPair, PairLaw
from jointaug.testing import _checks, assert_follows, assert_independent, assert_rate, assert_same_law

SUITE_RATE = 1e-6  # failure rate of every statistical test below, false-alarm tests included
quick = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def alarms(check: Callable[[np.random.Generator], None], runs: int) -> int:
    def raises(seed: int) -> bool:
        try:
            check(np.random.default_rng(seed))
        except AssertionError:
            return True
        return False

    return sum(raises(seed) for seed in range(runs))


def most_alarms(runs: int, rate: float) -> int:
    """What a check that keeps its rate exceeds with probability below `SUITE_RATE`."""
    return int(stats.binom.isf(SUITE_RATE, runs, rate))


# False alarms -----------------------------------------------------------------------------------------------------


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


# Against other implementations --------------------------------------------------------------------------------------


def fails(check: Callable[..., None], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(AssertionError) as info:
        check(*args, **kwargs)
    return str(info.value)


def number_after(text: str, label: str) -> float:
    return float(text.split(label)[1].split()[0].rstrip(",:;."))


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


@pytest.mark.parametrize("p", [0.0, 0.001, 0.2, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("rate", [1e-6, 0.05])
def test_the_accepted_counts_are_scipys_binomial_tails(p, rate):
    n = 5000
    k = np.arange(n + 1)
    expected = k[np.minimum(stats.binom.cdf(k, n, p), stats.binom.sf(k - 1, n, p)) >= rate / 2]
    least, most = int(expected[0]), int(expected[-1])
    assert_rate(least, p, rate, of=n)
    assert_rate(most, p, rate, of=n)
    for wrong in (least - 1, most + 1):
        if 0 <= wrong <= n:
            assert f"counts from {least} to {most}" in fails(assert_rate, wrong, p, rate, of=n)


@pytest.mark.parametrize(("n", "a", "b"), [(50, 20, 30), (1000, 500, 500), (1000, 3, 900)])
def test_the_tails_of_a_split_are_scipys_hypergeometric(n, a, b):
    for k in range(max(0, a + b - n), min(a, b) + 1):
        law = stats.hypergeom(n, a, b)
        assert _checks._tail(k, n, a, b, upper=True) == pytest.approx(law.sf(k - 1), rel=1e-6, abs=1e-300)
        assert _checks._tail(k, n, a, b, upper=False) == pytest.approx(law.cdf(k), rel=1e-6, abs=1e-300)


def test_the_splits_say_all_there_is_in_the_grid():
    """225 counts and the margins determine the 256 cells: the splits with the whole set are a basis."""
    splits = np.vstack([np.ones(16), _checks._splits(np.ones(16, bool))])
    assert splits.shape == (16, 16)
    assert np.linalg.matrix_rank(splits) == 16
    signs = 2 * splits - 1
    np.testing.assert_array_equal(signs[1:] @ signs[1:].T, 16 * np.eye(15))  # 15 halvings, each unrelated to the others


# Power: wrong samplers ------------------------------------------------------------------------------------------------

N = 20_000


def ten_tries_with_fallback(law: JointPair, n: int, seed: int, log_aspect: float = math.log(16 / 9)) -> torch.Tensor:
    """Log area ratios of 16:9 crops, ten aspect ratios tried for each area, else the whole image."""
    rng = np.random.default_rng(seed)
    u = torch.from_numpy(rng.random((2, n)))
    areas = torch.stack(list(law.from_uniform(u[0], u[1])), -1).numpy()
    aspects = rng.uniform(math.log(3 / 4), math.log(4 / 3), (n, 2, 10))
    fits = (np.abs(aspects - log_aspect) <= -np.log(areas)[..., None]).any(-1)
    areas = np.where(fits, areas, 1.0)
    return torch.from_numpy(np.log(areas[:, 1] / areas[:, 0]))


def pairs(law: PairLaw, n: int = N, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    u = torch.from_numpy(np.random.default_rng(seed).random((law.row_width, n)))
    return law.from_uniform(*u)


def test_a_correct_joint_sampler_passes_every_check():
    law = JointPair(0.5, 0.2, 1.0)
    t1, t2 = pairs(law)
    assert_follows((t2 / t1).log(), law.log_ratio)
    assert_follows(t1, law.marginal_cdf)
    assert_same_law(t1, t2)
    assert_rate(t2 > t1, 0.5)


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


def test_views_that_are_sorted_by_size_are_caught():
    t1, t2 = pairs(JointPair(0.0, 0.2, 1.0))
    first, second = torch.minimum(t1, t2), torch.maximum(t1, t2)
    fails(assert_follows, (second / first).log(), JointLogRatio(0.0, 0.2, 1.0))
    fails(assert_same_law, first, second)
    fails(assert_rate, second > first, 0.5)


@pytest.mark.parametrize("p", [0.1, 0.45])
def test_p_for_1_minus_p_is_caught(p):
    applied = np.random.default_rng(0).random(N) < p
    assert_rate(applied, p)
    assert f"not p = {1 - p:g}" in fails(assert_rate, applied, 1 - p)


def test_one_decision_for_both_views_is_caught():
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 2000)) < 0.1
    assert_independent(one, other)
    fails(assert_independent, one, one | (rng.random(2000) < 0.02))


def test_views_that_are_never_both_blurred_are_caught():
    one, other = np.random.default_rng(0).random((2, 2000)) < 0.3
    fails(assert_independent, one, other & ~one)


@pytest.mark.parametrize("p", [0.01, 0.99])
def test_seldom_events_have_a_split_of_their_own(p):
    one, other = np.random.default_rng(0).random((2, 2000)) < p
    assert_independent(one, other)
    fails(assert_independent, one, one)


DEPENDENT: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "monotone": lambda x, e: x + 3 * e,
    "falling": lambda x, e: -x + 3 * e,
    "parabola": lambda x, e: (x - 0.5) ** 2 + e / 5,
    "circle": lambda x, e: np.sqrt(np.abs(0.25 - (x - 0.5) ** 2)) * np.sign(e - 0.5),
    "variance": lambda x, e: (e - 0.5) * (1 + x),
    "sine": lambda x, e: np.sin(4 * math.pi * x) + 2 * e,
    "checkerboard": lambda x, e: (np.floor(8 * x) % 2 + 2 * np.floor(4 * e) + (8 * e) % 1) / 8,
    "swapped tails": lambda x, e: np.where((x > 0.9) & (e > 0.7), 1 - e, e),
}


@pytest.mark.parametrize("kind", DEPENDENT)
def test_dependence_of_every_shape_is_caught(kind):
    x, e = np.random.default_rng(3).random((2, N))
    assert "depend on each other" in fails(assert_independent, x, DEPENDENT[kind](x, e))


def test_dependence_finer_than_a_sixteenth_is_not_seen():
    """As the documentation says."""
    x, e = np.random.default_rng(3).random((2, N))
    assert_independent(x, (np.floor(64 * x) % 2 + e) / 2)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_stated_resolution_of_the_dependence_check(sign):
    """Splits with a correlation of 6 / sqrt(n), and half a deviation more, fail in more than half of all runs."""
    n, r = 10_000, 6.5 / 100

    def check(rng: np.random.Generator) -> None:
        x, e, same = rng.random((3, n))
        assert_independent(x, ((x > 0.5) == (same < 0.5 + sign * r / 2)) + e)

    assert alarms(check, 40) >= 20


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


# Steps, allowances, kinds of input ------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("law", "name"),
    [
        (stats.norm(), "norm"),
        (stats.beta(2, 3), "beta"),
        (stats.norm.cdf, "rv_continuous.cdf"),
        (Normal(0.0, 2.0), "Normal("),
    ],
)
def test_the_message_names_the_law(law, name):
    assert f"samples do not follow {name}" in fails(assert_follows, np.full(100, 0.7), law)


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


@pytest.mark.parametrize(
    "law",
    [Uniform(0.0, 1.0), stats.uniform(), stats.uniform.cdf, lambda x: x.clip(0, 1)],
    ids=["torch", "scipy", "cdf", "lambda"],
)
@pytest.mark.parametrize("kind", [torch.tensor, np.asarray, list, lambda x: torch.tensor(x, dtype=torch.float32)])
def test_laws_and_samples_of_every_kind(law, kind):
    sample = np.random.default_rng(0).random(2000).tolist()
    assert_follows(kind(sample), law)
    fails(assert_follows, kind([x**1.5 for x in sample]), law)


def test_a_cdf_is_given_the_kind_of_the_samples():
    sample = torch.rand(100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    seen = []
    assert_follows(sample, lambda x: seen.append(type(x)) or x.clip(0, 1))
    assert_follows(sample.numpy(), lambda x: seen.append(type(x)) or x.clip(0, 1))
    assert seen == [torch.Tensor, np.ndarray]


def test_torch_laws_are_continued_beyond_their_support():
    """torch refuses such values, or gives nan; they lie below everything, or above."""
    torch.manual_seed(0)
    assert_follows(LogNormal(0.0, 1.0).sample((1000,)), LogNormal(0.0, 1.0))
    fails(assert_follows, Normal(0.0, 1.0).sample((1000,)), LogNormal(0.0, 1.0))
    fails(assert_follows, Normal(0.0, 3.0).sample((1000,)), Uniform(0.0, 1.0))


def test_a_transformed_law_is_continued_beyond_its_bases_support():
    """2 U: torch takes all numbers for its support, and then refuses those that U would not draw."""
    law = td.TransformedDistribution(Uniform(0.0, 1.0), [td.AffineTransform(0.0, 2.0)])
    torch.manual_seed(0)
    assert_follows(law.sample((1000,)), law, rounding=0.1)
    fails(assert_follows, Normal(0.0, 3.0).sample((1000,)), law)
    mirrored = td.TransformedDistribution(Uniform(0.0, 1.0), [td.AffineTransform(0.0, -2.0)])
    assert_follows(mirrored.sample((1000,)), mirrored, rounding=0.1)
    fails(assert_follows, law.sample((1000,)), mirrored)


class Die(td.Distribution):
    """A law on integers, whose support refuses all between them."""

    arg_constraints: ClassVar = {}
    support = constraints.integer_interval(1, 6)

    def cdf(self, value):
        self._validate_sample(value)
        return value / 6


class Coin(Die):
    support = constraints.boolean

    def cdf(self, value):
        self._validate_sample(value)
        return (1 + value) / 2


class Unsaid(td.Distribution):
    """A law that does not say what its support is."""

    arg_constraints: ClassVar = {}

    def __init__(self):
        super().__init__(validate_args=False)

    def cdf(self, value):
        return Normal(0.0, 1.0).cdf(value)


def test_laws_of_ones_own_on_integers_and_without_a_support():
    rng = np.random.default_rng(0)
    for sample, law in (
        (rng.integers(1, 7, 2000), Die()),
        (rng.integers(0, 2, 2000), Coin()),
        (rng.normal(size=2000), Unsaid()),
    ):
        assert_follows(sample, law)
        assert_follows(sample, law, rounding=0.25)
        fails(assert_follows, sample + 1.0, law)


class OnlyDraws(PairLaw):
    """A law of pairs with nothing but its draws."""

    row_width = 2

    def __init__(self):
        super().__init__(None, low=0.2, high=1.0)

    def _draw(self, *row):
        return tuple(0.2 + 0.8 * u for u in row)


class Ratio(OnlyDraws):
    """And with a law of the log ratio that has no cdf."""

    @property
    def log_ratio(self):
        return td.StudentT(3.0)


two = torch.ones(2)
WITHOUT_A_CDF = [
    *[td.Beta(0.5, 0.5), td.StudentT(3.0), td.VonMises(0.0, 1.0), td.Poisson(1.0), td.Bernoulli(0.5)],
    *[td.Categorical(two), td.Binomial(4, 0.5), td.Geometric(0.5), td.FisherSnedecor(2.0, 3.0)],
    td.MixtureSameFamily(td.Categorical(two), td.Beta(two, two)),
    td.TransformedDistribution(td.Beta(1.0, 2.0), [td.AffineTransform(0.0, 2.0)]),
    Ratio(),
]


@pytest.mark.parametrize("law", WITHOUT_A_CDF, ids=lambda law: type(law).__name__)
def test_a_law_without_a_cdf_is_refused_with_what_to_pass(law):
    torch.manual_seed(0)
    sample = law.sample((2000,))
    with pytest.raises(
        ValueError, match=r"(?s)law must have a cdf, got .*, which has none.*; pass a function"
    ) as caught:
        assert_follows(sample, law)
    assert type(getattr(law, "log_ratio", law)).__name__ in str(caught.value)


def test_a_mixture_that_does_not_say_where_it_begins_is_refused():
    """torch's mixtures count a number out that one part cannot give, as every number here."""
    law = td.MixtureSameFamily(td.Categorical(two), Uniform(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0])))
    torch.manual_seed(0)
    with pytest.raises(
        ValueError, match=r"(?s)law must say where its support begins, got .*; pass its cdf as a function"
    ):
        assert_follows(law.sample((1000,)), law)
    gammas = td.MixtureSameFamily(td.Categorical(two), td.Gamma(two, torch.tensor([1.0, 3.0])))
    assert_follows(gammas.sample((1000,)), gammas, rounding=0.5)


def test_samples_with_gradients_in_half_precision_are_taken():
    torch.manual_seed(0)
    assert_follows(torch.rand(1000).to(torch.bfloat16).requires_grad_(), Uniform(0.0, 1.0), rounding=2**-8)
    assert_follows(torch.rand(1000).to(torch.float16), Uniform(0.0, 1.0), rounding=2**-11)


def test_a_large_sample_is_quick_and_exact():
    x, y = np.random.default_rng(0).random((2, 1_000_000))
    assert_independent(x, y)
    fails(assert_independent, x, x + 50 * y)


# Bad input ------------------------------------------------------------------------------------------------------------

ok = np.linspace(0, 1, 100)
BAD: list[tuple[Callable[[], None], type[Exception], str]] = [
    (lambda: assert_follows([0.1, math.nan] * 50, stats.uniform), ValueError, r"samples must be finite, got 50 of 100"),
    (lambda: assert_follows([0.1, math.inf] * 50, stats.uniform), ValueError, r"samples\[1\] = inf"),
    (lambda: assert_follows(ok[:29], stats.uniform), ValueError, "n = 29 with a bound of 0.5.*draw more"),
    (lambda: assert_follows(ok, stats.uniform, slack=0.3), ValueError, "slack 0.3"),
    (lambda: assert_follows(ok, stats.uniform, slack=-1), ValueError, "slack must be at least 0, got -1"),
    (lambda: assert_follows(ok, stats.uniform, rounding="1"), TypeError, "rounding must be at least 0"),
    (lambda: assert_follows([], stats.uniform), ValueError, "got none"),
    (lambda: assert_follows(ok[:, None], stats.uniform), ValueError, r"one-dimensional, got shape \(100, 1\)"),
    (lambda: assert_follows(["a"] * 99, stats.uniform), TypeError, "samples must be real numbers"),
    (lambda: assert_follows(ok, "uniform"), TypeError, "law must be a torch.distributions law"),
    (lambda: assert_follows(ok, Normal), TypeError, "law must be a law, got the class Normal; call it"),
    (lambda: assert_follows(np.ones((99, 2)), OnlyDraws()), ValueError, "which has neither; test t1 and t2"),
    (lambda: assert_follows(ok, stats.norm.pdf), ValueError, "pass a cdf, not a density"),
    (lambda: assert_follows(ok, lambda x: 2 * x), ValueError, "pass a cdf, not a density"),
    (lambda: assert_follows(ok, lambda x: 0.5), ValueError, r"values of shape \(\)"),
    (lambda: assert_follows(ok, JointPair(0.0, 0.2, 1.0)), ValueError, r"pairs \[n, 2\].*got shape \(100,\)"),
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
    (lambda: assert_follows(ok, JointPair(torch.zeros(2), 0.2, 1.0)), ValueError, r"batch shape \(2,\)"),
    (lambda: assert_follows(ok, Normal(torch.zeros(2), 1.0)), ValueError, r"batch shape \(2,\)"),
    (lambda: assert_follows(ok, stats.uniform, 0.0), ValueError, r"failure_rate must be a probability in \(0, 1\)"),
    (lambda: assert_follows(ok, stats.uniform, 1.0), ValueError, "got 1.0"),
    (lambda: assert_same_law(ok, ok[:50], 1e-9), ValueError, "got 100 and 50"),
    (lambda: assert_same_law(ok, [math.nan] * 100), ValueError, r"y\[0\] = nan"),
    (lambda: assert_rate(5, 0.5), TypeError, "add of="),
    (lambda: assert_rate(ok > 0.5, 0.5, of=100), TypeError, "drop of= for booleans"),
    (lambda: assert_rate(101, 0.5, of=100), ValueError, "at most of = 100"),
    (lambda: assert_rate(ok, 0.5), ValueError, "zeros and ones, got 0.010101"),
    (lambda: assert_rate(ok > 0.5, 1.5), ValueError, r"p must be a probability in \[0, 1\]"),
    (lambda: assert_rate([True] * 20, 0.5), ValueError, "n = 20 for p = 0.5"),
    (lambda: assert_independent(ok, ok[:99]), ValueError, "got 100 and 99"),
    (lambda: assert_independent(ok, np.ones(100)), ValueError, "y must vary, got 100 times 1"),
    (lambda: assert_independent(ok[:10], ok[:10]), ValueError, "n = 10"),
    (lambda: testing.images(kinds=["jpeg"]), ValueError, "kinds must be some of .*got 'jpeg'"),
    (lambda: testing.images(dtypes=[]), ValueError, "dtypes must name at least one"),
    (lambda: testing.images(min_side=0), ValueError, "min_side must be a positive number of pixels, got 0"),
    (lambda: testing.images(min_side=8, max_side=4), ValueError, "max_side must be at least min_side = 8"),
    (lambda: testing.pair_laws((0.0, 1.0)), ValueError, "bounds must satisfy 0 < low <= high"),
    (lambda: testing.joint_policies(views=3), ValueError, "even number .*got 3"),
    (lambda: testing.joint_policies(steps=["flip"]), ValueError, "got 'flip'"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def test_no_public_name_is_missing():
    home = f"{testing.__name__}."
    public = {name for name, value in vars(testing).items() if getattr(value, "__module__", "").startswith(home)}
    assert {name for name in public if not name.startswith("_")} <= set(testing.__all__)
    assert testing.__all__ == sorted(testing.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)


# Strategies -----------------------------------------------------------------------------------------------------------


def kind_of(image: Any) -> str:
    if isinstance(image, PIL.Image.Image):
        return "PIL"
    return type(image).__name__ if isinstance(image, tv_tensors.TVTensor) else "tensor"


def type_of(image: Any) -> Any:
    return image.mode if isinstance(image, PIL.Image.Image) else image.dtype


def channels_last(image: Any) -> bool:
    return not isinstance(image, PIL.Image.Image) and image.stride(-3) < image.stride(-1) and image.shape[-3] > 1


def pool(strategy: st.SearchStrategy[Any], size: int) -> list[Any]:
    """What hypothesis generates, before it has seen anything fail."""
    seen: list[Any] = []

    @settings(
        max_examples=size, derandomize=True, database=None, phases=[Phase.generate], deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def collect(example: Any) -> None:
        seen.append(example)

    collect()
    return seen


def occurs(wish: Callable[[Any], bool], seen: list[Any], strategy: st.SearchStrategy[Any]) -> bool:
    """Whether ``wish`` is fulfilled by one of the ``seen`` examples, or else by one that a long search finds."""
    if any(map(wish, seen)):
        return True
    try:
        find(strategy, wish, settings=settings(max_examples=20_000, database=None, phases=[Phase.generate]))
    except NoSuchExample:
        return False
    return True


@pytest.fixture(scope="module")
def some_images() -> list[Any]:
    return pool(testing.images(), 1000)


@pytest.fixture(scope="module")
def some_samples() -> list[Any]:
    return pool(testing.samples(), 200)


@pytest.fixture(scope="module")
def some_laws() -> list[Any]:
    return pool(testing.laws(), 400)


@pytest.fixture(scope="module")
def some_policies() -> list[Any]:
    return pool(testing.joint_policies().map(repr), 150)


@quick
@given(testing.images())
def test_every_image_is_one_that_v2_crops(image):
    view = v2.RandomResizedCrop(5)(image)
    assert F.get_size(view) == [5, 5]
    assert kind_of(view) == kind_of(image)
    assert type_of(view) == type_of(image)
    if isinstance(image, torch.Tensor):
        assert image.ndim == (4 if isinstance(image, tv_tensors.Video) else 3)
        assert image.double().min() >= 0
        assert image.double().max() <= (1 if image.dtype.is_floating_point else torch.iinfo(image.dtype).max)


@quick
@given(testing.images(modes=testing.COLOR_MODES, dtypes=testing.COLOR_DTYPES, channels=(1, 3)))
def test_every_color_image_is_one_that_v2_jitters(image):
    jittered = v2.ColorJitter(0.4, 0.4, 0.4, 0.1)(image)
    assert type_of(jittered) == type_of(image)


WISHES: dict[str, Callable[[Any], bool]] = {
    "one pixel": lambda image: F.get_size(image) == [1, 1],
    "one row": lambda image: F.get_size(image)[0] == 1 and F.get_size(image)[1] > 20,
    "one column": lambda image: F.get_size(image)[1] == 1 and F.get_size(image)[0] > 20,
    "odd": lambda image: all(side % 2 and side > 2 for side in F.get_size(image)),
    "square": lambda image: F.get_size(image)[0] == F.get_size(image)[1] > 20,
    "the greatest": lambda image: 40 in F.get_size(image),
    "channels last": channels_last,
    "contiguous": lambda image: isinstance(image, torch.Tensor) and not channels_last(image) and image.shape[-3] == 3,
    "one value": lambda image: (
        isinstance(image, torch.Tensor) and image.numel() > 50 and len(image.double().unique()) == 1
    ),
    "noise": lambda image: isinstance(image, torch.Tensor) and image.numel() > 50 and len(image.double().unique()) > 30,
    "extremes": lambda image: type_of(image) == torch.uint8 and set(image.double().unique().tolist()) == {0, 255},
    "a film": lambda image: isinstance(image, tv_tensors.Video) and len(image) > 1,
    "gray": lambda image: isinstance(image, torch.Tensor) and image.shape[-3] == 1,
    "alpha": lambda image: isinstance(image, torch.Tensor) and image.shape[-3] == 4,
    **{f"kind {kind}": lambda image, kind=kind: kind_of(image) == kind for kind in testing.KINDS},
    **{f"mode {mode}": lambda image, mode=mode: type_of(image) == mode for mode in testing.PIL_MODES},
    **{f"{dtype}": lambda image, dtype=dtype: type_of(image) == dtype for dtype in testing.DTYPES},
}


@pytest.mark.parametrize("wish", WISHES)
def test_images_come_in_every_kind_and_shape(wish, some_images):
    assert occurs(WISHES[wish], some_images, testing.images())


@quick
@given(testing.images(kinds=["Image"], dtypes=[torch.int16], channels=[2], min_side=3, max_side=5))
def test_images_keep_to_what_is_asked(image):
    assert type(image) is tv_tensors.Image
    assert image.dtype is torch.int16
    assert image.shape[0] == 2
    assert all(3 <= side <= 5 for side in image.shape[1:])


@quick
@given(testing.samples())
def test_every_sample_is_one_that_v2_crops(sample):
    leaves = tree_leaves(sample)
    view = v2.RandomResizedCrop(5)(*sample) if isinstance(sample, tuple) else v2.RandomResizedCrop(5)(sample)
    assert [type(leaf) for leaf in tree_leaves(view)] == [type(leaf) for leaf in leaves]
    for leaf in leaves:
        if isinstance(leaf, (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)):
            xy = (
                F.convert_bounding_box_format(leaf, new_format="XYXY")
                if leaf.ndim and hasattr(leaf, "format")
                else leaf
            )
            height, width = leaf.canvas_size
            limit = torch.tensor([width, height] * (xy.shape[-1] // 2))
            assert bool(((xy >= -1e-4) & (xy <= limit + 1e-4)).all())


@pytest.mark.parametrize(
    "wish",
    [
        lambda sample: isinstance(sample, PIL.Image.Image),
        lambda sample: isinstance(sample, tuple) and isinstance(sample[1], int),
        lambda sample: isinstance(sample, tuple) and isinstance(sample[1], torch.Tensor),
        lambda sample: isinstance(sample, tuple) and isinstance(sample[1], dict) and len(sample[1]["boxes"]) == 0,
        lambda sample: isinstance(sample, dict) and len(sample["keypoints"]) == 3,
        *[
            lambda sample, f=f: isinstance(sample, dict) and sample["boxes"].format.value == f and len(sample["boxes"])
            for f in ("XYXY", "XYWH", "CXCYWH")
        ],
    ],
)
def test_samples_come_in_every_nesting(wish, some_samples):
    assert occurs(wish, some_samples, testing.samples())


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


@quick
@given(
    testing.samples(testing.images(modes=testing.COLOR_MODES, dtypes=testing.COLOR_DTYPES, channels=(1, 3))),
    testing.joint_policies(),
)
def test_every_policy_makes_two_views_of_every_sample(sample, policy):
    views = policy(*sample)[0] if isinstance(sample, tuple) else policy(sample)
    assert isinstance(views, Views)
    assert [F.get_size(next(iter(view.values())) if isinstance(view, dict) else view) for view in views] == [[8, 8]] * 2


@quick
@given(testing.images(kinds=["tensor"], max_side=12), testing.joint_policies(size=5, views=4, steps=["crop"]))
def test_policies_keep_to_what_is_asked(image, policy):
    assert not any(word in repr(policy) for word in ("JointBlur", "JointColor"))
    assert [view.shape[-2:] for view in policy(image)] == [(5, 5)] * 4


@pytest.mark.parametrize(
    "word",
    [
        *["JointCrop", "JointBlur", "JointColor", "ContrastiveCrop", "MultiResolution", "UncroppedView"],
        *["MultiView", "PerView", "Shared", "RandomApply", "RandomOrder", "RandomChoice"],
        *["reference", "alpha=0.6", "DecoupledPair"],
    ],
)
def test_policies_come_in_every_form(word, some_policies):
    assert occurs(lambda policy: word in policy, some_policies, testing.joint_policies().map(repr))


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
