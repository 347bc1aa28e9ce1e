"""A short run of every scaled-down recipe: does it come to its end, do the embeddings stay apart, does it learn?

    python benchmarks/pilots.py rendered                      # each to its own end
    python benchmarks/pilots.py cifar10 --data FOLDER         # FOLDER/train/<class>/*, FOLDER/test/<class>/*
    python benchmarks/pilots.py imagenette --data FOLDER      # the same with FOLDER/val
    python benchmarks/pilots.py rendered --again wmse         # those that begin so, anew: their recipes were mended

One seed each, so nothing here ranks methods. What is asked was written down before the first run: the loss is finite to
the end; the embeddings' spread at the end is above `trainer.training.loop.COLLAPSED`; k-NN accuracy on the test images
is above that of the initialization. On CIFAR-10 and Imagenette the budgets are short (`PLANS`), and what they force on
a recipe stands beside it in the table. Recipes of ScoreCL take a score network that is trained here first, also
shortly.

Runs are pretrain.py's, one thread each, two side by side; the same command goes on where it was stopped. The tables go
to results/pilots/ (or, where the environment has OUT, to $OUT/pilots): SCALE.md and SCALE.csv.
"""

from __future__ import annotations

import argparse
import csv
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
from trainer.inputs.data import in_memory, open_data
from trainer.papers import RECIPES
from trainer.papers.runs import PRETRAIN, Cell, Outcome, Runs, linked, spelled
from trainer.training.logs import rows_of
from trainer.training.loop import COLLAPSED

from jointaug.difficulty import ScoreNetwork, train_score

SCORE_SIZE, SCORE_STEPS, SCORE_BATCH = 32, 1000, 32  # the score network's; docs/papers/scorecl.md has 10,000 steps


@dataclass(frozen=True)
class Plan:
    """What the pilots of a scale run on, and for how long.

    Attributes:
        parts: images of a class that are taken of each part of the data; empty: the rendered set.
        changed: settings of every run.
        forced: settings that so few images or epochs force on recipes that have them.
        scored: settings of runs whose every step has the score network's passes too, which cost as much again.
    """

    parts: Mapping[str, int | None] = field(default_factory=dict)
    changed: Mapping[str, Any] = field(default_factory=dict)
    forced: Mapping[str, Any] = field(default_factory=dict)
    scored: Mapping[str, Any] = field(default_factory=dict)


WMSE = {"warmup_steps": 20, "milestones": (-0.5,)}  # its warm-up is in steps, and its rate falls before the end
PLANS = {
    "rendered": Plan(changed={"knn_every": 5}),
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
    "recipe", "changed", "epochs", "first loss", "last loss", "spread", "k-NN before", "k-NN after", "seconds",
    "commit", "found",
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
    for cell in cells:
        if cell.recipe.startswith(tuple(options.again)):
            shutil.rmtree(folder / cell.folder, ignore_errors=True)
    rows = []
    try:
        for cell, outcome in zip(cells, outcomes(runs, cells, options.processes, data), strict=True):
            rows.append(row_of(cell, plan, outcome))
            print(f"{cell.recipe}: {rows[-1]['found'] or 'as asked'}", flush=True)
            write(results, options.scale, plan, rows)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on", file=sys.stderr)
        return 130
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
    if not all(map(runs.done, scored)):
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
    row |= {"k-NN before": first.knn, "k-NN after": last.knn, "seconds": last.seconds}
    row["commit"] = outcome.result["commit"]
    found = []
    if (last.feature_std or 0.0) <= COLLAPSED:
        found.append("collapsed")
    if (last.knn or 0.0) <= (first.knn or 0.0):
        found.append("k-NN not above the initialization's")
    return {**row, "found": ", ".join(found)}


def write(results: Path, scale: str, plan: Plan, rows: Sequence[Mapping[str, Any]]) -> None:
    """SCALE.csv and SCALE.md, from the runs so far."""
    results.mkdir(parents=True, exist_ok=True)
    with (results / f"{scale}.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)
    taken = ", ".join(f"{'all' if count is None else count} of a class to {part}" for part, count in plan.parts.items())
    settings = " ".join(f"--{name} {spelled(value)}" for name, value in plan.changed.items())
    page = [
        f"# Pilots: {scale}",
        "",
        f"One seed each, so nothing here ranks methods. Images: {taken or 'the rendered set'}. Settings of all runs: "
        f"`{settings}`. Made by `benchmarks/pilots.py {scale}` on {machine()['processor']}, one core each, two side by "
        "side.",
        "",
        "| recipe | also changed | loss, first epoch | last | spread | k-NN before, % | after, % | seconds | found |",
        f"|{' --- |' * 9}",
    ]
    for row in rows:
        if row["epochs"] == "":
            cells = [f"`{row['recipe']}`", row["changed"], *[""] * 6, row["found"]]
        else:
            cells = [f"`{row['recipe']}`", row["changed"], f"{row['first loss']:.3f}", f"{row['last loss']:.3f}"]
            cells += [f"{row['spread']:.2f}", f"{100 * row['k-NN before']:.1f}", f"{100 * row['k-NN after']:.1f}"]
            cells += [f"{row['seconds']:.0f}", row["found"] or "as asked"]
        page.append(f"| {' | '.join(cells)} |")
    (results / f"{scale}.md").write_text("\n".join(page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
