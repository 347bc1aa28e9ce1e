"""Losses against negatives: InfoNCE with a queue, MarginNCE, NPID, NT-Xent, MoCo v3."""

from __future__ import annotations

import torch
from torch import Tensor

from .._processes import gather, together, world
from .._validate import looked_at
from ._embeddings import check_embeddings, check_matrix, check_negatives, full_precision, margin, temperature, unit
from ._parts import LossParts, OneView
from ._softmax import log_sum_exp, nce


@full_precision
def info_nce(q: Tensor, k: Tensor, queue: Tensor, *, tau: float = 0.2, m: float = 0.0) -> LossParts:
    r"""InfoNCE of MoCo (He et al. 2020, https://arxiv.org/abs/1911.05722, eq. 1).

    .. math:: \ell_i = -\log \frac{e^{q_i \cdot k_i/\tau}}{e^{q_i \cdot k_i/\tau} + \sum_{j=1}^K e^{q_i \cdot Q_j/\tau}}

    The order within a step is the paper's: take the loss against the queue as it was, then let the keys in
    (`Queue` called with the keys does both). ``queue`` may take new keys before the backward pass. An empty
    queue gives 0.

    Value and gradient are those of lightly's ``NTXentLoss`` with a memory bank, except that a zero embedding has a
    bounded gradient here, that ``k`` gets no gradient, and that the gradient cannot be differentiated again.

    Args:
        q: ``[B, D]`` queries; normalized here.
        k: ``[B, D]`` keys of the other view; normalized here, held constant (stop-gradient).
        queue: ``[D, K]`` negatives, unit columns as `Queue` keeps them; held constant.
        tau: temperature, above 0. MoCo v1: 0.07; v2: 0.2.
        m: cosine margin subtracted from the positive (see `margin_nce`).

    Returns:
        ``per_sample`` ``[B]``, at least 0; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree or ``tau`` is not above 0.
    """
    tau, m = temperature("tau", tau), margin(m)
    check_embeddings(q=q, k=k)
    check_negatives("queue", queue, q.shape[1], "q")
    q, k = unit(q), unit(k.detach())
    positive = ((q * k).sum(1) - m) / tau
    return LossParts(nce(positive, log_sum_exp(q / tau, queue.detach().T)), q.new_zeros(()))


@full_precision
def margin_nce(pos: Tensor, neg: Tensor, *, tau: float = 0.1, m: float = 0.0) -> LossParts:
    r"""MarginNCE of InterCLR (Xie et al. 2022, https://arxiv.org/abs/2008.11702, eq. 6), of cosines.

    .. math:: \ell_i = -\log \frac{e^{(p_i - m)/\tau}}{e^{(p_i - m)/\tau} + \sum_j e^{n_{ij} / \tau}}

    The paper's denominator prints ``n`` in its first term, where the positive must stand: as printed the loss is
    negative and its gradient never saturates. The margin is subtracted from the positive in both places: above 0 is
    stricter, below 0 looser. It equals InfoNCE with every negative multiplied by :math:`e^{m/\tau}`, so one ``m`` is a
    different margin for each ``tau``.

    Args:
        pos: ``[B]`` cosines with the positives.
        neg: ``[B, K]`` cosines with the negatives.
        tau: temperature, above 0.
        m: cosine margin; the paper's inter-image branch has -0.5.

    Returns:
        ``per_sample`` ``[B]``, at least 0; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree, ``m`` is not finite or ``tau`` is not above 0.
    """
    tau, m = temperature("tau", tau), margin(m)
    check_similarities(pos, neg)
    return LossParts(nce((pos - m) / tau, (neg / tau).logsumexp(1)), pos.new_zeros(()))


@full_precision
def npid(v: Tensor, v_bank: Tensor, negatives: Tensor, *, tau: float = 0.07, m: float = 0.0) -> OneView:
    r"""Instance discrimination against a memory bank (NPID; Wu et al. 2018, https://arxiv.org/abs/1805.01978).

    In the softmax form that InterCLR's NPIDv2 trains (cross-entropy of one positive and K negatives), not the
    noise-contrastive estimate of the first release. One view an image: `reduce` refuses a weight.

    Args:
        v: ``[B, D]`` embeddings; normalized here.
        v_bank: ``[B, D]``, each image's own row of the bank; held constant.
        negatives: rows of the bank, unit, held constant: ``[B, K, D]``, drawn for each image, or ``[K, D]`` for all.
            The first takes ``B * K * D`` numbers (2 GiB at 256, 16,384, 128).
        tau: temperature, above 0. NPID: 0.07; NPIDv2: 0.1.
        m: cosine margin subtracted from the positive (see `margin_nce`).

    Returns:
        ``per_sample`` ``[B]``, at least 0; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree or ``tau`` is not above 0.
    """
    tau, m = temperature("tau", tau), margin(m)
    check_embeddings(v=v, v_bank=v_bank)
    lead = tuple(negatives.shape[:-2])
    if negatives.ndim < 2 or negatives.shape[-1] != v.shape[1] or lead not in ((), (len(v),)):
        raise ValueError(
            f"negatives must have shape [K, D] or [B, K, D] with (B, D) = {tuple(v.shape)}, "
            f"got {tuple(negatives.shape)}; index the bank with [K] or [B, K] rows"
        )
    v, v_bank, negatives = unit(v), unit(v_bank.detach()), negatives.detach()
    positive = ((v * v_bank).sum(1) - m) / tau
    if negatives.ndim == 2:
        return OneView(nce(positive, log_sum_exp(v / tau, negatives)), v.new_zeros(()))
    cosines = torch.einsum("bd,bkd->bk", v / tau, negatives)
    return OneView(nce(positive, cosines.logsumexp(1)), v.new_zeros(()))


