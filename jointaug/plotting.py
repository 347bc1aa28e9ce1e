"""Pictures of pairs and of laws; they need the extra ``jointaug[plot]`` (matplotlib).

Every function draws on the axes or the figure that it is given, or on a new figure that belongs to nobody (no pyplot,
no window, no change of matplotlib's settings), and returns what it drew on: ``axes.figure.savefig("law.png")``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from ._validate import integer, interval, number
from .distributions import IndependentLogRatio, JointLogRatio, LogRatioLaw, PairLaw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["plot_joint_density", "plot_log_ratio_densities", "plot_log_ratio_histogram", "plot_pairs"]

COLORS: Final = ("#e66101", "#2c7fb8", "#b2182b", "#1b7837", "#762a83", "#636363")
"""Of the views, in order; boxes carry the view's number as well."""

_RATIOS: Final = (1.0, 2.0, 5.0, 20.0, 100.0, 1e3, 1e4, 1e5, 1e6)
_CELLS: Final = 160
_OUTSIDE: Final = 0.25  # a bicubic resize overshoots [0, 1] by less, a normalized image by more
_QUANTITY: Final = "area"


def plot_pairs(
    images: Sequence[Any],
    boxes: Sequence[Any],
    views: Sequence[Sequence[Any]],
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    titles: Sequence[str] | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Source images with their crop boxes drawn on them, beside the views that the pipeline made.

    One row an image. A box and its view have one color and one number; over a view stands the area of its box as a
    fraction of the image's, over the source of a pair the ratio of the two areas.

    Args:
        images: n sources: PIL images, tensors ``[C, H, W]`` (integers, or floats in [0, 1]) or videos (their first
            frame is shown).
        boxes: for each image the boxes of its views, ``(top, left, height, width)`` in pixels, or the parameters that
            `JointCrop` made (``params["box"]`` is taken). There may be fewer boxes than views, or none.
        views: for each image its views, as many as you like.
        mean: what was subtracted from the views' channels, to be added again.
        std: what the views' channels were divided by.
        titles: of the rows, n of them.
        figure: to draw on; by default a new one.

    Returns:
        The figure.

    Raises:
        ModuleNotFoundError: without matplotlib.
        TypeError: for what is no image.
        ValueError: if the numbers of images, boxes, views and titles do not agree; if a box is not four numbers; if
            mean comes without std, or a view lies far outside [0, 1] without either.

    Example:
        >>> import torch
        >>> from jointaug import JointCrop
        >>> image, crop = torch.rand(3, 60, 80), JointCrop(32)
        >>> params = crop.make_params([image])
        >>> figure = plot_pairs([image], [params], [crop.transform(image, params)])
        >>> len(figure.axes)  # the source and two views
        3
    """
    rows = _rows(images, boxes, views, titles)
    if (mean is None) != (std is None):
        raise ValueError(f"mean and std must come together, got mean={mean!r} and std={std!r}; give both or neither")
    sources = [_pixels("images", image) for image, *_ in rows]
    columns = 1 + max(len(several) for *_, several, _ in rows)
    widths = [max(source.shape[1] / source.shape[0] for source in sources), *[1.0] * (columns - 1)]
    if figure is None:
        figure = _new_figure(2.1 * sum(widths), 2.5 * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False, gridspec_kw={"width_ratios": widths})
    for axes, source, (_, its_boxes, its_views, title) in zip(grid, sources, rows, strict=True):
        _show(axes[0], source)
        for k, box in enumerate(its_boxes):
            _draw_box(axes[0], box, k)
        areas = [height * width / (source.shape[0] * source.shape[1]) for _, _, height, width in its_boxes]
        ratio = f"areas {_ratio(areas[1] / areas[0])}" if len(areas) == 2 else ""
        axes[0].set_title(", ".join(part for part in (title, ratio) if part), fontsize="medium")
        for k in range(columns - 1):
            if k >= len(its_views):
                axes[1 + k].set_axis_off()
                continue
            _show(axes[1 + k], _pixels("views", its_views[k], mean, std))
            share = f": {areas[k]:.0%} of the area" if k < len(areas) else ""
            axes[1 + k].set_title(f"view {k + 1}{share}", fontsize="medium")
            if k < len(areas):
                for spine in axes[1 + k].spines.values():
                    spine.set(color=COLORS[k % len(COLORS)], linewidth=3.0)
    return figure


def plot_joint_density(
    law: PairLaw, points: Any = None, *, quantity: str = f"{_QUANTITY} (fraction of the image)", ax: Axes | None = None
) -> Axes:
    """The density of the two views' parameters, with realised pairs on it if there are any.

    Dotted lines join the pairs of ratio 1:1, 2:1 and 5:1. The darkest color stands for the greatest percent of the
    density, which has no bound at two corners of the joint law.

    Args:
        law: of the pair.
        points: realised pairs ``[n, 2]``, a tensor or an array, or ``None``.
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
    realised = None if points is None else _numbers("points", points)
    if realised is not None and (realised.ndim != 2 or realised.shape[1] != 2):
        raise ValueError(f"points must be pairs [n, 2], got shape {realised.shape}; stack t1 and t2 last")
    low, high = float(law.low), float(law.high)
    edges = torch.linspace(low, high, _CELLS + 1, dtype=torch.float64)
    middles = (edges[1:] + edges[:-1]) / 2
    t1, t2 = torch.meshgrid(middles, middles, indexing="xy")
    density = law.log_prob(torch.stack([t1, t2], -1)).exp().numpy()
    ax = _new_axes(6.0, 4.8) if ax is None else ax
    top = max(float(np.quantile(density, 0.99)), 2 / (high - low) ** 2)  # a uniform law is of a middle shade
    mesh = ax.pcolormesh(edges.numpy(), edges.numpy(), density, vmin=0.0, vmax=top, cmap="Blues", rasterized=True)
    bar = ax.figure.colorbar(mesh, ax=ax, extend="max" if density.max() > top * (1 + 1e-6) else "neither")
    bar.set_label("probability density (per square unit)")
    for ratio in (1.0, 2.0, 5.0):
        if ratio < high / low:
            far = high / ratio
            ax.plot([low, far], [low * ratio, high], ":", color="0.35", linewidth=0.8)
            ax.plot([low * ratio, high], [low, far], ":", color="0.35", linewidth=0.8)
    if realised is not None:
        size = min(14.0, max(1.0, 6000.0 / max(len(realised), 1)))
        ax.scatter(
            realised[:, 0],
            realised[:, 1],
            s=size,
            color=COLORS[0],
            linewidths=0,
            alpha=0.7,
            rasterized=len(realised) > 2000,
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
    ``RandomResizedCrop`` draws; those it realises are closer, for it rejects large crops.)

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
    ax = _new_axes(7.0, 4.4) if ax is None else ax
    from matplotlib import colormaps

    colors = colormaps["viridis"](np.linspace(0.0, 0.9, max(len(betas), 1)))
    for beta, color in zip(betas, colors, strict=False):
        ax.plot(*_density(JointLogRatio(beta, low, high)), color=color, label=f"JC({beta:g})")
    if independent:
        ax.plot(*_density(IndependentLogRatio(low, high)), ":", color="black", linewidth=2.0, label="independent")
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
    """The histogram of realised log ratios, with the law's density over it.

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
    realised = _numbers("log_ratios", log_ratios)
    if realised.ndim != 1 or not len(realised):
        raise ValueError(f"log_ratios must be one-dimensional and not empty, got shape {realised.shape}")
    x, density = _density(law)
    ax = _new_axes(7.0, 4.4) if ax is None else ax
    span, width, n = x[-1], 2 * x[-1] / bins, len(realised)
    beyond = max(0, math.ceil((np.abs(realised).max() - span) / width - 1e-9))  # whole bars, for values outside the law
    edges = np.linspace(-span - beyond * width, span + beyond * width, bins + 2 * beyond + 1)
    name = f"realized, n = {n:,}" if label is None else f"{label}, n = {n:,}"
    counts, _ = np.histogram(realised, edges)
    ax.stairs(counts / (n * width), edges, fill=True, color=COLORS[1], alpha=0.45, label=name)
    share = np.diff(law.cdf(torch.from_numpy(edges).clamp(-span, span)).double().numpy())
    band = 1.96 * np.sqrt(share * (1 - share) / n) / width
    ax.stairs(
        share / width + band, edges, baseline=np.maximum(share / width - band, 0.0), fill=True, color="black",
        alpha=0.12, linewidth=0, label="95 % of bars, if they follow the law",
    )  # fmt: skip
    ax.plot(x, density, color="black", linewidth=1.4, label=f"{law}")
    _finish(ax, float(edges[-1]), quantity, loc="upper center")
    ax.set_ylim(0.0, 1.45 * max(float(density.max()), float(counts.max()) / (n * width)))  # room for the legend
    return ax


def _rows(images: Any, boxes: Any, views: Any, titles: Any) -> list[tuple[Any, list[list[float]], list[Any], str]]:
    """Image, boxes, views and title of each row."""
    columns = {"images": list(images), "boxes": list(boxes), "views": [list(several) for several in views]}
    columns["titles"] = [""] * len(columns["images"]) if titles is None else list(titles)
    counts = {name: len(column) for name, column in columns.items()}
    if len(set(counts.values())) > 1 or not counts["images"]:
        raise ValueError(f"images, boxes, views and titles must be equally many, at least one, got {counts}")
    rows = []
    for image, several, its_views, title in zip(*columns.values(), strict=True):
        its_boxes = [
            [float(side) for side in box] for box in (several["box"] if isinstance(several, Mapping) else several)
        ]
        if any(len(box) != 4 for box in its_boxes) or len(its_boxes) > len(its_views):
            raise ValueError(
                "boxes must be (top, left, height, width) in pixels, at most as many as views, got "
                f"{its_boxes} for {len(its_views)} views"
            )
        rows.append((image, its_boxes, its_views, str(title)))
    return rows


def _pixels(
    name: str, image: Any, mean: Sequence[float] | None = None, std: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """``[H, W]`` or ``[H, W, 3]`` in [0, 1], for `imshow`."""
    if isinstance(image, PIL.Image.Image):
        gray = image.mode in ("1", "L", "LA", "I", "F", "I;16")
        image = F.pil_to_tensor(image if gray else image.convert("RGB"))
        image = image.clamp(max=65535).to(torch.uint16) if image.dtype == torch.int32 else image  # mode I has 16 bits
    if not isinstance(image, Tensor) or image.ndim not in (3, 4):
        kind = f"a tensor of shape {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
        raise TypeError(f"{name} must hold PIL images or tensors [C, H, W], got {kind}; add the channel dimension")
    frame = image.detach().cpu().as_subclass(Tensor)
    frame = F.to_dtype(frame[0] if frame.ndim == 4 else frame, torch.float32, scale=True)
    if mean is not None and std is not None:
        frame = frame * torch.tensor(std)[:, None, None] + torch.tensor(mean)[:, None, None]
    if not -_OUTSIDE <= frame.min() <= frame.max() <= 1 + _OUTSIDE:
        raise ValueError(
            f"{name} must lie in [0, 1] to be shown, got values from {frame.min():.3g} to {frame.max():.3g}; pass the "
            "mean and std of v2.Normalize"
        )
    shown: NDArray[np.float32] = frame.clamp(0.0, 1.0).permute(1, 2, 0).numpy()
    return shown[..., :3] if shown.shape[2] >= 3 else shown[..., 0]


def _show(ax: Axes, pixels: NDArray[np.float32]) -> None:
    ax.imshow(pixels, cmap="gray", vmin=0.0, vmax=1.0)
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(f"{pixels.shape[1]} × {pixels.shape[0]} px", fontsize="small")


def _draw_box(ax: Axes, box: Sequence[float], view: int) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    top, left, height, width = box
    color = COLORS[view % len(COLORS)]
    frame = Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=color, linewidth=2.0, clip_on=False)
    frame.set_path_effects([withStroke(linewidth=3.6, foreground="white")])
    ax.add_patch(frame)
    last = view % 2  # first box: its number in the top left corner, second: in the bottom right one
    ax.annotate(
        str(view + 1),
        (left - 0.5 + last * width, top - 0.5 + last * height),
        xytext=(6 - 12 * last, -7 + 14 * last),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize="x-small",
        color="white",
        bbox={"boxstyle": "square,pad=0.2", "facecolor": color, "edgecolor": "none"},
        annotation_clip=False,
    )


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
        top.set_xticks([math.log(ratio) for ratio in ratios], [_ratio(ratio) for ratio in ratios])
        top.set_xlabel("t1 : t2")


def _ratio(ratio: float) -> str:
    return f"1 : {ratio:.3g}" if ratio >= 1 else f"{1 / ratio:.3g} : 1"


def _numbers(name: str, values: Any) -> NDArray[np.float64]:
    array = np.asarray(values.detach().cpu().double() if isinstance(values, Tensor) else values, np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {np.count_nonzero(~np.isfinite(array))} that are not; drop them")
    return array


def _one_law(law: LogRatioLaw | PairLaw) -> None:
    if law.batch_shape:
        raise ValueError(f"law must be one law, got a batch of shape {tuple(law.batch_shape)}; plot each by itself")


def _new_figure(width: float, height: float) -> Figure:
    """A figure, in inches, that pyplot does not know of."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "jointaug.plotting needs matplotlib, which is not installed; pip install 'jointaug[plot]'",
            name="matplotlib",
        ) from error
    return Figure((width, height), layout="constrained")


def _new_axes(width: float, height: float) -> Axes:
    return _new_figure(width, height).subplots()
