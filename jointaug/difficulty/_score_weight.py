"""ScoreCL's weight of a pair of views: how far apart their scores are (https://arxiv.org/abs/2306.04175)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import resize

from .._validate import integer, positive
from ..chance import Addresses
from ..losses import score_distance
from ._matching import Network
from ._network import ScoreNetwork
from ._passes import evaluating
from ._weights import PairWeight


class ScoreWeight(PairWeight):
    """ScoreCL's weight of each pair: how far apart a frozen score network finds its views.

    ``weigh(v1, v2)`` is `jointaug.losses.score_weight` of the scores of the views; no gradient, float32 at least, the
    network in eval mode meanwhile.

    Args:
        net: from views ``[B, C, H, W]`` to scores of the same shape: a `ScoreNetwork` or another module.
        kind: ``"vector"`` or ``"norm_gap"``, see `jointaug.losses.score_distance`.
        p: of the norm, 1 or 2.
        sigma: the noise at which a conditional network is evaluated, called ``net(views, sigma [B])``; None for an
            unconditional one.
        size: side to which views are resized (bilinear, antialiased) for a network of smaller images; None: they are
            of its size.
        normalize: ``"batch_mean"``, so that weights are 1 on average, or None.
        mean: of the views' normalization, a number for each channel; None if they are on [0, 1].
        std: likewise.

    Raises:
        TypeError: if ``net`` is no callable.
        ValueError: for another ``kind``, ``p`` or ``normalize``; a ``sigma`` that the network's kind does not take, or
            outside its noise scales; a ``size`` that is not the network's; on a call, for views of another size than
            the network's (without ``size``), out of range, or nan.

    Example:
        >>> weigh = ScoreWeight(ScoreNetwork(32), mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2), normalize=None)
        >>> weigh(torch.zeros(4, 3, 32, 32), torch.ones(4, 3, 32, 32)).shape
        torch.Size([4])
    """

    def __init__(
        self,
        net: Network,
        *,
        kind: str = "vector",
        p: int = 1,
        sigma: float | None = None,
        size: int | None = None,
        normalize: str | None = "batch_mean",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__(normalize=normalize, mean=mean, std=std)
        if not callable(net) or isinstance(net, type):
            raise TypeError(f"net must be a score network, got {net!r}; pass ScoreNetwork.load(checkpoint)")
        score_distance(torch.zeros(1, 1), torch.zeros(1, 1), kind=kind, p=p)  # checks them
        if isinstance(net, ScoreNetwork):
            if net.conditional == (sigma is None):
                raise ValueError(
                    "sigma must be given for a conditional score network and for no other, got "
                    f"conditional={net.conditional}, sigma={sigma!r}"
                )
            if sigma is not None and not net.sigmas[-1] <= sigma <= net.sigmas[0]:
                raise ValueError(
                    f"sigma must be in [{net.sigmas[-1]:g}, {net.sigmas[0]:g}], the network's noise scales, got {sigma}"
                )
        elif sigma is not None:
            positive("sigma", sigma, remedy="write 0.1, say")
        if size is not None:
            size = integer("size", size, low=1, rule="a positive number of pixels")
            if isinstance(net, ScoreNetwork) and size != net.size:
                raise ValueError(f"size must be the score network's, {net.size} pixels, got {size}; give that, or none")
        self.net, self.kind, self.p, self.sigma, self.size = net, kind, p, sigma, size

    def distance(self, v1: Tensor, v2: Tensor, original: Tensor | None, addresses: Addresses | None) -> Tensor:
        """Distance of the two scores, ``[B]``."""
        del original, addresses
        return score_distance(*self.scores(torch.cat([v1, v2])).chunk(2), kind=self.kind, p=self.p)

    @torch.no_grad()
    def scores(self, views: Tensor) -> Tensor:
        """Scores of views on [0, 1], ``[B, C, H, W]`` or of the given ``size``."""
        if self.size is not None:
            views = resize(views, [self.size, self.size], antialias=True)
        with evaluating(self.net):
            score = _plain(self.net, views, None if self.sigma is None else views.new_full((len(views),), self.sigma))
        if score.shape != views.shape or not bool(score.isfinite().all()):
            kind = "nan or infinity" if score.shape == views.shape else f"shape {tuple(score.shape)}"
            raise ValueError(f"net must return finite scores of the views' shape {tuple(views.shape)}, got {kind}")
        return score


def _plain(net: Network, views: Tensor, sigma: Tensor | None) -> Tensor:
    with torch.autocast(views.device.type, enabled=False):
        return net(views) if sigma is None else net(views, sigma)