@full_precision
def nt_xent(
    z1: Tensor, z2: Tensor, *, tau: float = 0.5, d: Tensor | None = None, positive_in_denominator: bool = True
) -> LossParts:
    r"""NT-Xent of SimCLR (Chen et al. 2020, https://arxiv.org/abs/2002.05709, eq. 1), weighted inside on request.

    Each of the 2B embeddings is a row: its positive is the image's other view, its denominator holds all embeddings but
    itself. An image's loss is the mean of its two rows, and the batch's the mean over images (public codes that add the
    two views' means, or multiply by ``tau / 0.07``, are 2 and ``tau / 0.07`` times this). With several processes the
    negatives are everybody's.

    Value and gradient are lightly's ``NTXentLoss`` without a memory bank, except that a zero embedding has a bounded
    gradient here and that the gradient cannot be differentiated again (with ``d`` it can). No ``2B x 2B`` matrix is
    kept: at B = 4,096, D = 128 a forward and backward pass on a CPU adds 160 MiB (lightly's: 1,082 MiB).

    With ``d`` it is eq. 6 of ScoreCL (https://arxiv.org/abs/2306.04175), the weights inside the logarithm:

    .. math::
        -\log \frac{d_{i,i'} \, e^{z_i \cdot z_{i'} / \tau}}{\sum_\gamma d_{i,\gamma} \, e^{z_i \cdot z_\gamma / \tau}}

    It is a different loss from weighting by `reduce` (the paper's Algorithm 1, and the default there): a larger
    distance of the positive pair gives it a *smaller* gradient. Only ratios of ``d`` matter.

    Args:
        z1: ``[B, D]`` embeddings of the first views; normalized here.
        z2: ``[B, D]`` embeddings of the second views; normalized here.
        tau: temperature, above 0.
        d: ``[2B, 2WB]`` distances (`score_distances` gives them), rows of this process's first views, then
            second; columns of all W processes' first views in order of rank, then second. At least 0, above 0 for the
            positives; a row's distance to itself is ignored. No gradient flows into it.
        positive_in_denominator: only with ``d``. False reads ScoreCL's sum literally, without the positive; ``d`` of
            the positive is then an additive constant, and the loss may be negative.

    Returns:
        ``per_sample`` ``[B]``; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree, ``tau`` is not above 0, ``d`` breaks its rule, or the positive is left out
            without ``d``.
    """
    rank, size = world()
    with together():
        tau = temperature("tau", tau)
        check_embeddings(z1=z1, z2=z2)
        B = len(z1)
        own = torch.arange(rank * B, (rank + 1) * B, device=z1.device)
        pair = torch.stack([own, own + size * B], 1)  # [B, 2], the columns of an image's two views
        if d is not None:
            _check_inside(d, pair, size)
        elif not positive_in_denominator:
            raise ValueError(
                "positive_in_denominator must be True without d (SimCLR's loss has the positive), got False; pass d"
            )
    z = torch.cat([unit(z1), unit(z2)])  # [2B, D]
    everyone = z if size == 1 else torch.cat(gather(torch.cat(z.chunk(2), 1)).chunk(2, 1))  # [2WB, D], one exchange
    positive = (z[:B] * z[B:]).sum(1).repeat(2) / tau
    if d is None:
        rows = nce(positive, log_sum_exp(z / tau, everyone, skip=pair.repeat(2, 1)))
    else:
        rows = _nce_inside(positive, z @ everyone.T / tau, d, pair, positive_in_denominator)
    return LossParts(rows.view(2, B).mean(0), z.new_zeros(()))


