"""One optimizer step: forward, backward, clipping, the rate of the step, the method's own hooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from jointaug import Addresses
from jointaug.losses import reduce

from ..inputs.feed import Served
from ..inputs.settings import Settings
from ..methods.batch import Batch
from ..methods.method import Method
from ..networks import Backbone, sync_batch_norm
from .difficulty import scores_of, weight_of
from .distributed import Processes, parallel
from .optimizers import optimizer_of, peak_rate
from .schedules import Plan, share


class Learner:
    """A method on its device, and the optimizer that trains it.

    Args:
        method: the networks, and their loss.
        settings: of the run.
        processes: the processes; with several, gradients are averaged and batch statistics are the global batch's.
        steps_per_epoch: optimizer steps of an epoch.
        plan: the schedules of the run; None: the settings' own.

    Attributes:
        method: as it was given, moved.
        lr: the learning rate of the last step.

    Raises:
        ValueError: for half of the pairs of a method that has no pair, or several.
    """

    def __init__(
        self,
        method: Method,
        settings: Settings,
        processes: Processes,
        steps_per_epoch: int,
        plan: Plan | None = None,
    ) -> None:
        if settings.half is not None and method.pair is None:
            raise ValueError(
                f"half is of methods whose loss is of one pair of views, got half={settings.half} with method="
                f"{settings.method}; leave it out"
            )
        self.settings, self.processes, self.per_epoch = settings, processes, steps_per_epoch
        plan = plan or Plan(settings)
        self.scheduled, self.before = plan.last, plan.since * steps_per_epoch
        self.layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        self.method: Method = method.to(processes.device, memory_format=self.layout)  # type: ignore[call-overload]
        if processes.count > 1 and processes.device.type == "cuda" and method.sync_batch_norm:
            self.method = sync_batch_norm(self.method)
        if settings.compile:
            for module in self.method.modules():
                if isinstance(module, Backbone):
                    module.compile()
        self.optimizer = optimizer_of(settings, self.method, self.method.constant_rate)
        self.model = parallel(self.method, processes)
        self.weight = weight_of(settings, processes.device)
        self.scores = scores_of(self.weight)
        self.lr = 0.0

    def step(self, served: Iterator[Served], step: int) -> Tensor:
        """Train on the next passes' views; the loss of this process's images, without gradient.

        Args:
            served: views, as many passes as a step has.
            step: steps done so far.
        """
        s = self.settings
        self._set_rate(step)
        loss = torch.zeros((), device=self.processes.device)
        for left in reversed(range(s.accumulate)):
            batch = self._batch(next(served), step)
            # Processes exchange gradients once a step, in the last pass.
            with self.model.no_sync() if left and self.processes.count > 1 else nullcontext():  # type: ignore[operator]
                with self.autocast():
                    parts = self.model(batch)
                part = reduce(parts, self._difficulty(batch)) / s.accumulate
                part.backward()
            loss += part.detach()
        self.method.before_update(batch)
        if s.clip is not None:
            for parameter in self.method.parameters():
                clip_grad_norm_(parameter, s.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.method.after_update(batch)
        return loss

    def autocast(self) -> torch.autocast:
        """The precision of the run."""
        return torch.autocast(self.processes.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16")

    def state_dict(self) -> dict[str, Any]:
        """Of method and optimizer."""
        return {"method": self.method.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.method.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _set_rate(self, step: int) -> None:
        peak = peak_rate(self.settings)
        self.lr = peak * share(self.scheduled, step - self.before, self.per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = peak if group["constant"] else self.lr

    def _difficulty(self, batch: Batch) -> Tensor | None:
        """The weight of each image, where one pair of its views says it."""
        pair = self.method.pair
        if batch.weigh is None or pair is None:
            return None
        return batch.weigh(batch.views[pair[0]], batch.views[pair[1]])

    def _batch(self, served: Served, step: int) -> Batch:
        s, index, views, partners = self.settings, served.index, served.views, served.partners
        addresses = Addresses(s.seed, step // self.per_epoch, index)
        weigh = None if self.weight is None else partial(self.weight, original=served.originals, addresses=addresses)
        if s.half is not None and weigh is not None and (pair := self.method.pair) is not None:
            kept, weigh = half(weigh(views[pair[0]], views[pair[1]]), s.half), None
            index, views, partners = index[kept], [view[kept] for view in views], [view[kept] for view in partners]
        views, partners = (
            [view.contiguous(memory_format=self.layout) for view in several] for several in (views, partners)
        )
        return Batch(
            views=views,
            index=index,
            seed=s.seed,
            epoch=step // self.per_epoch,
            step=step - self.before,
            steps=self.scheduled.epochs * self.per_epoch,
            partners=partners,
            weigh=weigh,
            scores=self.scores,
        )


def half(weights: Tensor, which: str) -> Tensor:
    """Which pairs are ``"above"`` the median of their weights, or ``"below"``: rows ``[B / 2]``, in order (Fig. 7).

    Args:
        weights: ``[B]``, of the pairs of a pass in this process; of an odd one, the middle is left out.
        which: the half to keep.
    """
    return weights.topk(len(weights) // 2, largest=which == "above", sorted=False).indices.sort().values
