"""Pictures: what is drawn and framed."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from jointaug.neighbors import plot_cluster_sizes, plot_neighbors

IMAGES = torch.rand(10, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def framed(ax):
    return [spine.get_edgecolor() for spine in ax.spines.values() if spine.get_visible()]


@pytest.mark.parametrize("kind", ["tensor", "pil", "labeled"])
def test_a_gallery_shows_query_positives_and_negatives(kind):
    pictures = [Image.fromarray((image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)) for image in IMAGES]
    data = {"tensor": IMAGES, "pil": pictures, "labeled": [(picture, 0) for picture in pictures]}[kind]
    figure = plot_neighbors(
        data,
        3,
        torch.tensor([1, 2, -1]),
        {"hard": torch.tensor([4, 5, 6, 7, 8]), "random": [9]},
        classes=[0, 1, 0, 1, 1, 0, 1, 0, 0, 0],
        columns=4,
    )
    axes = np.array(figure.axes).reshape(4, 4)
    assert [line[0].get_ylabel() for line in axes] == ["query", "positives", "hard", "random"]
    assert [[len(ax.images) for ax in line] for line in axes] == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 1],
        [1, 0, 0, 0],
    ]
    shown = axes[2, 1].images[0].get_array()
    np.testing.assert_array_equal(np.asarray(shown), np.asarray(pictures[5]))
    assert [bool(framed(ax)) for ax in axes.ravel()] == [i in {4, 8, 10} for i in range(16)]
    assert framed(axes[1, 0]) != framed(axes[2, 0]), "a positive of the class is right, a negative wrong"
    figure.canvas.draw()


def test_the_histogram_counts_every_cluster():
    labels = torch.tensor([0] * 5 + [1] * 2 + [3] * 2)
    figure = plot_cluster_sizes(labels, 6)
    (ax,) = figure.axes
    assert sum(patch.get_height() for patch in ax.patches) == 6
    assert ax.get_title() == "6 clusters: mean 1.5, least 0, greatest 5"
    assert plot_cluster_sizes(labels).axes[0].get_title().startswith("4 clusters")
    figure.canvas.draw()


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'jointaug\[plot\]'"):
        plot_cluster_sizes(torch.zeros(3, dtype=torch.int64))
