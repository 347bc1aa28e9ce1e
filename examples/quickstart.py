"""Two independent crops, or JointCrop(beta=0)? Draw both, look at them, pre-train a small encoder with each, compare.

    python examples/quickstart.py                    # on toys that it renders itself, see trainer/inputs/rendered.py
    python examples/quickstart.py --data FOLDER      # on your own images: FOLDER/<class>/<image>

It writes into demo/ (``--out``):

* ``pairs.png``: source images with both crop boxes drawn on them, beside the two views;
* ``log_area_ratio.png``: the log ratio of the two crops' areas, as realized, over the law's density;
* ``knn.png``: k-NN accuracy on held-out images over the steps, of both, the mean over seeds and its 95 % interval;
* ``table.md`` and ``table.csv``: training loss, k-NN accuracy and views per second at the end; ``runs.csv`` has the
  single runs, ``looks.csv`` their k-NN on the way.

Method: SimCLR (Chen et al. 2020, https://arxiv.org/abs/2002.05709) with ResNet-8 on images in memory, whose views are
drawn by `jointaug.fuse`; JointCrop is from Zhang et al. 2025, https://arxiv.org/abs/2412.16522. The two runs of a seed
differ in the crop alone: they start from the same weights and take the same batches, and every draw is a hash of (seed,
epoch, image): a rerun sees the same views.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.transforms import v2
from trainer.inputs.thumbnails import Split, Thumbnails, available_cores, folder_thumbnails, rendered_thumbnails
from trainer.record.intervals import PILOT, difference, mean
from trainer.record.machine import processor
from trainer.record.progress import tqdm
from trainer.record.versions import versions
from trainer.training.small import (
    BATCH,
    IMAGES,
    KNN,
    SCALE,
    SIDE,
    STEPS,
    VIEW,
    independent_crops,
    per_view,
    pretrain,
    resnet8,
)

from jointaug import AddressedDataset, JointCrop
from jointaug.distributions import IndependentLogRatio, JointLogRatio
from jointaug.plotting import plot_log_ratio_histogram, plot_pairs

BETAS = (2.0, 0.0, -2.0)  # of the pictures
Crop: TypeAlias = v2.RandomResizedCrop | JointCrop
DIGITS = {"loss": 3, "accuracy": 1, "speed": 0}


# Two policies: all that differs between the runs is the first step. ---------------------------------------------------
def policies() -> dict[str, v2.Compose]:
    """The two pipelines under comparison, by name."""
    return {
        "two independent crops": v2.Compose([independent_crops(SIDE), per_view()]),
        "JointCrop(beta=0)": v2.Compose([JointCrop(SIDE, scale=SCALE, beta=0), per_view()]),
    }


# Pictures of the pairs. -----------------------------------------------------------------------------------------------
class DrawPair:
    """Two crops of an image and the boxes that they were cut from, ``(top, left, height, width)`` in pixels."""

    def __init__(self, crop: Crop) -> None:
        self.crop = crop

    def __call__(self, image: Image.Image, label: int) -> dict[str, Tensor]:  # noqa: ARG002
        """The pair as tensors, which a DataLoader can put into batches."""
        if isinstance(self.crop, JointCrop):
            params = self.crop.make_params([image])
            boxes, views = params["box"], list(self.crop.transform(image, params))
        else:
            drawn = [self.crop.make_params([image]) for _ in range(2)]
            boxes = [tuple(params[name] for name in ("top", "left", "height", "width")) for params in drawn]
            views = [self.crop.transform(image, params) for params in drawn]
        return {
            "boxes": torch.tensor(boxes),
            "views": torch.stack([v2.functional.pil_to_tensor(view) for view in views]),
        }


def drawn_policies() -> dict[str, tuple[Crop, IndependentLogRatio | JointLogRatio]]:
    """Each crop with the law that its log area ratio should follow."""
    drawn: dict[str, Any] = {
        "two RandomResizedCrops": (v2.RandomResizedCrop(VIEW, scale=SCALE), IndependentLogRatio(*SCALE))
    }
    for beta in BETAS:
        drawn[f"JointCrop(beta={beta:g})"] = (JointCrop(VIEW, scale=SCALE, beta=beta), JointLogRatio(beta, *SCALE))
    return drawn


def draw_pairs(images: Thumbnails, crop: Crop, count: int, workers: int) -> dict[str, Tensor]:
    """At least ``count`` pairs from a DataLoader: ``boxes`` ``[N, 2, 4]``, and ``views`` of the first images."""
    data = AddressedDataset(images, DrawPair(crop), seed=0)
    loader = DataLoader(data, min(250, len(images)), num_workers=workers, persistent_workers=workers > 0)
    boxes: list[Tensor] = []
    views: list[Tensor] = []
    for epoch in range(math.ceil(count / len(images))):
        data.set_epoch(epoch)
        for batch in loader:
            boxes.append(batch["boxes"])
            if not views:
                views.append(batch["views"])
    return {"boxes": torch.cat(boxes), "views": torch.cat(views)}


def picture_of_pairs(images: Thumbnails, pairs: dict[str, dict[str, Tensor]], path: Path) -> None:
    """For each policy source images with both boxes, and the two views beside each; the same images for all."""
    shown = chosen_images(images, 3)
    figure = Figure(figsize=(11, 3.6 * len(shown) + 0.8), layout="constrained")
    parts = figure.subfigures(2, 2, squeeze=False, wspace=0.04, hspace=0.04).flat
    for part, (name, drawn) in zip(parts, pairs.items(), strict=True):
        part.suptitle(name, fontweight="bold")
        sources = [images[index][0] for index in shown]
        plot_pairs(sources, drawn["boxes"][shown].tolist(), list(drawn["views"][shown]), figure=part)
    figure.savefig(path, dpi=80)


def chosen_images(images: Thumbnails, count: int) -> list[int]:
    """The first image of each of the first classes among the first batch, then whatever comes next."""
    reach = range(min(250, len(images)))
    first_of = {images.labels[index]: index for index in reversed(reach)}
    order = sorted(first_of.values()) + [index for index in reach if index not in first_of.values()]
    return order[:count]


def picture_of_ratios(pairs: dict[str, dict[str, Tensor]], path: Path) -> None:
    """Histograms of the realized log area ratio over the density of the law that was asked for."""
    figure = Figure(figsize=(13, 9), layout="constrained")
    laws = {name: law for name, (_, law) in drawn_policies().items()}
    for ax, (name, drawn) in zip(figure.subplots(2, 2, sharey=True).flat, pairs.items(), strict=True):
        ratios = log_area_ratio(drawn["boxes"])
        plot_log_ratio_histogram(ratios, laws[name], bins=40, label="realized", ax=ax)
        beyond = (ratios.abs() > math.log(2)).double().mean()
        ax.set_title(f"{name}: {beyond:.1%} of pairs beyond 2 : 1 (law: {laws[name].tail(2.0):.1%})", fontweight="bold")
    figure.savefig(path, dpi=80)


def log_area_ratio(boxes: Tensor) -> Tensor:
    """``log(area 2 / area 1)`` of pairs of boxes ``[N, 2, 4]``."""
    areas = (boxes[..., 2] * boxes[..., 3]).double().log()
    return areas[:, 1] - areas[:, 0]


@dataclass(frozen=True)
class Run:
    """What one pre-training came to.

    Attributes:
        loss: mean over the last tenth of the steps.
        accuracy: k-NN, percent of the held-out images.
        speed: views per second, drawing them included.
        looks: k-NN likewise, by the steps before it.
    """

    loss: float
    accuracy: float
    speed: float
    looks: dict[int, float] = field(default_factory=dict)


# The curve. -----------------------------------------------------------------------------------------------------------
def picture_of_learning(runs: dict[str, list[Run]], path: Path) -> None:
    """k-NN over the steps, a line for each policy: the mean over seeds, and its 95 % interval as a band."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    ax = figure.subplots()
    for name, own in runs.items():
        steps, means, lows, highs = curve(own)
        (line,) = ax.plot(steps, means, marker="o", markersize=3, label=name)
        ax.fill_between(steps, lows, highs, color=line.get_color(), alpha=0.2, linewidth=0)
    seeds = len(next(iter(runs.values())))
    ax.set(xlabel="steps", ylabel="k-NN accuracy on held-out images, %", title=f"mean of {seeds} seeds, 95 % interval")
    ax.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=100)


