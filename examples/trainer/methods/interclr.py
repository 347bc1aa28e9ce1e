"""InterCLR: Xie et al. 2022, https://arxiv.org/abs/2008.11702, sec. 4."""

from __future__ import annotations

import inspect
import math
from typing import Any, cast

from torch import Tensor

from jointaug.losses import LossParts, byol, interclr, npid, unit
from jointaug.neighbors import STRATEGIES, MemoryBank

from ..networks import Backbone
from .batch import Batch
from .byol import BYOL
from .checks import bank_fits, fraction, one_of, positive
from .method import Embed, MakeBackbone, Method
from .moco import MoCo
from .npid import NPID

BASES: dict[str, type[NPID | MoCo | BYOL]] = {"npid": NPID, "moco": MoCo, "byol": BYOL}
_PAPER: dict[str, dict[str, Any]] = {"npid": {"head": "mlp", "tau": 0.1, "K": 16384}, "moco": {}, "byol": {}}
"""Where the paper's base (NPIDv2, MoCo v2, BYOL) is not that method's default."""


class InterCLR(Method):
    """A method's own loss within images, and another between an image and a random one of its cluster.

    The clusters are pseudo-labels of a memory bank and follow the training, batch by batch.

    Args:
        backbone: makes a backbone.
        images: of the data set.
        seed: of the run.
        on: the base: ``"npid"``, ``"moco"`` or ``"byol"``.
        lam: weight of the base's own loss, in [0, 1]; 1 is the base.
        m_intra: cosine margin of the base's own loss.
        m_inter: of the loss between images; below 0 is looser. BYOL has neither.
        K_inter: negatives of each image in the loss between images.
        negatives: how they are drawn, one of `jointaug.neighbors.STRATEGIES`.
        pool: the share of other clusters' images that the semi-hard (semi-easy) ones are drawn from, in (0, 1].
        clusters: of the bank.
        omega: weight of a new embedding in the bank, in (0, 1]; None: 0.5 on NPID, else 1.
        min_cluster: smaller clusters are dissolved.
        centroids_every: steps between two updates of all centroids.
        online: whether labels follow each batch; False: k-means at every epoch.
        head: setting of the base, as all below; None: the paper's.
        dim: likewise.
        hidden: likewise.
        K: likewise.
        tau: likewise; of both losses.
        m: likewise.
        m_schedule: likewise.
        symmetric: likewise.
        bn_splits: likewise.
    """

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        images: int,
        seed: int = 0,
        on: str = "moco",
        lam: float = 0.75,
        m_intra: float = 0.0,
        m_inter: float = -0.5,
        K_inter: int = 16384,
        negatives: str = "semi-hard",
        pool: float = 0.1,
        clusters: int = 10000,
        omega: float | None = None,
        min_cluster: int = 20,
        centroids_every: int = 10,
        online: bool = True,
        head: str | None = None,
        dim: int | None = None,
        hidden: int | None = None,
        K: int | None = None,
        tau: float | None = None,
        m: float | None = None,
        m_schedule: str | None = None,
        symmetric: bool | None = None,
        bn_splits: int | None = None,
    ) -> None:
        super().__init__()
        self.lam, self.m_inter = fraction("lam", lam), m_inter
        self.K, self.pool = K_inter, positive("pool", fraction("pool", pool))
        self.strategy: Any = one_of("negatives", negatives, STRATEGIES)
        own = {"head": head, "dim": dim, "hidden": hidden, "K": K, "tau": tau, "m": m}
        own |= {"m_schedule": m_schedule, "symmetric": symmetric, "bn_splits": bn_splits, "margin": m_intra or None}
        base = BASES[one_of("on", on, tuple(BASES))]
        settings = _PAPER[on] | {name: value for name, value in own.items() if value is not None}
        known = inspect.signature(base).parameters
        for name in settings.keys() - known.keys():
            raise ValueError(f"{name} is no setting of InterCLR on {on}, got {settings[name]!r}; leave it out")
        if on == "npid":
            settings |= {"images": images, "seed": seed}
        self.base: NPID | MoCo | BYOL = base(backbone, **settings)
        self.views, self.pair, self.sync_batch_norm = self.base.views, self.base.pair, self.base.sync_batch_norm
        self.tau = getattr(self.base, "tau", 1.0)
        width = settings.get("dim", known["dim"].default)
        omega = (0.5 if on == "npid" else 1.0) if omega is None else omega
        bank_fits(images, clusters, min_cluster)
        bank = MemoryBank(
            images,
            width,
            clusters,
            omega=omega,
            online=online,
            interval=centroids_every,
            min_cluster=min_cluster,
            seed=seed,
        )
        self.base.add_module("bank", bank)  # NPID's bank is the clustered one

    @property
    def bank(self) -> MemoryBank:
        """The memory bank with its labels."""
        return cast("MemoryBank", self.base.bank)

    @property
    def encoder(self) -> Backbone:
        """The base's."""
        return self.base.encoder

    def check(self, images: int, batch: int) -> None:
        """The base's settings, and K_inter, must suit batch and data set."""
        self.base.check(images, batch)
        clusters = len(self.bank.centers)
        share = self.pool if self.strategy.startswith("semi") else 1.0
        most = math.floor(share * images * (1 - 1 / clusters))
        if self.lam < 1 and not isinstance(self.base, BYOL) and most < self.K:
            raise ValueError(
                f"K_inter must be at most {most}, what {self.strategy} negatives are drawn from ({share:g} of the "
                f"images of other clusters), got {self.K}; take fewer, or a larger pool"
            )

    def before_epoch(self, epoch: int, embed: Embed) -> None:
        """Labels from embeddings of all images before the first step; offline, new ones before each epoch."""
        if not bool(self.bank.clustered):
            self.bank.fill(unit(embed(self.base.memory_network)))
            self.bank.cluster()
        elif not self.bank.online:
            self.bank.cluster(epoch=epoch)

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss, with the labels from before it; then bank and labels take it in."""
        intra, v, memory = self.base.step(batch)
        if self.lam < 1:
            intra = interclr(intra, self.inter(v, batch), lam=self.lam)
        self.bank.update(memory, batch.index)
        return intra

    def inter(self, v: list[Tensor], batch: Batch) -> LossParts:
        """Eq. 6, or without negatives BYOL's own loss, against random images of the same cluster."""
        mates = self.bank.features[self.bank.positives(batch.index, epoch=batch.epoch)]
        if isinstance(self.base, BYOL):
            p1, p2 = v
            return byol(p1, p2, mates, mates)
        (q,) = v
        try:
            others = self.bank.negatives(
                q, batch.index, self.K, strategy=self.strategy, pool=self.pool, epoch=batch.epoch
            )
        except ValueError as error:
            raise ValueError(
                f"K_inter must be at most what negatives are drawn from, got {self.K}: clusters have become too "
                f"unequal ({error}); start anew with a smaller --K_inter, or a larger --pool"
            ) from error
        return npid(q, mates, self.bank.features[others], tau=self.tau, m=self.m_inter)

    def after_update(self, batch: Batch) -> None:
        """The base's momentum network."""
        self.base.after_update(batch)
