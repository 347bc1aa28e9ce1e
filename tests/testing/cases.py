"""Counting alarms, reading messages, and what hypothesis generates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from scipy import stats
from torchvision import tv_tensors

from jointaug.distributions import PairLaw

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


def fails(check: Callable[..., None], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(AssertionError) as info:
        check(*args, **kwargs)
    return str(info.value)


def number_after(text: str, label: str) -> float:
    return float(text.split(label)[1].split()[0].rstrip(",:;."))


N = 20_000


def pairs(law: PairLaw, n: int = N, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    u = torch.from_numpy(np.random.default_rng(seed).random((law.row_width, n)))
    return law.from_uniform(*u)


def kind_of(image: Any) -> str:
    if isinstance(image, PIL.Image.Image):
        return "PIL"
    return type(image).__name__ if isinstance(image, tv_tensors.TVTensor) else "tensor"


def type_of(image: Any) -> Any:
    return image.mode if isinstance(image, PIL.Image.Image) else image.dtype


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
