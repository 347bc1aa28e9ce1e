"""Run the rows of a paper's table at the scale at hand, and hold what is measured beside what the paper reports.

    python examples/reproduce.py                                                            # which tables there are
    python examples/reproduce.py leoclr 8 --scale rendered --data rendered --seeds 3        # minutes, on a CPU
    python examples/reproduce.py jointcrop 5 --scale cifar10 --data FOLDER --seeds 8 --epochs 20 --warmup 1
    python examples/reproduce.py leoclr 6 --scale cifar10-paper --data cifar10:FOLDER --measure paper
    python examples/reproduce.py leoclr 3 --scale imagenet --data imagenet:FOLDER --measure paper --on cars:FOLDER
    python examples/reproduce.py clim 7 --scale imagenet --data imagenet:FOLDER --processes 8 --device cuda

A scale is the end of recipes' names: cifar10, imagenette, rendered, or the paper's own. Whatever else the command line
has is a setting of pretrain.py, for all rows. Every run is a process of its own (pretrain.py, then evaluate.py with
``--measure paper``, for each column of the scale), or as many as ``--processes`` says; ``--device`` and ``--threads``
are both scripts'. The same command goes on where it was stopped, and rows and seeds can be added later.

It writes table.md, table.csv and runs.csv into ``--out``, anew after every run, and into ``--kept``, from whose
runs.csv it goes on without the runs themselves, on another machine too: what is there of the same settings is not run
again, and what is there of others is said and run anew. What other measures found is kept, and told beside. A row that
cannot run says why.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import math
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from pretrain import parsed
from trainer.inputs.settings import nearest
from trainer.papers import RECIPES, TABLES, Column, Row, Table
from trainer.papers.measures import KNN, asked, by_column, by_monitor, folders, told
from trainer.papers.runs import FILES, PRETRAIN, Cell, Outcome, Runs, spelled
from trainer.record.files import replace
from trainer.record.intervals import PILOT, Interval, difference, mean
from trainer.record.seconds import seconds_of
from trainer.training.distributed import device_of

EVALUATE = PRETRAIN.with_name("evaluate.py")
ORIGIN = ("commit", "device", "processes", "threads")
RUNS = ("row", "recipe", "changed", "seed", "measured", "ridge", "rank", "measure", "settings", *ORIGIN)
MONITOR = "k-NN top-1 of the test set at the last epoch, %"


@dataclass
class Measured:
    """What is known of a row.

    Attributes:
        values: what is measured, by the measure (``"knn"``, or a column of the table) and seed, in the paper's unit.
        beside: ridge probe (a share) and effective rank of the monitor, for each seed, where it has them.
        origins: what each seed's run was made of and on, by the names of `ORIGIN`.
        reason: why there is none.
    """

    row: Row
    values: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    beside: dict[int, tuple[float, float]] = field(default_factory=dict)
    origins: dict[int, dict[str, str]] = field(default_factory=dict)
    reason: str = ""

    def seeds(self, measures: Iterable[str]) -> set[int]:
        """Those of which all is measured."""
        return set.intersection(*(set(self.values[name]) for name in measures))


def main(arguments: Sequence[str] | None = None, *, pretrain: Path = PRETRAIN, evaluate: Path = EVALUATE) -> int:
    """Reproduce as the command line says; the exit code.

    Args:
        arguments: the command line's.
        pretrain: the script that trains; a test has one that only pretends to.
        evaluate: the script that evaluates, likewise.
    """
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n\n")[0],
        epilog="tables: " + "; ".join(f"{paper} {number} ({table.title})" for (paper, number), table in TABLES.items()),
        allow_abbrev=False,
    )
    parser.add_argument("paper", help=", ".join(dict.fromkeys(paper for paper, _ in TABLES)))
    parser.add_argument("table", nargs="?", help="its number, such as 6 or 'Fig. 8'")
    parser.add_argument("--scale", default="rendered", help="end of the recipes' names (default: %(default)s)")
    parser.add_argument("--data", default="rendered", help="as pretrain.py takes it (default: %(default)s)")
    parser.add_argument(
        "--seeds", type=int, default=3, help=f"runs of a row (default: %(default)s; under {PILOT}: a pilot)"
    )
    parser.add_argument("--first-seed", type=int, default=0, help="of each row's runs (default: %(default)s)")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="names of rows to run (default: all)")
    parser.add_argument("--measure", choices=("knn", "paper"), default="knn", help="k-NN, or what the paper measures")
    parser.add_argument(
        "--on", nargs="+", default=[], metavar="NAME:FOLDER", help="further data, for columns that are measured on them"
    )
    parser.add_argument("--score", help="checkpoint of a score network for this data, which rows of ScoreCL need")
    parser.add_argument("--lpips", help="file with the state of an lpips.LPIPS, which rows of ScoreCL's Tab. 6 need")
    parser.add_argument("--processes", type=int, default=1, help="of each run, by torchrun (default: %(default)s)")
    parser.add_argument(
        "--device", help="of training and evaluation: cpu, cuda, ... (default: a GPU where there is one)"
    )
    parser.add_argument("--out", type=Path, help="default: runs/PAPER-TABLE-SCALE")
    parser.add_argument("--runs", type=Path, help="folder of the runs, which tables may share (default: --out)")
    parser.add_argument("--kept", type=Path, help="folder of a table that was kept: goes on from it, and is kept there")
    parser.add_argument("--dry-run", action="store_true", help="say what would run, and run nothing")
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words:
        parser.print_help()
        return 0
    options, others = parser.parse_known_args(words)
    try:
        table = find(options.paper, options.table)
        refuse_scale(table, options.scale)
        changed = settings_of(others)
        if options.seeds < 1:
            raise ValueError(f"--seeds must be at least 1, got {options.seeds}")
        if options.first_seed < 0:
            raise ValueError(f"--first-seed must be at least 0, got {options.first_seed}")
        if options.processes < 1:
            raise ValueError(f"--processes must be at least 1, got {options.processes}")
        where = [] if options.device is None else ["--device", str(device_of(options.device))]
        on = folders(options.on)
        measures, absent = asked(table, options.scale, on) if options.measure == "paper" else ({KNN: None}, {})
        out = options.out or Path("runs") / f"{table.paper}-{table.number}-{options.scale}".replace(" ", "")
        rows = [Measured(row, reason=why_not(table, row, options)) for row in table.rows]
        refuse_unknown(rows, options, changed)
        chosen = named(rows, options.rows)
        if options.dry_run:
            for one in chosen:
                print(f"{one.row.name}: {one.reason or cell_of(one.row, options, changed, options.first_seed).folder}")
            return 0
        if options.kept is not None:
            recall(options.kept / "runs.csv", rows, options, changed, {KNN, *table.columns})
        wanted = [(one, seed) for seed in seeds_of(options) for one in chosen if not one.reason]
        left = sum(seed not in one.seeds(measures) for one, seed in wanted)
        print(f"{len(wanted) - left} of {len(wanted)} runs are done, {left} are left", flush=True)
        runs = Runs(options.data, options.runs or out, pretrain, processes=options.processes, words=where)
        how = [*where, *(["--threads", changed["threads"]] if "threads" in changed else [])]
        for one, seed, outcome in measured(chosen, options, changed, measures, runs):
            for name, column in measures.items():
                if outcome.result is None:
                    value, reason = None, outcome.reason
                elif column is None:
                    value, reason = by_monitor(outcome)
                else:
                    value, reason = by_column(outcome, one.row, column, options.data, on, evaluate, how)
                if value is None:
                    one.reason = reason if column is None or len(measures) == 1 else f"{name}: {reason}"
                    break
                one.values[name][seed] = value
                one.origins[seed] = origin(outcome)
                if outcome.result is not None and outcome.result.get("ridge") is not None:
                    one.beside[seed] = (outcome.result["ridge"], outcome.result["rank"])
            write(out, table, rows, options, changed, measures, absent)
            values = ", ".join(f"{one.values[name][seed]:.2f}" for name in measures if seed in one.values[name])
            print(f"{one.row.name}, seed {seed}: {', '.join(filter(None, (values, one.reason)))}", flush=True)
        write(out, table, rows, options, changed, measures, absent)
    except (ValueError, OSError) as error:
        print(f"reproduce.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on", file=sys.stderr)
        return 130
    print((out / "table.md").read_text(encoding="utf-8"))
    return 0 if any(values for one in rows for values in one.values.values()) else 1


def origin(outcome: Outcome) -> dict[str, str]:
    """What a run was made of and on, for its line; empty where its record does not say it."""
    result = outcome.result or {}
    known = {"commit": result.get("commit", ""), **result.get("machine", {})}
    return {name: str(known.get(name, "")) for name in ORIGIN}


def find(paper: str, number: str | None) -> Table:
    """The table of a paper.

    Raises:
        ValueError: with the paper's tables and the nearest, if there is none; with the papers, for none of them.
    """
    papers = list(dict.fromkeys(paper for paper, _ in TABLES))
    if paper.lower() not in papers:
        raise ValueError(f"paper must be one of {', '.join(papers)}, got {paper!r}{nearest(paper, papers, 1)}")
    own = {number.lower(): table for (of, number), table in TABLES.items() if of == paper.lower()}
    if number is None or number.lower() not in own:
        has = [table.number for table in own.values()]
        got = "none; write it after the paper" if number is None else f"{number!r}{nearest(number, has, 1)}"
        raise ValueError(f"table must be one of {paper.lower()}'s ({', '.join(has)}), got {got}")
    return own[number.lower()]


def refuse_scale(table: Table, scale: str) -> None:
    """Refuse a scale at which no row of a table has a recipe.

    Raises:
        ValueError: with those that have one.
    """
    scales = sorted(set().union(*(scales_of(row) for row in table.rows if row.recipe)))
    if scale not in scales:
        raise ValueError(f"--scale must be one of {', '.join(scales)}, got {scale!r}{nearest(scale, scales, 1)}")


def scales_of(row: Row) -> set[str]:
    """The ends of its recipe's names; ``leoclr-e2e-imagenet`` is another one's than ``leoclr``'s."""
    own = f"{row.recipe}-"
    families = {f"{other.recipe}-" for table in TABLES.values() for other in table.rows if other.recipe}
    others = tuple(family for family in families - {own} if family.startswith(own))
    names = {name for name in RECIPES if name.startswith(own) and not name.startswith(others)}
    return {name.removeprefix(own) for name in names} | row.at.keys()


