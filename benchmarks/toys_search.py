"""What does each family of methods train with on the small network? Short runs of one recipe, a few settings changed.

    python benchmarks/toys_search.py                  # all trials that results/toys_search.csv has not yet
    python benchmarks/toys_search.py dino learning    # those of these groups

One seed a trial but for ``learning``, whose 8 seeds set the thresholds of tests/examples/training/test_learning.py,
``keys``, 4 seeds of what was found best in ``momentum``, ``still``, 3 of DINO with a last layer that does not learn
(``last layer`` says why), and ``byol``, seeds 1 and 2 beside its pilot's 0; so nothing here ranks settings that are
near each other. ``colors``, ``views`` and ``resolutions`` say what keeps pilots under their bars.
What was taken from it is `FITTED` in trainer/papers/scales.py.
Each trial is a run of pretrain.py with one thread, kept as a row as soon as it is done; the same command goes on where
it was stopped, on another machine too. A row names its machine and commit: rows of several may stand side by side
(22ac86b+ is the working tree that became ddc3c09; c078a19 and b6979d8 are 01f5857 and fe9971a before a rebase).
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from interleaved import RESULTS
from trainer.papers.runs import PRETRAIN, Cell, Outcome, Runs
from trainer.record.files import replace
from trainer.training.logs import rows_of

PREDICTED = {"optimizer": "sgd", "lr": 0.1, "weight_decay": 1e-3, "warmup": 1, "jitter": (0.4, 0.4, 0.4, 0.1)}
BYOL = {**PREDICTED, "m": 0.9, "solarize": 0.0}
DINO = {"head_bn": True, "hidden": 512, "solarize": 0.0, "jitter": (0.4, 0.4, 0.4, 0.1), "lr": 1e-3, "warmup": 1}
#: What `FITTED` has of DINO, in full: these trials stay what they are when that changes.
STILL = {**DINO, "lr": 2e-3, "outputs": 256, "bottleneck": 64, "m": 0.9, "tau_t": 0.05, "center_m": 0.5, "freeze": 1000}
NPID = {"optimizer": "sgd", "lr": 0.06, "tau": 0.1, "warmup": 1}
MILD = {"jitter": (0.4, 0.4, 0.4, 0.1)}
#: InfoMin's own, in full: these trials stay what they are when the recipe changes.
RANDAUGMENT = {
    "randaugment": (2, 10),
    "randaugment_of": "infomin",
    "order": "flip,jitter,blur,randaugment,gray,solarize",
}
#: Groups of trials: a recipe, and what differs from it.
TRIALS: dict[str, list[tuple[str, Mapping[str, Any]]]] = {
    "predictors": [
        ("simsiam-rendered", {**PREDICTED, "hidden": 1024, "dim": 1024, "bottleneck": 256, "last_gamma": 1.0}),
        ("byol-rendered", {**BYOL, "hidden": 512, "dim": 256, "last_gamma": 0.0}),
        ("byol-rendered", {**BYOL, "hidden": 1024, "dim": 512, "last_gamma": 1.0}),
    ],
    "dino": [
        ("dino-rendered", {**DINO, "epochs": 15, "outputs": 2048, "bottleneck": 128, "m": 0.99, "tau_t": 0.04}),
        ("dino-rendered", {**DINO, "epochs": 8, "outputs": 256, "bottleneck": 64, "m": 0.95, "tau_t": 0.01}),
        (
            "dino-rendered",
            {**DINO, "epochs": 10, "outputs": 256, "bottleneck": 64, "m": 0.95, "tau_t": 0.02, "center_m": 0.5},
        ),
        ("dino-rendered", {"epochs": 10, "optimizer": "sgd", "lr": 0.1, "weight_decay": 1e-3}),
        ("dino-rendered", {"epochs": 10, "m": 0.99, "tau_t": 0.04}),
    ],
    "last layer": [
        ("dino-rendered", {**STILL, "epochs": 8, **changed})
        for changed in (
            {"tau_t": 0.07, "freeze": 1},
            {"tau_t": 0.07},
            {},
            {"freeze": 1},
            {"tau_t": 0.02, "m": 0.95, "lr": 1e-3},
            {"tau_t": 0.07, "optimizer": "sgd", "lr": 0.03},
            {"head_bn": False},
            {"center_m": 0.9},
        )
    ],
    "still": [("dino-rendered", {**STILL, "epochs": 30, "warmup": 2})],
    "whitening": [
        ("wmse-rendered", {"epochs": 10}),
        ("wmse-rendered", MILD),
        ("wmse-rendered", {"color_first": False}),
        ("wmse-rendered", {**MILD, "color_first": False}),
    ],
    "momentum": [
        *(("moco2-rendered", {"m": m, "K": K}) for m, K in ((0.99, 128), (0.995, 128), (0.995, 512))),
        ("leoclr-rendered", {"m": 0.995, "K": 128}),
    ],
    "keys": [("moco2-rendered", {"m": 0.995, "K": 128})],
    "npid": [("npid-rendered", {}), ("npid-rendered", NPID)],
    "start": [("simclr-rendered", {"epochs": 5, "warmup": 1, "last_gamma": gamma}) for gamma in (0.0, 1.0)],
    "learning": [("simclr-rendered", {"epochs": 7, "warmup": 1}), ("vicreg-rendered", {"epochs": 7, "warmup": 1})],
    "colors": [
        ("interclr-npid2-rendered", MILD),
        ("moco1-rendered", {**MILD, "jitter_p": 0.8}),
        ("moco1-rendered", {"head": "mlp", "hidden": 512}),
    ],
    "views": [
        ("moco2-rendered", {"epochs": 8}),
        ("infomin-rendered", {**RANDAUGMENT, "epochs": 8}),
        ("infomin-rendered", {**RANDAUGMENT, "epochs": 8, "jigsaw": 0.0}),
    ],
    "resolutions": [("clim-rendered", {"epochs": 21})],
    "byol": [("byol-rendered", {})],
}
#: The others have seed 0 alone; BYOL's is its pilot.
SEEDS = {"learning": range(8), "keys": range(4), "still": range(3), "byol": range(1, 3)}
COLUMNS = (
    "group", "recipe", "changed", "seed", "epochs", "k-NN before", "k-NN after", "ridge before", "ridge after", "rank",
    "loss", "spread", "seconds", "machine", "commit", "stopped",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None, *, pretrain: Path = PRETRAIN, results: Path = RESULTS) -> int:
    """Search as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(TRIALS)}; default: all")
    parser.add_argument("--runs", type=Path, default=Path("runs/toys_search"), help="default: %(default)s")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.groups) - TRIALS.keys()):
        parser.error(f"GROUP must be one of {', '.join(TRIALS)}, got {', '.join(unknown)}")
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    options.runs.mkdir(parents=True, exist_ok=True)
    file = results / "toys_search.csv"
    rows = read(file)
    known = {key(row) for row in rows}
    runs = Runs("rendered", options.runs, pretrain)
    left = [
        (group, cell)
        for group in options.groups or TRIALS
        for cell in cells_of(group)
        if (cell.recipe, words_of(cell), str(cell.seed)) not in known
    ]
    print(f"{len(rows)} are done, {len(left)} are left", flush=True)
    try:
        for group, cell in left:
            rows.append(row_of(group, cell, runs.outcome(cell)))
            print({name: value for name, value in rows[-1].items() if value != ""}, flush=True)
            write(file, rows)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on", file=sys.stderr)
        return 130
    return 0


