"""InterCLR: one loss within images, one between images of a cluster."""

from __future__ import annotations

from torch import Tensor

from ._embeddings import fraction
from ._parts import LossParts


def interclr(intra: tuple[Tensor, Tensor], inter: tuple[Tensor, Tensor], *, lam: float = 0.75) -> LossParts:
    """InterCLR's total ``lam * intra + (1 - lam) * inter`` (Xie et al. 2022, https://arxiv.org/abs/2008.11702, eq. 7).

    The inter-image term pairs two *images*, for which no difficulty of views exists: its mean becomes ``shared``, and a
    weight acts on the intra-image term alone. ``lam = 1`` returns ``intra`` itself, the baseline bit for bit.

    Args:
        intra: parts of the method's own loss (``npid``, ``info_nce``, ``byol``).
        inter: parts of the loss with positives of the same cluster and negatives of others (``margin_nce``; ``byol``
            with cluster mates).
        lam: weight of the intra-image term, in [0, 1].

    Returns:
        The parts of the sum; of the type of ``intra`` (NPID's still refuse a weight).

    Raises:
        ValueError: if ``lam`` leaves [0, 1].
    """
    lam = fraction("lam", lam, "it is the share of the intra-image term, 1 is the baseline")
    parts = intra if isinstance(intra, LossParts) else LossParts(*intra)
    if lam == 1:
        return parts
    between = inter[0].mean() + inter[1]
    if lam == 0:
        return parts._replace(per_sample=parts.per_sample * 0, shared=between)
    return parts._replace(per_sample=lam * parts.per_sample, shared=lam * parts.shared + (1 - lam) * between)
