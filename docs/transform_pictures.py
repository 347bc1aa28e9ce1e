"""The pictures of the transforms: one in the reference of each, and one of each on the gallery's page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from drawing import (
    FIRST,
    SECOND,
    THIRD,
    Pipeline,
    blank,
    cut_from,
    outline,
    pair,
    pixels,
    sheet,
    show,
    toy,
    wide_toy,
)
from matplotlib.figure import Figure
from torch import Tensor
from torchvision.transforms import v2
from trainer.inputs.rendered import render

from jointaug import (
    Address,
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


def joint_crop() -> Figure:
    """Three images, the same uniforms at three betas."""
    figure, axes = sheet(
        3, 11, width_ratios=[1, 1, 1, 0.15, 1, 1, 1, 0.15, 1, 1, 1]
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
    figure, axes = sheet(
        2, 8, width_ratios=[1, 1, 0.2, 1, 1, 0.2, 1, 1], inch=1.1, lines=2
    )
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

    figure, axes = sheet(1, 6, width_ratios=[1, 1, 1, 1, 0.66, 0.66], inch=1.35)
    show(axes[0, 0], image, "heat map, and its box")
    axes[0, 0].imshow(
        heat,
        extent=(-0.5, size - 0.5, size - 0.5, -0.5),
        cmap="inferno",
        alpha=0.45,
        interpolation="bicubic",
    )
    for ax, law, caption in (
        (axes[0, 1], JointCrop(96), "JointCrop's centers"),
        (
            axes[0, 2],
            ContrastiveCrop(96, alpha=0.6, beta=0.0),
            "ContrastiveCrop's",
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
    figure = Figure(figsize=(7.2, 2.8), layout="constrained")
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
        2, 11, width_ratios=[1, 1, 0.2, 1, 1, 0.2, 1, 1, 0.2, 1, 1], lines=0
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


def _gallery(pipeline: Pipeline, image: Tensor, *rest: Any) -> Figure:
    made = views_at(pipeline, Address(3, 0, 4), image, *rest)
    first = made[0] if rest else made
    views = first if isinstance(first, Views) else (first,)
    columns = max(3, 1 + len(views))
    figure, axes = sheet(1, columns, inch=2.4 / columns, lines=0)
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
