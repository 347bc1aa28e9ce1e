"""LeOCLR: the uncropped image against the keys of two crops."""

from __future__ import annotations

import torch
from torch import Tensor

from .._processes import together
from ._contrast import nt_xent
from ._embeddings import check_embeddings, check_negatives, full_precision, temperature, unit
from ._parts import LossParts, checked_weight
from ._softmax import log_sum_exp, nce


@full_precision
def leoclr(
    u: Tensor,
    v1: Tensor,
    v2: Tensor,
    queue: Tensor,
    *,
    tau: float = 0.2,
    reduction: str = "sum",
    q1: Tensor | None = None,
    pair_weights: Tensor | None = None,
) -> LossParts:
    r"""LeOCLR (Alkhalefi et al. 2024, https://arxiv.org/abs/2403.06813, eqs. 2 and 3).

    :math:`\ell(u, v_1) + \ell(u, v_2)`, each InfoNCE: ``u`` embeds the whole image, ``v1`` and ``v2`` are momentum keys
    of two crops. The paper sums over the batch; we take the mean over images and sum over the two terms (at one
    learning rate this doubles MoCo's loss; ``reduction="mean"`` does not).

    Args:
        u: ``[B, D]`` queries of the uncropped views; normalized here.
        v1: ``[B, D]`` keys of the first crops; normalized here, held constant.
        v2: ``[B, D]`` keys of the second crops; normalized here, held constant.
        queue: ``[D, K]`` negatives, unit columns; held constant.
        tau: temperature, above 0.
        reduction: over the terms of an image, ``"sum"`` or ``"mean"``.
        q1: ``[B, D]`` queries of the first crops. Given, all views attract each other (the paper's Tab. 8):
            :math:`\ell(q_1, v_2)` is added.
        pair_weights: ``[B, 2]`` (``[B, 3]`` with ``q1``), weights of the pairs (u, v1), (u, v2), (q1, v2), before they
            are reduced.

    Returns:
        ``per_sample`` ``[B]``, at least 0; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree, ``tau`` is not above 0, or ``reduction`` or ``pair_weights`` break their rule.
    """
    with together(pair_weights is not None):
        tau = temperature("tau", tau)
        check_reduction(reduction)
        check_embeddings(u=u, v1=v1, v2=v2, **({} if q1 is None else {"q1": q1}))
        check_negatives("queue", queue, u.shape[1], "u")
    u, v1, v2, queue = unit(u), unit(v1.detach()), unit(v2.detach()), queue.detach().T
    negatives = log_sum_exp(u / tau, queue)  # one product with the queue serves both keys
    terms = [nce((u * v).sum(1) / tau, negatives) for v in (v1, v2)]
    if q1 is not None:
        q1 = unit(q1)
        terms.append(nce((q1 * v2).sum(1) / tau, log_sum_exp(q1 / tau, queue)))
    return LossParts(reduce_pairs(torch.stack(terms, 1), pair_weights, reduction), u.new_zeros(()))


@full_precision
def leoclr_end_to_end(u: Tensor, v1: Tensor, v2: Tensor, *, tau: float = 0.1, reduction: str = "sum") -> LossParts:
    """LeOCLR on SimCLR's mechanism (the paper's Tab. 5): ``nt_xent(u, v1) + nt_xent(u, v2)``.

    No queue, no momentum encoder: the gradient flows into all three.

    Args:
        u: ``[B, D]`` embeddings of the uncropped views; normalized here.
        v1: ``[B, D]`` embeddings of the first crops; normalized here.
        v2: ``[B, D]`` embeddings of the second crops; normalized here.
        tau: temperature, above 0.
        reduction: over the two terms, ``"sum"`` or ``"mean"``.

    Returns:
        ``per_sample`` ``[B]``, at least 0; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree, ``tau`` is not above 0 or ``reduction`` is neither.
    """
    with together():
        check_reduction(reduction)
        check_embeddings(u=u, v1=v1, v2=v2)
    terms = torch.stack([nt_xent(u, v, tau=tau).per_sample for v in (v1, v2)], 1)
    return LossParts(reduce_pairs(terms, None, reduction), u.new_zeros(()))


def check_reduction(reduction: str) -> None:
    """``"sum"`` or ``"mean"``."""
    if reduction not in ("sum", "mean"):
        raise ValueError(
            f'reduction must be "sum" or "mean" (over the terms of one image), got {reduction!r}; '
            "the batch is reduced by reduce"
        )


def reduce_pairs(terms: Tensor, pair_weights: Tensor | None, reduction: str) -> Tensor:
    """``[B, pairs]`` to ``[B]``; each pair is weighted before the pairs meet."""
    if pair_weights is not None:
        terms = terms * checked_weight("pair_weights", pair_weights, tuple(terms.shape), terms)
    return terms.sum(1) if reduction == "sum" else terms.mean(1)
