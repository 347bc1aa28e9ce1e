"""What a method sees of one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from jointaug import Addresses


@dataclass(frozen=True)
class Batch:
    """Views of some images, and where in the run they stand.

    All chance of a method comes from `addresses` (a hash of seed, epoch and image), never from a stream: what it draws
    does not depend on batch size, processes or a resume.

    Attributes:
        views: each ``[B, 3, h, w]``, float32, normalized, on the device.
        index: int64 ``[B]``, on the device: the images' rows in the data set.
        step: optimizer steps done so far in the run; in one that was made longer, in its last schedule.
        steps: optimizer steps of that whole run, or schedule.
        partners: the views of each image's positive, where the method asked for positives (CLIM).
        weigh: ``weigh(v1, v2) -> [B]``, the weight of pairs of views, for a method that weights its pairs itself.
        scores: ``scores(v) -> [B, 3, h, w]`` of a score network, for SimCLR with the weights inside (ScoreCL, eq. 6).
    """

    views: list[Tensor]

    index: Tensor

    seed: int
    epoch: int
    step: int

    steps: int

    partners: list[Tensor] = field(default_factory=list)

    weigh: Callable[[Tensor, Tensor], Tensor] | None = None

    scores: Callable[[Tensor], Tensor] | None = None

    @property
    def progress(self) -> float:
        """The share of the run, or its last schedule, that is done, in [0, 1): t / T of the papers' schedules."""
        return self.step / self.steps

    @property
    def addresses(self) -> Addresses:
        """Of these images in this epoch: ``addresses.rows(n, step=named_step("..."))``."""
        return Addresses(self.seed, self.epoch, self.index)
