"""The pictures of pages: how-to guides, tutorials, the front page."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from drawing import (
    FIRST,
    INCH,
    SECOND,
    THIRD,
    blank,
    ink,
    outline,
    pair,
    run_page,
    sheet,
    show,
    toy,
)
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2
from trainer.inputs.scenes import render_scene

from jointaug import (
    Address,
    AddressedDataset,
    AddressedSampler,
    Addresses,
    JointCrop,
    PerView,
    fuse,
    losses,
    views_at,
)
from jointaug.distributions import IndependentPair, JointPair
from jointaug.neighbors import sample_negatives
from jointaug.plotting import plot_log_ratio_histogram


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


def tutorial() -> Figure:
    """What the tutorial's own code draws."""
    figure: Figure = run_page("tutorials/first-pair.md", "pairs.png")
    return figure


def readme() -> Figure:
    """Independent crops beside joint ones, and under each the law of their log ratio with what was realized."""
    figure = Figure(figsize=(5.4, 4.1), layout="constrained")
    policies = (
        (
            "two independent crops",
            JointCrop(112, law=IndependentPair(0.2, 1.0)),
            ink(),
        ),
        ("JointCrop(beta=0)", JointCrop(112, beta=0.0), SECOND),
    )
    above, below = figure.subfigures(2, 1, height_ratios=[1.75, 1])
    for part, (title, policy, _) in zip(
        above.subfigures(1, 2), policies, strict=True
    ):
        part.suptitle(title, fontweight="bold")
        axes = part.subplots(2, 3)
        for row, (index, draw) in enumerate(((29, 27), (23, 24))):
            address = Address(seed=2, epoch=0, index=index, draw=draw)
            pair(axes[row], toy(index), policy, address)
    for ax, (_, policy, color) in zip(
        below.subplots(1, 2, sharey=True), policies, strict=True
    ):
        _law_and_crops(ax, policy, color)
    return figure


def _law_and_crops(ax: Axes, policy: JointCrop, color: str) -> None:
    span = math.log(5)
    u = torch.linspace(-span, span, 401, dtype=torch.float64)[1:-1]
    rows = Addresses(0, 0, torch.arange(20_000)).rows(policy.row_width)
    first, second = policy.params_from_uniform(rows, [(384, 512)] * 2)["box"]
    realized = (second[:, 2:].prod(1) / first[:, 2:].prod(1)).log()
    bars: dict[str, Any] = {"bins": 60, "range": (-span, span), "density": True}
    ax.hist(realized.numpy(), color=color, alpha=0.35, **bars)
    law = policy.laws["area"].log_ratio
    ax.plot(u, law.log_prob(u).exp(), color=color)
    title = f"{float(law.tail(2.0)):.0%} of pairs beyond 2 : 1"
    ax.set(title=title, xlabel="log ratio of the areas", ylim=(0, 0.8), yticks=[])
    ax.spines["left"].set_visible(False)
    for edge in (-math.log(2), math.log(2)):
        ax.axvline(edge, color="#808080", linewidth=0.7, linestyle="--")


def in_rows(
    rows: list[tuple[str, list[Tensor]]], *, inch: float = INCH, **options: Any
) -> Figure:
    """Rows of small pictures, each with its name at the left."""
    figure, axes = sheet(len(rows), len(rows[0][1]), inch=inch, lines=0)
    for line, (name, images) in zip(axes, rows, strict=True):
        for ax, image in zip(line, images, strict=True):
            show(ax, image, **options)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=4)
    width, height = figure.get_size_inches()
    figure.set_size_inches(
        width + 0.075 * max(len(name) for name, _ in rows), height
    )
    return figure


def batch() -> Figure:
    """A batch, as a v2 pipeline leaves it and as the fused pipeline does."""
    images = torch.stack([toy(index, 128) for index in (2, 17, 31, 12, 8)])
    crop = v2.RandomResizedCrop(128, scale=(0.3, 1.0))
    color = v2.ColorJitter(0.4, 0.4, 0.4, 0.2)
    steps = v2.Compose([crop, v2.RandomHorizontalFlip(), color])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        by_v2 = steps(images)
    fused = fuse(steps)(images, addresses=Addresses(0, 0, torch.arange(5)))
    return in_rows(
        [
            ("batch", list(images)),
            ("v2", list(by_v2)),
            ("fused", list(fused)),
        ]
    )


