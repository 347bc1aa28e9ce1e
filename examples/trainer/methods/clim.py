"""CLIM: Li et al. 2020, https://arxiv.org/abs/2011.02697, sec. 3."""

from __future__ import annotations

import torch
from torch import Tensor

from jointaug.losses import LossParts, Queue, clim, clim_multi_resolution, unit
from jointaug.neighbors import (
    NeighborCutMix,
    center_positives,
    cluster_positives,
    kmeans,
    knn_positives,
    random_positives,
)

from ..networks import Backbone, Encoder, encode_shuffled, follow, mlp, momentum_copy, split_batch_norm
from .batch import Batch
from .checks import count, fraction, one_of, positive, queue_fits
from .method import Embed, MakeBackbone, Method, mean_of

SELECTORS = ("center", "knn", "kmeans", "random", "none")


class CLIM(Method):
    """MoCo v2 whose query is a CutMix of an image and a neighbor of it, and attracts the keys of both.

    Views: query views at each resolution, then key views at each; `Batch.partners` likewise of the neighbor.

    Further, smaller views (multi-crop, at one resolution) are queries of the same keys, mixed with the neighbor's by
    the same box; the terms of an image are averaged.

    Args:
        backbone: makes a backbone.
        images: of the data set.
        seed: of the run.
        locals: how many smaller views there are.
        selector: of the positives: ``"center"`` (eq. 2), its rivals ``"knn"``, ``"kmeans"``, ``"random"``, or
            ``"none"``: MoCo v2.
        clusters: centers of the k-means (center, kmeans).
        k: nearest neighbors that are looked at (center).
        n_pos: positives of an image.
        every: epochs between two selections.
        warmup_epochs: of plain MoCo v2, before there are features to select by.
        mix: False: the query is not mixed, and attracts both keys equally.
        mix_alpha: of the Beta(alpha, alpha) of the kept share, before the box is clipped.
        reduction: over the n^2 pairs of resolutions, ``"sum"`` as printed or ``"mean"``.
        dim: width of a key.
        hidden: width of the head's hidden layer.
        K: keys in the queue, a multiple of the batch.
        m: momentum of the keys' encoder, in [0, 1].
        tau: temperature.
        bn_splits: parts of a batch with batch statistics of their own, see `trainer.methods.MoCo`.
    """

    pair = None
    partners = True
    sync_batch_norm = False
    positives: Tensor

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        images: int,
        seed: int = 0,
        locals: int = 0,  # noqa: A002 (the setting's name)
        selector: str = "center",
        clusters: int = 10000,
        k: int = 40,
        n_pos: int = 10,
        every: int = 5,
        warmup_epochs: int = 5,
        mix: bool = True,
        mix_alpha: float = 2.0,
        reduction: str = "sum",
        dim: int = 128,
        hidden: int = 2048,
        K: int = 65536,
        m: float = 0.999,
        tau: float = 0.2,
        bn_splits: int = 1,
    ) -> None:
        super().__init__()
        net = backbone()
        self.f_q = split_batch_norm(Encoder(net, mlp(net.width, hidden, dim)), bn_splits)
        self.f_k = momentum_copy(self.f_q)
        self.queue = Queue(count("K", K), dim)
        self.mix = NeighborCutMix(alpha=mix_alpha, seed=seed) if mix else None
        alone = torch.full((images, count("n_pos", n_pos)), -1)
        alone[:, 0] = torch.arange(images)
        self.register_buffer("positives", alone)
        self.smaller = count("locals", locals, 0)
        self.seed, self.selector = seed, one_of("selector", selector, SELECTORS)
        self.clusters, self.k = count("clusters", clusters), count("k", k, n_pos)
        self.every, self.warmup_epochs = count("every", every), count("warmup_epochs", warmup_epochs, 0)
        self.m, self.tau = fraction("m", m), positive("tau", tau)
        self.reduction = one_of("reduction", reduction, ("sum", "mean"))

    @property
    def encoder(self) -> Backbone:
        """The backbone of f_q."""
        return self.f_q.backbone

    def check(self, images: int, batch: int) -> None:
        """K, k and clusters must suit batch and data set."""
        queue_fits(self.queue.size, batch, images)
        if self.selector in ("center", "knn") and max(self.k, self.positives.shape[1]) >= images:
            raise ValueError(f"k must be less than the {images} images of the data set, got {self.k}; take fewer")
        if self.selector in ("center", "kmeans") and self.clusters > images // 2:
            raise ValueError(
                f"clusters must be at most images / 2 = {images // 2}, or most images are alone in theirs, got "
                f"{self.clusters}; clusters={images // 2} fits, and about 10 a class do"
            )

    def before_epoch(self, epoch: int, embed: Embed) -> None:
        """Every few epochs after the warm-up, positives from embeddings of all images."""
        since = epoch - self.warmup_epochs
        if self.selector != "none" and since >= 0 and since % self.every == 0:
            self.positives.copy_(self.select(epoch, embed))
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                torch.distributed.broadcast(self.positives, 0)  # features may differ in the last bit

    def select(self, epoch: int, embed: Embed) -> Tensor:
        """The table of positives ``[N, n_pos]`` (eq. 2, or a rival's)."""
        n, count = self.positives.shape
        if self.selector == "random":
            return random_positives(n, count=count, seed=self.seed, epoch=epoch, device=self.positives.device)
        features = unit(embed(self.f_k))
        if self.selector == "knn":
            return knn_positives(features, count=count)
        labels, centers, _ = kmeans(features, self.clusters, seed=self.seed, epoch=epoch)
        if self.selector == "kmeans":
            return cluster_positives(labels, count=count, seed=self.seed, epoch=epoch)
        return center_positives(features, labels, centers, neighbors=self.k, count=count, seed=self.seed, epoch=epoch)

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss; its keys at the first resolution enter the queue."""
        large = len(batch.views) - self.smaller
        n = large // 2
        queries, keys = [*batch.views[:n], *batch.views[large:]], batch.views[n:large]
        with torch.no_grad():
            k_i = k_j = [encode_shuffled(self.f_k, x, batch.addresses) for x in keys]
        lam: list[Tensor | float] = [1.0] * len(queries)  # of the image itself: plain MoCo v2
        if self.selector != "none" and batch.epoch >= self.warmup_epochs:
            others, other_keys = [*batch.partners[:n], *batch.partners[large:]], batch.partners[n:large]
            with torch.no_grad():
                k_j = [encode_shuffled(self.f_k, x, batch.addresses) for x in other_keys]
            if self.mix is None:
                lam = [0.5] * len(queries)
            else:
                mixed = [self.mix(a, b, batch.index, epoch=batch.epoch) for a, b in zip(queries, others, strict=True)]
                queries, lam = [x for x, _ in mixed], [kept for _, kept in mixed]
        q = [self.f_q(x) for x in queries]
        queue = self.queue(k_i[0])  # as it was before these keys
        terms = [clim_multi_resolution(q[:n], k_i, k_j, lam[:n], queue, tau=self.tau, reduction=self.reduction)]
        crops = zip(q[n:], lam[n:], strict=True)
        return mean_of([*terms, *(clim(x, k_i[0], k_j[0], kept, queue, tau=self.tau) for x, kept in crops)])

    def after_update(self, batch: Batch) -> None:  # noqa: ARG002
        """``f_k <- m f_k + (1 - m) f_q``."""
        follow(self.f_k, self.f_q, self.m)
