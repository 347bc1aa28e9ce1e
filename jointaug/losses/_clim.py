"""CLIM: queries mixed of two images against the keys of both, at one or several resolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from .._validate import looked_at
from ._embeddings import check_embeddings, check_negatives, fraction, full_precision, temperature, unit
from ._leoclr import check_reduction, reduce_pairs
from ._parts import LossParts
from ._softmax import log_sum_exp, nce


@full_precision
def clim(q_mix: Tensor, k_i: Tensor, k_j: Tensor, lam: Tensor | float, queue: Tensor, *, tau: float = 0.2) -> LossParts:
    r"""CLIM's loss of a mixed image (Li et al. 2020, https://arxiv.org/abs/2011.02697, eq. 4).

    .. math:: \lambda \, \ell(x_{mix}, x_i) + (1 - \lambda) \, \ell(x_{mix}, x_j)

    with InfoNCE :math:`\ell`. ``lam = 1`` is MoCo v2; ``lam = 0.5`` with the query of the unmixed ``x_i`` is the
    paper's row without mixing.

    Args:
        q_mix: ``[B, D]`` queries of the mixed images; normalized here.
        k_i: ``[B, D]`` keys of the images themselves; normalized here, held constant.
        k_j: ``[B, D]`` keys of the images mixed in; normalized here, held constant.
        lam: ``[B]`` or a number in [0, 1]: the fraction of ``x_i`` that was kept. Pass the realized one: boxes are
            clipped at the border.
        queue: ``[D, K]`` negatives, unit columns; held constant.
        tau: temperature, above 0.

    Returns:
        ``per_sample`` ``[B]``, at least 0; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree, ``lam`` leaves [0, 1] or ``tau`` is not above 0.
    """
    tau = temperature("tau", tau)
    check_embeddings(q_mix=q_mix, k_i=k_i, k_j=k_j)
    check_negatives("queue", queue, q_mix.shape[1], "q_mix")
    lam = check_fraction(lam, q_mix)
    terms = _mixed(q_mix, [(k_i, k_j)], lam, queue, tau)
    return LossParts(terms[0], q_mix.new_zeros(()))


@full_precision
def clim_multi_resolution(
    q_mix: Sequence[Tensor],
    k_i: Sequence[Tensor],
    k_j: Sequence[Tensor],
    lam: Sequence[Tensor | float] | Tensor | float,
    queue: Tensor,
    *,
    tau: float = 0.2,
    reduction: str = "sum",
) -> LossParts:
    r"""CLIM's sum over resolutions (https://arxiv.org/abs/2011.02697, eq. 6).

    All pairs of a query at resolution ``r`` with keys at ``r'``. The paper writes the *mixed pair* at two resolutions,
    which no one mask could mix; we read: the mixed query at ``r``, both keys at ``r'``, ``r = r'`` included. The sum as
    printed multiplies the gradient by ``n^2``; ``reduction="mean"`` does not.

    Args:
        q_mix: n tensors ``[B, D]``, the mixed queries at each resolution.
        k_i: n tensors ``[B, D]``, keys of the images at each resolution; held constant.
        k_j: n tensors ``[B, D]``, keys of the images mixed in; held constant.
        lam: kept fractions: one for all resolutions (``[B]`` or a number), or a sequence with one for each.
        queue: ``[D, K]`` negatives, unit columns; held constant.
        tau: temperature, above 0.
        reduction: over the n^2 terms, ``"sum"`` or ``"mean"``.

    Returns:
        ``per_sample`` ``[B]``, at least 0; ``shared`` 0.

    Raises:
        ValueError: if shapes or numbers of resolutions disagree, ``lam`` leaves [0, 1], ``tau`` is not above 0 or
            ``reduction`` is neither.
    """
    tau = temperature("tau", tau)
    check_reduction(reduction)
    n = len(q_mix)
    lams: list[Tensor | float] = list(lam) if isinstance(lam, (list, tuple)) else [cast("Tensor | float", lam)] * n
    if not n or not n == len(k_i) == len(k_j) == len(lams):
        raise ValueError(
            "q_mix, k_i, k_j (and lam, if a sequence) must have one entry a resolution, at least one, "
            f"got {n}, {len(k_i)}, {len(k_j)} and {len(lams)}; for one resolution call clim"
        )
    named = {f"{name}[{r}]": x[r] for name, x in (("q_mix", q_mix), ("k_i", k_i), ("k_j", k_j)) for r in range(n)}
    check_embeddings(**named)
    check_negatives("queue", queue, q_mix[0].shape[1], "q_mix")
    keys = list(zip(k_i, k_j, strict=True))
    terms = [
        t for q, kept in zip(q_mix, lams, strict=True) for t in _mixed(q, keys, check_fraction(kept, q), queue, tau)
    ]
    return LossParts(reduce_pairs(torch.stack(terms, 1), None, reduction), q_mix[0].new_zeros(()))


def check_fraction(lam: Tensor | float, like: Tensor) -> Tensor | float:
    """A number in [0, 1], or ``[B]`` of them in the dtype of ``like``."""
    remedy = "it is the kept fraction of the area, 1 - cut / (W * H)"
    if not isinstance(lam, Tensor):
        return fraction("lam", lam, remedy)
    if tuple(lam.shape) not in ((), (len(like),)):
        raise ValueError(
            f"lam must be a number or have shape [B] = ({len(like)},), got {tuple(lam.shape)}; "
            "give one fraction an image"
        )
    if looked_at(lam) and not bool(((lam >= 0) & (lam <= 1)).all()):
        bad = lam[~((lam >= 0) & (lam <= 1))].flatten()[0].item()
        raise ValueError(f"lam must be numbers in [0, 1], got {bad}; {remedy}")
    return lam.detach().to(device=like.device, dtype=like.dtype)


def _mixed(
    q: Tensor, keys: Sequence[tuple[Tensor, Tensor]], lam: Tensor | float, queue: Tensor, tau: float
) -> list[Tensor]:
    """Eq. 4 for each pair of keys; one product with the queue serves all of them."""
    q = unit(q)
    negatives = log_sum_exp(q / tau, queue.detach().T)
    terms = []
    for k_i, k_j in keys:
        own, other = (nce((q * unit(k.detach())).sum(1) / tau, negatives) for k in (k_i, k_j))
        terms.append(lam * own + (1 - lam) * other)
    return terms