def settings_of(words: Sequence[str]) -> dict[str, str]:
    """``--epochs 20 --lr=0.1`` as settings.

    Raises:
        ValueError: for words that are no settings.
    """
    pairs: dict[str, str] = {}
    rest = list(words)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not name.startswith("--") or not (equals or rest):
            raise ValueError(f"settings must be given as --NAME VALUE, got {' '.join(words)}")
        pairs[name[2:].replace("-", "_")] = value if equals else rest.pop(0)
    return pairs


def why_not(table: Table, row: Row, options: argparse.Namespace) -> str:
    """Why a row cannot run at a scale, with the files that there are; empty if it can."""
    scale = options.scale
    if row.missing or not row.recipe:
        return row.missing
    if row.own and scale not in table.scales:
        own = ", ".join(f"{name} {spelled(value)}" for name, value in row.own.items())
        return f"{own}: of the paper's scale, {', '.join(sorted(table.scales))}"
    recipe = row.recipe_at(scale)
    if recipe not in RECIPES:
        return f"there is no recipe {recipe}; scales: {', '.join(sorted(scales_of(row)))}"
    weight = row.changed.get("weight", RECIPES[recipe].values.get("weight"))
    needed = "score" if row.as_long_as else weight
    return FILES[needed] if needed in FILES and getattr(options, needed) is None else ""


