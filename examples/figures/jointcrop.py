"""The figures of the JointCrop paper about pairs, on your images: Figs. 2, 3, 4, 7, and what jointness itself does.

    python examples/figures/jointcrop.py                  # all of them, on rendered toys
    python examples/figures/jointcrop.py 2 4              # Figs. 2 and 4 alone
    python examples/figures/jointcrop.py --data FOLDER    # on your own images, in FOLDER or in folders below it

It writes into figures/ (``--out``) a picture and the numbers drawn in it (CSV) for each of

* ``figure2``: SDF of pairs with a fixed area ratio from 1 to 5, and of two random crops;
* ``figure3``: density of the log area ratio under JC(beta), and of two random crops, as drawn and as realized;
* ``figure4``: SDF against beta;
* ``figure7``: distance of the two crops against beta;
* ``jointness``: SDF of JC(beta) beside its decoupled law, which has the same areas without the coupling.

SDF is the mean cosine similarity of a pair's embeddings: larger is easier (Zhang et al. 2025,
https://arxiv.org/abs/2412.16522, eq. 2). Only the crop varies. Intervals (95 %) are about these very images; all
policies share images and random numbers. The encoder is that of examples/trainer/training/small.py, pre-trained on
these images with two independent crops; its features, without the projector, are compared. It is kept as ``encoder.pt``
(``--encoder`` takes it again). The paper used SimSiam on ImageNet; what comes out here need not agree, and is shown as
it comes.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from trainer.inputs.thumbnails import Split, open_thumbnails, spread
from trainer.record.intervals import Interval, mean
from trainer.record.progress import tqdm
from trainer.training.small import (
    FIGURE_STEPS,
    IMAGES,
    SCALE,
    VIEW,
    embedding,
    independent_crops,
    read_encoder,
    save_encoder,
    trained_encoder,
)

from jointaug import JointCrop
from jointaug.difficulty import Comparison, Estimate, geometry, sdf
from jointaug.distributions import FixedRatioPair, IndependentLogRatio, IndependentPair, JointLogRatio, JointPair
from jointaug.plotting import plot_log_ratio_densities

RATIOS = (1.0, 2.0, 3.0, 4.0, 5.0)
BETAS = (3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0)
RANDOM = "two RandomResizedCrops"
SIZES = 64  # images whose sizes stand for all in figures that need no pixels
PAIRS, REPEATS = 100_000, 3  # of the paper's Fig. 7

Rows = list[list[Any]]


# Policies. ------------------------------------------------------------------------------------------------------------
def policies(figures: Sequence[str]) -> dict[str, Any]:
    """All policies whose SDF the figures show, by name."""
    found: dict[str, Any] = {RANDOM: independent_crops()}
    if "2" in figures:
        found |= {f"ratio {r:g}": JointCrop(VIEW, law=FixedRatioPair(r, *SCALE)) for r in RATIOS}
    if "4" in figures or "jointness" in figures:
        found["independent areas"] = JointCrop(VIEW, law=IndependentPair(*SCALE))
        found |= {f"JC({beta:g})": JointCrop(VIEW, law=JointPair(beta, *SCALE)) for beta in BETAS}
    if "jointness" in figures:
        found |= {f"JC({b:g}) decoupled": JointCrop(VIEW, law=JointPair(b, *SCALE).decoupled()) for b in BETAS}
    return found


# Figures: each draws, and returns the numbers that it drew. -----------------------------------------------------------
def bounds(estimate: Estimate) -> list[float]:
    """Mean, standard error and interval."""
    return [estimate.mean, estimate.standard_error, *estimate.interval]


COLUMNS = ["sdf", "standard_error", "low", "high"]
AGAINST = ["difference", "difference_standard_error", "difference_low", "difference_high"]


def half_widths(estimates: Sequence[Estimate]) -> list[list[float]]:
    """Of error bars, as matplotlib takes them."""
    return [[e.mean - e.interval[0] for e in estimates], [e.interval[1] - e.mean for e in estimates]]


def figure2(results: Comparison, figure: Figure) -> Rows:
    """SDF of fixed ratios, and of random crops."""
    names = [*(f"ratio {r:g}" for r in RATIOS), RANDOM]
    estimates = [results[name] for name in names]
    ax = figure.subplots()
    labels = [*(f"1 : {r:g}" for r in RATIOS), "two\nRandomResizedCrops"]
    places = range(len(names))  # points, not bars: the axis does not begin at 0
    ax.errorbar(places, [e.mean for e in estimates], yerr=half_widths(estimates), marker="o", linestyle="", capsize=4)
    ax.set_xticks(places, labels)
    ax.set(xlabel="ratio of the two crops' areas", ylabel="SDF: mean cosine similarity (1: the same)")
    rows: Rows = [["pairs", *COLUMNS, "against", *AGAINST]]
    for name, previous in zip(names, [None, *names[: len(RATIOS) - 1], names[0]], strict=True):
        against = bounds(results.difference(name, previous)) if previous else [""] * len(AGAINST)
        rows.append([name, *bounds(results[name]), previous or "", *against])
    return rows


def figure3(sizes: Sequence[tuple[int, int]], figure: Figure) -> Rows:
    """Densities of the log area ratio; of random crops also as realized on images of these sizes."""
    ax = figure.subplots()
    plot_log_ratio_densities(BETAS, *SCALE, ax=ax)
    realized = geometry(independent_crops(), sizes, pairs=PAIRS).log_ratio
    end, bars = math.log(SCALE[1] / SCALE[0]), 60
    width = 2 * end / bars
    edges = [-end + k * width for k in range(bars + 1)]
    shares = torch.histogram(realized, torch.tensor(edges, dtype=torch.float64)).hist / len(realized)
    density, error = shares / width, (shares * (1 - shares) / len(realized)).sqrt() / width
    label = f"{RANDOM}, realized, n = {len(realized):,}, with 95 % band"
    ax.stairs(density.tolist(), edges, color="tab:green", label=label)
    low, high = density - 1.96 * error, density + 1.96 * error
    ax.stairs(high.tolist(), edges, baseline=low.tolist(), fill=True, color="tab:green", alpha=0.3)
    ax.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3)
    grid = torch.linspace(-end, end, 201, dtype=torch.float64)
    rows: Rows = [["curve", "log_ratio", "density", "low", "high"]]
    laws = {f"JC({beta:g})": JointLogRatio(beta, *SCALE) for beta in BETAS}
    for name, law in (laws | {"independent areas": IndependentLogRatio(*SCALE)}).items():
        rows += [[name, x, d, d, d] for x, d in zip(grid.tolist(), law.log_prob(grid).exp().tolist(), strict=True)]
    middles = [x + width / 2 for x in edges[:-1]]
    columns = zip(middles, density.tolist(), low.tolist(), high.tolist(), strict=True)
    return rows + [[f"{RANDOM}, realized", *row] for row in columns]


def horizontal(ax: Any, estimate: Estimate, label: str, color: str) -> None:
    """A line for a policy without a beta, with its interval as a band."""
    ax.axhline(estimate.mean, color=color, linestyle="--", label=label)
    ax.axhspan(*estimate.interval, color=color, alpha=0.15, linewidth=0)


def figure4(results: Comparison, figure: Figure) -> Rows:
    """SDF against beta."""
    ax = figure.subplots()
    joint = [results[f"JC({beta:g})"] for beta in BETAS]
    ax.errorbar(BETAS, [e.mean for e in joint], yerr=half_widths(joint), marker="o", capsize=3, label="JointCrop(beta)")
    horizontal(ax, results[RANDOM], RANDOM, "tab:gray")
    horizontal(ax, results["independent areas"], "independent areas, exact geometry", "tab:green")
    ax.set(xlabel="beta", ylabel="SDF: mean cosine similarity (1: the same)")
    ax.legend(frameon=False)
    rows: Rows = [["pairs", "beta", *COLUMNS, "against", *AGAINST]]
    policies: list[tuple[str, Any]] = [(RANDOM, ""), ("independent areas", ""), *((f"JC({b:g})", b) for b in BETAS)]
    for (name, beta), (previous, _) in zip(policies, [(None, None), *policies], strict=False):
        for other in dict.fromkeys([RANDOM, previous]):  # a row for each comparison
            if other and other != name:
                rows.append([name, beta, *bounds(results[name]), other, *bounds(results.difference(name, other))])
    return [*rows[:1], [RANDOM, "", *bounds(results[RANDOM]), *[""] * 5], *rows[1:]]


def figure7(sizes: Sequence[tuple[int, int]], figure: Figure) -> Rows:
    """Mean distances against beta, by repeated draws as in the paper."""
    named = {f"JC({beta:g})": JointCrop(VIEW, law=JointPair(beta, *SCALE)) for beta in BETAS} | {
        RANDOM: independent_crops()
    }
    measures = ("corner_distance", "center_distance", "iou")
    table: dict[str, dict[str, Interval]] = {}
    for name, policy in tqdm(named.items(), desc="drawing boxes", leave=False):
        means: dict[str, list[float]] = {measure: [] for measure in measures}
        for repeat in range(REPEATS):
            drawn = geometry(policy, sizes, pairs=PAIRS, seed=repeat)
            for measure in measures:
                means[measure].append(float(drawn.column(measure).mean()))
        table[name] = {measure: mean(values) for measure, values in means.items()}
    rows: Rows = [["pairs", "beta", "measure", "mean", "low", "high"]]
    labels = ("top left corners", "centers")
    ax = figure.subplots()
    for measure, label, color in zip(measures, labels, ("tab:blue", "tab:orange"), strict=False):
        found = [table[f"JC({beta:g})"][measure] for beta in BETAS]
        middle, error = [one.value for one in found], [one.value - one.low for one in found]
        ax.errorbar(BETAS, middle, yerr=error, marker="o", capsize=3, color=color, label=f"JointCrop(beta), {label}")
        ax.axhline(table[RANDOM][measure].value, linestyle="--", color=color, label=f"{RANDOM}, {label}")
    ax.set(xlabel="beta", ylabel="mean distance of the two crops (image sides)")
    ax.legend(frameon=False)
    for name, intervals in table.items():
        beta = dict(zip((f"JC({b:g})" for b in BETAS), BETAS, strict=True)).get(name, "")
        rows += [[name, beta, measure, one.value, one.low, one.high] for measure, one in intervals.items()]
    return rows


def jointness(results: Comparison, figure: Figure) -> Rows:
    """SDF of JC(beta) and of its decoupled law, and their difference."""
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    rows: Rows = [["beta", "pairs", *COLUMNS]]
    for ending, label, marker in (("", "JC(beta)", "o"), (" decoupled", "its marginals, decoupled", "s")):
        estimates = [results[f"JC({beta:g}){ending}"] for beta in BETAS]
        upper.errorbar(
            BETAS, [e.mean for e in estimates], yerr=half_widths(estimates), marker=marker, capsize=3, label=label
        )
        rows += [[beta, label, *bounds(e)] for beta, e in zip(BETAS, estimates, strict=True)]
    horizontal(upper, results["independent areas"], "independent uniform areas", "tab:green")
    gaps = [results.difference(f"JC({beta:g})", f"JC({beta:g}) decoupled") for beta in BETAS]
    lower.errorbar(BETAS, [e.mean for e in gaps], yerr=half_widths(gaps), marker="o", capsize=3, color="black")
    lower.axhline(0.0, color="0.7")
    rows += [[beta, "joint minus decoupled", *bounds(e)] for beta, e in zip(BETAS, gaps, strict=True)]
    upper.set(ylabel="SDF: mean cosine similarity")
    upper.legend(frameon=False)
    lower.set(xlabel="beta", ylabel="joint - decoupled")
    return rows


# The whole. -----------------------------------------------------------------------------------------------------------
BARS = "bars and bands: 95 % intervals"
TITLES = {
    "2": f"SDF of pairs with a fixed area ratio; {BARS}",
    "3": "Log ratio of the two crops' areas",
    "4": f"SDF against beta; {BARS}",
    "7": f"Distance of the two crops, {REPEATS} times {PAIRS:,} pairs; {BARS}",
    "jointness": f"What the coupling does, with the areas' laws kept; {BARS}",
}
NEEDS_ENCODER = ("2", "4", "jointness")


@dataclass(frozen=True)
class Options:
    """The command line."""

    figures: list[str]
    data: Path | None
    out: Path
    images: int
    measured: int
    draws: int
    steps: int
    encoder: Path | None


def options_from(arguments: Sequence[str] | None) -> tuple[Options, argparse.ArgumentParser]:
    """The command line, checked."""
    described = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(
        description="Draw the JointCrop paper's figures about pairs.", formatter_class=described
    )
    parser.add_argument("figures", nargs="*", help=f"which, of {', '.join(TITLES)} (none: all)")
    parser.add_argument("--data", type=Path, help="folder of images; without it toys are rendered")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for pictures and numbers")
    parser.add_argument("--images", type=int, default=IMAGES, help="to pre-train on, at most, held-out ones included")
    parser.add_argument("--measured", type=int, default=900, help="images whose SDF is measured, at most")
    parser.add_argument("--draws", type=int, default=2, help="pairs of each image, for an SDF")
    parser.add_argument("--steps", type=int, default=FIGURE_STEPS, help="optimiser steps of the encoder's pre-training")
    parser.add_argument("--encoder", type=Path, help="encoder.pt of an earlier run, instead of pre-training")
    found = Options(**vars(parser.parse_args(arguments)))
    unknown = [name for name in found.figures if name not in TITLES]
    if unknown:
        parser.error(f"figures must be some of {', '.join(TITLES)}, got {unknown[0]!r}")
    for name, low in {"images": 2, "measured": 1, "draws": 2, "steps": 2}.items():
        if getattr(found, name) < low:
            parser.error(f"--{name} must be at least {low}, got {getattr(found, name)}")
    if found.encoder is not None and not found.encoder.is_file():
        parser.error(f"--encoder must be a file that this script wrote, got {str(found.encoder)!r}, which is not there")
    return found, parser


def encoder_for(options: Options, images: Split) -> tuple[torch.nn.Module, str]:
    """From a file, or pre-trained and written to one."""
    if options.encoder is not None:
        return read_encoder(options.encoder)
    encoder, words = trained_encoder(images, options.steps)
    save_encoder(options.out / "encoder.pt", encoder, words)
    return encoder, words


def draw(options: Options) -> None:
    """Draw the figures and write them."""
    options.out.mkdir(parents=True, exist_ok=True)
    names = options.figures or list(TITLES)
    images = open_thumbnails(options.data, options.images)
    sizes = [(image.shape[0], image.shape[1]) for image in spread(images.train, SIZES).images]
    caption = images.origin
    results = Comparison({}, {})
    if set(names) & set(NEEDS_ENCODER):
        encoder, of_encoder = encoder_for(options, images)
        measured = spread(images.train, options.measured)
        results = sdf(
            embedding(encoder), measured, policies(names), draws=options.draws, keep_pairs=False, progress=True
        )
        caption = f"{len(measured)} images, {options.draws} draws each, of {caption}\nEncoder: {of_encoder}"
    drawings: dict[str, Callable[[Figure], Rows]] = {
        "2": lambda figure: figure2(results, figure),
        "3": lambda figure: figure3(sizes, figure),
        "4": lambda figure: figure4(results, figure),
        "7": lambda figure: figure7(sizes, figure),
        "jointness": lambda figure: jointness(results, figure),
    }
    for name in names:
        figure = Figure((8.0, 5.6), layout="constrained")
        rows = drawings[name](figure)
        figure.suptitle(TITLES[name], fontsize="large")
        figure.supxlabel(caption if name in NEEDS_ENCODER else images.origin, fontsize=6, color="0.35")
        stem = options.out / (f"figure{name}" if name.isdigit() else name)
        figure.savefig(stem.with_suffix(".png"), dpi=130)
        with stem.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        print(f"wrote {stem.with_suffix('.png')} and {stem.with_suffix('.csv')}")
    if results:
        print(f"\nSDF on {caption}\n{results!r}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw; the exit status."""
    options, parser = options_from(arguments)
    try:
        draw(options)
    except ValueError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
