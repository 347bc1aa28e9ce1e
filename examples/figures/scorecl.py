"""The figures of the ScoreCL paper about scores, on your images: Figs. 1 to 4.

    python examples/figures/scorecl.py                     # all of them, on rendered toys
    python examples/figures/scorecl.py 1 2                 # Figs. 1 and 2 alone
    python examples/figures/scorecl.py --data FOLDER       # on your own images, in FOLDER or in folders below it
    python examples/figures/scorecl.py --score score.pt    # with a network of examples/score.py

It writes into figures/ (``--out``) a picture and the numbers drawn in it (CSV) for each of

* ``figure1``: norm of the score against the magnitude of each operation of RandAugment;
* ``figure2``: histograms of that norm for images and for RandAugment(2, 9) of them, with images of each part;
* ``figure3``: how far apart the scores of two views are, one changed by one operation and one by another, for every two
  operations and magnitudes: the weight of such a pair (kind "vector");
* ``figure3-norm-gap``: the same for the weight's other kind;
* ``figure4``: norm of the score of images that two operations change, one after the other.

(Kim et al. 2025, https://arxiv.org/abs/2306.04175.) The score network is unconditional, as the paper writes it; it is
trained on these images, as they are, and what is measured are held-out ones where there are classes. Everything happens
at the network's image size, with the operations of torchvision's RandAugment at its ranges. Norms are of L1 and per
pixel value: the mean absolute score. Intervals (95 %) are about images like these. The network is kept as ``score.pt``,
and a training that was cut off goes on; all of it takes about ten minutes of one core. The paper says neither how its
network is built nor how long it is trained; what comes out here need not agree, and is shown as it comes.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F
from trainer.inputs.thumbnails import Split, Thumbnails, open_thumbnails, spread
from trainer.record.intervals import student
from trainer.record.progress import tqdm
from trainer.training.difficulty import told
from trainer.training.small import IMAGES

from jointaug import AddressedDataset
from jointaug.difficulty import ScoreNetwork, ScoreWeight, train_score

LEVELS = 11  # magnitudes of an operation in Figs. 1 and 3
COMBINED_LEVELS = 5  # in Fig. 4
BATCH = 32  # images of a training step
AT_ONCE = 256  # views that the network sees together
BARS = 40  # of Fig. 2
PARTS = 8  # of Fig. 2's range, from each of which images are shown

Rows = list[list[Any]]


# RandAugment's operations, with torchvision's ranges. -----------------------------------------------------------------
class Operation(NamedTuple):
    """What one operation does to images, and how far it goes."""

    unit: str
    signed: bool
    strongest: Callable[[int], float]  # of the images' side: the parameter at the highest magnitude
    apply: Callable[[Tensor, float], Tensor]
    weakest: float = 0.0

    def values(self, side: int, count: int) -> list[float]:
        """An odd ``count`` of parameters from the weakest to the strongest; both ways, the weakest amid, if signed."""
        steps = count // 2 + 1 if self.signed else count
        found: list[float] = torch.linspace(self.weakest, self.strongest(side), steps).tolist()
        if self.unit == "pixels":
            found = [float(int(value)) for value in found]
        if self.unit == "bits":
            found = [float(round(value)) for value in found]
        return [-value for value in found[:0:-1]] + found if self.signed else found


def sheared(images: Tensor, x: float, y: float) -> Tensor:
    """By the tangent of an angle, about the upper left corner."""
    degrees = [math.degrees(math.atan(value)) for value in (x, y)]
    return F.affine(images, angle=0.0, translate=[0, 0], scale=1.0, shear=degrees, center=[0, 0])  # type: ignore[no-any-return]


def moved(images: Tensor, x: float, y: float) -> Tensor:
    """By whole pixels."""
    return F.affine(images, angle=0.0, translate=[int(x), int(y)], scale=1.0, shear=[0.0, 0.0])  # type: ignore[no-any-return]


def translation(side: int) -> float:
    """RandAugment's greatest, for images of that side."""
    return 150.0 / 331.0 * side


