"""SimCLR: Chen et al. 2020, https://arxiv.org/abs/2002.05709, Algorithm 1."""

from __future__ import annotations

import torch

from jointaug.losses import LossParts, nt_xent, score_distances

from ..networks import Backbone, Encoder, mlp
from .batch import Batch
from .checks import count, positive
from .method import MakeBackbone, Method


class SimCLR(Method):
    """Two views of an image attract each other, all other views of the batch repel them.

    Args:
        backbone: makes a backbone.
        dim: width of the embedding z.
        hidden: width of the head's hidden layers.
        layers: linear layers of the head g; 2 in the paper, 3 in the released code.
        head_bn: batch normalization after each of them, as in the released code.
        tau: temperature; 0.1 on ImageNet, 0.5 on CIFAR.
        weight_inside: difficulty weights inside the logarithm (ScoreCL, eq. 6) instead of on the loss (its Algorithm
            1); the batch must have `scores`.
        weight_kind: of the distance of two scores, see `jointaug.losses.score_distances`.
        weight_p: of the norm, likewise.
    """

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        dim: int = 128,
        hidden: int = 2048,
        layers: int = 2,
        head_bn: bool = True,
        tau: float = 0.1,
        weight_inside: bool = False,
        weight_kind: str = "vector",
        weight_p: int = 1,
    ) -> None:
        super().__init__()
        net = backbone()
        widths = [hidden] * (count("layers", layers) - 1)
        self.f = Encoder(net, mlp(net.width, *widths, dim, norm=head_bn, last_norm=head_bn))
        self.tau = positive("tau", tau)
        if weight_inside:
            self.pair = None  # the weights are in the loss already
        self.weight_inside, self.weight_kind, self.weight_p = weight_inside, weight_kind, weight_p

    @property
    def encoder(self) -> Backbone:
        """The backbone f of the paper."""
        return self.f.backbone

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss."""
        x1, x2 = batch.views
        z1, z2 = self.f(torch.cat([x1, x2])).chunk(2)  # one batch of 2 N, also for the batch statistics
        d = None
        if self.weight_inside:
            if batch.scores is None:
                raise ValueError("weight_inside needs batch.scores, a score network's, got None; set weight to score")
            d = score_distances(batch.scores(x1), batch.scores(x2), kind=self.weight_kind, p=self.weight_p)
        return nt_xent(z1, z2, tau=self.tau, d=d)
