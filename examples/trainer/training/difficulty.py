"""Difficulty weights of ScoreCL and its rivals, as the settings ask for them; what a score network has learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from jointaug.difficulty import (
    LPIPSWeight,
    PairWeight,
    PixelWeight,
    RandomWeight,
    SaliencyWeight,
    ScoreNetwork,
    ScoreWeight,
)

from ..inputs.settings import Settings

LAST = 50  # steps whose mean loss is told


def weight_of(settings: Settings, device: torch.device) -> PairWeight | None:
    """What weighs a pair of views, or None.

    A score network may be of smaller images than the views are; it is shown them at its size.

    Raises:
        ValueError: for a weight that needs a checkpoint, without one.
        FileNotFoundError: if there is no such checkpoint.
        ModuleNotFoundError: for LPIPS, without the package ``lpips``.
    """
    s = settings
    if s.weight == "lpips":
        if s.lpips is None:
            raise ValueError(
                'lpips must be the file of a network for weight="lpips", got None; nothing is downloaded: write '
                "torch.save(lpips.LPIPS().state_dict(), FILE) where you may, and add --lpips FILE"
            )
        weight = LPIPSWeight(s.lpips, mean=s.mean, std=s.std)
        cast("nn.Module", weight.metric).to(device)
        return weight
    if s.weight == "score":
        if s.score is None:
            raise ValueError(
                'score must be the file of a score network for weight="score", got None; train one on this data set '
                "first: python examples/score.py DATA --out score.pt"
            )
        network = ScoreNetwork.load(s.score).to(device)
        return ScoreWeight(network, kind=s.weight_kind, p=s.weight_p, size=network.size, mean=s.mean, std=s.std)
    kinds = {"random": RandomWeight, "pixel": PixelWeight, "saliency": SaliencyWeight}
    return None if s.weight is None else kinds[s.weight](mean=s.mean, std=s.std)


def told(net: ScoreNetwork, losses: Tensor, batch: int) -> str:
    """A training of a score network in words.

    Args:
        net: that was trained.
        losses: of its steps, ``[steps]``.
        batch: images of a step.
    """
    nothing, last = net.channels * net.size**2 / 2, losses[-min(len(losses), LAST) :].mean()
    return f"{len(losses)} steps of {batch} images; loss {last / nothing:.1%} of that of the zero score"


def scores_of(weight: PairWeight | None) -> Callable[[Tensor], Tensor] | None:
    """The score maps of normalized views, where the weight is that of a score network (ScoreCL, eq. 6)."""
    if not isinstance(weight, ScoreWeight):
        return None
    mean, std = (torch.tensor(values)[:, None, None] for values in (weight.mean, weight.std))
    return lambda views: weight.scores(views.float() * std.to(views) + mean.to(views))