OPERATIONS = {
    "ShearX": Operation("tangent", True, lambda _: 0.3, lambda x, v: sheared(x, v, 0.0)),
    "ShearY": Operation("tangent", True, lambda _: 0.3, lambda x, v: sheared(x, 0.0, v)),
    "TranslateX": Operation("pixels", True, translation, lambda x, v: moved(x, v, 0.0)),
    "TranslateY": Operation("pixels", True, translation, lambda x, v: moved(x, 0.0, v)),
    "Rotate": Operation("degrees", True, lambda _: 30.0, F.rotate),
    "Brightness": Operation("factor less 1", True, lambda _: 0.9, lambda x, v: F.adjust_brightness(x, 1.0 + v)),
    "Color": Operation("factor less 1", True, lambda _: 0.9, lambda x, v: F.adjust_saturation(x, 1.0 + v)),
    "Contrast": Operation("factor less 1", True, lambda _: 0.9, lambda x, v: F.adjust_contrast(x, 1.0 + v)),
    "Sharpness": Operation("factor less 1", True, lambda _: 0.9, lambda x, v: F.adjust_sharpness(x, 1.0 + v)),
    "Posterize": Operation("bits", False, lambda _: 4.0, lambda x, v: F.posterize(x, int(v)), 8.0),
    "Solarize": Operation("threshold / 255", False, lambda _: 0.0, lambda x, v: F.solarize(x, 255.0 * v), 1.0),
}
WITHOUT_MAGNITUDE: dict[str, Callable[[Tensor], Tensor]] = {
    "Identity": lambda x: x,
    "AutoContrast": F.autocontrast,
    "Equalize": F.equalize,
}
COMPARED = ("ShearX", "TranslateX", "Rotate", "Brightness", "Sharpness", "Solarize")  # in Figs. 3 and 4


# Scores and their intervals. ------------------------------------------------------------------------------------------
class Mean(NamedTuple):
    """A mean over images, and half the width of its interval."""

    mean: Tensor
    half: Tensor

    @classmethod
    def over(cls, values: Tensor) -> Mean:
        """Of values ``[..., N]``, N at least 2: Student's interval, for images like these N."""
        return cls(values.mean(-1), student(values.shape[-1]) * values.std(-1))

    def row(self, *index: int) -> list[float]:
        """Mean and bounds of one entry."""
        mean, half = float(self.mean[index]), float(self.half[index])
        return [mean, mean - half, mean + half]


