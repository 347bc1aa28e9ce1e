"""A short run of every scaled-down recipe: does it come to its end, do the embeddings stay apart, does it learn?

    python benchmarks/pilots.py rendered                      # each to its own end: an evening of two cores
    python benchmarks/pilots.py cifar10 --data FOLDER         # FOLDER/train/<class>/*, FOLDER/test/<class>/*
    python benchmarks/pilots.py imagenette --data FOLDER      # the same with FOLDER/val
    python benchmarks/pilots.py rendered --again wmse         # those that begin so, anew: their recipes were mended

One seed each, so nothing here ranks methods. What is asked was written down before the first run: the loss is finite to
the end, and not within `NEAR` of what it is where all embeddings are alike (`uninformative`); the embeddings' spread at
the end is above `trainer.training.loop.COLLAPSED`. On CIFAR-10 and Imagenette k-NN accuracy on the test images must be
above that of the initialization; the budgets are short there (`PLANS`), and what they force on a recipe stands beside
it in the table. On the toys k-NN and a ridge probe must gain what `BARS` says. Recipes of ScoreCL take a score network
that is trained here first, also shortly.

Runs are pretrain.py's, one thread each, two side by side; the same command goes on where it was stopped, on another
machine too: what the table has already, of the recipe as it is now, is not run again. The tables go to results/pilots/
(or, where the environment has OUT, to $OUT/pilots): SCALE.md and SCALE.csv.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from interleaved import RESULTS, machine
from trainer.inputs.data import open_data
from trainer.inputs.sources import in_memory
from trainer.papers import RECIPES
from trainer.papers.runs import PRETRAIN, Cell, Outcome, Runs, linked, spelled
from trainer.record.files import replace
from trainer.training.logs import Row, rows_of
from trainer.training.loop import COLLAPSED

from jointaug.difficulty import ScoreNetwork, train_score

SCORE_SIZE, SCORE_STEPS, SCORE_BATCH = 32, 1000, 32  # the score network's; docs/papers/scorecl.md has 10,000 steps


NEAR = 0.01  # of the uninformative loss: nearer than this share, nothing was learnt


@dataclass(frozen=True)
class Bar:
    """What a run must gain over its initialization, and reach; in shares of one.

    Attributes:
        knn: gain of k-NN.
        ridge: gain of the ridge probe.
        reach: of the ridge probe at the end.
    """

    knn: float = 0.0
    ridge: float = 0.0
    reach: float = 0.0

    def missed(self, before: Row, after: Row) -> list[str]:
        """Which of it a run missed, in words."""
        gains = {"k-NN": (before.knn, after.knn, self.knn), "ridge": (before.ridge, after.ridge, self.ridge)}
        short = [
            f"{name} {100 * ((last or 0.0) - (first or 0.0)):+.1f}, bar {100 * least:+.0f}"
            for name, (first, last, least) in gains.items()
            if least and (last or 0.0) - (first or 0.0) < least
        ]
        low = (after.ridge or 0.0) < self.reach
        return [*short, *([f"ridge {100 * (after.ridge or 0.0):.1f}, bar {100 * self.reach:.0f}"] if low else [])]


NEGATIVES, PREDICTORS, OTHERS = Bar(knn=0.2, reach=0.65), Bar(knn=0.12, ridge=0.15), Bar(ridge=0.12)
#: On the toys; by the method of a recipe, InterCLR's by its base.
BARS = {
    **dict.fromkeys(("simclr", "moco", "mocov3", "infomin", "leoclr", "clim", "vicreg"), NEGATIVES),
    **dict.fromkeys(("byol", "simsiam"), PREDICTORS),
    **dict.fromkeys(("wmse", "npid"), OTHERS),
    "dino": Bar(ridge=0.05),
}


@dataclass(frozen=True)
class Plan:
    """What the pilots of a scale run on, and for how long.

    Attributes:
        parts: images of a class that are taken of each part of the data; empty: the rendered set.
        changed: settings of every run.
        forced: settings that so few images or epochs force on recipes that have them.
        scored: settings of runs whose every step has the score network's passes too, which cost as much again.
        bars: whether runs are long enough for `BARS`; else k-NN must gain at all.
    """

    parts: Mapping[str, int | None] = field(default_factory=dict)
    changed: Mapping[str, Any] = field(default_factory=dict)
    forced: Mapping[str, Any] = field(default_factory=dict)
    scored: Mapping[str, Any] = field(default_factory=dict)
    bars: bool = False


WMSE = {"warmup_steps": 20, "milestones": (-0.5,)}  # its warm-up is in steps, and its rate falls before the end
PLANS = {
    "rendered": Plan(changed={"knn_every": 10}, bars=True),
    "cifar10": Plan(
        parts={"train": 1000, "test": None},
        changed={"epochs": 3, "batch": 128, "warmup": 1, "knn_every": 3},
        forced={"K_inter": 512, "warmup_epochs": 1, "every": 1, **WMSE},
        scored={"epochs": 1, "warmup": 0, "knn_every": 1},
    ),
    "imagenette": Plan(
        parts={"train": 64, "val": 40},
        changed={"epochs": 2, "batch": 32, "warmup": 0, "knn_every": 2},
        forced={"K": 512, "K_inter": 48, "clusters": 16, "warmup_epochs": 1, "every": 1, **WMSE},
    ),
}
COLUMNS = (
    "recipe", "changed", "epochs", "first loss", "last loss", "spread", "k-NN before", "k-NN after", "ridge before",
    "ridge after", "rank", "seconds", "commit", "settings", "found",
)  # fmt: skip


HEAD = (
    "recipe", "also changed", "loss, first epoch", "last", "spread", "k-NN before, %", "after, %", "ridge before, %",
    "after, %", "rank", "seconds", "found",
)  # fmt: skip


def main(
    arguments: Sequence[str] | None = None,
    *,
    pretrain: Path = PRETRAIN,
    results: Path = RESULTS / "pilots",
    plans: Mapping[str, Plan] = PLANS,
) -> int:
    """Pilot as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("scale", choices=plans)
    parser.add_argument("--data", type=Path, help="folder of the images; the toys need none")
    parser.add_argument("--runs", type=Path, default=Path("runs/pilots"), help="default: %(default)s")
    parser.add_argument("--again", nargs="+", default=[], metavar="RECIPE", help="names, or how they begin")
    parser.add_argument("--processes", type=int, default=2, help="side by side (default: %(default)s)")
    options = parser.parse_args(arguments)
    plan = plans[options.scale]
    if (options.data is None) != (not plan.parts):
        parser.error(f"--data must name the images of {options.scale}" if plan.parts else "--data: toys are drawn here")
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    folder: Path = options.runs / options.scale
    data = str(linked(options.data, folder / "images", plan.parts)) if plan.parts else options.scale
    runs = Runs(data, folder, pretrain)
    cells = cells_of(options.scale, plan, str(folder / "score.pt"))
    again = tuple(options.again)
    known = {row["recipe"]: row for row in read(results / f"{options.scale}.csv")}
    kept, left = {}, []
    for cell in cells:
        row = known.get(cell.recipe)
        if row is not None and row["settings"] == cell.digest and not (again and cell.recipe.startswith(again)):
            kept[cell.recipe] = row
            continue
        if row is not None:
            print(f"{cell.recipe}: anew; the table's is of other settings, or was asked for", flush=True)
        if again or row is not None:
            shutil.rmtree(folder / cell.folder, ignore_errors=True)
        left.append(cell)
    print(f"{len(kept)} of {len(cells)} are done, {len(left)} are left", flush=True)
    try:
        for cell, outcome in zip(left, outcomes(runs, left, options.processes, data), strict=True):
            kept[cell.recipe] = row_of(cell, plan, outcome)
            print(f"{cell.recipe}: {kept[cell.recipe]['found'] or 'as asked'}", flush=True)
            write(results, options.scale, plan, [kept[one.recipe] for one in cells if one.recipe in kept])
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on", file=sys.stderr)
        return 130
    write(results, options.scale, plan, [kept[cell.recipe] for cell in cells])
    return 0


