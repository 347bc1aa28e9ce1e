"""t-SNE (van der Maaten and Hinton 2008) of normalized features, and its picture; without chance.

The papers leave their settings unsaid; ours are perplexity 30 and a start from the first two principal components.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from jointaug.neighbors import knn

START = 1e-4  # deviation of the first coordinate at the start: small, so that the cost and not the start decides
SAME = 1e-6  # coordinates of unit vectors closer than float32 tells apart


def embed(features: Tensor, perplexity: float = 30.0) -> Tensor:
    """Two coordinates for each image; the same ones each time.

    Args:
        features: ``[N, d]``; they are L2-normalized first.
        perplexity: about how many neighbors count; at most ``(N - 1) / 3``.

    Returns:
        float32 ``[N, 2]``, on the CPU.

    Raises:
        ImportError: without scikit-learn.
        ValueError: for fewer than four images, or features that all have one direction (scikit-learn would crash).
    """
    from sklearn.manifold import TSNE  # an extra

    if len(features) < 4:
        raise ValueError(f"t-SNE needs at least 4 images, got {len(features)}; take more")
    x = F.normalize(features.double().cpu(), dim=1)
    if (x - x[0]).abs().max() < SAME:
        raise ValueError(f"features must differ, got {len(x)} of one direction: the encoder has collapsed")
    perplexity = min(perplexity, (len(x) - 1) / 3)
    model = TSNE(2, perplexity=perplexity, init=principal(x).float().numpy(), random_state=0)
    return torch.from_numpy(model.fit_transform(x.float().numpy()))


def principal(x: Tensor) -> Tensor:
    """The first two principal components ``[N, 2]``, each turned so that its largest entry is positive."""
    u, s, _ = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    start = F.pad(u[:, :2] * s[:2], (0, 2 - min(2, len(s))))
    start *= start.gather(0, start.abs().argmax(0, keepdim=True)).sign()
    return START * start / start[:, 0].std().clamp(min=torch.finfo(start.dtype).tiny)


def agreement(points: Tensor, labels: Tensor) -> float:
    """Percent of points whose nearest other point is of their class: what the picture shows, as a number."""
    nearest = knn(points, 1).indices[:, 0]
    return 100 * (labels[nearest] == labels).double().mean().item()


def picture(points: Tensor, labels: Tensor, classes: Sequence[str]) -> Figure:
    """The points in the colors of their classes, with a legend.

    Args:
        points: ``[N, 2]``.
        labels: int64 ``[N]``.
        classes: names of all labels; those that occur are in the legend.
    """
    figure = Figure(figsize=(8, 6), layout="constrained")
    axis = figure.subplots()
    shown = sorted(set(labels.tolist()))
    colors = _colors(len(shown))
    for label, color in zip(shown, colors, strict=True):
        x, y = points[labels == label].T.tolist()
        axis.scatter(x, y, s=9, color=color, label=classes[label], linewidths=0)
    axis.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    figure.legend(loc="outside right upper", fontsize=8, markerscale=2)
    return figure


def _colors(count: int) -> list[tuple[float, float, float, float]]:
    if count > 20:
        return [colormaps["hsv"](i / count) for i in range(count)]
    return [colormaps["tab10" if count <= 10 else "tab20"](i) for i in range(count)]
