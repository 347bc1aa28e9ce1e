"""Is a paper's order confirmed on the toys, contradicted, or not told? By the looks and bounds of results/toys/PLAN.md.

    python benchmarks/toys_verdicts.py          # results/toys/verdicts.md and .csv, from the runs kept beside them

A difference is found at a look if Welch's t, as a normal quantile of the same tail, passes that look's bound; its
interval is at the bound too, so that it excludes 0 exactly when the difference is found. A comparison has a look when
both rows have its seeds, counted from the plan's first; what is found at the first look is told from its runs.
"""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interleaved import KEPT
from scipy.special import ndtr, ndtri
from toys_plan import bounds
from trainer.papers import TABLES, Row
from trainer.papers.measures import KNN
from trainer.papers.runs import Cell
from trainer.record.files import replace
from trainer.record.intervals import Interval, difference, mean

TOYS = KEPT / "toys"
SETTINGS = {"threads": "1", "knn_every": "1000"}  # of every run: the last epoch is what counts, half of a run's time
POWER = 0.8  # with which a difference that could have been detected is found
Values = Mapping[str, Mapping[int, float]]
"""What was measured, by row and seed."""


@dataclass(frozen=True)
class Verdict:
    """One row of a table held against the row that the table names.

    Attributes:
        seeds: of each row, at the look that is told; 0: there was none yet.
        gap: row minus the other, in points, with its interval at the look's bound.
        detectable: the difference that is found with a probability of .8 at this look and these deviations, in points.
        reported: the paper's difference, in its own points; nan where it reports none.
    """

    table: tuple[str, str]
    row: str
    against: str
    seeds: int
    gap: Interval
    detectable: float
    reported: float

    @property
    def found(self) -> bool:
        """Whether the rows differ."""
        return self.gap.excludes(0.0)

    @property
    def word(self) -> str:
        """What is said of the paper's order."""
        if not self.seeds:
            return "no look yet"
        if not self.found:
            return "not told"
        if math.isnan(self.reported) or not self.reported:
            return "higher" if self.gap.value > 0 else "lower"
        return "confirmed" if (self.gap.value > 0) == (self.reported > 0) else "contradicted"


def kept(table: tuple[str, str], folder: Path = TOYS) -> dict[str, dict[int, float]]:
    """The runs of a table that are kept and that the recipes ask for as they are now; none where no folder is."""
    path = folder / "-".join(table).replace(" ", "") / "runs.csv"
    rows = {row.name: row for row in TABLES[table].rows}
    values: dict[str, dict[int, float]] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                name, seed = line["row"], int(line["seed"])
                if name in rows and line["measure"] == KNN and line["settings"] == asked_of(rows[name], seed):
                    values.setdefault(name, {})[seed] = float(line["measured"])
    return values


def asked_of(row: Row, seed: int) -> str:
    """What a run of the plan is asked for, in one word (`trainer.papers.runs.Cell.digest`)."""
    return Cell(row.recipe_at("rendered"), seed, {**row.changed, **SETTINGS}).digest


def judged(table: tuple[str, str], names: Sequence[str], values: Values, plan: Mapping[str, Any]) -> list[Verdict]:
    """The verdicts on those of the rows that are told against another."""
    rows = {row.name: row for row in TABLES[table].rows}
    return [judge(table, rows[name], rows, values, plan) for name in names if rows[name].against]


def judge(
    table: tuple[str, str], row: Row, rows: Mapping[str, Row], values: Values, plan: Mapping[str, Any]
) -> Verdict:
    """One verdict: of the first look that finds a difference, else of the last look that there was."""
    other = rows[row.against]
    shared = [column for column in row.reported if column in other.reported]
    reported = row.reported[shared[0]] - other.reported[shared[0]] if shared else math.nan
    told = Verdict(table, row.name, row.against, 0, Interval(math.nan), math.nan, reported)
    for seeds, bound in zip(plan["stage 2"]["looks"], bounds(plan["stage 2"]["alpha"]), strict=True):
        wanted = range(plan["first seed"], plan["first seed"] + seeds)
        arms = [values.get(name, {}) for name in (row.name, row.against)]
        if told.found or not all(seed in arm for arm in arms for seed in wanted):
            break
        first, second = ([arm[seed] for seed in wanted] for arm in arms)
        gap = difference(first, second, level=1 - 2 * float(ndtr(-bound)))
        error = math.sqrt((statistics.variance(first) + statistics.variance(second)) / seeds)
        told = Verdict(table, row.name, row.against, seeds, gap, (bound + float(ndtri(POWER))) * error, reported)
    return told


