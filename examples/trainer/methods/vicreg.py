"""VICReg: Bardes et al. 2022, https://arxiv.org/abs/2105.04906, Algorithm 1."""

from __future__ import annotations

from jointaug.losses import LossParts, vicreg

from ..networks import Backbone, Encoder, mlp
from .batch import Batch
from .checks import count, one_of
from .method import MakeBackbone, Method


class VICReg(Method):
    """Two views' embeddings are alike, every dimension varies, no two dimensions vary together.

    Args:
        backbone: makes a backbone.
        dim: width of the embedding z, the expander's output.
        hidden: width of the expander's two hidden layers.
        lam: coefficient of the invariance.
        mu: of the variance.
        nu: of the covariance.
        form: ``"code"`` or ``"paper"``, see `jointaug.losses.vicreg`.
    """

    def __init__(
        self,
        backbone: MakeBackbone,
        *,
        dim: int = 8192,
        hidden: int = 8192,
        lam: float = 25.0,
        mu: float = 25.0,
        nu: float = 1.0,
        form: str = "code",
    ) -> None:
        super().__init__()
        net = backbone()
        self.f = Encoder(net, mlp(net.width, hidden, hidden, count("dim", dim), norm=True, bias=False))
        for name, value in (("lam", lam), ("mu", mu), ("nu", nu)):
            if not 0 <= value < float("inf"):
                raise ValueError(
                    f"{name} must be a finite number of at least 0, got {value!r}; the paper's are 25, 25, 1"
                )
        self.lam, self.mu, self.nu, self.form = lam, mu, nu, one_of("form", form, ("code", "paper"))

    @property
    def encoder(self) -> Backbone:
        """The backbone f of the paper."""
        return self.f.backbone

    def forward(self, batch: Batch) -> LossParts:
        """The batch's loss; variance and covariance are shared."""
        x1, x2 = batch.views
        return vicreg(self.f(x1), self.f(x2), form=self.form, lam=self.lam, mu=self.mu, nu=self.nu)