def cells_of(group: str) -> list[Cell]:
    """The runs of a group, seed by seed; k-NN is asked at the start and at the end."""
    return [
        Cell(recipe, seed, {"knn_every": 100, "threads": 1, **changed})
        for seed in SEEDS.get(group, range(1))
        for recipe, changed in TRIALS[group]
    ]


def words_of(cell: Cell) -> str:
    """What differs from the recipe, as pretrain.py takes it."""
    own = {name: value for name, value in cell.changed.items() if name not in ("knn_every", "threads")}
    return " ".join(Cell(cell.recipe, cell.seed, own).words[:-2])


def key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """By which a trial is known."""
    return row["recipe"], row["changed"], str(row["seed"])


def row_of(group: str, cell: Cell, outcome: Outcome) -> dict[str, Any]:
    """What a trial showed, or why it stopped."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row |= {"group": group, "recipe": cell.recipe, "changed": words_of(cell), "seed": cell.seed}
    if outcome.result is None:
        return {**row, "stopped": outcome.reason}
    log = rows_of(outcome.folder)
    first, last = log[0], log[-1]
    row |= {"epochs": last.epoch, "k-NN before": first.knn, "k-NN after": last.knn, "ridge before": first.ridge}
    row |= {"ridge after": last.ridge, "rank": last.rank, "loss": last.loss, "spread": last.feature_std}
    row |= {"seconds": last.seconds, "machine": outcome.result["machine"]["processor"]}
    return {**row, "commit": outcome.result["commit"]}


def read(file: Path) -> list[dict[str, Any]]:
    """The rows so far.

    Raises:
        ValueError: for a table with other columns.
    """
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        lines = csv.DictReader(stream)
        if tuple(lines.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{file} must have this script's columns, got {lines.fieldnames}; move it away")
        return list(lines)


def write(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """All rows, at once or not at all."""
    text = io.StringIO()
    lines = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    replace(file, text.getvalue().encode())


if __name__ == "__main__":
    sys.exit(main())
