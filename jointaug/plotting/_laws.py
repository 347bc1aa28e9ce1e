"""Pictures of laws: densities of the two views' parameters and of their log ratio, with what was drawn from them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from .._validate import integer, interval, number
from ..distributions import IndependentLogRatio, JointLogRatio, LogRatioLaw, PairLaw
from ._figures import COLORS, finite_numbers, ink, new_axes, ratio_text, shades

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RATIOS: Final = (1.0, 2.0, 5.0, 20.0, 100.0, 1e3, 1e4, 1e5, 1e6)
_CELLS: Final = 160
_QUANTITY: Final = "area"


def plot_joint_density(
    law: PairLaw, points: Any = None, *, quantity: str = f"{_QUANTITY} (fraction of the image)", ax: Axes | None = None
) -> Axes:
    """The density of the two views' parameters, with realized pairs on it if there are any.

    Dotted lines join the pairs of ratio 1:1, 2:1 and 5:1. The darkest color stands for the greatest percent of the
    density, which has no bound at two corners of the joint law.

    Args:
        law: of the pair.
        points: realized pairs ``[n, 2]``, a tensor or an array, or ``None``.
        quantity: what the parameter is and in which unit, for the axes' labels.
        ax: to draw on; by default on a new figure.

    Returns:
        The axes.

    Raises:
        ModuleNotFoundError: without matplotlib.
        NotImplementedError: for a law without a density (a fixed ratio, or ``low == high``).
        TypeError: if ``law`` is no `PairLaw`.
        ValueError: for a batch of laws, or points of another shape.

    Example:
        >>> from jointaug.distributions import JointPair
        >>> law = JointPair(0.0, 0.2, 1.0)
        >>> ax = plot_joint_density(law, law.sample((200,)))
        >>> ax.get_xlabel()
        'view 1: area (fraction of the image)'
    """
    if not isinstance(law, PairLaw):
        raise TypeError(f"law must be a PairLaw (JointPair, IndependentPair, ...), got {law!r}")
    _one_law(law)
    realized = None if points is None else finite_numbers("points", points)
    if realized is not None and (realized.ndim != 2 or realized.shape[1] != 2):
        raise ValueError(f"points must be pairs [n, 2], got shape {realized.shape}; stack t1 and t2 last")
    low, high = float(law.low), float(law.high)
    edges = torch.linspace(low, high, _CELLS + 1, dtype=torch.float64)
    middles = (edges[1:] + edges[:-1]) / 2
    t1, t2 = torch.meshgrid(middles, middles, indexing="xy")
    density = law.log_prob(torch.stack([t1, t2], -1)).exp().numpy()
    ax = new_axes(6.0, 4.8) if ax is None else ax
    top = max(float(np.quantile(density, 0.99)), 2 / (high - low) ** 2)  # a uniform law is of a middle shade
    mesh = ax.pcolormesh(edges.numpy(), edges.numpy(), density, vmin=0.0, vmax=top, cmap="Blues", rasterized=True)
    bar = ax.figure.colorbar(mesh, ax=ax, extend="max" if density.max() > top * (1 + 1e-6) else "neither")
    bar.set_label("probability density (per square unit)")
    for ratio in (1.0, 2.0, 5.0):
        if ratio < high / low:
            far = high / ratio
            ax.plot([low, far], [low * ratio, high], ":", color="0.35", linewidth=0.8)
            ax.plot([low * ratio, high], [low, far], ":", color="0.35", linewidth=0.8)
    if realized is not None:
        size = min(14.0, max(1.0, 6000.0 / max(len(realized), 1)))
        ax.scatter(
            realized[:, 0],
            realized[:, 1],
            s=size,
            color=COLORS[0],
            linewidths=0,
            alpha=0.7,
            rasterized=len(realized) > 2000,
        )
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal", title=str(law))
    ax.set(xlabel=f"view 1: {quantity}", ylabel=f"view 2: {quantity}")
    return ax


def plot_log_ratio_densities(
    betas: Iterable[float] = (3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0),
    low: float = 0.2,
    high: float = 1.0,
    *,
    independent: bool = True,
    quantity: str = _QUANTITY,
    ax: Axes | None = None,
) -> Axes:
    """Densities of the log ratio for several beta, and, dotted, of two independent uniforms.

    As Zhang et al. 2025 (https://arxiv.org/abs/2412.16522), Fig. 3. (The independent law is that of the areas which
    ``RandomResizedCrop`` draws; those it realizes are closer, for it rejects large crops.)

    Args:
        betas: of the laws, each with a line of its own.
        low: least value of the parameter.
        high: greatest value of the parameter, above ``low``.
        independent: whether to draw the independent law.
        quantity: what the parameter is, for the label.
        ax: to draw on; by default on a new figure.

    Returns:
        The axes.

    Raises:
        ModuleNotFoundError: without matplotlib.
        ValueError: unless ``0 < low < high``; for no beta without the independent law.

    Example:
        >>> ax = plot_log_ratio_densities([2.0, 0.0, -2.0], 0.2, 1.0)
        >>> len(ax.lines)
        4
    """
    betas = [number("beta", beta) for beta in betas]
    low, high = interval("(low, high)", (low, high), rule="0 < low < high")
    if low == high:
        raise ValueError(f"(low, high) must satisfy 0 < low < high, got {(low, high)}; one value has no log ratio")
    if not betas and not independent:
        raise ValueError("betas must name at least one, got none; or set independent=True")
    ax = new_axes(7.0, 4.4) if ax is None else ax
    for beta, color in zip(betas, shades(len(betas)), strict=True):
        ax.plot(*_density(JointLogRatio(beta, low, high)), color=color, label=f"JC({beta:g})")
    if independent:
        ax.plot(*_density(IndependentLogRatio(low, high)), ":", color=ink(), linewidth=2.0, label="independent")
    _finish(ax, math.log(high / low), quantity, loc="upper left", bbox_to_anchor=(1.0, 1.0))  # clear of the lines
    return ax


def plot_log_ratio_histogram(
    log_ratios: Any,
    law: LogRatioLaw | PairLaw,
    *,
    bins: int = 60,
    label: str | None = None,
    quantity: str = _QUANTITY,
    ax: Axes | None = None,
) -> Axes:
    """The histogram of realized log ratios, with the law's density over it.

    The band about the density holds 95 % of the bars, each by itself, if the log ratios are independent draws of the
    law.

    Args:
        log_ratios: ``[n]`` values of ``ln(t2 / t1)``, a tensor, an array or a list.
        law: that they should follow: of the log ratio, or of the pair.
        bins: number of bars over the range of the law.
        label: of the bars, in the legend.
        quantity: what the parameter is, for the label.
        ax: to draw on; by default on a new figure.

    Returns:
        The axes.

    Raises:
        ModuleNotFoundError: without matplotlib.
        NotImplementedError: for a law without a density (a fixed ratio, or ``low == high``).
        TypeError: if ``law`` is neither.
        ValueError: for log ratios that are not one-dimensional and finite; for a batch of laws; for no bins.

    Example:
        >>> from jointaug.distributions import JointLogRatio
        >>> law = JointLogRatio(0.0, 0.2, 1.0)
        >>> ax = plot_log_ratio_histogram(law.sample((1000,)), law)
        >>> ax.get_ylabel()
        'probability density (per nat)'
    """
    if not isinstance(law, (LogRatioLaw, PairLaw)):
        raise TypeError(f"law must be a law of the log ratio or of pairs, got {law!r}; for example JointLogRatio")
    _one_law(law)
    law = law.log_ratio if isinstance(law, PairLaw) else law
    bins = integer("bins", bins, low=1, rule="a positive number of bars")
    realized = finite_numbers("log_ratios", log_ratios)
    if realized.ndim != 1 or not len(realized):
        raise ValueError(f"log_ratios must be one-dimensional and not empty, got shape {realized.shape}")
    x, density = _density(law)
    ax = new_axes(7.0, 4.4) if ax is None else ax
    span, width, n = x[-1], 2 * x[-1] / bins, len(realized)
    beyond = max(0, math.ceil((np.abs(realized).max() - span) / width - 1e-9))  # whole bars, for values outside the law
    edges = np.linspace(-span - beyond * width, span + beyond * width, bins + 2 * beyond + 1)
    name = f"realized, n = {n:,}" if label is None else f"{label}, n = {n:,}"
    counts, _ = np.histogram(realized, edges)
    ax.stairs(counts / (n * width), edges, fill=True, color=COLORS[1], alpha=0.45, label=name)
    share = np.diff(law.cdf(torch.from_numpy(edges).clamp(-span, span)).double().numpy())
    band = 1.96 * np.sqrt(share * (1 - share) / n) / width
    ax.stairs(
        share / width + band, edges, baseline=np.maximum(share / width - band, 0.0), fill=True, color=ink(),
        alpha=0.12, linewidth=0, label="95 % of bars, if they follow the law",
    )  # fmt: skip
    ax.plot(x, density, color=ink(), linewidth=1.4, label=f"{law}")
    _finish(ax, float(edges[-1]), quantity, loc="upper center")
    ax.set_ylim(0.0, 1.45 * max(float(density.max()), float(counts.max()) / (n * width)))  # room for the legend
    return ax


def _density(law: LogRatioLaw) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of the density's graph, with the drops to 0 at both ends of the support."""
    end = float(law.support.upper_bound)
    x = torch.linspace(-end, end, 3 * _CELLS + 1, dtype=torch.float64)
    density = law.log_prob(x).exp().numpy()
    return np.concatenate([[-end], x.numpy(), [end]]), np.concatenate([[0.0], density, [0.0]])


def _finish(ax: Axes, end: float, quantity: str, **legend: Any) -> None:
    """Labels of a log ratio's axes, and the ratios themselves along the top."""
    ax.set(xlim=(-1.04 * end, 1.04 * end), ylim=(0.0, None))
    ax.set_xlabel(f"log ratio of the two views' {quantity}s, ln(t2 / t1) (nats)")
    ax.set_ylabel("probability density (per nat)")
    ax.legend(frameon=False, fontsize="small", **legend)
    if not ax.child_axes:  # drawn on before
        shown = [ratio for ratio in _RATIOS if math.log(ratio) <= end * (1 + 1e-6)]
        ratios = [1 / ratio for ratio in reversed(shown[1:])] + shown
        top = ax.secondary_xaxis("top")
        top.set_xticks([math.log(ratio) for ratio in ratios], [ratio_text(ratio) for ratio in ratios])
        top.set_xlabel("t1 : t2")


def _one_law(law: LogRatioLaw | PairLaw) -> None:
    if law.batch_shape:
        raise ValueError(f"law must be one law, got a batch of shape {tuple(law.batch_shape)}; plot each by itself")