def wilson(shares: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """95 % bounds of shares of ``count``, never outside [0, 1] (Wilson's)."""
    z2 = 1.96**2 / count
    middle = shares + z2 / 2
    half = (z2 * (shares * (1 - shares) + z2 / 4)).sqrt()
    return (middle - half) / (1 + z2), (middle + half) / (1 + z2)


def scores(net: ScoreNetwork, views: Tensor) -> Tensor:
    """Of uint8 views ``[B, 3, H, W]``: ``[B, n]``."""
    weigh = ScoreWeight(net)
    return torch.cat([weigh.scores(part.float() / 255) for part in torch.split(views, AT_ONCE)]).flatten(1)


def norm(score: Tensor) -> Tensor:
    """Mean absolute score of each view, ``[B]``: the L1 norm per pixel value."""
    return score.abs().mean(1)


def chunks(images: Tensor, views: int, words: str) -> Iterator[Tensor]:
    """Images, so many at a time that ``views`` views of each are about `AT_ONCE`."""
    with tqdm(total=len(images), unit="image", desc=words, leave=False) as bar:
        for part in torch.split(images, max(AT_ONCE // views, 1)):
            yield part
            bar.update(len(part))


# Figures: each draws, and returns the numbers that it drew. -----------------------------------------------------------
def figure1(net: ScoreNetwork, images: Tensor, figure: Figure) -> Rows:
    """Norm of the score against the parameter of each operation."""
    values = {name: operation.values(net.size, LEVELS) for name, operation in OPERATIONS.items()}
    changes = [(name, value) for name in values for value in values[name]]
    norms = torch.cat(
        [
            torch.stack(
                [norm(scores(net, change(part))) for change in WITHOUT_MAGNITUDE.values()]
                + [norm(scores(net, OPERATIONS[name].apply(part, value))) for name, value in changes]
            )
            for part in chunks(images, len(changes), "magnitudes")
        ],
        1,
    )
    found, against = Mean.over(norms), Mean.over(norms - norms[0])
    heading = ["operation", "parameter", "unit", "score_norm", "low", "high", "less_identity", "less_low", "less_high"]
    rows: Rows = [heading]
    labels = [(name, "", "") for name in WITHOUT_MAGNITUDE] + [(*pair, OPERATIONS[pair[0]].unit) for pair in changes]
    rows += [[*label, *found.row(k), *against.row(k)] for k, label in enumerate(labels)]
    axes = figure.subplots(3, 4, sharey=True).flat
    identity = found.row(0)
    first = len(WITHOUT_MAGNITUDE)
    places = range(first)
    axes[0].errorbar(places, found.mean[:first], yerr=found.half[:first], marker="o", linestyle="", capsize=3)
    axes[0].set_xticks(places, WITHOUT_MAGNITUDE)
    axes[0].set_xmargin(0.2)
    axes[0].set_title("without a magnitude", fontsize="medium")
    for k, (name, at) in enumerate(values.items()):
        ax, entries = axes[1 + k], slice(first + k * LEVELS, first + (k + 1) * LEVELS)
        ax.errorbar(at, found.mean[entries], yerr=found.half[entries], marker=".", capsize=2)
        ax.set_title(name, fontsize="medium")
        ax.set_xlabel(OPERATIONS[name].unit)
        if at[-1] < at[0]:
            ax.invert_xaxis()  # what changes more is to the right
    for ax in axes:
        ax.axhline(identity[0], color="tab:gray", linestyle="--", linewidth=1)
        ax.axhspan(*identity[1:], color="tab:gray", alpha=0.15, linewidth=0)
    figure.supylabel("norm of the score (mean absolute, 1 / pixel value)")
    return rows


def figure2(net: ScoreNetwork, images: Tensor, figure: Figure) -> Rows:
    """Histograms of the norm, of images and of RandAugment of them; below them, images of each part of the range."""
    augmented = AddressedDataset(list(images), v2.RandAugment(2, 9), seed=0)
    sets = {"images": images, "RandAugment(2, 9)": torch.stack([augmented[k] for k in range(len(images))])}
    norms = {
        name: torch.cat([norm(scores(net, part)) for part in chunks(views, 1, name)]) for name, views in sets.items()
    }
    both = torch.cat(list(norms.values())).log()
    edges = torch.linspace(float(both.min()), float(both.max()) + 1e-6, BARS + 1).exp()
    upper, *strips = figure.subfigures(1 + len(sets), 1, squeeze=False, height_ratios=(3.0, *[1.0] * len(sets))).flat
    ax = upper.subplots()
    rows: Rows = [["views", "norm_from", "norm_to", "share", "low", "high"]]
    for (name, found), color, strip in zip(norms.items(), ("tab:blue", "tab:orange"), strips, strict=True):
        shares = torch.histogram(found, edges).hist / len(found)
        middle, low, high = (values.tolist() for values in (shares, *wilson(shares, len(found))))
        ax.stairs(middle, edges.tolist(), color=color, label=f"{name}, mean {float(found.mean()):.3g}")
        ax.stairs(high, edges.tolist(), baseline=low, fill=True, color=color, alpha=0.2)
        columns = zip(edges[:-1].tolist(), edges[1:].tolist(), middle, low, high, strict=True)
        rows += [[name, *row] for row in columns]
        strip.suptitle(f"{name}: one of each part of the range, and its norm", fontsize="small")
        parts = torch.linspace(float(both.min()), float(both.max()), PARTS + 1).exp()
        for place, start, end in zip(strip.subplots(1, PARTS), parts[:-1], parts[1:], strict=True):
            place.set_axis_off()
            nearest = int((found.log() - (start * end).sqrt().log()).abs().argmin())
            if start <= found[nearest] <= end:
                place.imshow(sets[name][nearest].permute(1, 2, 0).numpy(), interpolation="nearest")
                place.set_title(f"{float(found[nearest]):.3g}", fontsize="x-small")
    gap = Mean.over(norms["RandAugment(2, 9)"] - norms["images"])
    ax.set_title("RandAugment less image: {:.3g}, 95 % interval {:.3g} to {:.3g}".format(*gap.row()), fontsize="medium")
    ax.set(xscale="log", xlabel="norm of the score (mean absolute, 1 / pixel value)", ylabel="share of the views")
    ax.legend(frameon=False)
    return rows


def figure3(kind: str, net: ScoreNetwork, images: Tensor, figure: Figure) -> Rows:
    """Mean distance of the scores of two views, each changed by one operation."""
    values = {name: OPERATIONS[name].values(net.size, LEVELS) for name in COMPARED}
    changes = [(name, value) for name in COMPARED for value in values[name]]
    by_image = []
    for part in chunks(images, len(changes), "pairs"):
        of_changes = torch.stack([scores(net, OPERATIONS[name].apply(part, value)) for name, value in changes], 1)
        if kind == "vector":
            by_image.append(torch.cdist(of_changes, of_changes, p=1) / of_changes.shape[2])
        else:
            norms = of_changes.abs().mean(2)
            by_image.append((norms[:, :, None] - norms[:, None, :]).abs())
    found = Mean.over(torch.cat(by_image).movedim(0, -1))
    rows: Rows = [["first", "parameter1", "unit1", "second", "parameter2", "unit2", "distance", "low", "high"]]
    labels = [[name, value, OPERATIONS[name].unit] for name, value in changes]
    rows += [[*a, *b, *found.row(i, j)] for i, a in enumerate(labels) for j, b in enumerate(labels)]
    blocks = found.mean.view(len(COMPARED), LEVELS, len(COMPARED), LEVELS)
    axes = panels(figure, COMPARED, COMPARED, values)
    for (first, second), ax in axes.items():
        block = blocks[COMPARED.index(first), :, COMPARED.index(second)]
        drawn = ax.imshow(block.T.numpy(), origin="lower", vmin=0.0, vmax=float(found.mean.max()), cmap="viridis")
    bar(figure, drawn, axes, "distance of the scores (1 / pixel value)", found)
    return rows


def figure4(net: ScoreNetwork, images: Tensor, figure: Figure) -> Rows:
    """Norm of the score where a second operation follows a first."""
    values = {name: OPERATIONS[name].values(net.size, COMBINED_LEVELS) for name in COMPARED}
    rows: Rows = [["first", "parameter1", "unit1", "second", "parameter2", "unit2", "score_norm", "low", "high"]]
    found: dict[tuple[str, str], Mean] = {}
    pairs = list(itertools.combinations(COMPARED, 2))
    for first, second in tqdm(pairs, unit="pair", desc="combinations", leave=False):
        a, b = OPERATIONS[first], OPERATIONS[second]
        changed = [b.apply(a.apply(images, v), w) for v, w in itertools.product(values[first], values[second])]
        norms = norm(scores(net, torch.cat(changed))).view(COMBINED_LEVELS, COMBINED_LEVELS, -1)
        found[first, second] = Mean.over(norms)
        rows += [
            [first, v, a.unit, second, w, b.unit, *found[first, second].row(i, j)]
            for i, v in enumerate(values[first])
            for j, w in enumerate(values[second])
        ]
    everything = Mean(*(torch.stack(parts) for parts in zip(*found.values(), strict=True)))
    levels = torch.linspace(float(everything.mean.min()), float(everything.mean.max()) + 1e-6, 13).tolist()
    axes = panels(figure, COMPARED[:-1], COMPARED[1:], values, found)
    for pair, ax in axes.items():
        drawn = ax.contourf(found[pair].mean.T.numpy(), levels, cmap="viridis")
        ax.contour(found[pair].mean.T.numpy(), levels, colors="black", linewidths=0.4)
    bar(figure, drawn, axes, "norm of the score (mean absolute, 1 / pixel value)", everything)
    return rows


def panels(
    figure: Figure,
    columns: Sequence[str],
    lines: Sequence[str],
    values: Mapping[str, Sequence[float]],
    shown: Container[tuple[str, str]] | None = None,
) -> dict[tuple[str, str], Axes]:
    """Axes for each operation of the first view (columns) and of the second (lines); only those ``shown``, if given."""
    axes: dict[tuple[str, str], Axes] = {}
    for line, second in zip(figure.subplots(len(lines), len(columns), squeeze=False), lines, strict=True):
        for ax, first in zip(line, columns, strict=True):
            if shown is not None and (first, second) not in shown:
                ax.set_axis_off()
                continue
            axes[first, second] = ax
            for axis, name, outside in (
                (ax.xaxis, first, second == lines[-1]),
                (ax.yaxis, second, first == columns[0]),
            ):
                at = [0, (len(values[name]) - 1) / 2, len(values[name]) - 1]
                axis.set_ticks(at, [f"{values[name][round(k)]:.3g}" for k in at] if outside else [], fontsize="x-small")
                if outside:
                    axis.set_label_text(f"{name}\n({OPERATIONS[name].unit})", fontsize="small")
    return axes


def bar(figure: Figure, drawn: Any, axes: Mapping[Any, Axes], label: str, found: Mean) -> None:
    """The scale of colors, and how wide the intervals are that a color cannot show."""
    median, widest = float(found.half.median()), float(found.half.max())
    intervals = f"95 % intervals: median ±{median:.2g}, at most ±{widest:.2g}"
    figure.colorbar(drawn, ax=list(axes.values()), label=f"{label}\n{intervals}", shrink=0.8, format="%.3g")


# The whole. -----------------------------------------------------------------------------------------------------------
TITLES = {
    "1": "Norm of the score against the magnitude of each operation; bars and band (image as it is): 95 % intervals",
    "2": "Norms of the scores of images, and of RandAugment of them; bands: 95 % intervals",
    "3": 'Mean distance of the scores of two views (kind "vector"): view 1 as below, view 2 as on the left',
    "3-norm-gap": 'Mean distance of the scores of two views (kind "norm_gap"): view 1 as below, view 2 as on the left',
    "4": "Norm of the score after two operations: first the one below, then the one on the left",
}


@dataclass(frozen=True)
class Options:
    """The command line."""

    figures: list[str]
    data: Path | None
    out: Path
    images: int
    measured: int
    compared: int
    size: int
    steps: int
    score: Path | None


def options_from(arguments: Sequence[str] | None) -> tuple[Options, argparse.ArgumentParser]:
    """The command line, checked."""
    described = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description="Draw the ScoreCL paper's figures.", formatter_class=described)
    parser.add_argument("figures", nargs="*", help=f"which, of {', '.join(TITLES)} (none: all)")
    parser.add_argument("--data", type=Path, help="folder of images; without it toys are rendered")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for pictures and numbers")
    parser.add_argument(
        "--images", type=int, default=IMAGES, help="to train on, at most; a quarter is held out where there are classes"
    )
    parser.add_argument("--measured", type=int, default=200, help="images that Figs. 1 and 2 measure, at most")
    parser.add_argument("--compared", type=int, default=48, help="images that Figs. 3 and 4 measure, at most")
    parser.add_argument("--size", type=int, default=32, help="side of the network's images, a multiple of 4")
    parser.add_argument("--steps", type=int, default=400, help=f"training steps of {BATCH} images")
    parser.add_argument("--score", type=Path, help="file of examples/score.py or an earlier run, instead of training")
    found = Options(**vars(parser.parse_args(arguments)))
    unknown = [name for name in found.figures if name not in TITLES]
    if unknown:
        parser.error(f"figures must be some of {', '.join(TITLES)}, got {unknown[0]!r}")
    for name, low in {"images": 2, "measured": 2, "compared": 2, "steps": 1}.items():
        if getattr(found, name) < low:
            parser.error(f"--{name} must be at least {low}, got {getattr(found, name)}")
    return found, parser


def network_for(options: Options, images: Split) -> tuple[ScoreNetwork, str]:
    """From a file, or trained and written to one."""
    if options.score is not None:
        net = ScoreNetwork.load(options.score)
        if net.conditional:
            raise ValueError(f"--score must be unconditional, as the paper's, got {net} in {str(options.score)!r}")
        return net, f"read from {options.score}"
    torch.manual_seed(0)
    net = ScoreNetwork(options.size)
    losses = train_score(
        net,
        images.train,
        steps=options.steps,
        batch_size=BATCH,
        checkpoint=options.out / "score.pt",
        save_every=100,
        progress=True,
    )
    return net, told(net, losses, BATCH)


def fitted(images: Thumbnails, count: int, side: int) -> Tensor:
    """At most ``count`` of the images, uint8 ``[N, 3, side, side]``: the shorter side resized, the center kept."""
    fit = v2.Compose([v2.PILToTensor(), v2.Resize(side), v2.CenterCrop(side)])
    few = spread(images, count)
    return torch.stack([fit(few[k][0]) for k in range(len(few))])


def draw(options: Options) -> None:
    """Draw the figures and write them."""
    options.out.mkdir(parents=True, exist_ok=True)
    images = open_thumbnails(options.data, options.images)
    net, of_network = network_for(options, images)
    source = images.held_out if len(images.held_out) > 1 else images.train
    measured, compared = (fitted(source, count, net.size) for count in (options.measured, options.compared))
    drawings: dict[str, tuple[Tensor, Callable[[Tensor, Figure], Rows]]] = {
        "1": (measured, partial(figure1, net)),
        "2": (measured, partial(figure2, net)),
        "3": (compared, partial(figure3, "vector", net)),
        "3-norm-gap": (compared, partial(figure3, "norm_gap", net)),
        "4": (compared, partial(figure4, net)),
    }
    for name in options.figures or TITLES:
        figure = Figure((11.0, 8.5), layout="constrained")
        chosen, drawing = drawings[name]
        rows = drawing(chosen, figure)
        figure.suptitle(TITLES[name], fontsize="large")
        whose = "held-out images" if source is images.held_out else "images, of those trained on,"
        figure.supxlabel(
            f"{len(chosen)} {whose} of {images.origin}, at {net.size} pixels\nScore network: {of_network}",
            fontsize=6,
            color="0.35",
        )
        stem = options.out / f"figure{name}"
        figure.savefig(stem.with_suffix(".png"), dpi=130)
        with stem.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        print(f"wrote {stem.with_suffix('.png')} and {stem.with_suffix('.csv')}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw; the exit status."""
    options, parser = options_from(arguments)
    try:
        draw(options)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
