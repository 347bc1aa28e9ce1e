"""Losses without negatives: BYOL and SimSiam."""

from __future__ import annotations

from torch import Tensor

from ._embeddings import check_embeddings, cosine, full_precision
from ._parts import LossParts


@full_precision
def byol(p1: Tensor, p2: Tensor, z1: Tensor, z2: Tensor) -> LossParts:
    r"""BYOL (Grill et al. 2020, https://arxiv.org/abs/2006.07733, eq. 2), both directions.

    .. math:: \ell = [2 - 2\cos(p_1, z_2)] + [2 - 2\cos(p_2, z_1)]

    It is ``4 + 2 * (L(p1, z2) + L(p2, z1))`` with lightly's ``NegativeCosineSimilarity`` L, except that a zero
    embedding has a bounded gradient here.

    Args:
        p1: ``[B, D]`` online predictions of the first views.
        p2: ``[B, D]`` online predictions of the second views.
        z1: ``[B, D]`` target projections of the first views; held constant.
        z2: ``[B, D]`` target projections of the second views; held constant.

    Returns:
        ``per_sample`` ``[B]`` in [0, 8]; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree.
    """
    check_embeddings(p1=p1, p2=p2, z1=z1, z2=z2)
    return LossParts(4 - 2 * _crossed_cosines(p1, p2, z1, z2), p1.new_zeros(()))


@full_precision
def simsiam(p1: Tensor, p2: Tensor, z1: Tensor, z2: Tensor) -> LossParts:
    r"""SimSiam (Chen and He 2021, https://arxiv.org/abs/2011.10566, eq. 4).

    .. math:: \ell = -\tfrac12 \cos(p_1, \mathrm{sg}\, z_2) - \tfrac12 \cos(p_2, \mathrm{sg}\, z_1)

    It is the mean of lightly's ``NegativeCosineSimilarity`` of both directions, except that a zero embedding has a
    bounded gradient here. Weighted by `reduce` it is ScoreCL's eq. 7, whose printed form compares a view's score
    with itself and lacks the minus sign.

    Args:
        p1: ``[B, D]`` predictions of the first views.
        p2: ``[B, D]`` predictions of the second views.
        z1: ``[B, D]`` projections of the first views; held constant (stop-gradient).
        z2: ``[B, D]`` projections of the second views; held constant (stop-gradient).

    Returns:
        ``per_sample`` ``[B]`` in [-1, 1]; ``shared`` 0.

    Raises:
        ValueError: if shapes disagree.
    """
    check_embeddings(p1=p1, p2=p2, z1=z1, z2=z2)
    return LossParts(-0.5 * _crossed_cosines(p1, p2, z1, z2), p1.new_zeros(()))


def _crossed_cosines(p1: Tensor, p2: Tensor, z1: Tensor, z2: Tensor) -> Tensor:
    """``cos(p1, z2) + cos(p2, z1)`` with ``z`` held constant, ``[B]``."""
    return cosine(p1, z2.detach()) + cosine(p2, z1.detach())
