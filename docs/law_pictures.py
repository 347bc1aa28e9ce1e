"""The pictures of the laws, in their reference and in the explanations."""

from __future__ import annotations

import csv
import math
from typing import Any

import torch
from drawing import DOCS, FIRST, SECOND, THIRD, ink
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from jointaug import Addresses, JointCrop
from jointaug.distributions import (
    FixedRatioPair,
    IndependentLogRatio,
    IndependentPair,
    JointLogRatio,
    JointPair,
    LogRatioLaw,
    PairLaw,
)
from jointaug.plotting import plot_log_ratio_densities


def _points(law: PairLaw, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    rows = Addresses(seed, 0, torch.arange(n)).rows(law.row_width)
    return law.from_uniform(*rows)


def couplings() -> Figure:
    """The areas of two views under each coupling."""
    figure = Figure(figsize=(5.4, 2.2), layout="constrained")
    axes = figure.subplots(1, 3, sharex=True, sharey=True)
    low, high = 0.2, 1.0
    t, _ = _points(IndependentPair(low, high), 1500, seed=1)
    clouds = (
        ("independent", _points(IndependentPair(low, high), 1500)),
        ("identical", (t, t)),
        ("joint: JC(0)", _points(JointPair(0.0, low, high), 1500)),
    )
    for ax, (title, (first, second)) in zip(axes, clouds, strict=True):
        ax.plot(first, second, ".", color=ink(), markersize=2, alpha=0.6)
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


def laws() -> Figure:
    """Densities of the log ratio, and of one area."""
    figure = Figure(figsize=(4.8, 4.6), layout="constrained")
    ratio, marginal = figure.subplots(2, 1, height_ratios=[1.25, 1])
    low, high = 0.2, 1.0
    betas = (2.0, 1.0, 0.0, -1.0, -2.0)
    plot_log_ratio_densities(betas, low, high, ax=ratio)
    t = torch.linspace(low, high, 801, dtype=torch.float64)[1:-1]
    for beta, line in zip(betas, ratio.lines, strict=False):
        density = JointPair(beta, low, high).marginal_log_prob(t).exp()
        marginal.plot(t, density, color=line.get_color())
    marginal.plot(
        t,
        IndependentPair(low, high).marginal_log_prob(t).exp(),
        ":",
        color=ink(),
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
    ax.legend(frameon=False)
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
    figure = Figure(figsize=(5.4, 2.1), layout="constrained")
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
            color=ink(),
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


def common_uniforms() -> Figure:
    """Log ratios of an image's pair under two betas: at one address, and at two."""
    figure = Figure(figsize=(5.4, 2.7), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    easy, hard = JointCrop(beta=2), JointCrop(beta=-2)

    def log_ratios(crop: JointCrop, seed: int) -> Tensor:
        rows = Addresses(seed, 0, torch.arange(800)).rows(crop.row_width)
        first, second = crop.params_from_uniform(rows, [(384, 512)] * 2)["area"]
        return (second / first).log()

    for ax, title, seed in zip(axes, ("one address", "two"), (0, 1), strict=True):
        ax.plot(
            *(log_ratios(easy, 0), log_ratios(hard, seed)),
            ".",
            color=ink(),
            markersize=2,
            alpha=0.6,
        )
        ax.set(title=title, xlabel="log ratio, beta 2", aspect="equal")
    axes[0].set_ylabel("log ratio, beta -2")
    return figure


def _results(name: str) -> list[dict[str, str]]:
    path = DOCS.parent / "benchmarks" / "results" / name
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _with_interval(
    ax: Axes, rows: list[tuple[float, float, float, float]], **style: Any
) -> None:
    """A line through (x, y) with the band between low and high."""
    x, y, low, high = zip(*sorted(set(rows)), strict=True)
    ax.plot(x, y, ".-", **style)
    ax.fill_between(x, low, high, alpha=0.25, linewidth=0, color=style["color"])


def sdf_curves() -> Figure:
    """SDF against the ratio of two areas and against beta, as measured, with its intervals."""
    figure = Figure(figsize=(5.4, 2.7), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for folder, label, color in (
        ("imagenette", "Imagenette", SECOND),
        ("rendered", "rendered toys", FIRST),
    ):
        for ax, file, x in (
            (axes[0], "figure2.csv", lambda row: row["pairs"].split()[-1]),
            (axes[1], "figure4.csv", lambda row: row["beta"]),
        ):
            rows = [
                (float(x(row)), *(float(row[k]) for k in ("sdf", "low", "high")))
                for row in _results(f"jointcrop_figures/{folder}/{file}")
                if row["pairs"].startswith(("ratio", "JC"))
            ]
            _with_interval(ax, rows, color=color, label=label)
    axes[0].set(xlabel="ratio of the areas", ylabel="SDF")
    axes[1].set(xlabel="beta")
    axes[1].invert_xaxis()
    axes[0].legend(frameon=False)
    return figure


def scores() -> Figure:
    """The mean absolute score of a changed image, as measured, with its intervals."""
    figure = Figure(figsize=(5.4, 4.2), layout="constrained")
    axes = figure.subplots(2, 2, sharey=True).flat
    rows = _results("scorecl_figures/rendered/figure1.csv")
    for ax, operation, label in (
        (axes[0], "TranslateX", "TranslateX: pixels"),
        (axes[1], "Brightness", "Brightness: factor less 1"),
        (axes[2], "Contrast", "Contrast: factor less 1"),
        (axes[3], "Posterize", "Posterize: bits"),
    ):
        curve = [
            (
                *(float(row[k]) for k in ("parameter", "score_norm")),
                *(float(row[k]) for k in ("low", "high")),
            )
            for row in rows
            if row["operation"] == operation
        ]
        _with_interval(ax, curve, color=SECOND)
        as_it_is = next(row for row in rows if row["operation"] == "Identity")
        ax.axhline(float(as_it_is["score_norm"]), color=ink(), linewidth=0.8)
        ax.set(xlabel=label, ylim=(0, 17.5))
    axes[3].invert_xaxis()
    figure.supylabel("mean absolute score", fontsize="medium")
    return figure


def difficulty_and_benefit() -> Figure:
    """What harder pairs were worth on the toys: k-NN against SDF, both less those of two crops, with intervals."""
    rows = _results("toys/difficulty/policies.csv")
    baseline = rows[0]["policy"]
    panels = (
        (
            "under encoders of two crops",
            lambda row: row["trained with"] == baseline,
        ),
        (
            "each under its own encoders",
            lambda row: row["trained with"] != baseline,
        ),
    )
    figure = Figure(figsize=(5.4, 3.0), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True, sharex=True)
    for ax, (title, chosen) in zip(axes, panels, strict=True):
        ax.axhline(0, color=ink(), linewidth=0.6)
        ax.axvline(0, color=ink(), linewidth=0.6)
        for row in rows:
            if row["policy"] == baseline or not chosen(row):
                continue
            x, y = float(row["gap"]), float(row["benefit"])
            name = row["policy"].removeprefix("SimCLR, ")
            apart = name.startswith("decoupled")
            ax.errorbar(
                x,
                y,
                xerr=[[x - float(row["low"])], [float(row["high"]) - x]],
                yerr=[[y - float(row["least"])], [float(row["most"]) - y]],
                fmt="s" if apart else "o",
                markersize=4,
                linewidth=1,
                color=SECOND if apart else FIRST,
            )
            right = name in (
                "J-Crop(2)",
                "J-Crop(-2)",
            )  # where no bar is in the way
            ax.annotate(
                "decoupled" if apart else name,
                (x, y),
                xytext=(4 if right else -4, 8 if apart else 4),
                textcoords="offset points",
                ha="left" if right else "right",
            )
        ax.locator_params("x", nbins=3)
        ax.set_title(title)
        ax.set_xlabel("SDF, less two crops'")
    axes[0].set_ylabel("k-NN, less two crops', points")
    return figure
