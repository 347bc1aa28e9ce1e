"""Uniforms of any shape, of an image's address or from a generator: the noise of score matching, random weights."""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
from torch import Tensor

from ..chance import Addresses, named_step

Randomness: TypeAlias = "Addresses | torch.Generator | None"


def uniform_tensor(chance: Randomness, shape: tuple[int, ...], purpose: str, device: torch.device) -> Tensor:
    """Uniforms in (0, 1), float64 of ``shape``: of addresses, each image (row) its own; or from a generator."""
    if not isinstance(chance, Addresses):
        place = chance.device if chance is not None else torch.device("cpu")
        return torch.rand(shape, dtype=torch.float64, generator=chance, device=place).clamp_(min=2.0**-54).to(device)
    if len(chance) != shape[0]:
        raise ValueError(
            f"addresses must be those of the {shape[0]} images of the batch, got {len(chance)}; index them alike"
        )
    chance = chance.to(device)
    size = math.prod(shape[1:])
    blocks = -(-size // 4)  # a block of the hash has four words
    draw = (chance.draw if isinstance(chance.draw, Tensor) else torch.full_like(chance.index, chance.draw))[:, None]
    draw = draw * blocks + torch.arange(blocks, device=device)
    index = chance.index[:, None].expand_as(draw)
    rows = Addresses(chance.seed, chance.epoch, index.flatten(), draw.flatten()).rows(4, step=named_step(purpose))
    return torch.stack(rows, 1).view(shape[0], -1)[:, :size].reshape(shape)
