"""The learning rate as a function of the step: nothing to save, nothing to restore."""

from __future__ import annotations

import math

from ..inputs.settings import Settings


def share(settings: Settings, step: int, steps_per_epoch: int) -> float:
    """The learning rate of a step as a share of its peak.

    It rises linearly over the warm-up (step k of w has k / w), then falls from 1 by a cosine to the floor at the run's
    end, or by ``gamma`` at each milestone. With ``schedule_by="epoch"`` a step has the rate of its epoch's first step;
    the warm-up goes by steps all the same.

    Args:
        settings: of the run.
        step: optimizer steps done so far.
        steps_per_epoch: optimizer steps of an epoch.
    """
    warmup = settings.warmup_steps or settings.warmup * steps_per_epoch
    if step < warmup:
        return step / warmup
    now = step // steps_per_epoch * steps_per_epoch if settings.schedule_by == "epoch" else step
    if settings.schedule == "cosine":
        left = settings.epochs * steps_per_epoch - warmup
        cosine = 0.5 * (1 + math.cos(math.pi * max(now - warmup, 0.0) / left))
        return settings.floor + (1 - settings.floor) * cosine
    epoch = now / steps_per_epoch
    passed = sum(epoch >= (m if m >= 0 else settings.epochs + m) for m in settings.milestones)
    return float(settings.gamma**passed)