def refuse_unknown(rows: Sequence[Measured], options: argparse.Namespace, changed: Mapping[str, str]) -> None:
    """Give rows whose method has not a setting of the command line the reason for which they are not run.

    Raises:
        ValueError: if there is no row left that does.
    """
    able = [one for one in rows if not one.reason]
    for one in able:
        cell, complaint = cell_of(one.row, options, changed, 0), io.StringIO()
        try:
            with contextlib.redirect_stderr(complaint):
                parsed([cell.recipe, "--data", options.data, "--out", "-", *cell.words])
        except SystemExit:
            one.reason = complaint.getvalue().strip().splitlines()[-1].removeprefix("pretrain.py: error: ")
    if able and all(one.reason for one in able):
        raise ValueError(able[0].reason)


def named(rows: Sequence[Measured], names: Sequence[str] | None) -> list[Measured]:
    """The rows that were asked for, in the table's order; all if none was named.

    Raises:
        ValueError: with the table's rows, for a name that none has.
    """
    known = [one.row.name for one in rows]
    if unknown := sorted(set(names or ()) - set(known)):
        raise ValueError(f"--rows must be names of the table's rows, got {unknown[0]!r}; it has: {'; '.join(known)}")
    return [one for one in rows if names is None or one.row.name in names]


def cell_of(row: Row, options: argparse.Namespace, changed: Mapping[str, str], seed: int) -> Cell:
    """The run of a row with a seed."""
    recipe = row.recipe_at(options.scale)
    own = {**row.changed, **row.own}
    weight = own.get("weight", RECIPES[recipe].values.get("weight"))
    own |= {name: getattr(options, name) for name in FILES if name == weight}
    return Cell(recipe, seed, {**own, **changed}, row.as_long_as, untrained=row.untrained)


