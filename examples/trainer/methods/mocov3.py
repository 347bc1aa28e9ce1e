"""MoCo v3: Chen et al. 2021, https://arxiv.org/abs/2104.02057, Algorithm 1."""

from __future__ import annotations

import torch

from jointaug.losses import LossParts, moco_v3

from ..networks import Backbone, Encoder, cosine_to_one, follow, mlp, momentum_copy
from .batch import Batch
from .checks import count, fraction, one_of, positive
from .method import MakeBackbone, Method


class MoCoV3(Method):
    """Both views are queries and keys; the negatives are the other keys of the batch, without a queue.

    Args:
        backbone: makes a backbone.
        dim: width of the embeddings.
        hidden: width of the hidden layers of projector and predictor.
        layers: linear layers of the projector; 2 for a ResNet, 3 for a ViT.
        m: momentum of the keys' encoder at the start, in [0, 1]: 0.99 for 100 and 300 epochs, 0.996 for 1000.
        m_schedule: ``"cosine"``, to 1 at the end, or ``"constant"``.
        tau: temperature; the loss is multiplied by 2 tau.
    """

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        dim: int = 256,
        hidden: int = 4096,
        layers: int = 2,
        m: float = 0.99,
        m_schedule: str = "cosine",
        tau: float = 1.0,
    ) -> None:
        super().__init__()
        net, widths = backbone(), [hidden] * (count("layers", layers) - 1)
        self.f_q = Encoder(net, mlp(net.width, *widths, dim, norm=True, last_norm=True, last_affine=False))
        self.predictor = mlp(dim, hidden, dim, norm=True, bias=False)
        self.f_k = momentum_copy(self.f_q)
        self.m, self.m_schedule = fraction("m", m), one_of("m_schedule", m_schedule, ("cosine", "constant"))
        self.tau = positive("tau", tau)

    @property
    def encoder(self) -> Backbone:
        """The backbone of f_q."""
        return self.f_q.backbone

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss."""
        x1, x2 = batch.views
        q1, q2 = self.predictor(self.f_q(x1)), self.predictor(self.f_q(x2))
        with torch.no_grad():
            k1, k2 = self.f_k(x1), self.f_k(x2)
        return moco_v3(q1, q2, k1, k2, tau=self.tau)

    def after_update(self, batch: Batch) -> None:
        """``f_k <- m f_k + (1 - m) f_q``."""
        follow(self.f_k, self.f_q, self.m if self.m_schedule == "constant" else cosine_to_one(self.m, batch.progress))
