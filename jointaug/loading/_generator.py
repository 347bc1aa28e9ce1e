"""Torch's CPU generator, for what draws from it and knows no address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeding() -> Iterator[Callable[[float], object]]:
    """A function that seeds the generator from a uniform, by its first 32 bits; the block leaves it as it was."""
    state = torch.get_rng_state()
    try:
        yield lambda uniform: torch.default_generator.manual_seed(int(uniform * 2**32))
    finally:
        torch.set_rng_state(state)
