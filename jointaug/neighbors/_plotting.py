"""Pictures of neighbors and clusters; matplotlib is imported when one is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor
from torchvision.transforms.v2 import functional as V

from jointaug._validate import integer
from jointaug.neighbors._checks import row_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jointaug.dataset import Indexed


def plot_neighbors(
    dataset: Indexed,
    query: int,
    positives: Tensor | Sequence[int],
    negatives: Mapping[str, Tensor | Sequence[int]] | None = None,
    *,
    classes: Tensor | Sequence[int] | None = None,
    columns: int = 8,
) -> Figure:
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

    Returns:
        a matplotlib figure of its own: ``figure.savefig("gallery.png")``.

    Raises:
        ImportError: without matplotlib.
        TypeError: if ``columns`` is no integer.
        ValueError: if ``columns`` is less than 1.
        IndexError: for a number outside the data set.
    """
    figure_type = _figure()
    columns = integer("columns", columns, low=1, rule="an integer >= 1")
    lists = {"positives": _numbers(positives)}
    lists |= {name: _numbers(numbers) for name, numbers in (negatives or {}).items()}
    for name, numbers in {"query": [query], **lists}.items():
        for number in numbers:
            if not 0 <= number < len(dataset):
                raise IndexError(f"{name} must hold numbers in [0, {len(dataset)}), got {number}; count from 0")
    figure = figure_type(figsize=(1.2 * columns + 3.2, max(1.25 * len(lists), 2.7)), layout="constrained")
    grid = figure.add_gridspec(len(lists), columns + 1, width_ratios=[2] + [1] * columns)
    anchor = figure.add_subplot(grid[:, 0])
    anchor.set_title("query", size="medium")
    anchor.imshow(_picture(dataset[query]))
    anchor.spines[:].set_visible(False)
    for line, (name, numbers) in enumerate(lists.items()):
        for column in range(columns):
            ax = figure.add_subplot(grid[line, column + 1])
            if not column:
                ax.set_ylabel(name, rotation=0, ha="right", va="center")
            if column < len(numbers):
                ax.imshow(_picture(dataset[numbers[column]]))
            if column < len(numbers) and classes is not None and int(classes[numbers[column]]) == int(classes[query]):
                ax.spines[:].set(color="tab:green" if name == "positives" else "tab:red", linewidth=3)
            else:
                ax.spines[:].set_visible(False)
    for ax in figure.axes:
        ax.set(xticks=[], yticks=[])
    return figure


def plot_cluster_sizes(labels: Tensor, *, clusters: int | None = None) -> Figure:
    """The histogram of cluster sizes: how even a clustering is. Each bar stands for as many sizes as the others.

    Args:
        labels: int64 ``[n]``.
        clusters: their number, if some at the end may be empty; by default the greatest label and one.

    Returns:
        a matplotlib figure of its own; the title gives the number of clusters, the mean, least and greatest size.

    Raises:
        ImportError: without matplotlib.
        TypeError: if ``labels`` is no int64 tensor.
        ValueError: if a label is negative, or not below ``clusters``.
    """
    figure_type = _figure()
    y = row_labels("labels", labels, clusters=clusters)
    sizes = y.bincount(minlength=clusters or 0).cpu().numpy()
    figure = figure_type(figsize=(6, 3.5), layout="constrained")
    ax = figure.subplots()
    bars = min(60, max(10, 2 * math.isqrt(len(sizes))))
    width = -(-(int(sizes.max()) + 1) // bars)  # whole, or bars of 2 and of 3 sizes would take turns
    edges = np.arange(0, sizes.max() + 1 + width, width) - 0.5
    ax.hist(sizes, bins=edges.tolist(), color="tab:blue", edgecolor="white", linewidth=0.5)
    ax.axvline(sizes.mean(), color="black", linestyle="--", label="mean")
    ax.set(xlabel="size of a cluster", ylabel="clusters", xlim=(edges[0], edges[-1]))
    ax.locator_params(axis="y", integer=True)
    ax.set_title(f"{len(sizes)} clusters: mean {sizes.mean():.4g}, least {sizes.min()}, greatest {sizes.max()}")
    ax.legend()
    return figure


def _figure() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib; install it with: pip install 'jointaug[plot]'") from error
    return Figure


def _numbers(values: Tensor | Sequence[int]) -> list[int]:
    return [int(value) for value in values if int(value) != -1]


def _picture(sample: Any) -> Any:
    image = sample[0] if isinstance(sample, tuple) else sample
    return V.to_pil_image(image) if isinstance(image, Tensor) else image
