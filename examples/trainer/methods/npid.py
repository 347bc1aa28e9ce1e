"""NPID: Wu et al. 2018, https://arxiv.org/abs/1805.01978; NPIDv2: Xie et al. 2022, https://arxiv.org/abs/2008.11702."""

from __future__ import annotations

from jointaug.losses import LossParts, npid
from jointaug.neighbors import MemoryBank, sample_negatives

from ..networks import Backbone, Encoder, mlp
from .batch import Batch
from .checks import count, fraction, one_of, positive
from .method import MakeBackbone, Method, Step


class NPID(Method):
    """One view of an image is held against the memory of that image and of K others.

    In the softmax form. NPIDv2 is ``head="mlp", tau=0.1, K=16384``.

    Args:
        backbone: makes a backbone.
        images: of the data set.
        seed: of the run.
        head: ``"linear"``, or ``"mlp"`` (v2).
        dim: width of the embedding.
        hidden: width of the MLP's hidden layer.
        K: negatives of each image, drawn from the bank without the image's own row; B K dim numbers are gathered.
        tau: temperature.
        omega: weight of the new embedding in the bank, in (0, 1].
        margin: subtracted from the positive cosine (InterCLR's study); 0 is NPID.
    """

    views = 1
    pair = None

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        images: int,
        seed: int = 0,
        head: str = "linear",
        dim: int = 128,
        hidden: int = 2048,
        K: int = 4096,
        tau: float = 0.07,
        omega: float = 0.5,
        margin: float = 0.0,
    ) -> None:
        super().__init__()
        net = backbone()
        widths = {"linear": [], "mlp": [hidden]}[one_of("head", head, ("linear", "mlp"))]
        self.f = Encoder(net, mlp(net.width, *widths, dim))
        self.bank = MemoryBank(images, dim, 1, omega=fraction("omega", omega), online=False, min_cluster=0, seed=seed)
        self.K, self.tau, self.margin, self.seed = count("K", K), positive("tau", tau), margin, seed
        if images <= K:
            raise ValueError(f"K must be less than the {images} images of the data set, got {K}; K={images - 1} is all")

    @property
    def encoder(self) -> Backbone:
        """The backbone."""
        return self.f.backbone

    @property
    def memory_network(self) -> Encoder:
        """What the bank's rows are embeddings of."""
        return self.f

    def step(self, batch: Batch) -> Step:
        """The batch's loss, against the bank as it is."""
        (x,) = batch.views
        v = self.f(x)
        memory = self.bank.features
        others = sample_negatives(
            v, batch.index, memory, None, self.K, strategy="random", seed=self.seed, epoch=batch.epoch
        )
        return Step(npid(v, memory[batch.index], memory[others], tau=self.tau, m=self.margin), [v], v.detach())

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss; its embeddings enter the bank."""
        step = self.step(batch)
        self.bank.update(step.memory, batch.index)
        return step.parts
