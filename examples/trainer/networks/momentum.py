"""Copies that follow the network that is trained."""

from __future__ import annotations

import copy
import math
from typing import TypeVar

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

N = TypeVar("N", bound=nn.Module)


def momentum_copy(network: N) -> N:
    """A copy that starts equal and takes no gradient; `follow` moves it."""
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def follow(momentum: nn.Module, online: nn.Module, m: float) -> None:
    """``momentum <- m * momentum + (1 - m) * online``, parameters only: batch statistics are each network's own."""
    move = get_ema_multi_avg_fn(m)
    move(list(momentum.parameters()), list(online.parameters()), None)


def cosine_to_one(m: float, progress: float) -> float:
    """BYOL's momentum: from ``m`` at progress 0 to 1 at progress 1 (Grill et al. 2020, sec. 3.3)."""
    return 1 - (1 - m) * (math.cos(math.pi * progress) + 1) / 2