@full_precision
def score_nce(
    pos: Tensor, neg: Tensor, d_pos: Tensor, d_neg: Tensor, *, tau: float = 0.5, positive_in_denominator: bool = True
) -> LossParts:
    """Eq. 6 of ScoreCL of cosines: what `nt_xent` with ``d`` does to each of its rows.

    Args:
        pos: ``[B]`` cosines with the positives.
        neg: ``[B, K]`` cosines with the negatives.
        d_pos: ``[B]`` score distances of the positive pairs, above 0.
        d_neg: ``[B, K]`` score distances to the negatives, at least 0 (0 leaves a negative out).
        tau: temperature, above 0.
        positive_in_denominator: False reads the paper's sum literally; the loss may then be negative.

    Returns:
        ``per_sample`` ``[B]``; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree, a distance breaks its rule, or ``tau`` is not above 0.
    """
    tau = temperature("tau", tau)
    check_similarities(pos, neg)
    if d_pos.shape != pos.shape or d_neg.shape != neg.shape:
        raise ValueError(
            f"d_pos and d_neg must have the shapes of pos and neg, {tuple(pos.shape)} and {tuple(neg.shape)}, "
            f"got {tuple(d_pos.shape)} and {tuple(d_neg.shape)}; give one distance for each cosine"
        )
    d = torch.cat([d_pos[:, None], d_neg], 1)
    _check_distances(d, d_pos)
    logits = torch.cat([pos[:, None], neg], 1) / tau + d.detach().log()
    return LossParts(_nce_of(logits[:, 0], logits[:, 1:].logsumexp(1), positive_in_denominator), pos.new_zeros(()))


@full_precision
def moco_v3(q1: Tensor, q2: Tensor, k1: Tensor, k2: Tensor, *, tau: float = 1.0) -> LossParts:
    r"""MoCo v3 (Chen et al. 2021, https://arxiv.org/abs/2104.02057, Algorithm 1).

    Both directions, the batch's other keys as negatives: ``per_sample`` is
    :math:`2 \tau \, (\ell(q_1, k_2) + \ell(q_2, k_1))` with the cross-entropy :math:`\ell` over all keys of the global
    batch; the factor keeps the gradient's size when ``tau`` changes.

    Args:
        q1: ``[B, D]`` predictions of the first views; normalized here.
        q2: ``[B, D]`` predictions of the second views; normalized here.
        k1: ``[B, D]`` momentum keys of the first views; normalized here, held constant.
        k2: ``[B, D]`` momentum keys of the second views; normalized here, held constant.
        tau: temperature, above 0.

    Returns:
        ``per_sample`` ``[B]``, at least 0; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree or ``tau`` is not above 0.
    """
    with together():
        tau = temperature("tau", tau)
        check_embeddings(q1=q1, q2=q2, k1=k1, k2=k2)
    (rank, _), B = world(), len(q1)
    own = torch.arange(rank * B, (rank + 1) * B, device=q1.device)[:, None]
    keys = gather(torch.cat([unit(k1.detach()), unit(k2.detach())], 1)).chunk(2, 1)  # two [WB, D]
    terms = []
    for q, k in ((unit(q1), keys[1]), (unit(q2), keys[0])):
        positive = (q * k[rank * B : (rank + 1) * B]).sum(1) / tau
        terms.append(nce(positive, log_sum_exp(q / tau, k, skip=own)))
    return LossParts(2 * tau * (terms[0] + terms[1]), q1.new_zeros(()))


def check_similarities(pos: Tensor, neg: Tensor) -> None:
    """``pos`` is ``[B]``, ``neg`` ``[B, K]``."""
    check_matrix("neg", neg, "[B, K]")
    if tuple(pos.shape) != (neg.shape[0],):
        raise ValueError(
            f"pos must have shape [B] with neg's B = {neg.shape[0]}, got {tuple(pos.shape)}; "
            "give one positive cosine an anchor"
        )


def _check_inside(d: Tensor, pair: Tensor, size: int) -> None:
    shape = (2 * len(pair), 2 * size * len(pair))
    if d.shape != shape:
        raise ValueError(
            f"d must have shape [2B, 2WB] = {shape} for W processes, got {tuple(d.shape)}; score_distances gives it"
        )
    _check_distances(d.scatter(1, pair.repeat(2, 1), 1.0), _of_positives(d, pair))


def _of_positives(d: Tensor, pair: Tensor) -> Tensor:
    """``[2B, 1]`` of ``[2B, 2WB]``, where each row's positive stands."""
    return d.gather(1, pair.flip(1).T.reshape(-1, 1))


def _nce_inside(positive: Tensor, logits: Tensor, d: Tensor, pair: Tensor, positive_in_denominator: bool) -> Tensor:
    d_pos = _of_positives(d, pair)
    negatives = (logits + d.detach().log()).scatter(1, pair.repeat(2, 1), -torch.inf).logsumexp(1)
    return _nce_of(positive + d_pos.detach().log().squeeze(1), negatives, positive_in_denominator)


def _nce_of(positive: Tensor, negatives: Tensor, positive_in_denominator: bool) -> Tensor:
    return nce(positive, negatives) if positive_in_denominator else negatives - positive


def _check_distances(d: Tensor, d_pos: Tensor) -> None:
    if looked_at(d) and not bool((d >= 0).all() & d.isfinite().all() & (d_pos > 0).all()):
        bad = ~(d >= 0) | ~d.isfinite()
        value = d[bad][0].item() if bool(bad.any()) else d_pos.min().item()
        raise ValueError(
            f"d must be finite and at least 0, and above 0 for the positive pairs, got {value}; "
            "the logarithm of a distance of 0 diverges: where both views may be one picture, weight with reduce instead"
        )