def curve(own: Sequence[Run]) -> tuple[list[int], list[float], list[float], list[float]]:
    """Of a policy's runs: the steps, and over seeds mean, lower and upper end at each."""
    steps = sorted(own[0].looks)
    found = [mean([run.looks[step] for run in own]) for step in steps]
    return steps, [one.value for one in found], [one.low for one in found], [one.high for one in found]


# The table. -----------------------------------------------------------------------------------------------------------
def table(runs: dict[str, list[Run]], initial: Sequence[float]) -> list[list[str]]:
    """Rows of cells, the heading first."""
    first, second = runs
    names = ("loss", "accuracy", "speed")
    values = {policy: {name: [getattr(run, name) for run in own] for name in names} for policy, own in runs.items()}
    rows = [["", "training loss", "k-NN accuracy, %", "views per second"]]
    rows.append(["initialisation", "", mean(initial).plus_minus(".1f"), ""])
    rows += [
        [policy, *(mean(own[name]).plus_minus(f".{DIGITS[name]}f") for name in names)] for policy, own in values.items()
    ]
    change = [difference(values[second][name], values[first][name]).plus_minus(f"+.{DIGITS[name]}f") for name in names]
    return [*rows, ["difference", *change]]


def verdict(runs: dict[str, list[Run]]) -> str:
    """What the k-NN accuracies say, and no more."""
    (first, before), (second, after) = runs.items()
    gains = []
    for name, own in runs.items():
        if own[0].looks:
            _, means, _, _ = curve(own)
            gains.append(f"{name} from {means[0]:.1f} to {means[-1]:.1f} %")
    learnt = f"k-NN went with {' and with '.join(gains)}. " if gains else ""
    change = difference([run.accuracy for run in after], [run.accuracy for run in before])
    place = "ahead of" if change.low > 0 else "behind" if change.high < 0 else "not told apart from"
    pilot = ": a pilot" if len(after) < PILOT else ""
    return (
        f"{learnt}On held-out k-NN accuracy {second} is {place} {first} here: {change.value:+.1f} points, 95 % "
        f"interval {change.low:+.1f} to {change.high:+.1f}, {len(after)} seeds{pilot}."
    )


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