def finished(verdicts: Sequence[Verdict], plan: Mapping[str, Any]) -> bool:
    """Whether a comparison asks for no more seeds: all its differences are found, or the last look is over."""
    return all(one.found or one.seeds == plan["stage 2"]["looks"][-1] for one in verdicts)


def asked(plan: Mapping[str, Any]) -> list[tuple[tuple[str, str], list[str]]]:
    """Each table's rows that the plan compares, in its order."""
    two = plan["stage 2"]
    rows: dict[tuple[str, str], list[str]] = {}
    for part in (*two["comparisons"], *two["then, 8 seeds"]):
        paper, number = part["table"]
        rows.setdefault((paper, number), []).extend(part["rows"])
    return list(rows.items())


def deviations(plan: Mapping[str, Any], folder: Path = TOYS) -> list[tuple[str, int, Interval, float]]:
    """Each compared row's number of runs, mean and deviation over seeds, where it has two runs or more."""
    found = []
    for table, names in asked(plan):
        values = kept(table, folder)
        for name in names:
            runs = list(values.get(name, {}).values())
            if len(runs) > 1:
                found.append((f"{' '.join(table)}: {name}", len(runs), mean(runs), statistics.stdev(runs)))
    return found


def page(verdicts: Sequence[Verdict], plan: Mapping[str, Any], folder: Path = TOYS) -> str:
    """The verdicts and the rows that they are of, as Markdown."""
    lines = [
        "# What was found",
        "",
        f"Measured is {plan['metric']}.",
        "",
        "Differences in points, row minus the other, unpaired, with intervals at the look's bound; beside them the",
        "difference that this look finds with a probability of .8. The plan is `PLAN.md`.",
        "",
        "| table | row | against | reported | measured | could be found | seeds | the paper's order |",
        f"|{' --- |' * 8}",
    ]
    for one in verdicts:
        reported = "" if math.isnan(one.reported) else f"{one.reported:+.2f}"
        measured, least = (one.gap.text("+.2f"), f"{one.detectable:.1f}") if one.seeds else ("", "")
        cells = [" ".join(one.table), one.row, one.against, reported, measured, least, str(one.seeds or ""), one.word]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| row | mean, 95 % | deviation | seeds |", f"|{' --- |' * 4}"]
    lines += [
        f"| {name} | {level.text('.1f')} | {spread:.1f} | {runs} |"
        for name, runs, level, spread in deviations(plan, folder)
    ]
    return "\n".join(lines) + "\n"


def write(folder: Path = TOYS) -> list[Verdict]:
    """Judge what is kept, and keep the verdicts as verdicts.md and verdicts.csv."""
    plan = json.loads((TOYS / "plan.json").read_text(encoding="utf-8"))
    verdicts = [one for table, names in asked(plan) for one in judged(table, names, kept(table, folder), plan)]
    with io.StringIO() as file:
        lines = csv.writer(file, lineterminator="\n")
        columns = ("table", "row", "against", "reported", "difference", "low", "high", "could be found", "seeds")
        lines.writerow([*columns, "order"])
        for one in verdicts:
            numbers = (one.reported, one.gap.value, one.gap.low, one.gap.high, one.detectable)
            told = ["" if math.isnan(number) else round(number, 4) for number in numbers]
            lines.writerow([" ".join(one.table), one.row, one.against, *told, one.seeds, one.word])
        replace(folder / "verdicts.csv", file.getvalue().encode())
    text = page(verdicts, plan, folder)
    replace(folder / "verdicts.md", text.encode())
    print(text)
    return verdicts


if __name__ == "__main__":
    write()
