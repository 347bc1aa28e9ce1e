"""Does a policy's difficulty predict what it is worth? SDF under trained encoders beside k-NN, on the toys.

    python benchmarks/toys_difficulty.py [--runs FOLDER] [--own 4]

Policies are SimCLR's of JointCrop's Table 5; the plan is in results/toys/PLAN.md. Encoders are trained as the table's
rows were (FOLDER keeps the runs, and the command goes on from there); benefit is of the runs kept for the table. It
writes into results/toys/difficulty: encoders.csv, the SDF of each policy under each encoder, and policies.csv, a row
for each policy.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from interleaved import machine
from toys_verdicts import SETTINGS, TOYS, kept
from trainer.evaluation.encoder import open_encoder
from trainer.inputs.data import open_data
from trainer.inputs.settings import divided
from trainer.inputs.views import pipeline
from trainer.papers import RECIPES, TABLES, Row
from trainer.papers.runs import Cell, Runs
from trainer.record.files import replace
from trainer.record.intervals import Interval, difference, mean

from jointaug.difficulty import sdf

TABLE = ("jointcrop", "5")
BASELINE = "SimCLR, baseline"
POLICIES = (
    BASELINE,
    "SimCLR, J-Crop(0)",
    "SimCLR, decoupled control of J-Crop(0)",
    "SimCLR, J-Crop(2)",
    "SimCLR, J-Crop(-2)",
)
FIRST, SEEDS, DRAWS = 100, 8, 2  # seeds of the baseline's encoders, and pairs of each image
OF_ENCODERS = ("trained with", "seed", "knn", "policy", "sdf")
OF_POLICIES = ("policy", "encoders", "trained with", "sdf", "gap", "low", "high", "benefit", "least", "most")

Measured = list[dict[str, Any]]
"""Rows by the names of `OF_ENCODERS`."""


def rows() -> dict[str, Row]:
    """The table's rows that are policies, by name."""
    return {row.name: row for row in TABLES[TABLE].rows if row.name in POLICIES}


def policies() -> dict[str, Any]:
    """Each row's views, as its run makes them."""
    found = {}
    for name, row in rows().items():
        settings, _ = divided({**RECIPES[row.recipe_at("rendered")].values, **row.changed})
        found[name] = pipeline(settings)
    return found


def measured(name: str, seed: int, runs: Runs, images: torch.Tensor, views: Mapping[str, Any]) -> Measured:
    """SDF of every policy under the encoder of one row and seed, which is trained if it is not there."""
    outcome = runs.outcome(Cell(rows()[name].recipe_at("rendered"), seed, {**rows()[name].changed, **SETTINGS}))
    if outcome.result is None:
        raise SystemExit(f"{name}, seed {seed}: {outcome.reason}")
    encoder = open_encoder(str(outcome.folder))
    found = sdf(encoder.network, images, views, seed=seed, draws=DRAWS, batch_size=512, keep_pairs=False)
    knn = 100 * float(outcome.result["knn"])
    return [
        {"trained with": name, "seed": seed, "knn": knn, "policy": policy, "sdf": found[policy].mean}
        for policy in views
    ]


def gaps(found: Measured, policy: str, own: bool) -> tuple[list[float], list[float]]:
    """Of each encoder of a kind: the policy's SDF, and what it is less the baseline's under the same encoder.

    Args:
        found: of all encoders.
        policy: whose.
        own: whether encoders are those trained with the policy; else the baseline's.
    """
    by_encoder: dict[int, dict[str, float]] = {}
    for row in found:
        if row["trained with"] == (policy if own else BASELINE):
            by_encoder.setdefault(int(row["seed"]), {})[row["policy"]] = float(row["sdf"])
    levels = [values[policy] for values in by_encoder.values()]
    return levels, [values[policy] - values[BASELINE] for values in by_encoder.values()]


def summarized(found: Measured, knn: Mapping[str, Mapping[int, float]]) -> list[dict[str, Any]]:
    """A row for each policy and kind of encoder, by the names of `OF_POLICIES`: gap in SDF, benefit in points."""
    told = []
    for policy in POLICIES:
        benefit = Interval(0.0, 0.0, 0.0)
        if policy != BASELINE:
            shared = sorted(knn[policy].keys() & knn[BASELINE].keys())
            benefit = difference([knn[policy][seed] for seed in shared], [knn[BASELINE][seed] for seed in shared])
        for own in (False, True):
            levels, less = gaps(found, policy, own)
            if not levels or (own and policy == BASELINE):
                continue
            gap = mean(less)
            encoders, gap = (len(levels), policy if own else BASELINE), mean(less)
            numbers = statistics.fmean(levels), gap.value, gap.low, gap.high
            row = policy, *encoders, *numbers, benefit.value, benefit.low, benefit.high
            told.append(dict(zip(OF_POLICIES, row, strict=True)))
    return told


def write(folder: Path, found: Measured) -> None:
    """Keep what was found, and its summary."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, fields, lines in (
        ("encoders.csv", OF_ENCODERS, found),
        ("policies.csv", OF_POLICIES, summarized(found, kept(TABLE))),
    ):
        text = io.StringIO()
        writer = csv.DictWriter(text, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        replace(folder / name, text.getvalue().encode())
    where = {"machine": machine(), "draws": DRAWS, "images": "training toys"}
    replace(folder / "machine.json", (json.dumps(where, indent=2) + "\n").encode())


def read(folder: Path) -> Measured:
    """What is kept of encoders."""
    path = folder / "encoders.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/toys-difficulty"), help="default: %(default)s")
    parser.add_argument("--own", type=int, default=4, help="encoders trained with each policy (default: %(default)s)")
    parser.add_argument("--kept", type=Path, default=TOYS / "difficulty", help="default: %(default)s")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    runs = Runs("rendered", options.runs)
    images, views = open_data("rendered").train.images, policies()
    wanted = [(BASELINE, FIRST + k) for k in range(SEEDS)]
    wanted += [(name, FIRST + k) for k in range(options.own) for name in POLICIES if name != BASELINE]
    found = read(options.kept)
    done = {(row["trained with"], int(row["seed"])) for row in found}
    for name, seed in wanted:
        if (name, seed) not in done:
            found += measured(name, seed, runs, images, views)
            write(options.kept, found)
            print(f"{name}, seed {seed}: k-NN {found[-1]['knn']:.1f}", flush=True)


if __name__ == "__main__":
    main()
