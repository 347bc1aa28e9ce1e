"""MoCo: He et al. 2020, https://arxiv.org/abs/1911.05722, Algorithm 1; v2: Chen et al. 2020, 2003.04297."""

from __future__ import annotations

import torch
from torch import Tensor

from jointaug.losses import LossParts, Queue, info_nce

from ..networks import Backbone, Encoder, encode_shuffled, follow, mlp, momentum_copy, split_batch_norm
from .batch import Batch
from .checks import count, fraction, one_of, positive, queue_fits
from .method import MakeBackbone, Method, Step, mean_of


class MoCo(Method):
    """A query finds its key among the keys of the last batches; the keys' encoder follows the query's.

    v1 is ``head="linear", tau=0.07``, v2 the defaults.

    Further, smaller views (multi-crop) are queries of the second view's key; the terms of an image are averaged.

    Args:
        backbone: makes a backbone.
        head: ``"linear"`` (v1) or ``"mlp"`` (v2).
        dim: width of a key.
        hidden: width of the MLP's hidden layer.
        K: keys in the queue, a multiple of the batch (of twice the batch if symmetric).
        m: momentum of the keys' encoder, in [0, 1].
        tau: temperature.
        margin: subtracted from the positive cosine (InterCLR's study); 0 is MoCo.
        symmetric: both views are queries and keys; the two terms are averaged (the public demo adds them).
        bn_splits: parts of a batch with batch statistics of their own; on one device at least 2, or the statistics
            tell a query its key.
    """

    sync_batch_norm = False

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        head: str = "mlp",
        dim: int = 128,
        hidden: int = 2048,
        K: int = 65536,
        m: float = 0.999,
        tau: float = 0.2,
        margin: float = 0.0,
        symmetric: bool = False,
        bn_splits: int = 1,
    ) -> None:
        super().__init__()
        net = backbone()
        widths = {"linear": [], "mlp": [hidden]}[one_of("head", head, ("linear", "mlp"))]
        self.f_q = split_batch_norm(Encoder(net, mlp(net.width, *widths, dim)), bn_splits)
        self.f_k = momentum_copy(self.f_q)
        self.queue = Queue(count("K", K), dim)
        self.m, self.tau = fraction("m", m), positive("tau", tau)
        self.margin, self.symmetric = margin, symmetric

    @property
    def encoder(self) -> Backbone:
        """The backbone of f_q."""
        return self.f_q.backbone

    @property
    def memory_network(self) -> Encoder:
        """What a memory bank's rows are embeddings of."""
        return self.f_k

    def check(self, images: int, batch: int) -> None:
        """K must suit the batch and the data set."""
        queue_fits(self.queue.size, batch * (2 if self.symmetric else 1), images)

    @torch.no_grad()
    def key(self, x: Tensor, batch: Batch) -> Tensor:
        """``f_k(x)``, with shuffled batch normalization."""
        return encode_shuffled(self.f_k, x, batch.addresses)

    def step(self, batch: Batch) -> Step:
        """The batch's loss; the query is its embedding, the key is for a memory."""
        x1, x2, *crops = batch.views
        k2 = self.key(x2, batch)
        pairs = [(self.f_q(x), k2) for x in (x1, *crops)]
        keys = [k2]
        if self.symmetric:
            keys.append(self.key(x1, batch))
            pairs.append((self.f_q(x2), keys[1]))
        queue = self.queue(torch.cat(keys))  # as it was before these keys
        terms = [info_nce(q, k, queue, tau=self.tau, m=self.margin) for q, k in pairs]
        return Step(mean_of(terms), [pairs[0][0]], k2)

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss; its keys enter the queue."""
        return self.step(batch).parts

    def after_update(self, batch: Batch) -> None:  # noqa: ARG002
        """``f_k <- m f_k + (1 - m) f_q``."""
        follow(self.f_k, self.f_q, self.m)
