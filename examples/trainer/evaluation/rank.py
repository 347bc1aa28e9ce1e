"""The effective rank of features: in how many directions they vary."""

from __future__ import annotations

import torch
from torch import Tensor


def effective_rank(features: Tensor) -> float:
    r"""The exponential of the entropy of the covariance's eigenvalues, as shares of their sum.

    Roy and Vetterli 2007 ("The effective rank"), of the covariance matrix: k for features that vary equally in k
    directions and not at all in the others, 1 for a line. The scale of the features does not matter.

    Args:
        features: ``[n, d]`` floating point.

    Returns:
        Between 1 and d; 0 for features that do not vary.

    Raises:
        ValueError: for features that are no matrix of at least one row, or not finite.
    """
    if features.ndim != 2 or not len(features):
        raise ValueError(f"features must be [n, d] with n >= 1, got shape {tuple(features.shape)}; flatten the maps")
    if not bool(features.isfinite().all()):
        raise ValueError("features must be finite, got nan or infinity; the encoder's training has diverged")
    centered = features.double() - features.double().mean(0)
    values = torch.linalg.eigvalsh(centered.T @ centered).clamp(min=0)
    if not values.sum() > 0:
        return 0.0
    shares = values / values.sum()
    return float(torch.special.entr(shares).sum().exp())
