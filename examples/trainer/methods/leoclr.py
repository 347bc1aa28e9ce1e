"""LeOCLR: Alkhalefi et al. 2024, https://arxiv.org/abs/2403.06813, Algorithm 1."""

from __future__ import annotations

import torch
from torch import Tensor

from jointaug.losses import LossParts, Queue, leoclr, leoclr_end_to_end

from ..networks import Backbone, Encoder, encode_shuffled, follow, mlp, momentum_copy, split_batch_norm
from .batch import Batch
from .checks import count, fraction, one_of, positive, queue_fits
from .method import MakeBackbone, Method


class LeOCLR(Method):
    """The whole image, as the query, attracts the keys of two crops.

    Views: the whole image (or a third crop: the paper's Tab. 8, row 1), then two crops.

    Args:
        backbone: makes a backbone.
        framework: ``"moco"``, or ``"simclr"``, end to end with one network and the batch's negatives (Tab. 5; tau 0.1).
        attract: ``"original"``, or ``"all"``, where the first crop is a query of the second too (Tab. 8, row 2).
        reduction: of an image's terms, ``"sum"`` as printed or ``"mean"``.
        enqueue: keys of the ``"first"`` crops, or of ``"both"``.
        dim: width of a key.
        hidden: width of the head's hidden layer.
        head_bn: batch normalization after each layer of the head, as in SimCLR's code; framework ``"simclr"`` alone.
        K: keys in the queue, a multiple of those that enter in a step.
        m: momentum of the keys' encoder, in [0, 1].
        tau: temperature.
        bn_splits: parts of a batch with batch statistics of their own, see `trainer.methods.MoCo`.
    """

    views = 3
    pair = None  # each pair of views has a weight of its own

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        framework: str = "moco",
        attract: str = "original",
        reduction: str = "sum",
        enqueue: str = "first",
        dim: int = 128,
        hidden: int = 2048,
        head_bn: bool = False,
        K: int = 65536,
        m: float = 0.999,
        tau: float = 0.2,
        bn_splits: int = 1,
    ) -> None:
        super().__init__()
        self.framework = one_of("framework", framework, ("moco", "simclr"))
        self.attract = one_of("attract", attract, ("original", "all"))
        self.reduction = one_of("reduction", reduction, ("sum", "mean"))
        self.enqueue = one_of("enqueue", enqueue, ("first", "both"))
        self.sync_batch_norm = framework == "simclr"  # MoCo's batches are split, or shuffled over the devices
        self.m, self.tau = fraction("m", m), positive("tau", tau)
        if head_bn and framework != "simclr":
            raise ValueError('head_bn must be False with framework="moco", got True; MoCo\'s head has none')
        net = backbone()
        head = mlp(net.width, hidden, dim, norm=head_bn, last_norm=head_bn)
        self.f_q = split_batch_norm(Encoder(net, head), bn_splits)
        if framework == "moco":
            self.f_k = momentum_copy(self.f_q)
            self.queue = Queue(count("K", K), dim)
        elif attract == "all":
            raise ValueError('attract must be "original" with framework="simclr", got "all"; the paper has it on MoCo')

    @property
    def encoder(self) -> Backbone:
        """The backbone of f_q."""
        return self.f_q.backbone

    def check(self, images: int, batch: int) -> None:
        """K must suit the batch and the data set."""
        if self.framework == "moco":
            queue_fits(self.queue.size, batch * (2 if self.enqueue == "both" else 1), images)

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss; its keys enter the queue."""
        x, x1, x2 = batch.views
        if self.framework == "simclr":
            u, v1, v2 = self.f_q(torch.cat(batch.views)).chunk(3)
            return leoclr_end_to_end(u, v1, v2, tau=self.tau, reduction=self.reduction)
        u = self.f_q(x)
        pairs, q1 = [(x, x1), (x, x2)], None
        if self.attract == "all":
            pairs, q1 = [*pairs, (x1, x2)], self.f_q(x1)
        with torch.no_grad():
            v1, v2 = (encode_shuffled(self.f_k, crop, batch.addresses) for crop in (x1, x2))
        queue = self.queue(v1 if self.enqueue == "first" else torch.cat([v1, v2]))  # as it was before these keys
        weights: Tensor | None = None
        if batch.weigh is not None:
            weights = torch.stack([batch.weigh(a, b) for a, b in pairs], 1)
        return leoclr(u, v1, v2, queue, tau=self.tau, reduction=self.reduction, q1=q1, pair_weights=weights)

    def after_update(self, batch: Batch) -> None:  # noqa: ARG002
        """``f_k <- m f_k + (1 - m) f_q``."""
        if self.framework == "moco":
            follow(self.f_k, self.f_q, self.m)
