"""Intra-class similarity (CLIM, Li et al. 2021, arXiv:2011.02697, Tab. 10): how close the images of a class lie."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def intra_class_similarity(features: Tensor, labels: Tensor) -> float:
    """The mean over classes of the mean cosine over all pairs of a class.

    Of ``n`` normalized features that sum to ``s``, the pairs' mean is ``(|s| ** 2 - n) / (n * (n - 1))``. The cosine
    with a feature of zeros is 0.

    Args:
        features: ``[N, d]``, of any norm.
        labels: int64 ``[N]``, from 0; a class with one image has no pair and is left out.

    Returns:
        A number in [-1, 1].

    Raises:
        ValueError: if no class has two images.
    """
    sizes = labels.bincount().double()
    unit = F.normalize(features.double(), dim=1)
    sums = unit.new_zeros(len(sizes), unit.shape[1]).index_add_(0, labels, unit)
    own = unit.new_zeros(len(sizes)).index_add_(0, labels, unit.square().sum(1))  # sizes, but for features of zeros
    pairs = (sums.square().sum(1) - own) / (sizes * (sizes - 1))
    if not bool((sizes > 1).any()):
        raise ValueError(f"labels must have a class of two images, got {len(labels)} images of as many; add images")
    return pairs[sizes > 1].mean().item()
