"""Every paper's table at the toys' scale, one after the other: from what is kept on, and what is left is printed.

    python benchmarks/tables.py                    # one seed of every row: that they run, no order (make tables)
    python benchmarks/tables.py --seeds 8 leoclr   # of a paper

Runs are reproduce.py's. What is done is kept in results/toys/PAPER-NUMBER/ after every run: commit that folder, and the
same command goes on from it on another machine. What these tables are for, and with how many seeds, is in
results/toys/PLAN.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import reproduce
from interleaved import RESULTS
from trainer.papers import TABLES

FIRST_SEED = 100  # of the plan: the pilots and the search, which chose the settings, had those from 0
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
    parser.add_argument("--seeds", type=int, default=1, help="runs of a row (default: %(default)s)")
    parser.add_argument("--score", help="checkpoint of a score network for the toys, which rows of ScoreCL need")
    options = parser.parse_args(arguments)
    papers = list(dict.fromkeys(paper for paper, _ in TABLES))
    if unknown := sorted(set(options.papers) - set(papers)):
        parser.error(f"PAPER must be one of {', '.join(papers)}, got {', '.join(unknown)}")
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    codes = []
    for paper, number in TABLES:
        if paper not in (options.papers or papers):
            continue
        print(f"{paper}, {number}", flush=True)
        words = [paper, number, "--scale", "rendered", "--data", "rendered"]
        words += ["--seeds", str(options.seeds), "--first-seed", str(FIRST_SEED)]
        words += ["--threads", "1", "--kept", str(results / f"{paper}-{number}".replace(" ", ""))]
        codes.append(run([*words, *(["--score", options.score] if options.score else [])]))
        if codes[-1] == INTERRUPTED:
            return INTERRUPTED
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
