"""SimSiam: Chen and He 2021, https://arxiv.org/abs/2011.10566, Algorithm 1."""

from __future__ import annotations

from typing import ClassVar

from jointaug.losses import LossParts, simsiam

from ..networks import Backbone, Encoder, mlp
from .batch import Batch
from .checks import count
from .method import MakeBackbone, Method


class SimSiam(Method):
    """Each view predicts the other's embedding, which is held constant: no negatives, no momentum.

    Args:
        backbone: makes a backbone.
        dim: width of the embedding z.
        hidden: width of the projector's hidden layers.
        layers: linear layers of the projector; 3 on ImageNet, 2 on CIFAR.
        bottleneck: width of the predictor's hidden layer.
        bias: of all linear layers; ScoreCL's parameter counts have them.
        affine: whether the projector's last normalization has parameters; likewise.
    """

    constant_rate: ClassVar[tuple[str, ...]] = ("h",)

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        dim: int = 2048,
        hidden: int = 2048,
        layers: int = 3,
        bottleneck: int = 512,
        bias: bool = False,
        affine: bool = False,
    ) -> None:
        super().__init__()
        net, biases = backbone(), True if bias else None
        widths = [hidden] * (count("layers", layers) - 1)
        projector = mlp(net.width, *widths, dim, norm=True, bias=biases, last_norm=True, last_affine=affine)
        self.f = Encoder(net, projector)
        self.h = mlp(dim, bottleneck, dim, norm=True, bias=biases)

    @property
    def encoder(self) -> Backbone:
        """The backbone of f."""
        return self.f.backbone

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss."""
        x1, x2 = batch.views
        z1, z2 = self.f(x1), self.f(x2)
        p1, p2 = self.h(z1), self.h(z2)
        return simsiam(p1, p2, z1, z2)  # z is held constant in there