def seeds_of(options: argparse.Namespace) -> range:
    """The seeds of each row's runs."""
    return range(options.first_seed, options.first_seed + options.seeds)


def measured(
    rows: Sequence[Measured],
    options: argparse.Namespace,
    changed: Mapping[str, str],
    measures: Mapping[str, Column | None],
    runs: Runs,
) -> Iterator[tuple[Measured, int, Outcome]]:
    """Run after run, seed by seed: what is there after an interruption compares rows with as many seeds each."""
    for seed in seeds_of(options):
        for one in rows:
            if not one.reason and seed not in one.seeds(measures):
                cell, reason = cell_of(one.row, options, changed, seed), ""
                if one.row.as_long_as:
                    try:
                        before = seconds_of(Path(options.score))
                        cell = runs.as_long(cell, *timed_by(one.row, options, changed, seed), before)
                    except ValueError as error:
                        reason = str(error)
                yield one, seed, Outcome(cell, runs.out, None, reason) if reason else runs.outcome(cell)


def timed_by(row: Row, options: argparse.Namespace, changed: Mapping[str, str], seed: int) -> tuple[Cell, Cell]:
    """The runs by whose seconds a row's epochs are set: the one it is told against, and the one whose time it fills."""
    rows = {other.name: other for other in find(options.paper, options.table).rows}
    base, longer = (cell_of(rows[name], options, changed, seed) for name in (row.against, row.as_long_as))
    return base, longer


def recall(
    file: Path,
    rows: Sequence[Measured],
    options: argparse.Namespace,
    changed: Mapping[str, str],
    measures: Collection[str],
) -> None:
    """Take from a kept runs.csv what is of the same settings, by any of the measures; say what is of others.

    Raises:
        ValueError: for a file that is not whole, or not this script's.
    """
    if not file.exists():
        return
    with file.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    try:
        found = {(line["row"], int(line["seed"]), line["measure"]): line for line in lines}
        values = {key: float(line["measured"]) for key, line in found.items()}
        digests = {key: line["settings"] for key, line in found.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"--kept must hold a whole runs.csv of this script, got {file}, which is not ({type(error).__name__}: "
            f"{error}); take it out of the commit again, or name another folder"
        ) from None
    able = {one.row.name: one for one in rows if not one.row.missing and one.row.recipe_at(options.scale) in RECIPES}
    others = 0
    for (name, seed, measure), line in found.items():
        if name not in able:
            continue
        one = able[name]
        if digests[name, seed, measure] != cell_of(one.row, options, changed, seed).digest or measure not in measures:
            others += 1
            continue
        one.values[measure][seed] = values[name, seed, measure]
        one.origins[seed] = {name: line.get(name) or "" for name in ORIGIN}
        if line["ridge"]:
            one.beside[seed] = (float(line["ridge"]), float(line["rank"]))
    if others:
        print(f"{others} kept runs are of other settings than the recipes' now: they are run anew", flush=True)


def write(
    out: Path,
    table: Table,
    rows: Sequence[Measured],
    options: argparse.Namespace,
    changed: Mapping[str, str],
    measures: Mapping[str, Column | None],
    absent: Mapping[str, str],
) -> None:
    """table.md, table.csv and runs.csv, each at once or not at all, into ``out`` and where they are kept."""
    measures = shown(table, rows, measures)
    texts = {"table.md": markdown(table, rows, options, changed, measures, absent)}
    each = {name: "" if len(measures) == 1 else f" {name}" for name in measures}
    with io.StringIO() as file:
        lines = csv.writer(file, lineterminator="\n")
        levels = [f"{word}{name}" for name in each.values() for word in ("measured", "low", "high")]
        gaps = [
            f"{word}{name}" for name in each.values() for word in ("difference", "difference low", "difference high")
        ]
        reported = [f"reported {name}" for name in table.columns]
        lines.writerow(
            ["row", *reported, *levels, *(f"seeds{name}" for name in each.values()), "against", *gaps, "not run"]
        )
        for one in rows:
            reported = [str(one.row.reported.get(name, "")) for name in table.columns]
            levels = [end for name in measures for end in ends(estimate(one, name))]
            gaps = [end for name in measures for end in ends(gap_of(one, rows, name))]
            seeds = [str(len(one.values[name])) for name in measures]
            lines.writerow([one.row.name, *reported, *levels, *seeds, one.row.against, *gaps, one.reason])
        texts["table.csv"] = file.getvalue()
    with io.StringIO() as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(RUNS)
        for one in rows:
            for name in measures:
                for seed, value in sorted(one.values[name].items()):
                    cell = cell_of(one.row, options, changed, seed)
                    beside = one.beside.get(seed, ("", ""))
                    last = [name, cell.digest, *one.origins[seed].values()]
                    lines.writerow([one.row.name, cell.recipe, " ".join(cell.words[:-2]), seed, value, *beside, *last])
        texts["runs.csv"] = file.getvalue()
    for folder in (out, *([] if options.kept is None else [options.kept])):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            replace(folder / name, text.encode())


