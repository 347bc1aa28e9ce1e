"""The pictures of this documentation, drawn by the library itself from rendered toys.

    python docs/pictures.py             # all of them, into docs/_static/generated, as the documentation's build does
    python docs/pictures.py --readme    # and docs/_static/pairs.png, which the README shows and the repository keeps

A picture that carries the name of a transform stands in that transform's reference. Every draw comes from an address,
so a picture changes only when the library does.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from trainer.inputs.rendered import Picture, render

from jointaug import (
    Address,
    Addresses,
    ContrastiveCrop,
    JointBlur,
    JointColor,
    JointCrop,
    MultiResolution,
    MultiView,
    PerView,
    Shared,
    UncroppedView,
    Views,
    crop_box_from_heatmap,
    views_at,
)
from jointaug.distributions import (
    FixedRatioPair,
    IndependentLogRatio,
    IndependentPair,
    JointLogRatio,
    JointPair,
    LogRatioLaw,
    PairLaw,
)
from jointaug.plotting import COLORS, plot_log_ratio_densities

DOCS = Path(__file__).resolve().parent
FIRST, SECOND, THIRD = COLORS[0], COLORS[1], COLORS[3]
STYLE: dict[Any, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 110,
}
INCH = 1.25  # side of a small picture

Box = tuple[float, float, float, float]
Pipeline = Callable[..., Any]


# Images, and where a view of them was cut out. ------------------------------------------------------------------------


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
    style = {"linewidth": 2.0, **options}
    axes.add_patch(
        Rectangle(
            (left - 0.5, top - 0.5),
            width,
            height,
            fill=False,
            edgecolor="white",
            **{**style, "linewidth": 3.5},
        )
    )
    axes.add_patch(
        Rectangle(
            (left - 0.5, top - 0.5),
            width,
            height,
            fill=False,
            edgecolor=color,
            **style,
        )
    )


def sheet(
    rows: int,
    columns: int,
    *,
    width_ratios: Sequence[float] | None = None,
    inch: float = INCH,
) -> tuple[Figure, Any]:
    """A figure with ``[rows, columns]`` axes for small pictures."""
    ratios = list(width_ratios or [1.0] * columns)
    figure = Figure(figsize=(inch * sum(ratios), inch * rows * 1.08))
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


# The pictures of the transforms. --------------------------------------------------------------------------------------


def joint_crop() -> Figure:
    """Three images, the same uniforms at three betas."""
    figure, axes = sheet(
        3, 11, width_ratios=[1, 1, 1, 0.25, 1, 1, 1, 0.25, 1, 1, 1]
    )
    for block, beta in enumerate((2.0, 0.0, -2.0)):
        for row, (index, draw) in enumerate(((4, 5), (29, 10), (23, 24))):
            cells = axes[row, 4 * block : 4 * block + 3]
            pair(
                cells,
                toy(index),
                JointCrop(128, beta=beta),
                Address(seed=2, epoch=0, index=index, draw=draw),
            )
        axes[0, 4 * block + 1].set_title(f"beta = {beta:g}", fontweight="bold")
    for ax in (*axes[:, 3], *axes[:, 7]):
        blank(ax)
    return figure


def joint_blur() -> Figure:
    """Pairs of one image each, so that only the blur differs."""
    figure, axes = sheet(2, 8, width_ratios=[1, 1, 0.2, 1, 1, 0.2, 1, 1])
    blur = JointBlur(sigma=(0.1, 2.0), p=1.0)
    for k in range(6):
        row, column = k // 3, 3 * (k % 3)
        image = v2.functional.resize(toy(20 + k), [72, 72])
        params = blur.params_from_uniform(
            Address(5, 0, k).step(2).row(blur.row_width), [(72, 72)] * 2
        )
        for view, (ax, color) in enumerate(
            zip(axes[row, column : column + 2], (FIRST, SECOND), strict=True)
        ):
            caption = f"sigma {params['sigma'][view]:.2f}"
            show(
                ax,
                blur.transform(image, params)[view],
                caption,
                color=color,
                interpolation="nearest",
            )
    for ax in (*axes[:, 2], *axes[:, 5]):
        blank(ax)
    return figure


def joint_color() -> Figure:
    """Pairs of one image each: brightness and contrast are joint."""
    figure, axes = sheet(2, 8, width_ratios=[1, 1, 0.2, 1, 1, 0.2, 1, 1])
    color_ = JointColor(0.4, 0.4, 0.0, 0.0, p=1.0)
    for k in range(6):
        row, column = k // 3, 3 * (k % 3)
        image = toy(30 + k, 128)
        params = color_.params_from_uniform(
            Address(8, 0, k).row(color_.row_width), [(128, 128)] * 2
        )
        for view, (ax, frame) in enumerate(
            zip(axes[row, column : column + 2], (FIRST, SECOND), strict=True)
        ):
            caption = f"brightness {params['brightness'][view]:.2f}\ncontrast {params['contrast'][view]:.2f}"
            show(ax, color_.transform(image, params)[view], caption, color=frame)
    for ax in (*axes[:, 2], *axes[:, 5]):
        blank(ax)
    return figure


def uncropped_view() -> Figure:
    """LeOCLR's triple: the whole image, squeezed to a square, and two crops."""
    figure, axes = sheet(2, 4, width_ratios=[1.6, 1, 1, 1], inch=1.5)
    crop = v2.RandomResizedCrop(128, scale=(0.2, 1.0))
    leoclr = MultiView(UncroppedView(128), crop, crop)
    for row, index in enumerate((10, 25)):
        image, address = wide_toy(index), Address(1, 0, index)
        show(axes[row, 0], image, "image" if row else "")
        boxes = cut_from(leoclr, address, *image.shape[-2:])
        colors = (THIRD, FIRST, SECOND)
        for k, view in enumerate(views_at(leoclr, address, image)):
            outline(axes[row, 0], boxes[k], colors[k], clip_on=False)
            show(
                axes[row, k + 1],
                view,
                ("UncroppedView", "crop", "crop")[k] if row else "",
                color=colors[k],
            )
    return figure


