"""Laws as cdfs: beyond their support, of one's own, and those that have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
import torch
from scipy import stats
from torch import distributions as td
from torch.distributions import LogNormal, Normal, Uniform, constraints

from jointaug.distributions import JointPair, PairLaw
from jointaug.testing import assert_follows

from .cases import fails


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


class Nameless(td.Distribution):
    """A law of one's own without a cdf."""

    arg_constraints: ClassVar = {}
    support = constraints.real

    def __init__(self):
        super().__init__(validate_args=False)

    def sample(self, sample_shape):
        return torch.randn(sample_shape)


class Ratio(OnlyDraws):
    """And with a law of the log ratio that has no cdf."""

    @property
    def log_ratio(self):
        return Nameless()


two = torch.ones(2)


@pytest.mark.parametrize(
    "law",
    [Nameless(), td.TransformedDistribution(Nameless(), [td.AffineTransform(0.0, 2.0)]), Ratio()],
    ids=lambda law: type(law).__name__,
)
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


ok = np.linspace(0, 1, 100)


BAD: list[tuple[Callable[[], None], type[Exception], str]] = [
    (lambda: assert_follows(ok, "uniform"), TypeError, "law must be a torch.distributions law"),
    (lambda: assert_follows(ok, Normal), TypeError, "law must be a law, got the class Normal; call it"),
    (lambda: assert_follows(np.ones((99, 2)), OnlyDraws()), ValueError, "which has neither; test t1 and t2"),
    (lambda: assert_follows(ok, stats.norm.pdf), ValueError, "pass a cdf, not a density"),
    (lambda: assert_follows(ok, lambda x: 2 * x), ValueError, "pass a cdf, not a density"),
    (lambda: assert_follows(ok, lambda x: 0.5), ValueError, r"values of shape \(\)"),
    (lambda: assert_follows(ok, JointPair(torch.zeros(2), 0.2, 1.0)), ValueError, r"batch shape \(2,\)"),
    (lambda: assert_follows(ok, Normal(torch.zeros(2), 1.0)), ValueError, r"batch shape \(2,\)"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()
