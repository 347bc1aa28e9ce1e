"""CLIM's Fig. 2: positives of an anchor at a cluster's edge, by three selectors; Fig. 3 is ``evaluate.py RUN tsne``.

    python examples/figures/clim.py            # figures/clim-2.png, and its numbers
    python examples/figures/clim.py --seed 3   # other points

Points of three overlapping groups in the plane stand for features; jointaug's own k-means and selectors do the rest.
The anchor is the point that is the least sure of its cluster. The numbers (CSV) are means over all points: how many
positives are of the anchor's group, how far they are from the anchor, and how much nearer to its cluster's center.

(Li et al. 2020, https://arxiv.org/abs/2011.02697, sec. 3.2.1: clusters alone lose locality, neighbors alone do not pull
towards a center, and center-wise selection does both.)
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor
from trainer.evaluation.arguments import seed

from jointaug.neighbors import center_positives, cluster_positives, kmeans, knn_positives

GROUPS = ((0.0, 0.0), (2.6, 0.0), (1.3, 2.2))  # their middles; each has a deviation of 1 in both directions
OF_GROUP, POSITIVES, NEIGHBORS = 100, 10, 40  # the paper's 10 positives, of 40 neighbors
COLORS = ("tab:blue", "tab:orange", "tab:green")
SELECTORS = ("k-means", "k nearest neighbors", "center-wise")


def points(start: int) -> tuple[Tensor, Tensor]:
    """Points ``[N, 2]`` and their groups ``[N]``."""
    middles = torch.tensor(GROUPS).repeat_interleave(OF_GROUP, 0)
    noise = torch.randn(middles.shape, generator=torch.Generator().manual_seed(start))
    return middles + noise, torch.arange(len(GROUPS)).repeat_interleave(OF_GROUP)


def selected(x: Tensor, labels: Tensor, centers: Tensor) -> dict[str, Tensor]:
    """Each selector's positives of all points, ``[N, POSITIVES]``; -1 stands for nothing."""
    found = (
        cluster_positives(labels, count=POSITIVES),
        knn_positives(x, count=POSITIVES),
        center_positives(x, labels, centers, neighbors=NEIGHBORS, count=POSITIVES),
    )
    return dict(zip(SELECTORS, found, strict=True))


def numbers(x: Tensor, groups: Tensor, to_center: Tensor, positives: Tensor) -> list[float]:
    """Means over all pairs of an anchor and a positive.

    Args:
        x: ``[N, 2]``.
        groups: ``[N]``.
        to_center: ``[N]``, distance of each point to the center of its cluster.
        positives: ``[N, POSITIVES]``.

    Returns:
        The share of the anchor's group, the distance to the anchor, and how much nearer to a center the positive is.
    """
    anchor, place = (positives >= 0).nonzero(as_tuple=True)
    positive = positives[anchor, place]
    same = groups[anchor] == groups[positive]
    apart = torch.linalg.vector_norm(x[anchor] - x[positive], dim=1)
    return [float(value.double().mean()) for value in (same, apart, to_center[anchor] - to_center[positive])]


def figure2(start: int) -> tuple[Figure, list[list[Any]]]:
    """A panel a selector, and the numbers."""
    x, groups = points(start)
    labels, centers, _ = kmeans(x, len(GROUPS), seed=start)
    distances = torch.cdist(x, centers)
    nearest = distances.sort(1).values
    anchor = int((nearest[:, 1] - nearest[:, 0]).argmin())
    figure = Figure((12.0, 4.4), layout="constrained")
    rows: list[list[Any]] = [["selector", "of the anchor's group", "distance to the anchor", "nearer to the center by"]]
    positives = selected(x, labels, centers)
    for ax, (name, found) in zip(figure.subplots(1, len(positives), sharey=True), positives.items(), strict=True):
        for k, color in enumerate(COLORS):
            ax.scatter(*x[labels == k].T.tolist(), s=10, color=color, alpha=0.35, linewidths=0)
        ax.scatter(*centers.T.tolist(), s=110, marker="X", color="black", label="centers")
        ax.scatter(*x[found[anchor][found[anchor] >= 0]].T.tolist(), s=34, color="tab:red", label="positives")
        ax.scatter(*x[anchor].tolist(), s=180, marker="*", color="gold", edgecolor="black", label="anchor", zorder=3)
        ax.set(title=name, xticks=[], yticks=[], aspect="equal", adjustable="datalim")
        own, apart, nearer = numbers(x, groups, nearest[:, 0], found)
        ax.set_xlabel(f"of one group {own:.0%}; apart {apart:.2f}; nearer to the center by {nearer:.2f}", fontsize=8)
        rows.append([name, own, apart, nearer])
    handles, names = ax.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    return figure, rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw; the exit status."""
    parser = argparse.ArgumentParser(description="Draw CLIM's Fig. 2.")
    parser.add_argument("--seed", type=seed, default=0, help="of the points (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder (default: %(default)s)")
    options = parser.parse_args(arguments)
    figure, rows = figure2(options.seed)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        stem = options.out / "clim-2"
        figure.savefig(stem.with_suffix(".png"), dpi=110)
        with stem.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    except OSError as error:
        parser.error(str(error))
    print(f"wrote {stem.with_suffix('.png')} and {stem.with_suffix('.csv')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