def multi_resolution() -> Figure:
    """One crop at three sizes, each drawn as large as it is."""
    figure, axes = sheet(2, 4, inch=1.6)
    sizes = (144, 96, 48)
    transform = MultiResolution(sizes)
    for row, index in enumerate((24, 14)):
        image, address = toy(index), Address(3, 0, index)
        show(axes[row, 0], image, "image" if row else "")
        outline(
            axes[row, 0], cut_from(transform, address, *image.shape[-2:])[0], FIRST
        )
        for k, view in enumerate(views_at(transform, address, image)):
            show(axes[row, k + 1], view, f"{sizes[k]} x {sizes[k]}" if row else "")
            outline(axes[row, k + 1], (0, 0, sizes[k], sizes[k]), FIRST)
            axes[row, k + 1].set(xlim=(-2, sizes[0] + 2), ylim=(sizes[0] + 2, -2))
    return figure


def contrastive_crop() -> Figure:
    """From a heat map to a box, to crops around it, away from its center where there is room."""
    index, size = 22, 320
    picture = render(index, size=size)
    image = pixels(picture)
    x, y = (
        (picture.box.left + picture.box.right) / 2,
        (picture.box.top + picture.box.bottom) / 2,
    )
    rows, columns = torch.meshgrid(
        *[(torch.arange(7) + 0.5) * size / 7] * 2, indexing="ij"
    )
    heat = torch.exp(
        -((columns - x) ** 2 + (rows - y) ** 2) / (2 * (0.17 * size) ** 2)
    )  # a network's, as it might be
    (box,) = crop_box_from_heatmap(heat[None], (size, size))
    span = (box * size).tolist()
    as_rectangle = (span[0], span[1], span[2] - span[0], span[3] - span[1])

    figure, axes = sheet(1, 6, width_ratios=[1, 1, 1, 1, 0.66, 0.66], inch=1.75)
    show(axes[0, 0], image, "heat map, and its box")
    axes[0, 0].imshow(
        heat,
        extent=(-0.5, size - 0.5, size - 0.5, -0.5),
        cmap="inferno",
        alpha=0.45,
        interpolation="bicubic",
    )
    for ax, law, caption in (
        (axes[0, 1], JointCrop(96), "centers: JointCrop"),
        (
            axes[0, 2],
            ContrastiveCrop(96, alpha=0.6, beta=0.0),
            "centers: ContrastiveCrop",
        ),
    ):
        crops = [(law, Address(0, 0, k)) for k in range(150)]
        extents = [b for t, a in crops for b in cut_from(t, a, size, size, box)]
        show(ax, image, caption)
        centers = [
            (left + width / 2, top + height / 2)
            for left, top, width, height in extents
        ]
        ax.plot(*zip(*centers, strict=True), ".", color="black", markersize=2.2)
    for ax in axes[0, :3]:
        outline(ax, as_rectangle, THIRD, linestyle="--")
    transform, address = ContrastiveCrop(128, alpha=0.6, beta=0.0), Address(7, 0, 3)
    show(axes[0, 3], image, "a pair, beta = 0")
    views, _ = views_at(transform, address, image, box)
    for k, (ax, color) in enumerate(zip(axes[0, 4:], (FIRST, SECOND), strict=True)):
        outline(axes[0, 3], cut_from(transform, address, size, size, box)[k], color)
        show(ax, views[k], color=color)
    return figure


