"""The learning rate as a function of the step; and a finished run that is made longer, by a schedule of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from ..inputs.settings import Settings

#: Settings that the epochs by which a finished run is made longer may have anew.
RENEWED = ("epochs", "lr", "schedule", "schedule_by", "warmup", "warmup_steps", "milestones", "gamma", "floor")


@dataclass(frozen=True)
class Plan:
    """The schedules of a run, one after the other: one, but for a run that was made longer when it was finished.

    A later schedule is that of a run of its epochs alone: it warms up again, milestones count from its beginning, and a
    target network's momentum begins anew, too. Networks, optimizer and queues go on as they are. Epochs are counted on:
    views are not had twice, nor what begins after some epochs (CLIM's partners, ContrastiveCrop's boxes).

    Attributes:
        settings: of the last schedule; its ``epochs`` are those of the whole run.
        earlier: the `RENEWED` settings of each schedule before, as a checkpoint has them.
    """

    settings: Settings

    earlier: Sequence[Mapping[str, Any]] = ()

    @property
    def since(self) -> int:
        """Epochs that were done when the last schedule began."""
        return int(self.earlier[-1]["epochs"]) if self.earlier else 0

    @property
    def number(self) -> int | None:
        """Of the last schedule, from 2; None where there is one."""
        return len(self.earlier) + 1 if self.earlier else None

    @property
    def last(self) -> Settings:
        """The settings as the last schedule sees them: ``epochs`` are its own.

        Raises:
            ValueError: for settings that do not suit so few epochs.
        """
        try:
            return replace(self.settings, epochs=self.settings.epochs - self.since)
        except ValueError as error:
            raise ValueError(f"after epoch {self.since} the run has a schedule of its own: {error}") from error

    @property
    def stored(self) -> list[Mapping[str, Any]]:
        """All schedules, for a record."""
        values = asdict(self.settings)
        return [*self.earlier, {name: values[name] for name in RENEWED}]

    @property
    def told(self) -> str:
        """How long the schedules are; empty for one."""
        ends = [0, *(one["epochs"] for one in self.stored)]
        parts = [str(end - start) for start, end in pairwise(ends)]
        return f"{' + '.join(parts)} epochs, a schedule each" if self.earlier else ""


def plan_of(settings: Settings, state: Mapping[str, Any] | None, steps_per_epoch: int) -> Plan:
    """The schedules of a run that begins, goes on, or is made longer: more epochs than those that are done.

    Args:
        settings: of the run, as it is asked for now.
        state: its checkpoint, if there is one.
        steps_per_epoch: optimizer steps of an epoch.
    """
    if state is None:
        return Plan(settings)
    run = state["run"]
    stored = state.get("schedules", [{name: run[name] for name in RENEWED}])  # older checkpoints have one
    longer = settings.epochs > run["epochs"] and state["step"] == run["epochs"] * steps_per_epoch
    return Plan(settings, stored if longer else stored[:-1])


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
