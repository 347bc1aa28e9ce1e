"""Pictures of neighbors and clusters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from .._validate import integer
from ._figures import ink, new_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from ..loading import Indexed


def plot_neighbors(
    dataset: Indexed,
    query: int,
    positives: Tensor | Sequence[int],
    negatives: Mapping[str, Tensor | Sequence[int]] | None = None,
    *,
    classes: Tensor | Sequence[int] | None = None,
    columns: int = 8,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """A gallery: an image at the left; at its right, row by row, its positives and its negatives by sampler.

    The first images of each list are shown. Where ``classes`` are known, images of the query's class have a green frame
    among the positives (found) and a red one among the negatives (false negatives), as in Fig. 11 of InterCLR
    (https://arxiv.org/abs/2008.11702).

    Args:
        dataset: map-style, of PIL images, or tensors ``[C, H, W]`` of uint8 or of floats in [0, 1]; of a tuple the
            first entry is the image.
        query: its number.
        positives: numbers of its positives; -1 stands for nothing.
        negatives: numbers of its negatives under each sampler's name.
        classes: of all images, for the frames.
        columns: images a row.
        figure: to draw on; by default a new one.

    Returns:
        The figure: ``figure.savefig("gallery.png")``.

    Raises:
        ModuleNotFoundError: without matplotlib.
        TypeError: if ``columns`` is no integer.
        ValueError: if ``columns`` is less than 1.
        IndexError: for a number outside the data set.

    Example:
        >>> import torch
        >>> figure = plot_neighbors(torch.rand(9, 3, 8, 8), 0, [3, 4], {"random": [5, 6, 7]}, columns=3)
        >>> len(figure.axes)  # the query and two rows of three
        7
    """
    columns = integer("columns", columns, low=1, rule="an integer >= 1")
    lists = {"positives": _row_numbers(positives)}
    lists |= {name: _row_numbers(numbers) for name, numbers in (negatives or {}).items()}
    for name, numbers in {"query": [query], **lists}.items():
        for number in numbers:
            if not 0 <= number < len(dataset):
                raise IndexError(f"{name} must hold numbers in [0, {len(dataset)}), got {number}; count from 0")
    if figure is None:
        figure = new_figure(1.2 * columns + 3.2, max(1.25 * len(lists), 2.7))
    grid = figure.add_gridspec(len(lists), columns + 1, width_ratios=[2] + [1] * columns)
    anchor = figure.add_subplot(grid[:, 0])
    anchor.set_title("query", size="medium")
    anchor.imshow(_image_of(dataset[query]))
    anchor.spines[:].set_visible(False)
    drawn = [anchor]
    for line, (name, numbers) in enumerate(lists.items()):
        for column in range(columns):
            ax = figure.add_subplot(grid[line, column + 1])
            drawn.append(ax)
            if not column:
                ax.set_ylabel(name, rotation=0, ha="right", va="center")
            if column < len(numbers):
                ax.imshow(_image_of(dataset[numbers[column]]))
            if column < len(numbers) and classes is not None and int(classes[numbers[column]]) == int(classes[query]):
                ax.spines[:].set(color="tab:green" if name == "positives" else "tab:red", linewidth=3)
            else:
                ax.spines[:].set_visible(False)
    for ax in drawn:
        ax.set(xticks=[], yticks=[])
    return figure


def plot_cluster_sizes(labels: Tensor | Sequence[int], *, clusters: int | None = None, ax: Axes | None = None) -> Axes:
    """The histogram of cluster sizes: how even a clustering is. Each bar stands for as many sizes as the others.

    Args:
        labels: integers ``[n]``.
        clusters: their number, if some at the end may be empty; by default the greatest label and one.
        ax: to draw on; by default on a new figure.

    Returns:
        The axes; their title gives the number of clusters, the mean, least and greatest size.

    Raises:
        ModuleNotFoundError: without matplotlib.
        TypeError: if ``labels`` are no integers.
        ValueError: if there is none, or one is negative, or not below ``clusters``.

    Example:
        >>> plot_cluster_sizes([0, 0, 0, 1, 2, 2]).get_title()
        '3 clusters: mean 2, least 1, greatest 3'
    """
    sizes = _sizes(labels, clusters)
    ax = new_axes(6, 3.5) if ax is None else ax
    bars = min(60, max(10, 2 * math.isqrt(len(sizes))))
    width = -(-(int(sizes.max()) + 1) // bars)  # whole, or bars of 2 and of 3 sizes would take turns
    edges = np.arange(0, sizes.max() + 1 + width, width) - 0.5
    ax.hist(sizes, bins=edges.tolist(), color="tab:blue", edgecolor="white", linewidth=0.5)
    ax.axvline(sizes.mean(), color=ink(), linestyle="--", label="mean")
    ax.set(xlabel="size of a cluster", ylabel="clusters", xlim=(edges[0], edges[-1]))
    ax.locator_params(axis="y", integer=True)
    ax.set_title(f"{len(sizes)} clusters: mean {sizes.mean():.4g}, least {sizes.min()}, greatest {sizes.max()}")
    ax.legend()
    return ax


def _sizes(labels: Any, clusters: int | None) -> NDArray[np.int64]:
    """How many rows have each label."""
    values = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
    if values.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers [n], got {values.dtype}; use .long()")
    if values.ndim != 1 or not len(values):
        raise ValueError(f"labels must be a vector [n] with n >= 1, got shape {values.shape}; flatten it")
    least, greatest = int(values.min()), int(values.max())
    if least < 0 or (clusters is not None and greatest >= clusters):
        bound = "labels >= 0" if clusters is None else f"labels in [0, {clusters})"
        raise ValueError(f"labels must hold {bound}, got values from {least} to {greatest}; relabel from 0")
    return np.bincount(values, minlength=clusters or 0)


def _row_numbers(values: Tensor | Sequence[int]) -> list[int]:
    return [int(value) for value in values if int(value) != -1]


def _image_of(sample: Any) -> Any:
    image = sample[0] if isinstance(sample, tuple) else sample
    return F.to_pil_image(image) if isinstance(image, Tensor) else image
