"""BYOL: Grill et al. 2020, https://arxiv.org/abs/2006.07733, Algorithm 1."""

from __future__ import annotations

import torch

from jointaug.losses import LossParts, byol

from ..networks import Backbone, Encoder, cosine_to_one, follow, mlp, momentum_copy
from .batch import Batch
from .checks import fraction, one_of
from .method import MakeBackbone, Method, Step


class BYOL(Method):
    """The online network predicts the target's projection of the other view; the target follows it.

    Args:
        backbone: makes a backbone.
        dim: width of projection and prediction.
        hidden: width of the hidden layers of both.
        m: momentum of the target at the start, in [0, 1]: 0.996 for 1000 epochs, 0.99 for 300.
        m_schedule: ``"cosine"``, to 1 at the end, or ``"constant"``.
    """

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        dim: int = 256,
        hidden: int = 4096,
        m: float = 0.996,
        m_schedule: str = "cosine",
    ) -> None:
        super().__init__()
        net = backbone()
        self.online = Encoder(net, mlp(net.width, hidden, dim, norm=True))
        self.predictor = mlp(dim, hidden, dim, norm=True)
        self.target = momentum_copy(self.online)
        self.m, self.m_schedule = fraction("m", m), one_of("m_schedule", m_schedule, ("cosine", "constant"))

    @property
    def encoder(self) -> Backbone:
        """The online backbone."""
        return self.online.backbone

    @property
    def memory_network(self) -> Encoder:
        """What a memory bank's rows are embeddings of."""
        return self.target

    def step(self, batch: Batch) -> Step:
        """The batch's loss; predictions of both views, and the target's projection of the first for a memory."""
        x1, x2 = batch.views
        p1, p2 = (self.predictor(self.online(x)) for x in (x1, x2))
        with torch.no_grad():
            z1, z2 = self.target(x1), self.target(x2)
        return Step(byol(p1, p2, z1, z2), [p1, p2], z1)

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss."""
        return self.step(batch).parts

    def after_update(self, batch: Batch) -> None:
        """``target <- m target + (1 - m) online``."""
        follow(
            self.target, self.online, self.m if self.m_schedule == "constant" else cosine_to_one(self.m, batch.progress)
        )
