"""What the trainer asks of a method."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from jointaug.losses import LossParts

from ..networks import Backbone
from .batch import Batch

Embed = Callable[[nn.Module], Tensor]
"""``embed(network)``: its outputs ``[N, D]`` for one view of each image, without chance, in eval mode."""


MakeBackbone = Callable[[], Backbone]
"""Makes a new, freshly initialized backbone."""


class Step(NamedTuple):
    """A batch's loss and embeddings, for a method that builds on another (InterCLR).

    Attributes:
        parts: the method's own loss.
        v: embeddings ``[B, D]`` with gradient: what can be held against other images.
        memory: ``[B, D]``, what a memory bank keeps of each image.
    """

    parts: LossParts

    v: list[Tensor]

    memory: Tensor


def mean_of(terms: list[LossParts]) -> LossParts:
    """The mean over the terms of each image; one term stays as it is, bit for bit."""
    if len(terms) == 1:
        return terms[0]
    return LossParts(
        torch.stack([term.per_sample for term in terms]).mean(0), torch.stack([term.shared for term in terms]).mean(0)
    )


class Method(nn.Module):
    """Networks, state, and one step of the algorithm.

    A subclass's constructor takes ``(backbone, ...)``, a function that makes a new backbone with an attribute
    ``width``, then its settings as keywords with the paper's defaults: these are the settings of its recipes. All state
    (queues, banks, centers, momentum networks) is in submodules and buffers, so that ``state_dict`` is the checkpoint.

    `forward` is the body of the paper's loop: a batch in, the loss in two parts out. The trainer reduces (and weights)
    it, and does the rest of a step: backward, clipping, optimizer, schedule.

    Attributes:
        views: how many views of an image `forward` takes.
        crops: how many further crops of it (`locals`) at the least.
        pair: the views whose difficulty weights an image's loss; None where one pair cannot say it.
        constant_rate: names of submodules whose learning rate stays at its peak (SimSiam's predictor).
        partners: whether `forward` also takes the views of each image's positive (`Batch.partners`).
        sync_batch_norm: whether batch statistics are the global batch's; False where they must differ (MoCo's shuffled
            ones).
    """

    views: int = 2

    crops: ClassVar[int] = 0

    pair: tuple[int, int] | None = (0, 1)

    constant_rate: ClassVar[tuple[str, ...]] = ()

    partners: ClassVar[bool] = False

    sync_batch_norm: bool = True

    @property
    def encoder(self) -> Backbone:
        """The backbone that is evaluated and exported."""
        raise NotImplementedError(f"{type(self).__name__} must define encoder")

    @property
    def watched(self) -> nn.Module:
        """The module whose outputs ``[B, D]`` are watched for collapse."""
        return self.encoder

    def forward(self, batch: Batch) -> LossParts:
        """The loss of a batch; queues and banks take it in."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def check(self, images: int, batch: int) -> None:
        """Whether the settings suit so many images and such a (global) batch, before the run.

        Raises:
            ValueError: with the setting, its rule and a value that fits.
        """

    def before_epoch(self, epoch: int, embed: Embed) -> None:
        """Before the first step of an epoch: clusters, positives."""

    def before_update(self, batch: Batch) -> None:
        """Between backward and the optimizer's step: gradients that must not act."""

    def after_update(self, batch: Batch) -> None:
        """After the optimizer's step: momentum networks."""
