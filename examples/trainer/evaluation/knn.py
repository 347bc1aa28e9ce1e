"""k-NN classification of frozen features, by the two rules of the field; nothing is trained.

* `weighted`: neighbors by cosine, each with the weight ``exp(cos / tau)`` (Wu et al. 2018, arXiv:1805.01978, sec. 3.4;
  DINO). The monitors of small-image code take k = 200 and tau = 0.1; NPID and DINO tau = 0.07.
* `majority`: neighbors by Euclidean distance on features as they are, one vote each (W-MSE, whose code ScoreCL's 5-NN
  is read as).

In both, what is equal goes to the smallest label, and ``k`` is at most the size of the bank. The bank is searched in
blocks (`jointaug.neighbors.knn`): memory does not grow with queries times bank.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jointaug.neighbors import knn

_VOTES = 2**24  # held at a time, in queries x classes: 128 MB


def weighted(train_features: Tensor, train_labels: Tensor, features: Tensor, k: int = 200, tau: float = 0.1) -> Tensor:
    """The label of each query by weighted cosine k-NN.

    Args:
        train_features: ``[n, d]`` floating point, of any norm, on any device.
        train_labels: int64 ``[n]``, from 0, on that device.
        features: ``[q, d]``, on that device.
        k: number of neighbors; more than ``n`` is ``n``.
        tau: temperature of the weights, above 0.

    Returns:
        int64 ``[q]``.

    Raises:
        TypeError: for features that are not floating point or labels that are not int64.
        ValueError: for shapes that do not fit, features that are not finite, ``k < 1``, or ``tau <= 0``.
    """
    if not tau > 0:
        raise ValueError(f"tau must be above 0, got {tau!r}; the field's values are 0.07 and 0.1")
    classes = _classes(train_features, train_labels)
    found = knn(train_features, min(k, len(train_features)), queries=features, metric="cosine")
    closer = found.distances[:, :1] - found.distances  # cos - the greatest cos: the same winner, and no overflow
    return _elected(train_labels[found.indices], (closer.double() / tau).exp(), classes)


def majority(train_features: Tensor, train_labels: Tensor, features: Tensor, k: int = 5) -> Tensor:
    """The label of each query by Euclidean k-NN with one vote for each neighbor.

    Args, Returns and Raises are those of `weighted`; there is no temperature.
    """
    classes = _classes(train_features, train_labels)
    found = knn(train_features, min(k, len(train_features)), queries=features)
    return _elected(train_labels[found.indices], torch.ones_like(found.distances, dtype=torch.float64), classes)


def fair_k(train_labels: Tensor, k: int = 200) -> int:
    """``k``, but at most half the smallest class (and at least 1): a class that cannot fill half the votes is outvoted.

    A monitor's ``k`` on a small data set; a number that is to be held against a paper's takes the paper's ``k``.
    """
    sizes = train_labels.bincount()
    return max(min(k, int(sizes[sizes > 0].min()) // 2), 1)


def _elected(labels: Tensor, weights: Tensor, classes: int) -> Tensor:
    """For each row of labels ``[q, k]`` the one of the greatest sum of weights (float64); among equals the smallest."""
    step = max(_VOTES // classes, 1)
    winners = []
    for label, weight in zip(torch.split(labels, step), torch.split(weights, step), strict=True):
        votes = weight.new_zeros(len(label), classes).scatter_add_(1, label, weight)
        winners.append(votes.argmax(1))  # the first of equal maxima
    return torch.cat(winners)


def _classes(train_features: Tensor, train_labels: Tensor) -> int:
    """One more than the greatest label, if there is one int64 label for each feature."""
    if train_labels.dtype != torch.int64:
        raise TypeError(f"train_labels must be int64, got {train_labels.dtype}; use .long()")
    if train_labels.shape != train_features.shape[:1] or not len(train_labels):
        raise ValueError(
            f"train_labels must be [n] with n >= 1, one for each of the {len(train_features)} train_features, got "
            f"shape {tuple(train_labels.shape)}; pass the labels of these features"
        )
    least, greatest = (int(label) for label in train_labels.aminmax())
    if least < 0:
        raise ValueError(f"train_labels must be 0 or more, got {least}; relabel from 0")
    return greatest + 1
