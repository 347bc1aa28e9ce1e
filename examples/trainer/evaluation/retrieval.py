"""Retrieval: the training images nearest to a test image, with a picture (InterCLR, arXiv:2008.11702, Fig. 12)."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torchvision.transforms import v2

from jointaug import Addresses
from jointaug.chance import named_step
from jointaug.neighbors import knn

from .images import Images

HIT, MISS = "#1b7837", "#b2182b"
SIDE = 96  # pixels of an image in the picture


@dataclass(frozen=True)
class Retrieved:
    """The nearest training images of each query, nearest first.

    Attributes:
        cosines: float32 ``[q, k]``.
        rows: int64 ``[q, k]``, into the training images.
        hits: bool ``[q, k]``: of the query's class.
    """

    cosines: Tensor
    rows: Tensor
    hits: Tensor

    def measures(self) -> dict[str, float]:
        """Percent of hits in the first place and in all, and the mean cosine of either."""
        return {
            "hits at 1, %": 100 * self.hits[:, 0].double().mean().item(),
            f"hits at {self.hits.shape[1]}, %": 100 * self.hits.double().mean().item(),
            "cosine at 1": self.cosines[:, 0].double().mean().item(),
            f"cosine at {self.hits.shape[1]}": self.cosines.double().mean().item(),
        }


def retrieve(train_features: Tensor, train_labels: Tensor, features: Tensor, labels: Tensor, k: int = 10) -> Retrieved:
    """The ``k`` training features of the greatest cosine to each query.

    Args:
        train_features: ``[n, d]``.
        train_labels: int64 ``[n]``.
        features: ``[q, d]``.
        labels: int64 ``[q]``.
        k: how many; more than ``n`` is ``n``.
    """
    found = knn(train_features, min(k, len(train_features)), queries=features, metric="cosine")
    return Retrieved(1 - found.distances, found.indices, train_labels[found.indices] == labels[:, None])


def picture(found: Retrieved, train: Images, test: Images, queries: int = 8, seed: int = 0) -> Figure:
    """Some queries, chosen by address, and what each retrieved, in a green frame if of its class, else in a red one."""
    (uniform,) = Addresses(seed, 0, torch.arange(len(test))).rows(1, step=named_step("retrieval picture"))
    chosen = uniform.argsort()[:queries].tolist()
    columns = found.rows.shape[1] + 1
    width, height = 1.05 * columns + 0.35, 1.3 * len(chosen) + 0.3
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(len(chosen), columns, squeeze=False)
    figure.subplots_adjust(0.35 / width, 0.05 / height, 1 - 0.05 / width, 1 - 0.55 / height, wspace=0.08, hspace=0.3)
    shown = v2.Compose([v2.Resize(SIDE), v2.CenterCrop(SIDE)])
    for row, query in zip(axes, chosen, strict=True):
        sources = [test[query], *(train[i] for i in found.rows[query].tolist())]
        for axis, source in zip(row, sources, strict=True):
            axis.imshow(shown(source).permute(1, 2, 0).numpy(), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(fill(test.classes[int(test.labels[query])], 16), fontsize=8)
        for axis, cosine, hit in zip(row[1:], found.cosines[query].tolist(), found.hits[query].tolist(), strict=True):
            axis.set_title(f"{cosine:.3f}", fontsize=8, color=HIT if hit else MISS)
            axis.spines[:].set(color=HIT if hit else MISS, linewidth=2.5)
    figure.suptitle("query, and the nearest training images by cosine", y=1 - 0.05 / height, va="top", fontsize=9)
    return figure
