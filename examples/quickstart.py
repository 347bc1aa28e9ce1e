"""Two independent crops, or JointCrop(beta=0)? Draw both, look at them, pre-train a small encoder with each, compare.

    python examples/quickstart.py                    # on toys that it renders itself, see rendered.py
    python examples/quickstart.py --data FOLDER      # on your own images: FOLDER/<class>/<image>

It writes into demo/ (``--out``):

* ``pairs.png``: source images with both crop boxes drawn on them, beside the two views;
* ``log_area_ratio.png``: the log ratio of the two crops' areas, as realised, over the law's density;
* ``table.md`` and ``table.csv``: training loss, k-NN accuracy on held-out images and views per second; ``runs.csv``
  has the single runs.

Method: SimCLR (Chen et al. 2020, https://arxiv.org/abs/2002.05709) with a small encoder; JointCrop is from Zhang et al.
2025, https://arxiv.org/abs/2412.16522. The two runs of a seed differ in the crop alone: they start from the same
weights and take the same batches, and every draw is a hash of (seed, epoch, image): a rerun sees the same views.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy.special import stdtrit
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision.transforms import v2
from tqdm.auto import tqdm
from trainer.inputs.rendered import RenderedToys
from trainer.record.machine import processor
from trainer.record.versions import installed_version

from jointaug import AddressedDataset, JointCrop, MultiView, PerView, UncroppedView
from jointaug.distributions import IndependentLogRatio, JointLogRatio
from jointaug.image_files import image_files, is_junk, read_image
from jointaug.losses import nt_xent, reduce
from jointaug.plotting import plot_log_ratio_histogram, plot_pairs

# The recipe. ----------------------------------------------------------------------------------------------------------
SCALE = (0.2, 1.0)  # area of a crop as a fraction of the image's: MoCo's and JointCrop's range
VIEW = 64  # side of a view, in pixels
TEMPERATURE = 0.5  # of the loss
LEARNING_RATE, WEIGHT_DECAY, WARM_UP = 4e-3, 1e-4, 10  # AdamW; warm-up in steps, then a cosine to zero
WIDTH = 16  # channels of the encoder's first block; its features are 8 times as many
NEIGHBORS, VOTE_TEMPERATURE = 20, 0.1  # weighted cosine k-NN
HELD_OUT = 4  # one image in four
BETAS = (2.0, 0.0, -2.0)
STORED_SIDE = 96  # pixels; larger images of a folder are shrunk once, so that decoding does not hide the crops' cost

PILOT = 8  # seeds; with fewer, a difference of a point can hardly be told from chance
DIGITS = {"loss": 3, "accuracy": 1, "speed": 0}

Pixels = NDArray[np.uint8]  # [H, W, 3]


# Two policies: all that differs between the runs is the first step. ---------------------------------------------------
def per_view() -> PerView:
    """The rest of SimCLR's list, drawn for each view by itself (color at half strength, no blur: views are small)."""
    jitter = v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8)
    return PerView(v2.Compose([v2.RandomHorizontalFlip(), jitter, v2.RandomGrayscale(0.2), v2.PILToTensor()]))


def policies() -> dict[str, v2.Compose]:
    """The two pipelines under comparison, by name."""
    crop = v2.RandomResizedCrop(VIEW, scale=SCALE)
    return {
        "two independent crops": v2.Compose([MultiView(crop, crop), per_view()]),
        "JointCrop(beta=0)": v2.Compose([JointCrop(VIEW, scale=SCALE, beta=0), per_view()]),
    }


