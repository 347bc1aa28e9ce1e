"""Pictures of neighbors and clusters: what is drawn and framed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from jointaug.plotting import plot_cluster_sizes, plot_neighbors

from .cases import rendered

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
    ax = plot_cluster_sizes(labels, clusters=6)
    assert sum(patch.get_height() for patch in ax.patches) == 6
    assert ax.get_title() == "6 clusters: mean 1.5, least 0, greatest 5"
    assert plot_cluster_sizes(labels.tolist()).get_title().startswith("4 clusters")
    assert rendered(ax.figure).std() > 10


@pytest.mark.parametrize("least", [0, 50, 200])
def test_every_bar_stands_for_as_many_sizes(least):
    """One cluster of each size: bars of equal height, but for the last, which may reach beyond."""
    sizes = torch.arange(least, 321)
    ax = plot_cluster_sizes(torch.arange(len(sizes)).repeat_interleave(sizes), clusters=len(sizes))
    heights = [patch.get_height() for patch in ax.patches]
    assert sum(heights) == len(sizes)
    inner = [height for height in heights[:-1] if height]
    assert set(inner[1:]) == {max(heights)}


def test_what_is_given_is_drawn_on():
    figure = Figure((8, 3), layout="constrained")
    left, right = figure.subfigures(1, 2)
    assert plot_neighbors(IMAGES, 0, [1, 2], columns=2, figure=left) is left
    assert len(left.axes) == 3
    ax = right.subplots()
    assert plot_cluster_sizes([0, 1, 1], ax=ax) is ax
    assert rendered(figure).std() > 10


Y = torch.tensor([0, 1, 2, 3])
BAD = {
    "gallery: number": (lambda: plot_neighbors(IMAGES, 0, [10]), IndexError, r"positives must hold .* 10\), got 10"),
    "gallery: query": (lambda: plot_neighbors(IMAGES, -1, [1]), IndexError, r"query must hold .* got -1"),
    "gallery: columns": (lambda: plot_neighbors(IMAGES, 0, [1], columns=0), ValueError, r"columns must be .* got 0"),
    "sizes: labels": (lambda: plot_cluster_sizes(Y, clusters=3), ValueError, r"labels in \[0, 3\), got .* 0 to 3"),
    "sizes: negative": (lambda: plot_cluster_sizes(Y - 1), ValueError, "labels >= 0, got values from -1 to 2"),
    "sizes: floats": (lambda: plot_cluster_sizes(Y.float()), TypeError, "must be integers .* got float32"),
    "sizes: matrix": (lambda: plot_cluster_sizes(Y[None]), ValueError, r"a vector .* got shape \(1, 4\)"),
    "sizes: none": (lambda: plot_cluster_sizes(Y[:0]), ValueError, "n >= 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()