# The whole. -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Plan:
    """The settings of a run, from the command line."""

    data: Path | None
    out: Path
    images: int
    pairs: int
    steps: int
    batch: int
    seeds: int
    workers: int
    threads: int


def plan_from(arguments: Sequence[str] | None) -> tuple[Plan, argparse.ArgumentParser]:
    """The command line, checked."""
    cores = available_cores()
    parser = argparse.ArgumentParser(
        description="Draw pairs of crops, independent and joint, and compare what a small encoder learns from them.",
        epilog="On CPU. The defaults take three to four minutes on two cores.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="folder of class folders; without it the example renders toys")
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for pictures and tables")
    parser.add_argument(
        "--images", type=int, default=IMAGES, help="how many images at most, in all; a quarter of them is held out"
    )
    parser.add_argument("--pairs", type=int, default=8000, help="pairs in each histogram, at least")
    parser.add_argument("--steps", type=int, default=STEPS, help="optimiser steps of each pre-training")
    parser.add_argument("--batch", type=int, default=BATCH, help="images in a step (at most the training set)")
    parser.add_argument("--seeds", type=int, default=3, help=f"runs of each policy; under {PILOT} it is called a pilot")
    parser.add_argument(
        "--workers", type=int, default=max(2, min(cores // 2, 8)), help="DataLoader workers that draw the pictures"
    )
    parser.add_argument("--threads", type=int, default=max(1, min(cores, 8)), help="threads that train")
    options = parser.parse_args(arguments)
    least = {"images": 8, "pairs": 1, "steps": 2, "batch": 2, "seeds": 2, "workers": 0, "threads": 1}
    for name, low in least.items():
        if getattr(options, name) < low:
            parser.error(f"--{name} must be at least {low}, got {getattr(options, name)}")
    return Plan(**vars(options)), parser


def compare(plan: Plan, images: Split) -> None:
    """Draw, train, and write everything into ``plan.out``."""
    train, held_out = len(images.train), len(images.held_out)
    plan = replace(plan, batch=min(plan.batch, train))

    pairs = {
        name: draw_pairs(images.train, crop, plan.pairs, plan.workers) for name, (crop, _) in drawn_policies().items()
    }
    picture_of_pairs(images.train, pairs, plan.out / "pairs.png")
    picture_of_ratios(pairs, plan.out / "log_area_ratio.png")
    print(f"wrote {plan.out / 'pairs.png'} and {plan.out / 'log_area_ratio.png'}")

    knn = KNN(images, SIDE)
    runs: dict[str, list[Run]] = {name: [] for name in policies()}
    with tqdm(total=plan.seeds * len(runs) * plan.steps, unit="step") as bar:
        for seed in range(plan.seeds):
            order = list(policies().items())
            for name, pipeline in reversed(order) if seed % 2 else order:  # in turns, as the machine's speed drifts
                bar.set_description(f"seed {seed + 1} of {plan.seeds}, {name}")
                sizes: dict[str, Any] = {"steps": plan.steps, "batch": plan.batch, "network": resnet8, "knn": knn}
                found = pretrain(pipeline, images.train, bar, seed=seed, **sizes)
                runs[name].append(Run(found.loss, found.looks[plan.steps], found.speed, found.looks))
    initial = [run.looks[0] for run in next(iter(runs.values()))]
    picture_of_learning(runs, plan.out / "knn.png")

    known = versions()
    head = (
        f"SimCLR on {train} images of {len(images.classes)} classes, k-NN (k = {knn.k}) on {held_out} held-out "
        f"images: {images.origin}.\n"
        f"ResNet-8, {plan.steps} steps of {plan.batch} pairs of {SIDE} x {SIDE} pixels, {plan.seeds} seeds"
        f"{' (a pilot)' if plan.seeds < PILOT else ''}, on {processor()}, {plan.threads} training threads.\n"
        f"Python {known['python']}, torch {known['torch']}, torchvision {known['torchvision']}, "
        f"jointaug {known['jointaug']}."
    )
    foot = (
        "Means over seeds with 95 % t intervals, of the difference Welch's; the images are the same for all seeds. "
        "Losses are those of different pairs of crops: a higher one does not mean a worse encoder."
    )
    rows = table(runs, initial)
    report = "\n\n".join([head, markdown(rows), foot, verdict(runs)])
    (plan.out / "table.md").write_text(report + "\n", encoding="utf-8")
    write_csv(plan.out / "table.csv", rows)
    singles = [["policy", "seed", "loss", "accuracy", "views_per_second"]]
    for name, own in runs.items():
        singles += [
            [name, str(seed), repr(run.loss), repr(run.accuracy), repr(run.speed)] for seed, run in enumerate(own)
        ]
    write_csv(plan.out / "runs.csv", singles)
    looks = [["policy", "seed", "step", "accuracy"]]
    for name, own in runs.items():
        for seed, run in enumerate(own):
            looks += [[name, str(seed), str(step), repr(accuracy)] for step, accuracy in run.looks.items()]
    write_csv(plan.out / "looks.csv", looks)
    print(f"\n{report}\n\nwrote {plan.out / 'knn.png'}, table.md, table.csv, runs.csv and looks.csv")


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Rows as comma-separated values."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; the exit status."""
    plan, parser = plan_from(arguments)
    torch.set_num_threads(plan.threads)
    start = time.perf_counter()
    try:
        try:
            plan.out.mkdir(parents=True, exist_ok=True)
            if plan.data is None:
                images = rendered_thumbnails(plan.images, available_cores())
            else:
                images = folder_thumbnails(plan.data, plan.images, available_cores())
        except (ValueError, OSError) as error:
            parser.error(str(error))
        compare(plan, images)
    except KeyboardInterrupt:
        print(f"\ninterrupted; what was finished is in {plan.out}", file=sys.stderr)
        return 130
    print(f"{time.perf_counter() - start:.0f} seconds in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
