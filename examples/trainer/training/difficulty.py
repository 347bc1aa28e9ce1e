"""Difficulty weights of ScoreCL and its rivals, as the settings ask for them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from jointaug.difficulty import (
    PairWeight,
    PixelWeight,
    RandomWeight,
    SaliencyWeight,
    ScoreNetwork,
    ScoreWeight,
)

from ..inputs.settings import Settings


def weight_of(settings: Settings, device: torch.device) -> PairWeight | None:
    """What weighs a pair of views, or None.

    A score network may be of smaller images than the views are; it is shown them at its size.

    Raises:
        ValueError: for a weight that needs a checkpoint, without one.
        FileNotFoundError: if there is no such checkpoint.
    """
    s = settings
    if s.weight == "lpips":
        raise ValueError(
            'weight must not be "lpips" here: it compares views with their original, which a step does not have; call '
            "jointaug.difficulty.LPIPSWeight in a loop of your own"
        )
    if s.weight == "score":
        if s.score is None:
            raise ValueError(
                'score must be a checkpoint of jointaug.difficulty.train_score for weight="score", got None; train a '
                "score network on this data set first"
            )
        network = ScoreNetwork.load(s.score).to(device)
        return ScoreWeight(network, kind=s.weight_kind, p=s.weight_p, size=network.size, mean=s.mean, std=s.std)
    kinds = {"random": RandomWeight, "pixel": PixelWeight, "saliency": SaliencyWeight}
    return None if s.weight is None else kinds[s.weight](mean=s.mean, std=s.std)


def scores_of(weight: PairWeight | None) -> Callable[[Tensor], Tensor] | None:
    """The score maps of normalized views, where the weight is that of a score network (ScoreCL, eq. 6)."""
    if not isinstance(weight, ScoreWeight):
        return None
    mean, std = (torch.tensor(values)[:, None, None] for values in (weight.mean, weight.std))
    return lambda views: weight.scores(views.float() * std.to(views) + mean.to(views))
