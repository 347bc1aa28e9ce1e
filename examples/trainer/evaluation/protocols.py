"""The papers' linear probes and ways of fine-tuning, as data, a row each.

Probes train one linear layer with cross-entropy on features of a frozen encoder in eval mode, on random crops with
flips, or on features that were computed once (``crop=None``); fine-tuning trains the encoder too. Both test at the last
epoch, on center crops or whole images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

Metric = Literal["top-1", "top-5", "mean per class"]


@dataclass(frozen=True)
class Protocol:
    """How a linear layer is trained on frozen features.

    Attributes:
        source: whose protocol, and from where.
        rates: learning rates; of several the best on a held-out tenth of the training images counts.
        rate_batch: the batch that the rates are for, with which they scale linearly; None: rates as they stand.
        milestones: of schedule ``"step"``, as fractions of the run: the rate falls to a tenth at each.
        end: of schedule ``"exponential"``: the last rate as a fraction of the first.
        decay: weight decay, added to the gradient.
        std: of the normal weights at the start, with biases of zero; None: torch's uniform start of a linear layer.
        crop: areas of the random crops, as fractions of the image's; ``"middle"``: no areas, a view's size out of the
            middle square that is 8/7 as large (224 of 256); None: features computed once, of the views of the test.
        test: a test image's ``"center"``, or the ``"whole"`` image, resized without its aspect ratio.
        whiten: standardize the features by batch statistics first (batch normalization without affine parameters).
        stages: a linear layer on each of a ResNet's stages, as `trainer.networks.Stages` pools them; or one, on the
            network's own features.
        metrics: percent right, of the best 1 or 5 guesses, or the mean of the classes' shares; the first one chooses.
    """

    source: str
    epochs: int
    batch: int
    rates: tuple[float, ...]
    rate_batch: int | None = None
    optimizer: Literal["sgd", "nesterov", "lars", "adam"] = "sgd"
    schedule: Literal["step", "cosine", "exponential"] = "cosine"
    milestones: tuple[float, ...] = ()
    end: float = 1.0
    decay: float = 0.0
    std: float | None = 0.01
    crop: tuple[float, float] | Literal["middle"] | None = (0.08, 1.0)
    test: Literal["center", "whole"] = "center"
    whiten: bool = False
    stages: bool = False
    metrics: tuple[Metric, ...] = ("top-1", "top-5")

    def rate(self, epoch: int, epochs: int) -> float:
        """The learning rate of an epoch of ``epochs``, as a fraction of the first."""
        return self.end ** (epoch / epochs) if self.schedule == "exponential" else _factor(self, epoch / epochs, 0.1)


@dataclass(frozen=True)
class FineTuning:
    """How an encoder and a new linear layer on it are trained.

    Attributes:
        source: whose protocol, and from where.
        rates: of the encoder; of several the best on a held-out tenth of the training images counts, and is trained
            again on all of them.
        head_rate: of the linear layer; None: the encoder's.
        rate_batch: the batch that the rates are for, with which they scale linearly; None: rates as they stand.
        steps: instead of epochs.
        milestones: of schedule ``"step"``, as fractions of the run: the rate falls to ``gamma`` of itself at each.
        decays: weight decays, added to the gradient; each with each rate.
        decay_over_rate: each decay is divided by the rate first.
        norm: batch normalization uses a batch's ``"own"`` statistics; likewise, with ``"simclr"``'s momentum of the
            running ones; or the encoder's, ``"frozen"``.
        metrics: percent right, of the best 1 or 5 guesses, or the mean of the classes' shares; the first one chooses.
        std: of the linear layer's normal weights at the start; its biases start at zero.
        few: what is otherwise at 1 % of the labels and less.
    """

    source: str
    epochs: int
    batch: int
    rates: tuple[float, ...]
    head_rate: float | None = None
    rate_batch: int | None = None
    steps: int | None = None
    nesterov: bool = False
    schedule: Literal["step", "cosine"] = "cosine"
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    decays: tuple[float, ...] = (0.0,)
    decay_over_rate: bool = False
    norm: Literal["own", "simclr", "frozen"] = "own"
    metrics: tuple[Metric, ...] = ("top-1",)
    std: float = 0.01
    crop: tuple[float, float] = (0.08, 1.0)
    test: Literal["center", "whole"] = "center"
    few: tuple[tuple[str, Any], ...] = ()

    def at(self, fraction: float) -> FineTuning:
        """The protocol at this fraction of the labels."""
        return replace(self, **dict(self.few), few=()) if fraction <= FEW else self

    def rate(self, done: float) -> float:
        """The learning rates when this share of the steps is done, as a fraction of the first ones."""
        return _factor(self, done, self.gamma)


def _factor(protocol: Protocol | FineTuning, done: float, gamma: float) -> float:
    if protocol.schedule == "step":
        return float(gamma ** sum(done >= milestone for milestone in protocol.milestones))
    return (1 + math.cos(math.pi * done)) / 2


Asked = TypeVar("Asked", Protocol, FineTuning)


def asked(protocol: Asked, rates: Sequence[float] | None = None, *, per_class: bool = False) -> Asked:
    """The protocol with these rates as they stand, if there are some; ``per_class`` lets the classes' mean choose.

    Without that mean among its metrics, ``per_class`` changes nothing.
    """
    if rates:
        protocol = replace(protocol, rates=tuple(rates), rate_batch=None)
    return replace(protocol, metrics=tuple(sorted(protocol.metrics))) if per_class else protocol


FEW = 0.01  # of the labels


PROTOCOLS = {
    "moco": Protocol(
        "MoCo's code; LeOCLR, CLIM, JointCrop on MoCo",
        epochs=100, batch=256, rates=(30.0,), schedule="step", milestones=(0.6, 0.8),
    ),
    "mocov3": Protocol("MoCo v3's code", epochs=90, batch=1024, rates=(0.1,), rate_batch=256),
    "simclr": Protocol(
        "SimCLR's paper and code", epochs=90, batch=4096, rates=(0.1,), rate_batch=256, optimizer="nesterov",
        decay=1e-6,
    ),
    "simsiam": Protocol(
        "SimSiam's code (rate 0.02 in the paper)", epochs=90, batch=4096, rates=(0.1,), rate_batch=256, optimizer="lars"
    ),
    "byol": Protocol(
        "BYOL's paper", epochs=80, batch=1024, rates=(0.4, 0.3, 0.2, 0.1, 0.05), optimizer="nesterov"
    ),
    "vicreg": Protocol("VICReg's released command", epochs=100, batch=256, rates=(0.02,), decay=1e-6),
    "dino": Protocol("DINO's code", epochs=100, batch=1024, rates=(0.001,), rate_batch=256),
    "wmse": Protocol(
        "W-MSE's paper",
        epochs=500, batch=1000, rates=(0.01,), optimizer="adam", schedule="exponential", end=1e-4, decay=5e-6,
        std=None, crop=None,
    ),
    "scorecl": Protocol(
        "ScoreCL, on other data sets; all but the rates is MoCo's, unsaid",
        epochs=100, batch=256, rates=(10.0, 30.0, 50.0, 70.0, 90.0), schedule="step", milestones=(0.6, 0.8),
        metrics=("top-1", "top-5", "mean per class"),
    ),
    "interclr": Protocol(
        "InterCLR's paper; pooling, batch normalization and Nesterov from its code, without its color jitter and "
        "lighting",
        epochs=100, batch=256, rates=(0.01,), optimizer="nesterov", schedule="step", milestones=(0.3, 0.6, 0.9),
        decay=1e-4, whiten=True, stages=True,
    ),
    "interclr-places": Protocol(
        "InterCLR's paper on Places205; crops from its code; as the above",
        epochs=14, batch=256, rates=(0.01,), optimizer="nesterov", schedule="step", milestones=(0.25, 0.5, 0.75),
        decay=1e-4, crop="middle", whiten=True, stages=True,
    ),
    "contrastivecrop": Protocol(
        "ContrastiveCrop's code and JointCrop's small runs",
        epochs=100, batch=512, rates=(10.0,), schedule="step", milestones=(0.6, 0.8), test="whole",
    ),
    "small": Protocol(
        "ours, for a quick answer: features computed once and standardized",
        epochs=100, batch=256, rates=(0.01,), optimizer="adam", schedule="exponential", end=1e-3, decay=1e-4,
        crop=None, whiten=True,
    ),
}  # fmt: skip
"""By name: ``evaluate.py RUN linear:NAME``."""

FINE_TUNING = {
    "leoclr": FineTuning(
        "LeOCLR's paper; all but its epochs is SimCLR's, whose schedule is its code's; epochs of fractions but 1 and "
        "10 % are unsaid",
        epochs=30, batch=4096, rates=(0.05,), rate_batch=256, nesterov=True, metrics=("top-1", "top-5"),
        few=(("epochs", 60),),
    ),
    "interclr": FineTuning(
        "InterCLR's paper",
        epochs=20, batch=256, rates=(0.01,), head_rate=1.0, schedule="step", milestones=(0.6, 0.8), gamma=0.2,
        decays=(1e-4,), metrics=("top-5", "top-1"), few=(("decays", (5e-4,)),),
    ),
    "clim": FineTuning(
        "CLIM's paper; its batch is unsaid, MoCo's is taken",
        epochs=60, batch=256, rates=(1e-4,), head_rate=10.0, schedule="step", milestones=(1 / 3, 2 / 3),
        metrics=("top-1", "top-5"),
    ),
    "simclr-transfer": FineTuning(
        "SimCLR's transfer, as LeOCLR's; the schedule is unsaid, a cosine is taken",
        epochs=0, steps=20000, batch=256, rates=tuple(10 ** (k / 2 - 4) for k in range(7)), nesterov=True,
        decays=(0.0, *(10 ** (k / 2 - 6) for k in range(7))), decay_over_rate=True, norm="simclr",
        metrics=("top-1", "mean per class"),
    ),
    "small": FineTuning(
        "ours, for a quick answer on small images",
        epochs=30, batch=64, rates=(0.03,), head_rate=0.1, decays=(1e-4,), norm="frozen", crop=(0.2, 1.0),
    ),
}  # fmt: skip
"""By name: ``evaluate.py RUN finetune:NAME --fraction .01``."""