def epochs() -> Figure:
    """One image's pairs in three epochs, from three loaders."""
    images = [(toy(index, 128), index) for index in range(12)]
    color = v2.ColorJitter(0.4, 0.4, 0.4, 0.2)
    rest = v2.Compose([v2.RandomHorizontalFlip(), color])
    pipeline = fuse(v2.Compose([JointCrop(128), PerView(rest)]))
    data = AddressedDataset(images, pipeline, seed=0)
    chosen = 5

    def of(batches: Any) -> list[Tensor]:
        for views, labels in batches:
            for k in (labels == chosen).nonzero()[:, 0].tolist():
                return [view[k] for view in views]
        raise LookupError

    sampler = AddressedSampler(data, shuffle=True)
    first = DataLoader(data, batch_size=4, sampler=sampler)
    second = pipeline.loader(images, 3, seed=0, shuffle=False)
    rows = [
        (
            "batches of 4,\nshuffled",
            [view for _ in range(3) for view in of(list(first))],
        ),
        (
            "batches of 3,\nin order",
            [view for _ in range(3) for view in of(list(second))],
        ),
        (
            "data.views(5)",
            [
                view
                for epoch in range(3)
                for view in data.views(chosen, epoch=epoch)[0]
            ],
        ),
    ]
    figure = in_rows(rows, inch=0.8)
    for k, ax in enumerate(figure.axes[:6]):
        ax.set_title(f"epoch {k // 2}" if k % 2 == 0 else "", loc="left")
    return figure


def targets() -> Figure:
    """A scene with boxes and masks, its two views with theirs, and what both views show of the image."""
    scene = render_scene(13, size=224)
    image = tv_tensors.Image(torch.from_numpy(scene.pixels).permute(2, 0, 1))
    boxes = tv_tensors.BoundingBoxes(
        [one.box for one in scene.toys], format="XYXY", canvas_size=(224, 224)
    )
    masks = tv_tensors.Mask(
        torch.stack([torch.from_numpy(one.mask) for one in scene.toys])
    )
    steps = [v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4, 0.4, 0.1)]
    pipeline = v2.Compose([JointCrop(160, beta=-1), PerView(v2.Compose(steps))])
    sample = {"image": image, "boxes": boxes, "masks": masks}
    views, record = views_at(pipeline, Address(0, 0, 13), sample, record=True)
    both = record.overlap(0, 1)[:2]
    figure, axes = sheet(1, 3, inch=1.75)
    for k, (ax, shown) in enumerate(zip(axes[0], [sample, *views], strict=True)):
        show(ax, shown["image"], ("image", "view 1", "view 2")[k])
        tint = ListedColormap(["white"])
        for mask, (left, top, right, bottom) in zip(
            shown["masks"], shown["boxes"].tolist(), strict=True
        ):
            covered = np.ma.masked_equal(mask.numpy(), False)
            ax.imshow(covered, cmap=tint, alpha=0.5)
            if right > left and bottom > top:
                outline(ax, (left, top, right - left, bottom - top), THIRD)
        if k:
            top, left, height, width = both[k - 1].tolist()
            outline(ax, (left, top, width, height), "black", linestyle="--")
    for box, color in zip(record.boxes.tolist(), (FIRST, SECOND), strict=True):
        outline(axes[0, 0], (box[1], box[0], box[3], box[2]), color)
    for ax, color in zip(axes[0, 1:], (FIRST, SECOND), strict=True):
        ax.spines[:].set(visible=True, color=color, linewidth=2.5)
    return figure


def policies() -> Figure:
    """What the page's own code draws: the SDF of three policies, with intervals."""
    figure: Figure = run_page("how-to/compare-two-policies.md", "sdf.png")
    figure.set_size_inches(5.2, 2.0)
    return figure


