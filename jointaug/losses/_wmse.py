"""W-MSE: whitening instead of negatives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import torch
from torch import Tensor

from .._directions import power_of_two
from .._validate import integer, looked_at, number
from ._embeddings import check_embeddings, full_precision, unit
from ._leoclr import reduce_pairs
from ._parts import LossParts


@full_precision
def wmse(
    views: Sequence[Tensor],
    w_size: int,
    perm: Tensor,
    *,
    pair_weights: Tensor | None = None,
    eps: float = 0.0,
) -> LossParts:
    r"""W-MSE (Ermolov et al. 2021, https://arxiv.org/abs/2007.06346, eq. 4).

    Each view's batch is cut into sub-batches, the same for all views; each is whitened (`whiten`), and
    :math:`2 - 2 \cos` of every pair of an image's views is averaged over pairs and over the permutations. The whitening
    belongs to the batch and is never weighted; the gradient flows through it. lightly's ``WMSELoss`` is the same with
    its permutation drawn inside.

    With several processes each whitens its own sub-batches, as the authors' code does: it equals one process whose
    permutation keeps each process's images together.

    Args:
        views: m tensors ``[B, D]``, m at least 2.
        w_size: size of a sub-batch; at least ``2 * D``, and B is a multiple of it. The paper: 128 for D = 64, 256 for D
            = 128.
        perm: ``[B]`` int64, a permutation of the batch (``torch.randperm(B)``), or ``[w_iter, B]``, one for each
            repetition.
        pair_weights: ``[B, m (m - 1) / 2]``, weights of the pairs (0, 1), (0, 2), ..., (m-2, m-1) before they are
            averaged.
        eps: the covariance becomes ``(1 - eps) * C + eps * I``, in [0, 1).

    Returns:
        ``per_sample`` ``[B]`` in [0, 4] unless weighted; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree, ``w_size``, ``perm``, ``eps`` or ``pair_weights`` break their rule, or a
            covariance is singular (on CUDA the loss is nan then).
    """
    if len(views) < 2:
        raise ValueError(f"views must be at least two tensors [B, D], got {len(views)}; pass [z1, z2]")
    check_embeddings(**{f"views[{i}]": x for i, x in enumerate(views)})
    B, D = views[0].shape
    w_size = integer(
        "w_size",
        w_size,
        low=2 * D,
        rule=f"an integer of at least 2 * D = {2 * D} (from fewer rows a covariance is unstable)",
        remedy="whiten larger sub-batches, or narrow the head",
    )
    if B % w_size:
        raise ValueError(
            f"w_size must divide the batch of {B} images into whole sub-batches, got {w_size}; "
            "drop the last, short batch"
        )
    perm = _permutations(perm, B).to(views[0].device)
    m = len(views)
    shuffled = torch.stack(list(views))[:, perm]  # [m, w_iter, B, D]
    white = unit(whiten(shuffled.reshape(m, -1, B // w_size, w_size, D), eps=eps).view(m, -1, B, D))
    cosines = torch.stack([(white[a] * white[b]).sum(-1).clamp(-1, 1) for a, b in combinations(range(m), 2)], -1)
    back = perm.argsort(1)[..., None].expand_as(cosines)  # [w_iter, B, pairs], to the batch's order
    terms = 2 - 2 * cosines.gather(1, back).mean(0)  # [B, pairs]
    return LossParts(reduce_pairs(terms, pair_weights, "mean"), terms.new_zeros(()))


@full_precision
def whiten(h: Tensor, *, eps: float = 0.0) -> Tensor:
    """Center ``h`` and multiply it by the inverse Cholesky factor of its covariance, which becomes the identity.

    The covariance is divided by ``n - 1``. A lower triangular map with a positive diagonal, or a shift, of ``h``
    changes nothing, and no scale costs digits: a covariance that float32 cannot hold well is taken in float64, on CUDA
    every one.

    Args:
        h: ``[..., n, D]``, leading dimensions are whitened apart.
        eps: the covariance becomes ``(1 - eps) * C + eps * I``, in [0, 1).

    Returns:
        The shape of ``h``.

    Raises:
        ValueError: if a covariance is singular: embeddings that collapsed, or fewer than ``D + 1`` different rows. On
            CUDA, where the host would wait for that, everything is nan then.
    """
    eps = number("eps", eps, rule="a number in [0, 1)", low=0, remedy="the authors use 0")
    if eps >= 1:
        raise ValueError(f"eps must be a number in [0, 1), got {eps!r}; the authors use 0")
    if h.is_cuda:
        white, least = _whitened(h.double(), eps)
        return white.masked_fill(~(least > _SINGULAR), torch.nan).to(h.dtype)
    white, least = _whitened(h, eps)
    if not least > _SURE and h.dtype == torch.float32:
        white, least = _whitened(h.double(), eps)  # nearly dependent columns: squaring them costs float32 its digits
        white = white.float()
    if not least > _SINGULAR:
        raise ValueError(
            "h must have a covariance of full rank in every sub-batch to be whitened, got a singular one for shape "
            f"{tuple(h.shape)}; the embeddings collapsed or are not finite: pass eps > 0, or a narrower head"
        )
    return white


_SURE: Final = 2.0**-10  # of a column's variance left by the columns before it: float32 knows it to a ten-thousandth
_SINGULAR: Final = 1e-13


def _whitened(h: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Whitened ``h``, and the least share of a column's variance that the columns before it do not explain."""
    h = h - h[..., :1, :].detach()  # a common offset would cost the mean its digits
    h = h - h.mean(-2, keepdim=True)
    # Columns may be scaled, which a triangular factor takes back exactly: no square leaves the number format.
    size = h.detach().abs().amax(-2, keepdim=True)
    scale = power_of_two(size.clamp_min(1.0) if eps else size)
    h = h * scale
    covariance = h.mT @ h / (h.shape[-2] - 1)
    if eps:
        covariance = (1 - eps) * covariance + torch.diag_embed(eps * scale.square().squeeze(-2))
    factor, info = torch.linalg.cholesky_ex(covariance)
    left = factor.detach().diagonal(dim1=-2, dim2=-1).square() / covariance.detach().diagonal(dim1=-2, dim2=-1)
    least = left.amin().masked_fill(info.any(), 0.0)
    white: Tensor = torch.linalg.solve_triangular(factor, h.mT, upper=False)
    return white.mT, least


def _permutations(perm: Tensor, B: int) -> Tensor:
    if not isinstance(perm, Tensor) or perm.dtype != torch.int64:
        raise TypeError(f"perm must be an int64 tensor [B] or [w_iter, B], got {perm!r}; use torch.randperm({B})")
    rows = perm[None] if perm.ndim == 1 else perm
    everyone = torch.arange(B, device=perm.device)
    fits = rows.ndim == 2 and rows.shape[1] == B
    if not fits or (looked_at(rows) and not torch.equal(rows.sort(1).values, everyone.expand_as(rows))):
        raise ValueError(
            f"perm must hold each index below B = {B} once in every row, got {perm!r} of shape {tuple(perm.shape)}; "
            f"use torch.randperm({B})"
        )
    return rows
