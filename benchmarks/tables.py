"""The papers' tables at the toys' scale, one after the other: from what is kept on, and what is left is printed.

    python benchmarks/tables.py                    # one seed of every row: that they run, no order (make tables)
    python benchmarks/tables.py --stage 0          # how far seeds lie apart
    python benchmarks/tables.py --stage 2 leoclr   # a paper's comparisons, as results/toys/plan.json has them
    python benchmarks/tables.py --seeds 8 leoclr   # of every row of a paper

Runs are reproduce.py's. What is done is kept in results/toys/PAPER-NUMBER/ after every run: commit that folder, and the
same command goes on from it on another machine. Two commands for two papers may run side by side, on a core each. The
tables are those with `Table.toys`; what the stages are for is in results/toys/PLAN.md. A comparison of stage 2 stops at
its first look if that finds all of its differences.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import reproduce
from interleaved import KEPT, RESULTS
from toys_verdicts import SETTINGS, finished, judged, kept
from trainer.papers import TABLES

PLAN = json.loads((KEPT / "toys" / "plan.json").read_text(encoding="utf-8"))
INTERRUPTED = 130  # reproduce.py's exit code after Ctrl-C


def main(
    arguments: Sequence[str] | None = None,
    *,
    run: Callable[[list[str]], int] = reproduce.main,
    results: Path = RESULTS / "toys",
) -> int:
    """All tables as the command line says; the exit code: 1 if one has no result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("papers", nargs="*", metavar="PAPER", help="default: all")
    parser.add_argument("--stage", type=int, choices=(0, 1, 2), default=1, help="of the plan (default: %(default)s)")
    parser.add_argument("--seeds", type=int, help="runs of a row (default: the stage's)")
    parser.add_argument("--score", help="checkpoint of a score network for the toys, which rows of ScoreCL need")
    options = parser.parse_args(arguments)
    papers = list(dict.fromkeys(paper for paper, _ in TABLES))
    if unknown := sorted(set(options.papers) - set(papers)):
        parser.error(f"PAPER must be one of {', '.join(papers)}, got {', '.join(unknown)}")
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    codes = []
    for (paper, number), rows, seeds in wanted(options.stage, results):
        if paper not in (options.papers or papers):
            continue
        print(f"{paper}, {number}", flush=True)
        words = [paper, number, "--scale", "rendered", "--data", "rendered"]
        words += ["--seeds", str(options.seeds or seeds), "--first-seed", str(PLAN["first seed"])]
        words += [word for name, value in SETTINGS.items() for word in (f"--{name}", value)]
        words += ["--kept", str(results / f"{paper}-{number}".replace(" ", ""))]
        words += ["--score", options.score] if options.score else []
        codes.append(run([*words, *(["--rows", *rows] if rows else [])]))
        if codes[-1] == INTERRUPTED:
            return INTERRUPTED
    return int(any(codes))


def wanted(stage: int, results: Path) -> Iterator[tuple[tuple[str, str], list[str], int]]:
    """Tables, their rows (none: all) and numbers of seeds; what a look asks for is known after the one before."""
    if stage == 1:
        yield from ((key, [], PLAN["stage 1"]["seeds"]) for key, table in TABLES.items() if table.toys)
    elif stage == 0:
        yield named(PLAN["stage 0"]), PLAN["stage 0"]["rows"], PLAN["stage 0"]["seeds"]
    else:
        two = PLAN["stage 2"]
        for part in two["comparisons"]:
            for seeds in two["looks"]:
                if not finished(judged(named(part), part["rows"], kept(named(part), results), PLAN), PLAN):
                    yield named(part), part["rows"], seeds
        for part in two["then, 8 seeds"]:
            yield named(part), part["rows"], two["looks"][0]


def named(part: dict[str, Any]) -> tuple[str, str]:
    """A part of the plan's table, as TABLES has it."""
    paper, number = part["table"]
    return paper, number


if __name__ == "__main__":
    sys.exit(main())