def solarize() -> Figure:
    """Pairs of the page's own transform: one image each, so that only the thresholds differ."""
    transform = run_page(
        "how-to/write-your-own-joint-transform.md", "JointSolarize"
    )(p=1.0)
    figure, axes = sheet(2, 5, width_ratios=[1, 1, 0.2, 1, 1], inch=1.1)
    for k in range(4):
        row, column = k // 2, 3 * (k % 2)
        image = toy((4, 12, 21, 31)[k], 128)
        uniforms = Address(0, 0, k).row(transform.row_width)
        params = transform.params_from_uniform(uniforms, [(128, 128)] * 2)
        for view, (ax, color) in enumerate(
            zip(axes[row, column : column + 2], (FIRST, SECOND), strict=True)
        ):
            caption = f"threshold {params['threshold'][view]:.2f}"
            show(ax, transform.transform(image, params)[view], caption, color=color)
    for ax in axes[:, 2]:
        blank(ax)
    return figure


def samplers() -> Figure:
    """Log ratios that the page's two samplers realize, against the law that both claim."""
    made = (
        run_page("how-to/test-your-own-sampler.md", "realized"),
        run_page("how-to/test-your-own-sampler.md", "pairs"),
    )
    figure = Figure(figsize=(4.6, 5.0), layout="constrained")
    law = JointPair(0.0, 0.2, 1.0).log_ratio
    for ax, areas, name in zip(
        figure.subplots(2, 1, sharex=True),
        reversed(made),
        ("my_areas", "JointCrop"),
        strict=True,
    ):
        log_ratios = (areas[:, 1] / areas[:, 0]).log()
        plot_log_ratio_histogram(log_ratios, law, bins=40, label=name, ax=ax)
    return figure


def weights() -> Figure:
    """Four pairs of a batch of 64, and what they weigh by the difference of their areas."""
    crop = JointCrop(112, beta=0.0)
    rows = Addresses(2, 0, torch.arange(64)).rows(crop.row_width)
    first, second = crop.params_from_uniform(rows, [(320, 320)] * 2)["area"]
    weight = losses.batch_mean((second / first).log().abs())
    figure, axes = sheet(2, 7, width_ratios=[1, 1, 1, 0.2, 1, 1, 1], lines=2)
    for k, index in enumerate(weight.argsort()[[3, 24, 44, 62]].tolist()):
        row, column = k // 2, 4 * (k % 2)
        cells = axes[row, column : column + 3]
        pair(cells, toy(index), crop, Address(2, 0, index))
        cells[1].set_title(f"weight {weight[index]:.2f}")
    for ax in axes[:, 3]:
        blank(ax)
    return figure


def negatives() -> Figure:
    """Cosines of one image of the page with all others, and which of them each strategy draws."""
    features = losses.unit(
        run_page("how-to/neighbors-on-your-features.md", "features")
    )
    labels = torch.arange(len(features)) % 20
    query = torch.tensor([5])
    cosines = features @ features[5]
    same = labels == labels[5]
    figure = Figure(figsize=(5.4, 3.2), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[1.2, 1])
    top.hist(
        cosines[~same].numpy(),
        bins=80,
        color=ink(),
        alpha=0.5,
        label="other clusters",
    )
    same[5] = False
    top.hist(
        cosines[same].numpy(), bins=20, color=THIRD, alpha=0.8, label="its cluster"
    )
    top.set(yticks=[], ylabel="images")
    top.legend(frameon=False)
    names = ("hard", "semi-hard", "random", "semi-easy")
    for row, strategy in enumerate(names):
        (drawn,) = sample_negatives(
            features[query], query, features, labels, 40, strategy=strategy
        )
        bottom.plot(cosines[drawn], [row] * 40, "|", color=SECOND, markersize=12)
    bottom.set_yticks(range(4), names)
    bottom.set(ylim=(3.6, -0.6), xlabel="cosine with the query")
    return figure


def run() -> Figure:
    """Toys of the page, and the two views of each that its network is trained on."""
    page = "tutorials/first-run.md"
    augment, toys = run_page(page, "augment"), run_page(page, "x")[:8]
    views = augment(toys, addresses=Addresses(0, 0, torch.arange(8)))
    shown = [(view * 0.25 + 0.5).clamp(0, 1) for view in views]
    names = ("toy", "view 1", "view 2")
    rows = [
        (name, list(part)) for name, part in zip(names, [toys, *shown], strict=True)
    ]
    return in_rows(rows, inch=0.6, interpolation="nearest")