def shown(table: Table, rows: Sequence[Measured], measures: Mapping[str, Column | None]) -> dict[str, Column | None]:
    """The measures that are asked for, and those of before that are kept: k-NN, then the table's columns in order."""
    every: dict[str, Column | None] = {KNN: None, **table.columns}
    return {name: every[name] for name in every if name in measures or any(one.values.get(name) for one in rows)}


def markdown(
    table: Table,
    rows: Sequence[Measured],
    options: argparse.Namespace,
    changed: Mapping[str, str],
    measures: Mapping[str, Column | None],
    absent: Mapping[str, str],
) -> str:
    """The table as a page: what was run, what is reported, what is measured."""
    each = {name: "" if len(measures) == 1 else f", {name}" for name in measures}
    what = "; ".join(MONITOR if column is None else f"{name}: {told(column)}" for name, column in measures.items())
    ran = f"Here: {what}; recipes `*-{options.scale}`, data `{options.data}`"
    ran += "".join(f", {name} {value}" for name, value in changed.items()) + "."
    lines = [
        f"# {table.paper}, {table.number}: {table.title}",
        "",
        f"Reported: {table.metric}. {table.note}".strip(),
        ran,
        *(f"Not measured here: {name} ({reason})." for name, reason in absent.items() if name not in measures),
    ]
    if options.scale not in table.scales:
        lines.append("Another scale than the paper's: the order of rows can be held against it, the values cannot.")
    seeds = min(max(len(one.values[name]) for one in rows) for name in measures)
    if seeds < PILOT:
        lines.append(
            f"**A pilot**: {seeds} seed{'' if seeds == 1 else 's'}, and {PILOT} are the least that is called a result."
        )
    lines.append("Intervals cover with 95 % each; differences are unpaired (Welch), as no correlation was measured.")
    lines.append("Beside it, means over seeds: the monitor's ridge probe and the effective rank of the features.")
    head = [
        "row",
        *(f"reported, {name}" for name in table.columns),
        *(f"measured{name}" for name in each.values()),
        *(f"difference{name}" for name in each.values()),
        "ridge, %",
        "rank",
        "seeds",
    ]
    lines += ["", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for one in rows:
        reported = [in_digits(one.row.reported.get(name)) for name in table.columns]
        levels, apart = [], []
        for name in measures:
            level, gap = estimate(one, name), gap_of(one, rows, name)
            text = level.text() if level else f"not run: {one.reason or 'not yet'}"
            levels.append(f"{text}; stopped: {one.reason}" if level and one.reason else text)
            apart.append(f"{gap.text('+.2f')} to {one.row.against}" if gap else "")
        ridges, ranks = zip(*one.beside.values(), strict=True) if one.beside else ((), ())
        means = [f"{100 * fmean(ridges):.1f}", f"{fmean(ranks):.1f}"] if one.beside else ["", ""]
        counts = [len(one.values[name]) for name in measures]
        seeds_of_each = ", ".join(map(str, counts if len(set(counts)) > 1 else counts[:1]))
        cells = [one.row.name, *reported, *levels, *apart, *means, seeds_of_each]
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def estimate(one: Measured, name: str) -> Interval | None:
    """The mean over seeds, by one measure."""
    return mean(list(one.values[name].values())) if one.values[name] else None


def gap_of(one: Measured, rows: Sequence[Measured], name: str) -> Interval | None:
    """The difference to the row that this one is told against, by one measure."""
    other = next((other for other in rows if other.row.name == one.row.against), None)
    if other is None or not one.values[name] or not other.values[name]:
        return None
    return difference(list(one.values[name].values()), list(other.values[name].values()))


def ends(found: Interval | None) -> list[Any]:
    """Value, low and high for a table; empty where there is none."""
    if found is None:
        return ["", "", ""]
    return ["" if math.isnan(number) else round(number, 4) for number in (found.value, found.low, found.high)]


def in_digits(value: float | None) -> str:
    """A reported value with the paper's digits, as near as floats tell them."""
    return "" if value is None else f"{value:g}"


if __name__ == "__main__":
    sys.exit(main())