# Images. --------------------------------------------------------------------------------------------------------------
class Labelled(Dataset[tuple[Image.Image, int]]):
    """Images in memory, with their labels: ``(PIL image, label)``."""

    def __init__(self, images: Sequence[Pixels] | Pixels, labels: Sequence[int]) -> None:
        self.images, self.labels = images, list(labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.fromarray(self.images[index]), self.labels[index]


@dataclass
class Images:
    """What the demo runs on."""

    train: Labelled
    held_out: Labelled
    classes: list[str]
    told: str  # one sentence about where they are from


def rendered_images(count: int, processes: int) -> Images:
    """Toys from rendered.py: ``count`` in all."""
    toys = RenderedToys(count, processes=processes)
    first = len(toys) - len(toys) // HELD_OUT
    train = Labelled(toys.images[:first], toys.labels[:first])
    held_out = Labelled(toys.images[first:], toys.labels[first:])
    return Images(train, held_out, list(toys.classes), "rendered toys of 96 x 96 pixels (examples/rendered.py, seed 0)")


def folder_images(root: Path, count: int, threads: int) -> Images:
    """Images of ``root/<class>/``, at most about ``count``, as many of each class; a quarter of each class is held out.

    Which images are taken and which are held out depends on their names alone. A file that cannot be read is named and
    skipped, and another one of its class takes its place.

    Raises:
        ValueError: unless there are at least two class folders with two readable images each.
    """
    folders = class_folders(root)
    quota = max(count // len(folders), HELD_OUT)
    train: list[tuple[Any, int]] = []
    held_out: list[tuple[Any, int]] = []
    classes: list[str] = []
    skipped = 0
    with ThreadPoolExecutor(threads) as pool:
        for folder in tqdm(folders, desc="reading", unit="class", leave=False):
            images, bad = read_class(folder, quota, pool)
            skipped += len(bad)
            for path, reason in bad:
                tqdm.write(f"skipped {path}: {reason}")
            if len(images) < 2:
                tqdm.write(
                    f"left out class {folder.name}: {len(images)} readable images, and it takes one to learn from "
                    "and one to hold out"
                )
                continue
            first = len(images) - max(len(images) // HELD_OUT, 1)
            train += [(image, len(classes)) for image in images[:first]]
            held_out += [(image, len(classes)) for image in images[first:]]
            classes.append(folder.name)
    if len(classes) < 2:
        raise ValueError(
            f"--data must hold at least two classes with two readable images each, got {len(classes)} in {root} "
            f"({skipped} unreadable files skipped); k-NN accuracy compares classes"
        )
    told = (
        f"{len(train) + len(held_out)} images from {root} (at most {quota} a class, shorter side at most "
        f"{STORED_SIDE} pixels; {skipped} unreadable files skipped)"
    )
    print(f"{skipped} unreadable files skipped")
    return Images(Labelled(*zip(*train, strict=True)), Labelled(*zip(*held_out, strict=True)), classes, told)


def class_folders(root: Path) -> list[Path]:
    """The folders in ``root`` that have images in them.

    Raises:
        ValueError: with the remedy, unless there are at least two.
    """
    remedy = "give a folder with one folder for each class and the images in these: DATA/cat/1.jpg, DATA/dog/1.jpg"
    if not root.is_dir():
        state = "a file" if root.exists() else "not there"
        raise ValueError(f"--data must be a folder, got {str(root)!r}, which is {state}; {remedy}")
    inside = sorted(entry for entry in root.iterdir() if entry.is_dir() and not is_junk(entry.name))
    folders = [folder for folder in inside if image_files(folder, deep=False)]
    if len(folders) >= 2:
        return folders
    nested = [folder for folder in inside if any(x.is_dir() and not is_junk(x.name) for x in folder.iterdir())]
    if nested and not folders:
        remedy = f"its folders hold folders, so try --data {nested[0]}"
    raise ValueError(
        f"--data must hold at least two class folders with images in them, got {str(root)!r} with {len(folders)} "
        f"(folders: {len(inside)}, images outside of folders: {len(image_files(root, deep=False))}); {remedy}"
    )


def in_fair_order(folder: Path) -> list[Path]:
    """The image files of a folder, ordered by a hash of their names: a fair sample wherever the list is cut."""
    return sorted(image_files(folder, deep=False), key=lambda path: blake2b(path.name.encode(), digest_size=8).digest())


def read_class(folder: Path, quota: int, pool: ThreadPoolExecutor) -> tuple[list[Pixels], list[tuple[Path, str]]]:
    """Up to ``quota`` images of a class, and the files that could not be read, each with the reason."""
    images: list[Pixels] = []
    bad: list[tuple[Path, str]] = []
    files = iter(in_fair_order(folder))
    while chunk := list(islice(files, quota - len(images))):
        for path, result in zip(chunk, pool.map(small_image, chunk), strict=True):
            if isinstance(result, str):
                bad.append((path, result))
            else:
                images.append(result)
    return images, bad


def small_image(path: Path) -> Pixels | str:
    """An image, its shorter side at most `STORED_SIDE` pixels; or the reason why it cannot be read."""
    try:
        image = read_image(path, least=2 * STORED_SIDE)
    except ValueError as error:
        return f"{type(error.__cause__).__name__}: {error.__cause__}"
    if min(image.size) > STORED_SIDE:
        shrink = STORED_SIDE / min(image.size)
        width, height = (round(side * shrink) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.array(image)


# Pictures of the pairs. -----------------------------------------------------------------------------------------------
class DrawPair:
    """Two crops of an image and the boxes that they were cut from, ``(top, left, height, width)`` in pixels."""

    def __init__(self, crop: v2.RandomResizedCrop | JointCrop) -> None:
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


def drawn_policies() -> dict[str, tuple[v2.RandomResizedCrop | JointCrop, IndependentLogRatio | JointLogRatio]]:
    """Each crop with the law that its log area ratio should follow."""
    drawn: dict[str, Any] = {
        "two RandomResizedCrops": (v2.RandomResizedCrop(VIEW, scale=SCALE), IndependentLogRatio(*SCALE))
    }
    for beta in BETAS:
        drawn[f"JointCrop(beta={beta:g})"] = (JointCrop(VIEW, scale=SCALE, beta=beta), JointLogRatio(beta, *SCALE))
    return drawn


def draw_pairs(images: Labelled, crop: v2.RandomResizedCrop | JointCrop, count: int, workers: int) -> dict[str, Tensor]:
    """At least ``count`` pairs from a DataLoader: ``boxes`` ``[N, 2, 4]``, and ``views`` of the first images."""
    data = AddressedDataset(images, DrawPair(crop), seed=0)
    loader = loader_of(data, min(250, len(images)), workers)
    boxes: list[Tensor] = []
    views: list[Tensor] = []
    for epoch in range(math.ceil(count / len(images))):
        data.set_epoch(epoch)
        for batch in loader:
            boxes.append(batch["boxes"])
            if not views:
                views.append(batch["views"])
    return {"boxes": torch.cat(boxes), "views": torch.cat(views)}


def picture_of_pairs(images: Labelled, pairs: dict[str, dict[str, Tensor]], path: Path) -> None:
    """For each policy source images with both boxes, and the two views beside each; the same images for all."""
    shown = chosen_images(images, 3)
    figure = Figure(figsize=(11, 3.6 * len(shown) + 0.8), layout="constrained")
    parts = figure.subfigures(2, 2, squeeze=False, wspace=0.04, hspace=0.04).flat
    for part, (name, drawn) in zip(parts, pairs.items(), strict=True):
        part.suptitle(name, fontweight="bold")
        sources = [images[index][0] for index in shown]
        plot_pairs(sources, drawn["boxes"][shown].tolist(), list(drawn["views"][shown]), figure=part)
    figure.savefig(path, dpi=80)


def chosen_images(images: Labelled, count: int) -> list[int]:
    """The first image of each of the first classes among the first batch, then whatever comes next."""
    reach = range(min(250, len(images)))
    first_of = {images.labels[index]: index for index in reversed(reach)}
    order = sorted(first_of.values()) + [index for index in reach if index not in first_of.values()]
    return order[:count]


def picture_of_ratios(pairs: dict[str, dict[str, Tensor]], path: Path) -> None:
    """Histograms of the realised log area ratio over the density of the law that was asked for."""
    figure = Figure(figsize=(13, 9), layout="constrained")
    laws = {name: law for name, (_, law) in drawn_policies().items()}
    for ax, (name, drawn) in zip(figure.subplots(2, 2, sharey=True).flat, pairs.items(), strict=True):
        ratios = log_area_ratio(drawn["boxes"])
        plot_log_ratio_histogram(ratios, laws[name], bins=40, label="realised", ax=ax)
        beyond = (ratios.abs() > math.log(2)).double().mean()
        ax.set_title(f"{name}: {beyond:.1%} of pairs beyond 2 : 1 (law: {laws[name].tail(2.0):.1%})", fontweight="bold")
    figure.savefig(path, dpi=80)


def log_area_ratio(boxes: Tensor) -> Tensor:
    """``log(area 2 / area 1)`` of pairs of boxes ``[N, 2, 4]``."""
    areas = (boxes[..., 2] * boxes[..., 3]).double().log()
    return areas[:, 1] - areas[:, 0]


# Pre-training. --------------------------------------------------------------------------------------------------------
def block(channels_in: int, channels_out: int) -> nn.Sequential:
    """A convolution that halves the image's sides."""
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU())


def encoder() -> nn.Sequential:
    """Four blocks and the mean over positions: ``[N, 3, 64, 64]`` to ``[N, 128]``."""
    channels = [3, WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH]
    blocks = [block(a, b) for a, b in pairwise(channels)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()).to(memory_format=torch.channels_last)


def projector() -> nn.Sequential:
    """SimCLR's head, which is thrown away after pre-training."""
    features = 8 * WIDTH
    return nn.Sequential(nn.Linear(features, features), nn.BatchNorm1d(features), nn.ReLU(), nn.Linear(features, 64))


def normalized(images: Tensor) -> Tensor:
    """uint8 ``[N, 3, H, W]`` to floats in [-2, 2]."""
    return ((images.float() - 127.5) / 63.75).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Run:
    """What one pre-training came to."""

    loss: float  # mean over the last tenth of the steps
    accuracy: float  # k-NN, percent of the held-out images
    speed: float  # views per second, loading included


def pretrain(
    pipeline: v2.Compose, images: Images, evaluation: Evaluation, seed: int, plan: Plan, bar: tqdm[Any]
) -> Run:
    """SimCLR with the views that ``pipeline`` makes."""
    torch.manual_seed(seed)
    f, g = encoder(), projector()
    parameters = [*f.parameters(), *g.parameters()]
    optimizer = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(warm_up_then_cosine, steps=plan.steps))
    data = AddressedDataset(images.train, pipeline, seed=seed)
    loader = loader_of(
        data, plan.batch, plan.workers, RandomSampler(data, generator=torch.Generator().manual_seed(seed))
    )
    losses: list[float] = []
    start = time.perf_counter()
    for x1, x2 in islice(batches(data, loader), plan.steps):
        h1, h2 = f(normalized(torch.cat([x1, x2]))).chunk(2)
        z1, z2 = g(torch.cat([h1, h2])).chunk(2)
        loss = reduce(nt_xent(z1, z2, tau=TEMPERATURE))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        rate.step()
        losses.append(loss.item())
        bar.update()
    seconds = time.perf_counter() - start
    last = losses[-max(plan.steps // 10, 1) :]
    return Run(sum(last) / len(last), evaluation.accuracy(f), 2 * plan.batch * plan.steps / seconds)


def warm_up_then_cosine(step: int, steps: int) -> float:
    """The learning rate of a step as a share of the greatest."""
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def batches(data: AddressedDataset, loader: DataLoader[Any]) -> Iterator[list[Tensor]]:
    """The two views of batch after batch, epoch after epoch, for ever."""
    epoch = 0
    while True:
        data.set_epoch(epoch)
        for views, _ in loader:
            yield views
        epoch += 1


def loader_of(
    data: AddressedDataset, batch: int, workers: int, sampler: RandomSampler | None = None
) -> DataLoader[Any]:
    """A DataLoader whose workers live on from epoch to epoch.

    Its order is the sampler's own affair: a generator given to the loader would serve the workers' seeds as well.
    """
    return DataLoader(
        data,
        batch,
        sampler=sampler,
        drop_last=sampler is not None,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


class Evaluation:
    """Weighted cosine k-NN (Wu et al. 2018, https://arxiv.org/abs/1805.01978, sec. 3.4) on whole images."""

    def __init__(self, images: Images) -> None:
        whole = v2.Compose([UncroppedView(VIEW), v2.PILToTensor()])
        self.bank, self.queries = (
            torch.stack([whole(part[index][0]) for index in range(len(part))])
            for part in (images.train, images.held_out)
        )
        self.bank_labels, self.labels = torch.tensor(images.train.labels), torch.tensor(images.held_out.labels)
        self.classes = len(images.classes)
        smallest = int(self.bank_labels.bincount().min())
        self.k = max(min(NEIGHBORS, smallest // 2), 1)  # a class that could not fill half the votes would be outvoted

    def accuracy(self, f: nn.Module) -> float:
        """Percent of the held-out images whose neighbors among the training images vote for their class."""
        bank, queries = self._features(f, self.bank), self._features(f, self.queries)
        similarity, index = (queries @ bank.T).topk(self.k)
        votes = torch.zeros(len(queries), self.classes)
        votes.scatter_add_(1, self.bank_labels[index], (similarity / VOTE_TEMPERATURE).exp())
        return 100 * (votes.argmax(1) == self.labels).double().mean().item()

    @torch.no_grad()
    def _features(self, f: nn.Module, images: Tensor) -> Tensor:
        f.eval()
        features = torch.cat([f(normalized(part)) for part in torch.split(images, 500)])
        f.train()
        return F.normalize(features, dim=1)


# The table. -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Estimate:
    """A mean and the half width of its 95 % interval."""

    mean: float
    half: float

    def text(self, digits: int, sign: str = "") -> str:
        """Such as ``61.3 ± 2.1``."""
        return f"{self.mean:{sign}.{digits}f} ± {self.half:.{digits}f}"


def estimate(values: Sequence[float]) -> Estimate:
    """The mean over seeds and Student's 95 % interval; at least two values."""
    mean, variance = moments(values)
    return Estimate(mean, stdtrit(len(values) - 1, 0.975) * math.sqrt(variance / len(values)))


def difference(after: Sequence[float], before: Sequence[float]) -> Estimate:
    """``mean(after) - mean(before)`` with Welch's 95 % interval.

    Unpaired although the runs of a seed share weights and batches: that they share their luck too has not been shown.
    """
    (mean_a, variance_a), (mean_b, variance_b) = moments(after), moments(before)
    a, b = variance_a / len(after), variance_b / len(before)
    if a + b == 0:
        return Estimate(mean_a - mean_b, 0.0)
    freedom = (a + b) ** 2 / (a**2 / (len(after) - 1) + b**2 / (len(before) - 1))
    return Estimate(mean_a - mean_b, stdtrit(freedom, 0.975) * math.sqrt(a + b))


def moments(values: Sequence[float]) -> tuple[float, float]:
    """Mean and unbiased variance."""
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def table(runs: dict[str, list[Run]], initial: Sequence[float]) -> list[list[str]]:
    """Rows of cells, the heading first."""
    first, second = runs
    names = ("loss", "accuracy", "speed")
    values = {policy: {name: [getattr(run, name) for run in of] for name in names} for policy, of in runs.items()}
    rows = [["", "training loss", "k-NN accuracy, %", "views per second"]]
    rows.append(["initialisation", "", estimate(initial).text(1), ""])
    rows += [[policy, *(estimate(of[name]).text(DIGITS[name]) for name in names)] for policy, of in values.items()]
    change = [difference(values[second][name], values[first][name]).text(DIGITS[name], "+") for name in names]
    return [*rows, ["difference", *change]]


def verdict(runs: dict[str, list[Run]]) -> str:
    """What the k-NN accuracies say, and no more."""
    (first, before), (second, after) = runs.items()
    change = difference([run.accuracy for run in after], [run.accuracy for run in before])
    low, high = change.mean - change.half, change.mean + change.half
    place = "ahead of" if low > 0 else "behind" if high < 0 else "not told apart from"
    pilot = ": a pilot" if len(after) < PILOT else ""
    return (
        f"On held-out k-NN accuracy {second} is {place} {first} here: {change.mean:+.1f} points, 95 % interval "
        f"{low:+.1f} to {high:+.1f}, {len(after)} seeds{pilot}."
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
        "--images", type=int, default=3600, help="how many images at most, in all; a quarter of them is held out"
    )
    parser.add_argument("--pairs", type=int, default=8000, help="pairs in each histogram, at least")
    parser.add_argument("--steps", type=int, default=180, help="optimiser steps of each pre-training")
    parser.add_argument("--batch", type=int, default=128, help="images in a step (at most the training set)")
    parser.add_argument("--seeds", type=int, default=3, help=f"runs of each policy; under {PILOT} it is called a pilot")
    parser.add_argument("--workers", type=int, default=max(2, min(cores // 2, 8)), help="DataLoader workers")
    parser.add_argument("--threads", type=int, default=max(1, min(cores // 2, 8)), help="threads that train")
    options = parser.parse_args(arguments)
    least = {"images": 8, "pairs": 1, "steps": 2, "batch": 2, "seeds": 2, "workers": 0, "threads": 1}
    for name, low in least.items():
        if getattr(options, name) < low:
            parser.error(f"--{name} must be at least {low}, got {getattr(options, name)}")
    return Plan(**vars(options)), parser


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compare(plan: Plan, images: Images) -> None:
    """Draw, train, and write everything into ``plan.out``."""
    train, held_out = len(images.train), len(images.held_out)
    plan = replace(plan, batch=min(plan.batch, train))

    pairs = {
        name: draw_pairs(images.train, crop, plan.pairs, plan.workers) for name, (crop, _) in drawn_policies().items()
    }
    picture_of_pairs(images.train, pairs, plan.out / "pairs.png")
    picture_of_ratios(pairs, plan.out / "log_area_ratio.png")
    print(f"wrote {plan.out / 'pairs.png'} and {plan.out / 'log_area_ratio.png'}")

    evaluation = Evaluation(images)
    runs: dict[str, list[Run]] = {name: [] for name in policies()}
    initial: list[float] = []
    with tqdm(total=plan.seeds * len(runs) * plan.steps, unit="step") as bar:
        for seed in range(plan.seeds):
            torch.manual_seed(seed)
            initial.append(evaluation.accuracy(encoder()))
            order = list(policies().items())
            for name, pipeline in reversed(order) if seed % 2 else order:  # in turns, as the machine's speed drifts
                bar.set_description(f"seed {seed + 1} of {plan.seeds}, {name}")
                runs[name].append(pretrain(pipeline, images, evaluation, seed, plan, bar))

    head = (
        f"SimCLR on {train} images of {len(images.classes)} classes, k-NN (k = {evaluation.k}) on {held_out} held-out "
        f"images: {images.told}.\n"
        f"{plan.steps} steps of {plan.batch} pairs of {VIEW} x {VIEW} pixels, {plan.seeds} seeds"
        f"{' (a pilot)' if plan.seeds < PILOT else ''}, on {processor()}, {plan.threads} training threads, "
        f"{plan.workers} DataLoader workers.\n"
        f"Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}, "
        f"jointaug {installed_version()}."
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
    for name, of in runs.items():
        singles += [
            [name, str(seed), repr(run.loss), repr(run.accuracy), repr(run.speed)] for seed, run in enumerate(of)
        ]
    write_csv(plan.out / "runs.csv", singles)
    print(f"\n{report}\n\nwrote {plan.out / 'table.md'}, table.csv and runs.csv")


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
                images = rendered_images(plan.images, available_cores())
            else:
                images = folder_images(plan.data, plan.images, available_cores())
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