def multi_view() -> Figure:
    """Multi-crop: a pair of global crops and three pairs of local ones, each pair joint."""
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    dino = MultiView(
        JointCrop(128, scale=(0.4, 1.0)), *[JointCrop(64, scale=(0.05, 0.4))] * 3
    )
    for part, index in zip(figure.subfigures(2, 1), (7, 16), strict=True):
        axes = part.subplot_mosaic(
            "IIAABB135;IIAABB246", width_ratios=[1, 1, 1, 1, 1, 1, 1, 1, 1]
        )
        image, address = toy(index), Address(9, 0, index)
        boxes, views = (
            cut_from(dino, address, *image.shape[-2:]),
            views_at(dino, address, image),
        )
        show(axes["I"], image, "image")
        for k, name in enumerate("AB123456"):
            color = (FIRST, SECOND)[k % 2]
            outline(axes["I"], boxes[k], color, linewidth=2.0 if k < 2 else 1.0)
            show(
                axes[name], views[k], f"global {name}" if k < 2 else "", color=color
            )
        axes["4"].set_xlabel("three pairs of local views")
    return figure


def _coupled(coupling: Callable[[Any], Any]) -> Figure:
    figure, axes = sheet(
        2, 11, width_ratios=[1, 1, 0.2, 1, 1, 0.2, 1, 1, 0.2, 1, 1]
    )
    rest = v2.Compose(
        [v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.2, 0.6, 0.3)]
    )
    pipeline = v2.Compose(
        [MultiView(UncroppedView(112), UncroppedView(112)), coupling(rest)]
    )
    for k in range(8):
        row, column = k // 4, 3 * (k % 4)
        views = views_at(
            pipeline, Address(6, 0, k), toy((2, 17, 31, 12, 8, 21, 6, 27)[k])
        )
        for ax, view, color in zip(
            axes[row, column : column + 2], views, (FIRST, SECOND), strict=True
        ):
            show(ax, view, color=color)
    for ax in axes[:, 2::3].flat:
        blank(ax)
    return figure


def per_view() -> Figure:
    """Eight pairs of whole images, each view flipped and jittered by a draw of its own."""
    return _coupled(PerView)


def shared() -> Figure:
    """The same pairs, each flipped and jittered by one draw."""
    return _coupled(Shared)


# The pictures of the explanations. ------------------------------------------------------------------------------------


