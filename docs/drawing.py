"""What the pictures of this documentation are drawn with: toys, where crops lie, small pictures, and a page's own code.

A picture is drawn twice, for light and for dark pages, without a ground of its own. Letters have the size of the page's
where the picture is shown at its own width: ``WIDTH`` pixels an inch.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from torch import Tensor
from trainer.inputs.rendered import Picture, render

from jointaug import Address, Views, views_at
from jointaug.plotting import COLORS

DOCS = Path(__file__).resolve().parent
FIRST, SECOND, THIRD = COLORS[0], COLORS[1], COLORS[3]
LETTERS = 8.5  # points
WIDTH = 16 * 72 / LETTERS  # pixels an inch at which letters are a page's 16 pixels
SHARPNESS = 1.5  # pixels of a file for one of a page
STYLE: dict[Any, Any] = {
    "font.size": LETTERS,
    "axes.titlesize": LETTERS,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": SHARPNESS * WIDTH,
    "savefig.transparent": True,
}
# the page's ground in Furo, by the ending of a picture's name, and what is drawn on it
GROUNDS = {"": "#ffffff", "-dark": "#131416"}
INKS = {"": "#000000", "-dark": "#cfd0d0"}
INKED = (
    "text.color",
    "axes.labelcolor",
    "axes.edgecolor",
    "xtick.color",
    "ytick.color",
)
INCH = 0.9  # side of a small picture

Box = tuple[float, float, float, float]
Pipeline = Callable[..., Any]


def themed(ending: str) -> dict[Any, Any]:
    """The style of pictures whose file names end so."""
    return {**STYLE, **dict.fromkeys(INKED, INKS[ending])}


def ink() -> str:
    """The color of letters, for what is neither the first view nor the second."""
    return str(mpl.rcParams["text.color"])


def legible(figure: Figure) -> Figure:
    """The figure with no letters smaller than the page's."""
    for text in figure.findobj(Text):
        text.set_fontsize(max(text.get_fontsize(), LETTERS))
    return figure


def toy(index: int, size: int = 320) -> Tensor:
    """A rendered toy, uint8 ``[3, size, size]``."""
    return pixels(render(index, size=size))


def pixels(picture: Picture) -> Tensor:
    """A picture's pixels, uint8 ``[3, H, W]``."""
    return torch.from_numpy(picture.pixels).permute(2, 0, 1).contiguous()


def wide_toy(index: int) -> Tensor:
    """A toy with as little ground above and below it as can be: a wide image."""
    picture = render(index, size=320)
    margin = 12
    top, bottom = (
        max(int(picture.box.top) - margin, 0),
        min(int(picture.box.bottom) + margin, 320),
    )
    return pixels(picture)[:, top:bottom]


def cut_from(
    pipeline: Pipeline, address: Address, height: int, width: int, *rest: Any
) -> list[Box]:
    """Where each view of a pipeline of crops lies in the image: left, top, width, height in pixels.

    Found by sending the image of the coordinates through the pipeline at the same address.
    """
    y, x = torch.meshgrid(
        torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij"
    )
    out = views_at(pipeline, address, torch.stack([x, y]), *rest)
    views = out if isinstance(out, Views) else out[0]
    return [_extent(view) for view in views]


def _extent(coordinates: Tensor) -> Box:
    sides = []
    for values in (coordinates[0].mean(0), coordinates[1].mean(1)):
        n = len(values)
        near, far = (
            n // 4,
            n - 1 - n // 4,
        )  # away from the border, where antialiasing looks to one side only
        slope = float(values[far] - values[near]) / (far - near)
        sides.append((float(values[near]) - slope * (near + 0.5), slope * n))
    (left, width), (top, height) = sides
    return left, top, width, height


# Drawing. -------------------------------------------------------------------------------------------------------------


def show(
    axes: Axes,
    image: Tensor,
    caption: str = "",
    *,
    color: str | None = None,
    **options: Any,
) -> None:
    """An image without axes; in a frame if it is a view, whose color says which."""
    axes.imshow(
        image.permute(1, 2, 0).numpy(),
        **{"interpolation": "antialiased", **options},
    )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(caption, labelpad=3)
    for spine in axes.spines.values():
        spine.set_visible(color is not None)
        spine.set(color=color, linewidth=2.5)


def outline(axes: Axes, box: Box, color: str, **options: Any) -> None:
    """A crop's box, drawn on its image."""
    left, top, width, height = box
    corner = (left - 0.5, top - 0.5)
    style = {"fill": False, "linewidth": 2.0, **options}
    for ink in ({"edgecolor": "white", "linewidth": 3.5}, {"edgecolor": color}):
        axes.add_patch(Rectangle(corner, width, height, **{**style, **ink}))


def sheet(
    rows: int,
    columns: int,
    *,
    width_ratios: Sequence[float] | None = None,
    inch: float = INCH,
    lines: int = 1,
) -> tuple[Figure, Any]:
    """A figure with ``[rows, columns]`` axes for small pictures, with room for some lines under each."""
    ratios = list(width_ratios or [1.0] * columns)
    height = inch + 1.3 * LETTERS / 72 * lines + 0.04
    figure = Figure(figsize=(inch * sum(ratios), rows * height))
    figure.set_layout_engine(
        "constrained", w_pad=0.03, h_pad=0.03, wspace=0.0, hspace=0.0
    )
    axes = figure.subplots(rows, columns, squeeze=False, width_ratios=ratios)
    return figure, axes


def blank(axes: Axes) -> None:
    """A gap between two groups of pictures."""
    axes.set_axis_off()


def pair(
    axes: Sequence[Axes],
    image: Tensor,
    pipeline: Pipeline,
    address: Address,
    caption: bool = True,
) -> None:
    """An image with the boxes of its two crops, and the crops."""
    boxes = cut_from(pipeline, address, *image.shape[-2:])
    views = views_at(pipeline, address, image)
    show(axes[0], image)
    area = image.shape[-1] * image.shape[-2]
    for ax, view, box, color in zip(
        axes[1:], views, boxes, (FIRST, SECOND), strict=True
    ):
        outline(axes[0], box, color)
        show(
            ax,
            view,
            f"area {box[2] * box[3] / area:.2f}" if caption else "",
            color=color,
        )


# What a page's own code makes. ----------------------------------------------------------------------------------------


def run_page(page: str, wanted: str) -> Any:
    """The figure that the code of a page saves as ``wanted``, or what it calls so; what comes after it does not run.

    Args:
        page: its file, from ``docs`` on.
        wanted: a file's name, with its ending, or a variable's.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(
        r"^(?:```|<!-- invisible-code-block: )python\n(.*?)^(?:```|-->)",
        text,
        flags=re.DOTALL | re.MULTILINE,
    )
    made: dict[str, Any] = {}
    saved: dict[str, Figure] = {}

    def keep(figure: Figure, name: Any, **_: Any) -> None:
        saved[str(name)] = figure

    with (
        tempfile.TemporaryDirectory() as folder,
        _inside(folder),
        contextlib.redirect_stdout(io.StringIO()),
        mock.patch.object(Figure, "savefig", keep),
        torch.random.fork_rng(devices=[]),
    ):
        torch.manual_seed(0)
        for block in blocks:
            if not block.startswith(">>>"):
                exec(compile(block, page, "exec"), made)
            if wanted in saved or wanted in made:
                return saved.get(wanted, made.get(wanted))
    raise LookupError(f"the code of {page} makes no {wanted}")


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
