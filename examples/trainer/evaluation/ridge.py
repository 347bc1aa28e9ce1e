"""Ridge classification of frozen features: a linear probe in closed form, without a rate, an order or a seed.

k-NN asks whether the classes lie apart in the features as they are, a linear map whether they can be told at all: where
a few directions hold most of the variance (`trainer.evaluation.rank`), the second sees what the first does not.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

ALPHA = 1e-3  # of the penalty, a share of the number of images
_ROUNDING = 1e-6  # deviation, as a share of the mean, up to which a feature counts as constant


def ridge(train_features: Tensor, train_labels: Tensor, features: Tensor, *, alpha: float = ALPHA) -> Tensor:
    r"""The label of each query by the greatest output of a ridge regression on the classes' indicators.

    Features are standardized by the training images' means and deviations (constant ones are left out). With X of them
    and Y the centered indicators, the weights are :math:`(X^\top X + \alpha n I)^{-1} X^\top Y`; the intercept is not
    penalized. Computed in float64.

    Args:
        train_features: ``[n, d]`` floating point, of any scale, on any device.
        train_labels: int64 ``[n]``, from 0, on that device.
        features: ``[q, d]``, on that device.
        alpha: penalty, as a share of ``n``; above 0.

    Returns:
        int64 ``[q]``.

    Raises:
        ValueError: for shapes that do not fit, features that are not finite, or ``alpha <= 0``.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be above 0, got {alpha!r}; {ALPHA:g} is the trainer's")
    if train_features.ndim != 2 or features.shape[1:] != train_features.shape[1:]:
        raise ValueError(
            "features must be [q, d] and train_features [n, d] of one width d, got shapes "
            f"{tuple(features.shape)} and {tuple(train_features.shape)}; take both from one encoder"
        )
    if train_labels.shape != train_features.shape[:1] or not len(train_labels):
        raise ValueError(
            f"train_labels must be [n] with n >= 1, one for each of the {len(train_features)} train_features, got "
            f"shape {tuple(train_labels.shape)}; pass the labels of these features"
        )
    if not bool(train_features.isfinite().all() & features.isfinite().all()):
        raise ValueError("features must be finite, got nan or infinity; the encoder's training has diverged")
    known, asked = train_features.double(), features.double()
    mean, deviation = known.mean(0), known.std(0, unbiased=False)
    varied = deviation > _ROUNDING * mean.abs()
    x, queries = (((part - mean) / deviation)[:, varied] for part in (known, asked))
    indicators = F.one_hot(train_labels).double()
    share = indicators.mean(0)
    penalty = alpha * len(x) * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    weights = torch.linalg.solve(x.T @ x + penalty, x.T @ (indicators - share))
    outputs: Tensor = queries @ weights + share
    return outputs.argmax(1)
