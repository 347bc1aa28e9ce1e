"""The linear probes of the papers, as data, a row each.

All train one linear layer with cross-entropy on features of a frozen encoder in eval mode, on random crops with flips,
or on features that were computed once (``crop=None``), and test at the last epoch, on center crops or whole images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


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

    def rate(self, epoch: int, epochs: int) -> float:
        """The learning rate of an epoch of ``epochs``, as a fraction of the first."""
        done = epoch / epochs
        if self.schedule == "step":
            return float(0.1 ** sum(done >= milestone for milestone in self.milestones))
        return self.end**done if self.schedule == "exponential" else (1 + math.cos(math.pi * done)) / 2


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
    ),
    "interclr": Protocol(
        "InterCLR's paper; batch normalization and Nesterov from its code; of its five layers the last alone, without "
        "its color jitter and lighting",
        epochs=100, batch=256, rates=(0.01,), optimizer="nesterov", schedule="step", milestones=(0.3, 0.6, 0.9),
        decay=1e-4, whiten=True,
    ),
    "interclr-places": Protocol(
        "InterCLR's paper on Places205; crops from its code; as the above",
        epochs=14, batch=256, rates=(0.01,), optimizer="nesterov", schedule="step", milestones=(0.25, 0.5, 0.75),
        decay=1e-4, crop="middle", whiten=True,
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
