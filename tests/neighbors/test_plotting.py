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
    query, *others = figure.axes
    np.testing.assert_array_equal(np.asarray(query.images[0].get_array()), np.asarray(pictures[3]))
    axes = np.array(others).reshape(3, 4)
    assert [line[0].get_ylabel() for line in axes] == ["positives", "hard", "random"]
    assert [[len(ax.images) for ax in line] for line in axes] == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]
    np.testing.assert_array_equal(np.asarray(axes[1, 1].images[0].get_array()), np.asarray(pictures[5]))
    assert [bool(framed(ax)) for ax in axes.ravel()] == [i in {0, 4, 6} for i in range(12)]
    assert framed(axes[0, 0]) != framed(axes[1, 0]), "a positive of the class is right, a negative wrong"
    figure.canvas.draw()


def test_the_histogram_counts_every_cluster():
    labels = torch.tensor([0] * 5 + [1] * 2 + [3] * 2)
    figure = plot_cluster_sizes(labels, clusters=6)
    (ax,) = figure.axes
    assert sum(patch.get_height() for patch in ax.patches) == 6
    assert ax.get_title() == "6 clusters: mean 1.5, least 0, greatest 5"
    assert plot_cluster_sizes(labels).axes[0].get_title().startswith("4 clusters")
    figure.canvas.draw()


@pytest.mark.parametrize("least", [0, 50, 200])
def test_every_bar_stands_for_as_many_sizes(least):
    """One cluster of each size: bars of equal height, but for the last, which may reach beyond."""
    sizes = torch.arange(least, 321)
    figure = plot_cluster_sizes(torch.arange(len(sizes)).repeat_interleave(sizes), clusters=len(sizes))
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert sum(heights) == len(sizes)
    inner = [height for height in heights[:-1] if height]
    assert set(inner[1:]) == {max(heights)}


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'jointaug\[plot\]'"):
        plot_cluster_sizes(torch.zeros(3, dtype=torch.int64))
