"""VICReg: variance, invariance, covariance."""

from __future__ import annotations

import torch
from torch import Tensor

from .._processes import gather, together
from .._validate import number
from ._embeddings import check_embeddings, exact_at_once, full_precision
from ._parts import LossParts


@full_precision
def vicreg(
    z1: Tensor, z2: Tensor, *, form: str = "code", lam: float = 25.0, mu: float = 25.0, nu: float = 1.0
) -> LossParts:
    r"""VICReg (Bardes et al. 2022, https://arxiv.org/abs/2105.04906, eq. 6).

    ``per_sample`` is the invariance, :math:`\lambda \lVert z_i - z'_i \rVert^2` (divided by D in the code form).
    ``shared`` is the variance, :math:`\mu` times the mean over dimensions of
    :math:`\max(0, 1 - \sqrt{\mathrm{Var} + 10^{-4}})` of each branch (halved in the code form), and the covariance,
    :math:`\nu` times the sum of squares off the diagonal over D of each branch. ScoreCL
    (https://arxiv.org/abs/2306.04175, eq. 9) weights the invariance alone, and so does `reduce`.

    The authors' code differs from their paper: the invariance is a mean over samples *and* dimensions (D times
    smaller), each branch's variance is halved. ``form="code"`` is what lightly's ``VICRegLoss`` computes too, value and
    gradient. With several processes variance and covariance are the global batch's.

    Args:
        z1: ``[B, D]`` embeddings of the first views, not normalized; global B at least 2.
        z2: ``[B, D]`` embeddings of the second views.
        form: ``"code"`` or ``"paper"``.
        lam: coefficient of the invariance, at least 0; 0 leaves the term out, also where it would be infinite.
        mu: coefficient of the variance, at least 0.
        nu: coefficient of the covariance, at least 0.

    Returns:
        ``per_sample`` ``[B]``; ``shared``, variance and covariance.

    Raises:
        ValueError: if shapes disagree, the batch has one image, or an option breaks its rule.
    """
    with together():
        if form not in ("code", "paper"):
            raise ValueError(f'form must be "code" or "paper", got {form!r}; "code" is what the authors trained')
        lam, mu, nu = (
            number(name, v, rule="a number of at least 0", low=0, remedy="0 leaves the term out")
            for name, v in (("lam", lam), ("mu", mu), ("nu", nu))
        )
        check_embeddings(z1=z1, z2=z2)
    D = z1.shape[1]
    branches = gather(torch.cat([z1, z2], 1)).view(-1, 2, D)  # [WB, 2, D]
    if len(branches) < 2:
        raise ValueError(
            f"z1 must have at least 2 rows in the global batch (a variance needs two), got shape {tuple(z1.shape)}; "
            "drop a last batch of one image"
        )
    branches = branches - branches[0].detach()  # a common offset would cost the mean, and so the variance, its digits
    centered = branches - branches.mean(0)
    variance = centered.square().sum(0) / (len(branches) - 1)  # [2, D]
    shared = mu / (2 if form == "code" else 1) * torch.relu(1 - (variance + 1e-4).sqrt()).mean(1).sum()
    if nu:  # 0 times what left the number format would be nan
        shared = shared + nu * sum(_off_diagonal(x) for x in centered.unbind(1)) / D
    squares = (z1 - z2).square().sum(1) if lam else z1.new_zeros(len(z1))
    return LossParts((lam / D if form == "code" else lam) * squares, shared)


def _off_diagonal(x: Tensor) -> Tensor:
    """Sum of squares off the diagonal of the covariance of centered ``x`` ``[n, D]``.

    ``|X'X|^2 = |XX'|^2``: the smaller product does, 16 times less work for 512 embeddings of width 8,192. It leaves
    what is off the diagonal as a difference, and is taken at its word only where that is no small part of the diagonal:
    where few dimensions hold most of the variance, the other product does. On CUDA the smaller one is of float64, which
    has digits to spare.
    """
    n, D = x.shape
    exact = exact_at_once(x)
    if n < D and (exact or not x.is_cuda):
        rows = x.double() if exact else x
        gram = rows @ rows.T
        on_diagonal = rows.square().sum(0).square().sum()
        off_diagonal = gram.square().sum() - on_diagonal
        if exact or bool(off_diagonal > on_diagonal / 8):
            return (off_diagonal / (n - 1) ** 2).to(x.dtype)
    covariance = x.T @ x
    return covariance.fill_diagonal_(0).square().sum() / (n - 1) ** 2
