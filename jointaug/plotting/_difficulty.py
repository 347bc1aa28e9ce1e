"""Pictures of how hard the pairs of policies are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ._figures import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..difficulty import Estimate


def plot_sdf(results: Mapping[str, Estimate], *, ax: Axes | None = None) -> Axes:
    """The SDF of each policy with its interval, a row each, the easiest on top; or the differences of policies.

    Intervals that overlap do not say that policies are not told apart: that is a question to the paired differences,
    which are drawn by ``plot_sdf({f"{a} - {b}": d for (a, b), d in results.differences().items()})``.

    Args:
        results: of `jointaug.difficulty.sdf`, or estimates by name.
        ax: to draw on; by default on a new figure.

    Returns:
        The axes.

    Raises:
        ModuleNotFoundError: without matplotlib.
        TypeError: for what is no mapping of estimates.
        ValueError: for none.

    Example:
        >>> import torch
        >>> from jointaug import JointCrop
        >>> from jointaug.difficulty import sdf
        >>> policies = {"easy": JointCrop(8, beta=2), "hard": JointCrop(8, beta=-2)}
        >>> results = sdf(lambda views: views.mean((2, 3)), torch.rand(8, 3, 16, 16), policies, draws=4)
        >>> [text.get_text() for text in plot_sdf(results).get_yticklabels()]
        ['easy', 'hard']
    """
    if not isinstance(results, Mapping) or not all(hasattr(one, "has_interval") for one in results.values()):
        raise TypeError(f"results must be estimates by name, got {results!r:.80}; one policy's is {{'name': result}}")
    if not results:
        raise ValueError("results must hold a policy, got none; pass what sdf returned")
    ax = new_axes(6, 1.2 + 0.35 * len(results)) if ax is None else ax
    names = sorted(results, key=lambda name: -results[name].mean)
    for row, name in enumerate(names):
        one = results[name]
        if one.has_interval:
            ax.hlines(row, *one.interval, color="tab:blue", linewidth=2)
        ax.plot(one.mean, row, "o", color="tab:blue", markersize=5)
    first = results[names[0]]
    about = "these images" if first.target == "dataset" else "images like these"
    ax.set_yticks(range(len(names)), names)
    policies = hasattr(first, "pairs")  # a difference of two has none
    what = "mean cosine similarity, larger is easier" if policies else "difference of the mean cosine similarities"
    ax.set(xlabel=what, ylim=(len(names) - 0.5, -0.5))
    ax.set_title(f"{100 * first.level:.4g} % intervals for {about}", size="medium")
    ax.grid(axis="x", alpha=0.3)
    return ax
