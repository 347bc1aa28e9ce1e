"""Losses of contrastive and related methods, each in two parts: per image, and shared by the batch.

``per_sample, shared = loss(...)``, and ``reduce((per_sample, shared), weight)`` is ``mean(weight * per_sample) +
shared``. So every method can be weighted by the difficulty of an image's pair of views, and with no weight it is its
own baseline, bit for bit.

All losses are plain functions of tensors; options go by keyword. They compute in the precision of their first tensor
and in no less than float32, under autocast too, and at any scale that it holds; their negatives and statistics are the
global batch's where ``torch.distributed`` is initialized, with gradients that DistributedDataParallel's average makes
the single process's.
"""

from __future__ import annotations

from .._exports import claim as _claim
from .._processes import gather, global_mean
from ._clim import clim, clim_multi_resolution
from ._contrast import info_nce, margin_nce, moco_v3, npid, nt_xent, score_nce
from ._cosine import byol, simsiam
from ._dino import Center, dino
from ._embeddings import full_precision, unit
from ._interclr import interclr
from ._leoclr import leoclr, leoclr_end_to_end
from ._parts import LossParts, OneView, batch_mean, reduce
from ._queue import Queue
from ._score import ScoreStatistics, score_distance, score_distances, score_weight
from ._vicreg import vicreg
from ._wmse import whiten, wmse

__all__ = [
    "Center",
    "LossParts",
    "OneView",
    "Queue",
    "ScoreStatistics",
    "batch_mean",
    "byol",
    "clim",
    "clim_multi_resolution",
    "dino",
    "full_precision",
    "gather",
    "global_mean",
    "info_nce",
    "interclr",
    "leoclr",
    "leoclr_end_to_end",
    "margin_nce",
    "moco_v3",
    "npid",
    "nt_xent",
    "reduce",
    "score_distance",
    "score_distances",
    "score_nce",
    "score_weight",
    "simsiam",
    "unit",
    "vicreg",
    "whiten",
    "wmse",
]

_claim(__name__, globals())
