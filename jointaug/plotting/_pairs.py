"""Pictures of pairs: the source with its boxes, and the views."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._figures import COLORS, new_figure, pixels_of, ratio_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


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
            `JointCrop` made (``params["box"]`` is taken), or its `jointaug.Record`; or the record of all images. There
            may be fewer boxes than views, or none; a view whose map a record does not know has none.
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
    sources = [pixels_of("images", image) for image, *_ in rows]
    columns = 1 + max(len(several) for *_, several, _ in rows)
    widths = [max(source.shape[1] / source.shape[0] for source in sources), *[1.0] * (columns - 1)]
    if figure is None:
        figure = new_figure(2.1 * sum(widths), 2.5 * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False, gridspec_kw={"width_ratios": widths})
    for axes, source, (_, its_boxes, its_views, title) in zip(grid, sources, rows, strict=True):
        _show(axes[0], source)
        for k, box in its_boxes.items():
            _draw_box(axes[0], box, k)
        areas = {k: box[2] * box[3] / (source.shape[0] * source.shape[1]) for k, box in its_boxes.items()}
        ratio = f"areas {ratio_text(areas[1] / areas[0])}" if set(areas) == {0, 1} else ""
        axes[0].set_title(", ".join(part for part in (title, ratio) if part), fontsize="medium")
        for k in range(columns - 1):
            if k >= len(its_views):
                axes[1 + k].set_axis_off()
                continue
            _show(axes[1 + k], pixels_of("views", its_views[k], mean, std))
            share = f": {areas[k]:.0%} of the area" if k in areas else ""
            axes[1 + k].set_title(f"view {k + 1}{share}", fontsize="medium")
            if k in areas:
                for spine in axes[1 + k].spines.values():
                    spine.set(color=COLORS[k % len(COLORS)], linewidth=3.0)
    return figure


def _rows(images: Any, boxes: Any, views: Any, titles: Any) -> list[tuple[Any, dict[int, list[float]], list[Any], str]]:
    """Image, boxes by their view, views and title of each row."""
    columns = {"images": list(images), "boxes": list(boxes), "views": [list(several) for several in views]}
    columns["titles"] = [""] * len(columns["images"]) if titles is None else list(titles)
    counts = {name: len(column) for name, column in columns.items()}
    if len(set(counts.values())) > 1 or not counts["images"]:
        raise ValueError(f"images, boxes, views and titles must be equally many, at least one, got {counts}")
    rows = []
    for image, several, its_views, title in zip(*columns.values(), strict=True):
        given = several["box"] if isinstance(several, Mapping) else getattr(several, "boxes", several)
        its_boxes = [[float(side) for side in box] for box in given]
        if any(len(box) != 4 for box in its_boxes) or len(its_boxes) > len(its_views):
            raise ValueError(
                "boxes must be (top, left, height, width) in pixels, at most as many as views, got "
                f"{its_boxes} for {len(its_views)} views"
            )
        known = {k: box for k, box in enumerate(its_boxes) if not any(map(math.isnan, box))}
        rows.append((image, known, its_views, str(title)))
    return rows


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
