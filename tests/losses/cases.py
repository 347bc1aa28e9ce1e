"""Operands that several tests of this folder share, and short ways to write and read tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from jointaug import losses as L

B, D, K = 12, 6, 24


def t(*rows) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def total(parts: L.LossParts, weight: Tensor | None = None) -> float:
    return L.reduce(parts, weight).item()


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def keys(n: int, width: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


q, k, k2, other = (draw(B, D, seed=i) for i in range(4))
queue = F.normalize(draw(D, K, seed=9), dim=0)
pos, neg = draw(B, seed=5).tanh(), draw(B, K, seed=6).tanh()
