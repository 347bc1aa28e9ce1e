"""Does JointCrop(beta=0) train a better encoder than two independent crops, and is it the coupling that does it?

    python benchmarks/claim.py pilot --data FOLDER   # 8 runs of the baseline: the deviation of seeds, seconds a run
    python benchmarks/claim.py run --data FOLDER     # all runs of results/claim/plan.json, whose seeds are then fixed
    python benchmarks/claim.py report --data FOLDER  # the tables again, from the runs that are done

FOLDER is CIFAR-10 as image files, train/<class>/ and test/<class>/. Runs are pretrain.py's, one thread each, two side
by side; any of the commands goes on where it was stopped. What is compared, how, and what counts as a difference was
written down before anything was run: results/claim/PLAN.md.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import math
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.papers.runs import PRETRAIN, Cell, Outcome, Runs, linked
from trainer.record.intervals import PILOT, Interval, correlation, difference, mean, seeds_needed

RESULTS = Path(__file__).parent / "results" / "claim"
RECIPE, CLASSES = "jointcrop-simclr-cifar10", 10
POLICIES: Mapping[str, Mapping[str, Any]] = {
    "independent": {"crop": "independent"},
    "decoupled": {"crop": "decoupled"},
    "joint": {"crop": "joint"},
}
PRIMARY = (("joint", "independent"), ("joint", "decoupled"))
SECONDARY = (("decoupled", "independent"),)
EFFECT = 1.0  # points of accuracy that the runs should be able to show
COLUMNS = ("budget", "policy", "seed", "epochs", "knn", "knn_at_start", "loss", "seconds", "machine", "torch", "commit")


def main(arguments: Sequence[str] | None = None, *, pretrain: Path = PRETRAIN, results: Path = RESULTS) -> int:
    """Run what is asked for; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("what", choices=("pilot", "run", "report"))
    parser.add_argument("--data", type=Path, required=True, help="CIFAR-10: train/<class>/*, test/<class>/*")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/claim"), help="the runs' folders (default: %(default)s)"
    )
    parser.add_argument("--processes", type=int, default=2, help="side by side (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="folder of the tables (default: the plan's, results/claim)")
    options = parser.parse_args(arguments)
    plan = json.loads((results / "plan.json").read_text(encoding="utf-8"))
    if options.what == "run" and not all(budget["seeds"] for budget in plan["budgets"].values()):
        parser.error(f"write the number of seeds of each budget into {results / 'plan.json'} first, and commit it")
    out = options.out or results
    out.mkdir(parents=True, exist_ok=True)
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    images = linked(options.data, options.runs / "images", {"train": plan["images"] // CLASSES, "test": None})
    runs = Runs(str(images), options.runs, pretrain)
    wanted = pilot_cells(plan) if options.what == "pilot" else cells_of(plan)
    rows: list[dict[str, Any]] = []
    if options.what == "report":
        wanted = [(budget, cell) for budget, cell in wanted if runs.done(cell)]
    outcomes = runs.all((cell for _, cell in wanted), options.processes)
    try:
        for (budget, cell), outcome in zip(wanted, outcomes, strict=True):
            if outcome.result is None:
                print(f"{cell.folder}: {outcome.reason}", file=sys.stderr)
                return 1
            rows.append(row_of(budget, cell, outcome))
            print(f"{cell.folder}: {rows[-1]['knn']:.2f} % in {rows[-1]['seconds']:.0f} s", flush=True)
            if options.what == "pilot":
                write_pilot(out, rows)
            else:
                write(out, plan, rows)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on", file=sys.stderr)
        return 130
    return 0


def pilot_cells(plan: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    """Eight seeds of the baseline at the small budget; they are runs of the plan as well."""
    return [("small", cell(plan, "small", "independent", seed)) for seed in range(PILOT)]


def cells_of(plan: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    """All runs: the small budget first, seed by seed, so that whatever is finished compares policies evenly."""
    return [
        (budget, cell(plan, budget, policy, seed))
        for budget in plan["budgets"]
        for seed, policy in itertools.product(range(plan["budgets"][budget]["seeds"]), POLICIES)
    ]


def cell(plan: Mapping[str, Any], budget: str, policy: str, seed: int) -> Cell:
    """One run."""
    epochs = plan["budgets"][budget]["epochs"]
    return Cell(
        RECIPE, seed, {**POLICIES[policy], **plan["settings"], "epochs": epochs, "knn_every": epochs, "threads": 1}
    )


def row_of(budget: str, run: Cell, outcome: Outcome) -> dict[str, Any]:
    """What is kept of a run."""
    assert outcome.result is not None
    result = outcome.result
    with (outcome.folder / "log.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    return {
        "budget": budget,
        "policy": run.changed["crop"],
        "seed": run.seed,
        "epochs": run.changed["epochs"],
        "knn": round(100 * result["knn"], 4),
        "knn_at_start": round(100 * float(first["knn"]), 4) if first["knn"] else math.nan,
        "loss": result["loss"],
        "seconds": result["seconds"],
        "machine": f"{result['machine']['system']}, {result['machine']['processor']}",
        "torch": result["machine"]["torch"],
        "commit": result["commit"],
    }


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A line a run."""
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)


def write_pilot(results: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """pilot.csv, and pilot.md with the deviation and what it asks for."""
    write_table(results / "pilot.csv", rows)
    values = [row["knn"] for row in rows]
    if len(values) < 2:
        return
    deviation = statistics.stdev(values)
    start = statistics.fmean(row["knn_at_start"] for row in rows)
    seconds = statistics.fmean(row["seconds"] for row in rows)
    alone, together = (seeds_needed(deviation, EFFECT, level) for level in (0.95, 1 - 0.05 / tests()))
    (results / "pilot.md").write_text(
        f"# Pilot: {len(rows)} runs of the baseline at the small budget\n\n"
        f"k-NN {mean(values).text()} %, at initialization {start:.2f} %; deviation over seeds {deviation:.2f} points; "
        f"{seconds:.0f} seconds a run.\n\n"
        f"For {EFFECT:g} point with 80 % power: {alone} seeds an arm at 95 %, {together} where the primary comparisons "
        "share the 5 %.\n",
        encoding="utf-8",
    )


def tests() -> int:
    """Comparisons that share the 5 % of false alarms: the primary ones at both budgets."""
    return 2 * len(PRIMARY)


def write(results: Path, plan: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """runs.csv, differences.csv and README.md, from the runs so far."""
    write_table(results / "runs.csv", rows)
    lines = ["# JointCrop(beta=0) against independent crops and its decoupled control", ""]
    lines += [
        f"Recipe `{RECIPE}`; plan: [PLAN.md](PLAN.md); single runs: [runs.csv](runs.csv). k-NN top-1 in percent.",
        "",
    ]
    table = []
    for budget, asked in plan["budgets"].items():
        found = {
            policy: {row["seed"]: row["knn"] for row in rows if (row["budget"], row["policy"]) == (budget, policy)}
            for policy in POLICIES
        }
        seeds = sorted(set.intersection(*(set(of_seed) for of_seed in found.values())))
        lines += [f"## {budget}: {asked['epochs']} epochs of {plan['images']} images", ""]
        if not seeds:
            lines += ["Not run yet.", ""]
            continue
        if len(seeds) < asked["seeds"] or len(seeds) < PILOT:
            kind = "**A pilot**" if len(seeds) < PILOT else "**Unfinished**"
            lines += [
                f"{kind}: {len(seeds)} of {asked['seeds']} seeds are done for all policies; the others are left out.",
                "",
            ]
        values = {policy: [of_seed[seed] for seed in seeds] for policy, of_seed in found.items()}
        start = statistics.fmean(row["knn_at_start"] for row in rows if row["budget"] == budget)
        lines += ["| policy | mean, 95 % | deviation |", "| --- | --- | --- |"]
        for policy, accuracies in values.items():
            deviation = f"{statistics.stdev(accuracies):.2f}" if len(seeds) > 1 else ""
            lines.append(f"| {policy} | {mean(accuracies).text()} | {deviation} |")
        lines += [f"| at initialization | {start:.2f} | |", ""]
        lines += [
            "| difference | kind | 95 % | at the joint level | verdict | correlation of seeds |",
            f"|{' --- |' * 6}",
        ]
        for first, second in (*PRIMARY, *SECONDARY):
            primary = (first, second) in PRIMARY
            a, b = values[first], values[second]
            gap, wide = difference(a, b), difference(a, b, 1 - 0.05 / tests())
            verdict = judged(wide, len(seeds)) if primary else ""
            shared = correlation(a, b) if len(seeds) > 2 else None
            cells = [f"{first} - {second}", "primary" if primary else "secondary", gap.text("+.2f")]
            cells += [wide.text("+.2f") if primary else "", verdict, "" if shared is None else shared.text()]
            lines.append(f"| {' | '.join(cells)} |")
            table.append(
                [budget, first, second, len(seeds), gap.value, gap.low, gap.high, wide.low, wide.high, verdict]
            )
        lines.append("")
    (results / "README.md").write_text("\n".join(lines), encoding="utf-8")
    with (results / "differences.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["budget", "first", "second", "seeds", "difference", "low", "high", "joint low", "joint high", "verdict"]
        )
        writer.writerows(table)


def judged(wide: Interval, seeds: int) -> str:
    """The plan's words for a primary comparison."""
    if seeds < PILOT:
        return "a pilot"
    return "a difference" if wide.excludes(0) else "not told apart"


if __name__ == "__main__":
    sys.exit(main())
