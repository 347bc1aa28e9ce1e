"""Neighbors of features: k-means, k-NN, positives among other images, negatives from a bank.

All functions take feature matrices ``[n, d]`` on any device, compute in float32 in blocks that bound their memory (in
float64 where float32 has too few digits to tell neighbors apart), and draw by address (seed, epoch, row), so that no
chunk size and no device changes a draw.
"""

from .._exports import claim as _claim
from ._bank import MemoryBank
from ._dataset import NeighborDataset
from ._kmeans import KMeans, assign, cluster_means, kmeans
from ._knn import Neighbors, knn
from ._mix import NeighborCutMix
from ._negatives import STRATEGIES, sample_negatives
from ._positives import (
    center_positives,
    center_rule,
    cluster_positives,
    draw_positives,
    knn_positives,
    random_positives,
    same_label_positives,
)
from ._repair import repair_small

__all__ = [
    "STRATEGIES",
    "KMeans",
    "MemoryBank",
    "NeighborCutMix",
    "NeighborDataset",
    "Neighbors",
    "assign",
    "center_positives",
    "center_rule",
    "cluster_means",
    "cluster_positives",
    "draw_positives",
    "kmeans",
    "knn",
    "knn_positives",
    "random_positives",
    "repair_small",
    "same_label_positives",
    "sample_negatives",
]

_claim(__name__, globals())
