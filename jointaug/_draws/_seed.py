"""Torch's CPU generator, for what draws from it and knows no address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


def seed_of(uniform: Any) -> Any:
    """The seed that a uniform (or each of a tensor) stands for: its first 32 bits."""
    return (uniform * 2**32).long() if isinstance(uniform, Tensor) else int(uniform * 2**32)


@contextmanager
def generator_kept() -> Iterator[torch.Generator]:
    """Torch's CPU generator, which is after the block what it was before."""
    state = torch.get_rng_state()
    try:
        yield torch.default_generator
    finally:
        torch.set_rng_state(state)