def cells_of(scale: str, plan: Plan, score: str) -> list[Cell]:
    """A run for each recipe of a scale; those that need the score network last."""
    cells = []
    for name, recipe in RECIPES.items():
        if name.endswith(f"-{scale}"):
            forced = {key: value for key, value in plan.forced.items() if recipe.values.get(key)}
            if "warmup_steps" in forced and "warmup" in plan.changed:
                forced["warmup"] = 0
            if recipe.values.get("w_size", 0) > plan.changed.get("batch", math.inf):
                forced["batch"] = recipe.values["w_size"]  # of so many images at least is a batch whitened
            weighted = {"score": score, **plan.scored} if recipe.values.get("weight") == "score" else {}
            cells.append(Cell(name, 0, {**plan.changed, **forced, **weighted, "threads": 1}))
    return sorted(cells, key=lambda cell: "score" in cell.changed)


def outcomes(runs: Runs, cells: Sequence[Cell], processes: int, data: str) -> Iterator[Outcome]:
    """Of all runs, in their order; the score network is trained when it is needed."""
    yield from runs.all([cell for cell in cells if "score" not in cell.changed], processes)
    scored = [cell for cell in cells if "score" in cell.changed]
    if scored and not all(map(runs.done, scored)):
        train_network(data, Path(scored[0].changed["score"]))
    yield from runs.all(scored, processes)


