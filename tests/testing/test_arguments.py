"""Samples and failure rates: every kind is taken, what is none is named."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Uniform

from jointaug.testing import assert_follows, assert_same_law

from .cases import fails


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


def test_samples_with_gradients_in_half_precision_are_taken():
    torch.manual_seed(0)
    assert_follows(torch.rand(1000).to(torch.bfloat16).requires_grad_(), Uniform(0.0, 1.0), rounding=2**-8)
    assert_follows(torch.rand(1000).to(torch.float16), Uniform(0.0, 1.0), rounding=2**-11)


ok = np.linspace(0, 1, 100)


BAD: list[tuple[Callable[[], None], type[Exception], str]] = [
    (lambda: assert_follows([0.1, math.nan] * 50, stats.uniform), ValueError, r"samples must be finite, got 50 of 100"),
    (lambda: assert_follows([0.1, math.inf] * 50, stats.uniform), ValueError, r"samples\[1\] = inf"),
    (lambda: assert_follows([], stats.uniform), ValueError, "got none"),
    (lambda: assert_follows(ok[:, None], stats.uniform), ValueError, r"one-dimensional, got shape \(100, 1\)"),
    (lambda: assert_follows(["a"] * 99, stats.uniform), TypeError, "samples must be real numbers"),
    (lambda: assert_follows(ok, stats.uniform, 0.0), ValueError, r"failure_rate must be a probability in \(0, 1\)"),
    (lambda: assert_follows(ok, stats.uniform, 1.0), ValueError, "got 1.0"),
    (lambda: assert_same_law(ok, [math.nan] * 100), ValueError, r"y\[0\] = nan"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()
