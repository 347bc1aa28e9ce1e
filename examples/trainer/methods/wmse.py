"""W-MSE: Ermolov et al. 2021, https://arxiv.org/abs/2007.06346, sec. 3."""

from __future__ import annotations

from itertools import combinations

import torch

from jointaug.chance import named_step
from jointaug.losses import LossParts, wmse

from ..networks import Backbone, Encoder, mlp
from .batch import Batch
from .checks import count, fraction
from .method import MakeBackbone, Method


class WMSE(Method):
    """Embeddings are whitened, so that they cannot collapse, and those of an image's views attract each other.

    Args:
        backbone: makes a backbone.
        dim: width of the embedding.
        hidden: width of the head's hidden layer.
        w_size: images of a sub-batch that is whitened, at least ``2 * dim``; the batch is a multiple of it.
        w_iter: how often the batch is cut into sub-batches; 4 on STL-10 and Tiny-ImageNet.
        m: views of an image, at least 2; every pair of them counts. Smaller crops may be among them.
        eps: share of the identity in a covariance, in [0, 1). The authors have 0; with more, embeddings that shrink
            below its root are whitened no longer, and can collapse.
    """

    pair = None  # each pair of views has a weight of its own

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        dim: int = 64,
        hidden: int = 1024,
        w_size: int = 128,
        w_iter: int = 1,
        m: int = 2,
        eps: float = 0.0,
    ) -> None:
        super().__init__()
        net = backbone()
        self.f = Encoder(net, mlp(net.width, hidden, dim, norm=True, bias=True))
        if w_size < 2 * dim:
            raise ValueError(
                f"w_size must be at least 2 * dim = {2 * dim} (a smaller covariance is unstable), got {w_size}"
            )
        self.eps = fraction("eps", eps)
        self.w_size, self.w_iter, self.views = w_size, count("w_iter", w_iter), count("m", m, 2)

    @property
    def encoder(self) -> Backbone:
        """The backbone E of the paper."""
        return self.f.backbone

    def check(self, images: int, batch: int) -> None:  # noqa: ARG002
        """The batch must be cut into whole sub-batches."""
        if batch % self.w_size:
            fits = max(batch // self.w_size, 1) * self.w_size
            raise ValueError(f"batch must be a multiple of w_size = {self.w_size}, got {batch}; batch={fits} fits")

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss."""
        features = torch.cat([self.f.backbone(x) for x in batch.views])
        z = self.f.head(features).chunk(len(batch.views))  # batch statistics of all views together, as in the code
        perm = torch.stack(batch.addresses.rows(self.w_iter, step=named_step("whitening"))).argsort(1)
        weights = None
        if batch.weigh is not None:
            weights = torch.stack([batch.weigh(a, b) for a, b in combinations(batch.views, 2)], 1)
        return wmse(z, self.w_size, perm, eps=self.eps, pair_weights=weights)