def train_network(data: str, checkpoint: Path) -> None:
    """An unconditional score network on the images; one that is there goes on, or stays."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    images = open_data(data, size=SCORE_SIZE).train
    train_score(
        ScoreNetwork(SCORE_SIZE),
        in_memory(images).images if data == "rendered" else images,
        steps=SCORE_STEPS,
        batch_size=SCORE_BATCH,
        checkpoint=checkpoint,
        progress=sys.stderr.isatty(),
    )


def uninformative(values: Mapping[str, Any]) -> float | None:
    """The loss of embeddings that are all alike (W-MSE: that have nothing to do with each other).

    None for methods without such a value: a predictor's lowest loss is a collapse, which the spread shows.

    Args:
        values: a run's settings.
    """
    method, batch = values["method"], values["batch"]
    both = math.log(2 * batch - 1)
    several = 1 if values.get("reduction") == "mean" else 2 + (values.get("attract") == "all")
    if method == "simclr":
        return both
    if method == "leoclr":
        return several * (both if values.get("framework") == "simclr" else math.log(values["K"] + 1))
    if method == "mocov3":
        return 4 * float(values["tau"]) * math.log(batch)
    if method in ("moco", "npid", "infomin"):
        return math.log(values["K"] + 1)
    if method == "clim":
        pairs = max(len(values["sizes"]), 1) ** 2
        return (1 if values.get("reduction") == "mean" else pairs) * math.log(values["K"] + 1)
    if method == "interclr" and values["on"] != "byol":
        K, tau, lam = (values[name] for name in ("K", "tau", "lam"))
        inter = math.log1p(values["K_inter"] * math.exp(values["m_inter"] / tau))
        return float(lam * math.log1p(K * math.exp(values["m_intra"] / tau)) + (1 - lam) * inter)
    return {"dino": lambda: math.log(values["outputs"]), "wmse": lambda: 2.0}.get(method, lambda: None)()


def row_of(cell: Cell, plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """What a run showed."""
    told = {
        name: value
        for name, value in cell.changed.items()
        if name not in ("threads", "score") and plan.changed.get(name) != value
    }
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row |= {"recipe": cell.recipe, "changed": " ".join(f"{name}={spelled(value)}" for name, value in told.items())}
    if outcome.result is None:
        return {**row, "found": f"stopped: {outcome.reason}"}
    log = rows_of(outcome.folder)
    first, last = log[0], log[-1]
    row |= {"epochs": last.epoch, "first loss": log[1].loss, "last loss": last.loss, "spread": last.feature_std}
    row |= {"k-NN before": first.knn, "k-NN after": last.knn, "ridge before": first.ridge, "ridge after": last.ridge}
    row |= {"rank": last.rank, "seconds": last.seconds}
    row |= {"commit": outcome.result["commit"], "settings": cell.digest}
    found = []
    values = {**RECIPES[cell.recipe].values, **cell.changed}
    blank, method = uninformative(values), values.get("on", values["method"])
    if blank is not None and last.loss is not None and abs(last.loss - blank) < NEAR * blank:
        found.append(f"the loss is the uninformative {blank:.3f}")
    if (last.feature_std or 0.0) <= COLLAPSED:
        found.append("collapsed")
    if plan.bars:
        found += BARS[method].missed(first, last)
    elif (last.knn or 0.0) <= (first.knn or 0.0):
        found.append("k-NN not above the initialization's")
    return {**row, "found": ", ".join(found)}


def read(file: Path) -> list[dict[str, Any]]:
    """The rows of a table of finished runs, as `row_of` made them; none of a table with other columns."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        lines = csv.DictReader(stream)
        if tuple(lines.fieldnames or ()) != COLUMNS:
            return []
        text = ("recipe", "changed", "commit", "settings", "found")
        rows = [
            {key: value if key in text or not value else float(value) for key, value in line.items()} for line in lines
        ]
    return [{**row, "epochs": int(row["epochs"])} for row in rows if row["epochs"] != ""]


def write(results: Path, scale: str, plan: Plan, rows: Sequence[Mapping[str, Any]]) -> None:
    """SCALE.csv and SCALE.md, from the runs so far."""
    results.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    lines = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    replace(results / f"{scale}.csv", text.getvalue().encode())
    taken = ", ".join(f"{'all' if count is None else count} of a class to {part}" for part, count in plan.parts.items())
    settings = " ".join(f"--{name} {spelled(value)}" for name, value in plan.changed.items())
    asked = sum(name.endswith(f"-{scale}") for name in RECIPES)
    page = [
        f"# Pilots: {scale}",
        "",
        f"{len(rows)} of {asked} recipes are done. One seed each, so nothing here ranks methods. "
        f"Images: {taken or 'the rendered set'}. Settings of all runs: "
        f"`{settings}`. Made by `benchmarks/pilots.py {scale}`, one core each, one or two side by side; the last on "
        f"{machine()['processor']}.",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{' --- |' * len(HEAD)}",
    ]
    for row in rows:
        cells = [f"`{row['recipe']}`", row["changed"]]
        if row["epochs"] == "":
            cells += [*[""] * (len(HEAD) - 3), row["found"]]
        else:
            cells += [f"{row['first loss']:.3f}", f"{row['last loss']:.3f}", f"{row['spread']:.2f}"]
            cells += [percent(row[name]) for name in ("k-NN before", "k-NN after", "ridge before", "ridge after")]
            cells += ["" if row["rank"] in ("", None) else f"{row['rank']:.1f}", f"{row['seconds']:.0f}"]
            cells += [row["found"] or "as asked"]
        page.append(f"| {' | '.join(cells)} |")
    replace(results / f"{scale}.md", ("\n".join(page) + "\n").encode())


def percent(share: Any) -> str:
    """A share as percent; empty where there is none."""
    return "" if share in ("", None) else f"{100 * share:.1f}"


if __name__ == "__main__":
    sys.exit(main())
