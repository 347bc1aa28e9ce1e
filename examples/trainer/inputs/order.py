"""Which images a step sees: a function of (seed, epoch, step), so that a run can go on anywhere."""

from __future__ import annotations

import torch
from torch import Tensor

from jointaug import Addresses
from jointaug.chance import named_step

from .settings import Settings


def order_of(images: int, settings: Settings, epoch: int) -> Tensor:
    """The rows of an epoch, int64 ``[steps, drawn]``: a random order, cut to what whole steps draw.

    Args:
        images: number of images of the data set.
        settings: of the run.
        epoch: from 0.
    """
    (u,) = Addresses(settings.seed, epoch, torch.arange(images)).rows(1, step=named_step("order"))
    steps = images // settings.drawn
    return u.argsort()[: steps * settings.drawn].view(steps, settings.drawn)