def _points(law: PairLaw, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    rows = Addresses(seed, 0, torch.arange(n)).rows(law.row_width)
    return law.from_uniform(*rows)


def couplings() -> Figure:
    """The areas of two views under each coupling."""
    figure = Figure(figsize=(7.6, 2.7), layout="constrained")
    axes = figure.subplots(1, 3, sharex=True, sharey=True)
    low, high = 0.2, 1.0
    t, _ = _points(IndependentPair(low, high), 1500, seed=1)
    clouds = (
        ("independent", _points(IndependentPair(low, high), 1500)),
        ("identical", (t, t)),
        ("joint: JC(0)", _points(JointPair(0.0, low, high), 1500)),
    )
    for ax, (title, (first, second)) in zip(axes, clouds, strict=True):
        ax.plot(first, second, ".", color="#444444", markersize=2, alpha=0.6)
        for rho in (2.0, 0.5):
            ax.plot([low, high], [rho * low, rho * high], color=SECOND, linewidth=1)
        apart = ((second / first).log().abs() > math.log(2)).double().mean()
        ax.set(
            title=f"{title}\n{apart:.0%} beyond 2 : 1",
            xlabel="area of view 1",
            aspect="equal",
        )
        limits, ticks = (low - 0.02, high + 0.02), [0.2, 0.6, 1.0]
        ax.set(xlim=limits, ylim=limits, xticks=ticks, yticks=ticks)
    axes[0].set_ylabel("area of view 2")
    return figure


def cells() -> Figure:
    """An image with two crops, and the centers of the first one's 7 x 7 cells in both."""
    pipeline = v2.Compose(
        [JointCrop(224, beta=-2.0), PerView(v2.RandomHorizontalFlip())]
    )
    figure, axes = sheet(2, 3, inch=1.9)
    for row, index in zip(axes, (4, 7), strict=True):
        image = toy(index)
        views, record = views_at(pipeline, Address(9, 0, index), image, record=True)
        show(row[0], image)
        for (top, left, height, width), color in zip(
            record.boxes.tolist(), (FIRST, SECOND), strict=True
        ):
            outline(row[0], (left, top, width, height), color)
        for k, color in enumerate((FIRST, SECOND)):
            position, _ = record.grid(0, k, 7)
            _, shared = record.grid(0, 1, 7)
            show(row[1 + k], views[k], f"view {k + 1}", color=color)
            x, y = position[shared].unbind(-1)
            row[1 + k].scatter(
                x,
                y,
                c=torch.arange(49).view(7, 7)[shared],
                cmap="viridis",
                s=14,
                edgecolors="white",
                lw=0.6,
            )
    return figure


def laws() -> Figure:
    """Densities of the log ratio, and of one area."""
    figure = Figure(figsize=(7.6, 2.9), layout="constrained")
    ratio, marginal = figure.subplots(1, 2, width_ratios=[1.25, 1])
    low, high = 0.2, 1.0
    betas = (2.0, 1.0, 0.0, -1.0, -2.0)
    plot_log_ratio_densities(betas, low, high, ax=ratio)
    t = torch.linspace(low, high, 801, dtype=torch.float64)[1:-1]
    colors = mpl.colormaps["viridis"](np.linspace(0.0, 0.9, len(betas)))
    for beta, color in zip(betas, colors, strict=True):
        marginal.plot(
            t, JointPair(beta, low, high).marginal_log_prob(t).exp(), color=color
        )
    marginal.plot(
        t,
        IndependentPair(low, high).marginal_log_prob(t).exp(),
        ":",
        color="black",
        linewidth=2.0,
    )
    marginal.set(xlabel="area of one view", ylabel="density", ylim=(0, 4.5))
    return figure


def _ratio_law(*laws: LogRatioLaw) -> Figure:
    figure = Figure(figsize=(4.4, 2.2), layout="constrained")
    ax = figure.subplots()
    span = math.log(5)
    u = torch.linspace(-span, span, 401, dtype=torch.float64)[1:-1]
    (row,) = Addresses(0, 0, torch.arange(20_000)).rows(1)
    for law, color in zip(laws, (FIRST, SECOND, THIRD), strict=False):
        drawn = law.from_uniform(row).numpy()
        ax.hist(
            drawn,
            bins=60,
            range=(-span, span),
            density=True,
            color=color,
            alpha=0.3,
        )
        ax.plot(u, law.log_prob(u).exp(), color=color, label=repr(law))
    ax.set(
        xlabel="log ratio: density, and 20,000 draws",
        yticks=[],
        ylim=(0, 1.4 * ax.get_ylim()[1]),
    )
    ax.legend(frameon=False, fontsize=7)
    return figure


def joint_log_ratio() -> Figure:
    """Densities at three betas, and what is drawn."""
    return _ratio_law(*[JointLogRatio(beta, 0.2, 1.0) for beta in (2.0, 0.0, -2.0)])


def independent_log_ratio() -> Figure:
    """The density of two independent areas' log ratio, and what is drawn."""
    return _ratio_law(IndependentLogRatio(0.2, 1.0))


def _pair_law(law: PairLaw) -> Figure:
    figure = Figure(figsize=(4.4, 2.2), layout="constrained")
    cloud, marginal = figure.subplots(1, 2)
    first, second = _points(law, 3000)
    cloud.plot(first, second, ".", color=SECOND, markersize=2, alpha=0.5)
    cloud.set(
        xlabel="view 1",
        ylabel="view 2",
        aspect="equal",
        xlim=(0.18, 1.02),
        ylim=(0.18, 1.02),
    )
    marginal.hist(
        torch.cat([first, second]).numpy(),
        bins=40,
        range=(0.2, 1.0),
        density=True,
        color=SECOND,
        alpha=0.6,
    )
    marginal.set(xlabel="of one view", yticks=[])
    return figure


def joint_pair() -> Figure:
    """3,000 pairs at beta 0, and the values of one view."""
    return _pair_law(JointPair(0.0, 0.2, 1.0))


def decoupled_pair() -> Figure:
    """The same values of one view as `JointPair` has at beta 0, without its coupling."""
    return _pair_law(JointPair(0.0, 0.2, 1.0).decoupled())


def independent_pair() -> Figure:
    """3,000 pairs of independent values, and the values of one view."""
    return _pair_law(IndependentPair(0.2, 1.0))


def fixed_ratio_pair() -> Figure:
    """3,000 pairs, of which the second is twice the first, and the values of one view."""
    return _pair_law(FixedRatioPair(2.0, 0.2, 1.0))


def aspects() -> Figure:
    """Aspect ratios that fit, against the area, on three shapes of image."""
    figure = Figure(figsize=(7.6, 2.5), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    for ax, (height, width, name) in zip(
        axes,
        ((384, 512, "4:3"), (384, 576, "3:2"), (360, 640, "16:9")),
        strict=True,
    ):
        crop = JointCrop()
        rows = Addresses(0, 0, torch.arange(1500)).rows(crop.row_width)
        params = crop.params_from_uniform(rows, [(height, width)] * 2)
        boxes = torch.cat(params["box"])
        aspect = boxes[:, 3] / boxes[:, 2]
        ax.plot(
            torch.cat(params["area"]),
            aspect,
            ".",
            color="#444444",
            markersize=1.6,
            alpha=0.5,
        )
        for bound in (3 / 4, 4 / 3):
            ax.axhline(bound, color=SECOND, linewidth=1)
        ax.set(
            title=f"image {name}",
            xlabel="area of a view",
            yscale="log",
            ylim=(0.7, 1.9),
        )
        ax.set_yticks([3 / 4, 1, 4 / 3, 16 / 9], ["3:4", "1:1", "4:3", "16:9"])
        ax.minorticks_off()
    axes[0].set_ylabel("width : height")
    return figure


def tutorial() -> Image.Image:
    """What the tutorial's own code draws."""
    text = (DOCS / "tutorials" / "first-pair.md").read_text(encoding="utf-8")
    blocks = re.findall(
        r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE
    )
    code = "\n".join(block for block in blocks if not block.startswith(">>>"))
    with (
        tempfile.TemporaryDirectory() as folder,
        _inside(folder),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        state = torch.get_rng_state()
        torch.manual_seed(0)
        exec(compile(code, "first-pair.md", "exec"), {})
        torch.set_rng_state(state)
        with Image.open("pairs.png") as picture:
            return picture.convert("RGB")


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def readme() -> Figure:
    """Independent crops beside joint ones, and the law of their log ratio with what was realized."""
    with mpl.rc_context({"font.size": 7.5, "axes.titlesize": 8}):
        figure = Figure(figsize=(8.6, 3.2), layout="constrained")
        left, middle, right = figure.subfigures(1, 3, width_ratios=[1, 1, 0.95])
        policies = (
            (
                "two independent crops",
                JointCrop(112, law=IndependentPair(0.2, 1.0)),
                "#444444",
            ),
            ("JointCrop(beta=0)", JointCrop(112, beta=0.0), SECOND),
        )
        for part, (title, policy, _) in zip((left, middle), policies, strict=True):
            part.suptitle(title, fontsize=8.5, fontweight="bold")
            axes = part.subplots(3, 3)
            for row, (index, draw) in enumerate(((29, 27), (4, 5), (23, 24))):
                pair(
                    axes[row],
                    toy(index),
                    policy,
                    Address(seed=2, epoch=0, index=index, draw=draw),
                )
        axes = right.subplots(2, 1, sharex=True)
        span = math.log(5)
        u = torch.linspace(-span, span, 401, dtype=torch.float64)[1:-1]
        for ax, (_, policy, color) in zip(axes, policies, strict=True):
            rows = Addresses(0, 0, torch.arange(20_000)).rows(policy.row_width)
            first, second = policy.params_from_uniform(rows, [(384, 512)] * 2)[
                "box"
            ]
            realized = (second[:, 2:].prod(1) / first[:, 2:].prod(1)).log()
            ax.hist(
                realized.numpy(),
                bins=60,
                range=(-span, span),
                density=True,
                color=color,
                alpha=0.35,
            )
            ax.plot(u, policy.laws["area"].log_ratio.log_prob(u).exp(), color=color)
            beyond = float(policy.laws["area"].log_ratio.tail(2.0))
            ax.set(
                title=f"{beyond:.0%} of pairs beyond 2 : 1",
                ylim=(0, 0.8),
                yticks=[],
            )
            ax.spines["left"].set_visible(False)
            for edge in (-math.log(2), math.log(2)):
                ax.axvline(edge, color="#999999", linewidth=0.7, linestyle="--")
        axes[1].set_xlabel("log ratio of the two areas: law, and 20,000 pairs")
    return figure


def _gallery(pipeline: Pipeline, image: Tensor, *rest: Any) -> Figure:
    made = views_at(pipeline, Address(3, 0, 4), image, *rest)
    first = made[0] if rest else made
    views = first if isinstance(first, Views) else (first,)
    columns = max(3, 1 + len(views))
    figure, axes = sheet(1, columns, inch=4.4 / columns)
    show(axes[0, 0], image)
    for k, ax in enumerate(axes[0, 1:]):
        if k < len(views):
            show(ax, views[k], color=(FIRST, SECOND)[k % 2])
        else:
            blank(ax)
    return figure


def gallery() -> dict[str, Callable[[], Figure]]:
    """Every transform on one image, at one address: pictures of the gallery's page, by their names."""
    image = toy(4)
    box = torch.tensor([0.25, 0.25, 0.75, 0.75])
    whole = MultiView(UncroppedView(160), UncroppedView(160))
    jitter = v2.Compose(
        [v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4, 0.4, 0.2)]
    )
    pipelines = {
        "JointCrop": JointCrop(160),
        "ContrastiveCrop": ContrastiveCrop(160),
        "MultiResolution": MultiResolution((160, 80, 40)),
        "UncroppedView": UncroppedView(160),
        "MultiView": MultiView(JointCrop(160), JointCrop(64, scale=(0.05, 0.4))),
        "JointBlur": v2.Compose([whole, JointBlur(sigma=(0.5, 8.0), p=1.0)]),
        "JointColor": v2.Compose([whole, JointColor(0.6, 0.6, 0.6, 0.1, p=1.0)]),
        "PerView": v2.Compose([whole, PerView(jitter)]),
        "Shared": v2.Compose([whole, Shared(jitter)]),
    }
    rest = {"ContrastiveCrop": (box,)}
    return {
        f"gallery-{name}": partial(_gallery, pipeline, image, *rest.get(name, ()))
        for name, pipeline in pipelines.items()
    }


PICTURES: dict[str, Callable[[], Figure | Image.Image]] = {
    "JointCrop": joint_crop,
    "JointBlur": joint_blur,
    "JointColor": joint_color,
    "UncroppedView": uncropped_view,
    "MultiResolution": multi_resolution,
    "ContrastiveCrop": contrastive_crop,
    "MultiView": multi_view,
    "PerView": per_view,
    "Shared": shared,
    "cells": cells,
    "couplings": couplings,
    "laws": laws,
    "aspects": aspects,
    "tutorial": tutorial,
    "JointLogRatio": joint_log_ratio,
    "IndependentLogRatio": independent_log_ratio,
    "JointPair": joint_pair,
    "DecoupledPair": decoupled_pair,
    "IndependentPair": independent_pair,
    "FixedRatioPair": fixed_ratio_pair,
    **gallery(),
}


def draw(folder: Path, names: Sequence[str] = tuple(PICTURES)) -> None:
    """Write the named pictures into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / f"{name}.png"
        with mpl.rc_context(
            {} if name == "tutorial" else STYLE
        ):  # the tutorial's reader sees matplotlib's own style
            picture = PICTURES[name]()
            if isinstance(picture, Image.Image):
                picture.save(path)
            else:
                picture.savefig(path)


def draw_readme(path: Path) -> None:
    """Write the README's picture, with 256 colors: it lies in the repository."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        readme().savefig(buffer)
    with Image.open(buffer) as picture:
        picture.convert("RGB").quantize(
            256, dither=Image.Dither.FLOYDSTEINBERG
        ).save(path, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Draw the pictures of the documentation."
    )
    parser.add_argument(
        "names", nargs="*", default=list(PICTURES), help="which (default: all)"
    )
    parser.add_argument(
        "--readme", action="store_true", help="draw the README's picture too"
    )
    arguments = parser.parse_args()
    draw(DOCS / "_static" / "generated", arguments.names)
    if arguments.readme:
        draw_readme(DOCS / "_static" / "pairs.png")
