"""ScoreCL's weights (Kim et al. 2025, https://arxiv.org/abs/2306.04175): how far apart two views' scores are."""

from __future__ import annotations

import torch
from torch import Tensor

from .._processes import gather, global_mean, together
from .._validate import number
from ._embeddings import exact_at_once, full_precision
from ._parts import batch_mean, checked_weight
from ._state import SizedState


@full_precision
def score_distance(s1: Tensor, s2: Tensor, *, kind: str = "vector", p: int = 1) -> Tensor:
    r"""Distance of two score maps of each image, per element, without gradient.

    ``kind="vector"`` is :math:`\lVert s - s' \rVert_p / n^{1/p}`: the mean absolute (p = 1) or root mean square (p = 2)
    difference. ``kind="norm_gap"`` is :math:`|\,\lVert s \rVert_p - \lVert s' \rVert_p\,| / n^{1/p}`, never larger. The
    paper's algorithm has the first, its argument is about the second: the scores of different crops are spatially
    unrelated, and then the first mostly measures their size.

    Args:
        s1: ``[B, C, H, W]`` (or ``[B, ...]``), the score network's output for the first views.
        s2: the same for the second views.
        kind: ``"vector"`` or ``"norm_gap"``.
        p: 1 or 2.

    Returns:
        ``[B]``, at least 0; 0 for identical maps.

    Raises:
        ValueError: if the shapes differ, or ``kind`` or ``p`` is not one of those.
    """
    _check_maps(s1, s2)
    _check_kind(kind, p)
    a, b = s1.detach().flatten(1), s2.detach().flatten(1)
    scale: float = a.shape[1] ** (1 / p)
    d = _norm(a - b, p) if kind == "vector" else (_norm(a, p) - _norm(b, p)).abs()
    return (d / scale).to(a)


@full_precision
def score_distances(s1: Tensor, s2: Tensor, *, kind: str = "vector", p: int = 1) -> Tensor:
    """Distances of every view of this process to every view of all processes: the ``d`` of `nt_xent`.

    Args:
        s1: ``[B, ...]``, score maps of the first views.
        s2: ``[B, ...]``, score maps of the second views.
        kind: as in `score_distance`.
        p: 1 or 2.

    Returns:
        ``[2B, 2WB]`` for W processes, without gradient.

    Raises:
        ValueError: as `score_distance`.
    """
    with together():
        _check_maps(s1, s2)
        _check_kind(kind, p)
    views = torch.stack([s1.detach().flatten(1), s2.detach().flatten(1)], 1)  # [B, 2, n]
    scale: float = views.shape[2] ** (1 / p)
    if kind == "norm_gap":
        views = _norm(views, p)[..., None]
    everyone = torch.cat(gather(views).unbind(1))
    # not the product form, whose cancellation gives two equal views a distance above 0
    mine = torch.cat(views.unbind(1))
    mode = "donot_use_mm_for_euclid_dist"
    if p == 2 and exact_at_once(mine):
        mine, everyone = mine.double(), everyone.double()
    d: Tensor = torch.cdist(mine, everyone, p=p, compute_mode=mode)
    if p == 2 and d.dtype == torch.float32 and not bool(((d > 1e-15) & (d < 1e15)).sum() >= d.numel() - len(d)):
        # beside views and themselves some are so near, or so far, that squares left the number format
        d = torch.cdist(mine.double(), everyone.double(), p=p, compute_mode=mode)
    return (d / scale).to(s1)


def score_weight(
    s1: Tensor, s2: Tensor, *, kind: str = "vector", p: int = 1, normalize: str | None = "batch_mean"
) -> Tensor:
    """ScoreCL's weight of each image's pair of views, for `reduce` (the paper's Algorithm 1).

    The paper gives no scale; a raw L1 norm over 3 x 32 x 32 values would multiply the learning rate by thousands. So
    distances are per element, and divided by their mean over the (global) batch: the average weight is 1, and scaling
    the scores changes nothing.

    Args:
        s1: ``[B, ...]``, the score network's output for the first views.
        s2: the same for the second views.
        kind: ``"vector"`` or ``"norm_gap"``, see `score_distance`.
        p: 1 or 2.
        normalize: ``"batch_mean"``, or None for the bare distance (`ScoreStatistics` has a running mean).

    Returns:
        ``[B]``, at least 0, without gradient.

    Raises:
        ValueError: as `score_distance`; if ``normalize`` is neither; if all distances are 0.
    """
    if normalize not in ("batch_mean", None):
        raise ValueError(
            f'normalize must be "batch_mean" or None, got {normalize!r}; for a running mean use ScoreStatistics'
        )
    with together(normalize is not None):
        d = score_distance(s1, s2, kind=kind, p=p)
    return d if normalize is None else batch_mean(d)


class ScoreStatistics(SizedState):
    """Divides weights by their running mean, for batches too small for a mean of their own.

    `batch_mean` makes an image's weight depend on its neighbors in the batch; here it depends on about
    ``1 / (1 - momentum)`` batches, the present one included. The mean is bias-corrected, so that the first batch is
    divided by its own mean; ``momentum=0`` always does that. In ``eval()`` the mean stands still. Means are the global
    batch's where ``torch.distributed`` is initialized.

    Args:
        momentum: the share of the old mean, in [0, 1).

    Raises:
        ValueError: if ``momentum`` leaves [0, 1), a weight is negative or not finite, or all are 0; in ``eval()``
            before any training step.
    """

    mean: Tensor
    share: Tensor
    _remedy = "it is not a state of ScoreStatistics"

    def __init__(self, *, momentum: float = 0.99) -> None:
        super().__init__()
        self.momentum = number("momentum", momentum, rule="a number in [0, 1)", low=0, remedy="0 divides by the batch")
        if self.momentum >= 1:
            raise ValueError(f"momentum must be a number in [0, 1), got {momentum!r}; 1 would never learn a mean")
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("share", torch.zeros(()))  # of the mean that batches have filled, not the initial 0

    @torch.no_grad()
    def forward(self, d: Tensor) -> Tensor:
        """``d`` ``[B]`` divided by the running mean; in training, ``d`` moves the mean first."""
        d = checked_weight("d", d, tuple(d.shape), d)
        if self.training:
            self.mean.mul_(self.momentum).add_(global_mean(d).to(self.mean), alpha=1 - self.momentum)
            self.share.mul_(self.momentum).add_(1 - self.momentum)
        elif not bool(self.share):
            raise ValueError(
                "ScoreStatistics must have seen a batch in training before eval(), got none; call it in training first"
            )
        return d / (self.mean / self.share).to(d.dtype)

    def extra_repr(self) -> str:
        """``momentum``."""
        return f"momentum={self.momentum}"


def _norm(x: Tensor, p: int) -> Tensor:
    """Along the last dimension, in float64: squares of any float32 fit, and differences of norms keep their digits."""
    norm: Tensor = torch.linalg.vector_norm(x, p, dim=-1, dtype=torch.float64)
    return norm


def _check_maps(s1: Tensor, s2: Tensor) -> None:
    if s1.shape != s2.shape or s1.ndim < 2:
        raise ValueError(
            f"s1 and s2 must have one shape [B, ...], got {tuple(s1.shape)} and {tuple(s2.shape)}; "
            "a distance needs two views of one size (resize them to the score network's)"
        )


def _check_kind(kind: str, p: int) -> None:
    if kind not in ("vector", "norm_gap"):
        raise ValueError(f'kind must be "vector" or "norm_gap", got {kind!r}; the paper\'s algorithm has "vector"')
    if p not in (1, 2):
        raise ValueError(f"p must be 1 or 2, got {p!r}; the paper has 1")
