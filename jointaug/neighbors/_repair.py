"""Repair of clusters that are too small, as InterCLR does it (https://arxiv.org/abs/2008.11702)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from .._validate import integer
from ._chance import order_keys, order_words
from ._checks import choice, feature_matrix, row_labels
from ._kmeans import assign, kmeans, label_counts


@torch.no_grad()
def repair_small(
    features: Tensor,
    labels: Tensor,
    centers: Tensor,
    min_cluster: int,
    *,
    metric: Literal["euclidean", "dot"] = "euclidean",
    seed: int = 0,
    epoch: int = 0,
) -> tuple[Tensor, Tensor]:
    """Empty the clusters that are too small, and give each half of the largest one.

    Rows of a cluster with fewer than ``min_cluster`` rows go to the nearest center of the clusters that are large
    enough. Then each emptied cluster in turn takes one half of the cluster that is the largest now: 2-means, 20 rounds,
    or random halves where all its rows are the same. The two halves get their means for centers. So in InterCLR's
    released code; no cluster is empty afterwards.

    Args:
        features: ``[n, d]``.
        labels: int64 ``[n]``.
        centers: ``[m, d]``, with ``m * min_cluster <= n``.
        min_cluster: 0 leaves everything as it is, 1 mends empty clusters only.
        metric: see `assign`.
        seed: of the 2-means, in [0, 2**64).
        epoch: for other draws, in [0, 2**32).

    Returns:
        labels and centers, new where they changed.

    Raises:
        TypeError: for tensors or numbers of the wrong kind.
        ValueError: for shapes that do not fit, or a ``min_cluster`` that is too large.
    """
    x = feature_matrix("features", features)
    c = feature_matrix("centers", centers, width=x.shape[1], device=x.device)
    y = row_labels("labels", labels, len(x), device=x.device, clusters=len(c))
    min_cluster = integer("min_cluster", min_cluster, low=0, rule="an integer >= 0")
    if min_cluster * len(c) > len(x):
        raise ValueError(
            f"min_cluster must be at most the number of points over that of centers, {len(x)} / {len(c)}, got "
            f"{min_cluster}; take fewer clusters or a smaller min_cluster"
        )
    choice("metric", metric, ("euclidean", "dot"))
    return repaired(x, y, c, min_cluster, metric, seed, epoch)


def repaired(
    x: Tensor,
    labels: Tensor,
    centers: Tensor,
    min_cluster: int,
    metric: Literal["euclidean", "dot"],
    seed: int,
    epoch: int,
) -> tuple[Tensor, Tensor]:
    """`repair_small` of what is known to be sound."""
    counts = label_counts(labels, len(centers))
    too_small = counts < min_cluster
    if not bool(too_small.any()):
        return labels, centers
    labels, centers = labels.clone(), centers.clone()
    members = too_small[labels].nonzero()[:, 0]
    if len(members):
        large = (~too_small).nonzero()[:, 0]
        labels[members] = large[assign(x[members], centers[large], metric=metric)]
    for empty in too_small.nonzero()[:, 0].tolist():
        largest = int(label_counts(labels, len(centers)).argmax())
        members = (labels == largest).nonzero()[:, 0]
        halves = kmeans(x[members], 2, rounds=20, seed=seed, epoch=epoch)
        second = halves.labels == 1
        if torch.equal(halves.centers[0], halves.centers[1]):
            words = order_words("random halves", torch.tensor([empty]), seed=seed, epoch=epoch)[0]
            lots = order_keys(words.to(x.device), members)
            second = second.scatter(0, lots.argsort(), torch.arange(len(lots), device=x.device) >= len(lots) // 2)
        labels[members[second]] = empty
        centers[largest], centers[empty] = x[members[~second]].mean(0), x[members[second]].mean(0)
    return labels, centers
