"""Galleries of pairs of views: LeOCLR's Fig. 1, JointCrop's Figs. 1, 6 and 8, on your images.

    python examples/figures/pairs.py                              # all of them, on rendered toys
    python examples/figures/pairs.py leoclr-1 --data photos       # LeOCLR's Fig. 1, on what pretrain.py takes as --data
    python examples/figures/pairs.py jointcrop-8 --images 3 --first 40

Each figure has lines of its own: a pipeline, and what its line looks for. Of every image, ``--draws`` pairs are drawn
at their addresses, and the one that shows the most of it is pictured beside the image, with the boxes of its views.
So pictures are chosen, as the papers' are, but by a rule; how the chosen pair lies among all is in the numbers.

It writes into figures/ (``--out``) a picture and the numbers (CSV) for each of

* ``leoclr-1``: pairs of random crops that show different places, and the same one (LeOCLR keeps the image beside them);
* ``jointcrop-1``: what JointCrop and JointBlur make harder, and what random crops and blurs leave trivial;
* ``jointcrop-6``: two crops of one size, near each other and far from each other;
* ``jointcrop-8``: JointCrop and JointBlur at once: a small fuzzy view beside a large clear one.

(Mohamed et al. 2024, https://arxiv.org/abs/2403.06813; Zhang et al. 2025, https://arxiv.org/abs/2412.16522.)
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import v2
from trainer.evaluation.arguments import positive
from trainer.inputs.data import open_data
from trainer.inputs.rendered import RenderedToys
from trainer.inputs.sources import Pixels, Source

from jointaug import Addresses, JointBlur, JointCrop, MultiView, Record, UncroppedView, fuse
from jointaug.difficulty import geometry
from jointaug.distributions import FixedRatioPair, IndependentPair, JointPair
from jointaug.plotting import plot_pairs

SIDE = 96  # of a view, in pixels
SCALE = (0.2, 1.0)  # areas of random and joint crops
BLURS = (0.1, 4.0)  # sigmas in pixels of a view: JointCrop's, at twice the reach, so that a printed picture shows them
KERNEL = 25  # of the blur, in pixels: three of the greatest sigma to either side

Measures = Mapping[str, Tensor]
"""``area1``, ``area2``, ``iou``, ``center_distance``, ``log_ratio``, and ``log_blur``, the log ratio of the sigmas."""


@dataclass(frozen=True)
class Line:
    """One line of a figure for each image.

    Attributes:
        title: what its pairs are.
        make: the pipeline, from an image to two views.
        shows: of measures ``[draws]``, how much of it each pair shows.
    """

    title: str
    make: Callable[[], Any]
    shows: Callable[[Measures], Tensor]


def random_crops(*scale: float) -> MultiView:
    """Two independent crops."""
    return MultiView(*[v2.RandomResizedCrop(SIDE, scale or SCALE)] * 2)


def whole_blurred(law: IndependentPair | JointPair) -> v2.Compose:
    """The whole image twice, each blurred."""
    return v2.Compose([MultiView(*[UncroppedView(SIDE)] * 2), JointBlur(KERNEL, law=law, p=1.0)])


def one_size() -> JointCrop:
    """Two crops of the same, small area."""
    return JointCrop(SIDE, law=FixedRatioPair(1.0, 0.1, 0.3))


FIGURES: dict[str, tuple[Line, ...]] = {
    "leoclr-1": (
        Line("random crops: far apart", random_crops, lambda m: m["center_distance"]),
        Line("random crops: alike", random_crops, lambda m: m["iou"]),
    ),
    "jointcrop-1": (
        Line("JointCrop: whole, part", lambda: JointCrop(SIDE, SCALE), lambda m: m["log_ratio"].abs()),
        Line("RandomCrop: whole twice", random_crops, lambda m: torch.minimum(m["area1"], m["area2"])),
        Line("RandomCrop: two parts", random_crops, lambda m: m["center_distance"]),
        Line("RandomCrop: part twice", random_crops, lambda m: m["iou"] * (1 - m["area1"])),
        Line("JointBlur: unlike", lambda: whole_blurred(JointPair(0.0, *BLURS)), lambda m: m["log_blur"].abs()),
        Line("GaussianBlur: alike", lambda: whole_blurred(IndependentPair(*BLURS)), lambda m: -m["log_blur"].abs()),
    ),
    "jointcrop-6": (
        Line("one size: near", one_size, lambda m: -m["center_distance"]),
        Line("one size: far", one_size, lambda m: m["center_distance"]),
    ),
    "jointcrop-8": (
        Line(
            "fuzzy part, clear whole",
            lambda: v2.Compose([JointCrop(SIDE, SCALE), JointBlur(KERNEL, law=JointPair(0.0, *BLURS), p=1.0)]),
            lambda m: -m["log_ratio"] * m["log_blur"],
        ),
    ),
}
COLUMNS = ("area1", "area2", "iou", "center_distance", "log_ratio", "log_blur")


def measures_of(record: Record) -> dict[str, Tensor]:
    """What there is to say of recorded pairs, ``[n]`` each; without blurs, ``log_blur`` is 0."""
    boxes = geometry(record).columns
    sigmas = [step.params["sigma"] for view in record.steps for step in view if "sigma" in step.params]
    blur = (sigmas[1] / sigmas[0]).log() if sigmas else torch.zeros(len(record))
    return {name: boxes[name] for name in COLUMNS if name in boxes} | {"log_blur": blur}


@dataclass(frozen=True)
class Pair:
    """A chosen pair: the record and the views of it alone, and its row of numbers."""

    record: Record
    views: list[Tensor]
    row: list[Any]


def chosen(line: Line, image: Tensor, index: int, draws: int) -> Pair:
    """Of pairs of an image that are drawn at its addresses, the one that shows the most of what the line looks for.

    Args:
        line: of a figure.
        image: uint8 ``[3, H, W]``.
        index: its place in the data.
        draws: pairs.
    """
    addresses = Addresses(0, index, torch.arange(draws))
    views, record = fuse(line.make())(image.expand(draws, -1, -1, -1), addresses=addresses, record=True)
    measures = measures_of(record)
    shown = line.shows(measures)
    best = int(shown.argmax())
    row = [line.title, index, best, *(float(measures[name][best]) for name in COLUMNS), float(shown[best])]
    return Pair(record[best], [view[best] for view in views], [*row, float(shown.double().mean())])


def toys(count: int) -> Pixels:
    """Rendered toys."""
    pictures = torch.from_numpy(RenderedToys(count, processes=1).images)
    return Pixels(pictures.permute(0, 3, 1, 2).contiguous(), None)


def draw(name: str, source: Source, places: Sequence[int], draws: int) -> tuple[Any, list[list[Any]]]:
    """A figure, and the numbers drawn in it."""
    rows: list[list[Any]] = [["line", "image", "draw", *COLUMNS, "shows", "mean of all draws"]]
    images, records, views, titles = [], [], [], []
    for place in places:
        for line in FIGURES[name]:
            image = source[place]
            pair = chosen(line, image, place, draws)
            images.append(image)
            records.append(pair.record)
            views.append(pair.views)
            titles.append(line.title)
            rows.append(pair.row)
    figure = plot_pairs(images, records, views, titles=titles)
    figure.supxlabel(f"each the one of {draws} pairs of the image that shows the most of it", fontsize=6, color="0.35")
    return figure, rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw; the exit status."""
    parser = argparse.ArgumentParser(
        description="Draw the papers' galleries of pairs.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("figures", nargs="*", help=f"which, of {', '.join(FIGURES)} (none: all)")
    parser.add_argument("--data", help="as pretrain.py takes it; without it toys are rendered")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for pictures and numbers")
    parser.add_argument(
        "--images", type=positive, default=2, help="of each figure, evenly over the data from --first on"
    )
    parser.add_argument("--first", type=int, default=0, help="place of the first image in the data, from 0")
    parser.add_argument("--draws", type=positive, default=100, help="pairs of an image that one is chosen from")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.figures if name not in FIGURES]:
        parser.error(f"figures must be some of {', '.join(FIGURES)}, got {unknown[0]!r}")
    try:
        source = open_data(options.data).train if options.data else toys(options.first + options.images)
        if not 0 <= options.first <= len(source) - options.images:
            raise ValueError(
                f"--first must leave {options.images} of the {len(source)} images, got {options.first}; count from 0"
            )
        left = len(source) - options.first
        places = [options.first + left * k // options.images for k in range(options.images)]
        options.out.mkdir(parents=True, exist_ok=True)
        for name in options.figures or FIGURES:
            figure, rows = draw(name, source, places, options.draws)
            stem = options.out / name
            figure.savefig(stem.with_suffix(".png"), dpi=110)
            with stem.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(rows)
            print(f"wrote {stem.with_suffix('.png')} and {stem.with_suffix('.csv')}")
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
