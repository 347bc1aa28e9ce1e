"""docs/papers/map.md: every item of the five papers, the command that runs it, and what of it is not run here.

python -m trainer.papers.overview > ../docs/papers/map.md            # in examples/
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from . import RECIPES, TABLES
from .recipe import Table
from .runs import FILES

NAMES = {"leoclr": "LeOCLR", "jointcrop": "JointCrop", "clim": "CLIM", "interclr": "InterCLR", "scorecl": "ScoreCL"}
DATA = {
    "imagenet": "imagenet:FOLDER",
    "imagenet-200": "imagenet:FOLDER",
    "imagenet-paper": "imagenet:FOLDER",
    "imagenet100-paper": "imagenet100:FOLDER",
    "cifar10-paper": "cifar10:FOLDER",
    "cifar100-paper": "cifar100:FOLDER",
    "stl10-paper": "stl10:FOLDER",
    "stl10": "stl10:FOLDER",
    "tiny": "tiny-imagenet:FOLDER",
    "coco": "coco:FOLDER",
}
"""What a paper's scale is trained on."""

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results" / "papers"
HEAD = """# What runs

Every table, figure and equation of the five papers, with the command that runs it at the paper's own scale; another
`--scale` takes a [smaller one](index.md): for a first look, `--scale rendered --data rendered`. Lines of a table that
are not run are in it with the reason, and `--runs FOLDER` lets tables share their runs. What is trained but not
measured is trained by the command all the same. This page is made from the data in `examples/trainer/papers/`, by
`python -m trainer.papers.overview`.
"""
PRETRAIN, EVALUATE = "python examples/pretrain.py", "python examples/evaluate.py RUN --data imagenet:FOLDER"
FIGURES = "python examples/figures"
DRAWING = "a drawing: nothing to run"


@dataclass(frozen=True)
class Item:
    """What is no table with values.

    Attributes:
        command: that runs it; empty where there is none.
        missing: what is not run of it.
    """

    name: str
    what: str
    command: str = ""
    missing: str = ""


ITEMS: dict[str, tuple[Item, ...]] = {
    "leoclr": (
        Item("Alg. 1", "eqs. 1 to 3", f"{PRETRAIN} leoclr-rendered --data rendered --out runs/leoclr"),
        Item("Fig. 1", "pairs", f"{FIGURES}/pairs.py leoclr-1 --data imagenet:FOLDER"),
        Item("Figs. 2, 3", DRAWING),
        Item("Figs. 4, 5", "the pictures of the tables below", f"{FIGURES}/leoclr.py 'Fig. 4' FOLDER"),
    ),
    "jointcrop": (
        Item("Alg. 1", "the law", f"{PRETRAIN} jointcrop-simclr-rendered --data rendered --out runs/jointcrop"),
        Item("Tab. 9", "whose code was run: nothing to run"),
        Item("Figs. 2, 4, 7", "SDF, and distances of pairs", f"{FIGURES}/jointcrop.py"),
        Item(
            "Figs. 1, 6, 8", "pairs", f"{FIGURES}/pairs.py jointcrop-1 jointcrop-6 jointcrop-8 --data imagenet:FOLDER"
        ),
        Item("Fig. 5", "the curves of the table below", f"{FIGURES}/losses.py RUN RUN"),
    ),
    "clim": (
        Item("Eqs. 1 to 6", "the method", f"{PRETRAIN} clim-rendered --data rendered --out runs/clim"),
        Item("Fig. 1", DRAWING),
        Item("Fig. 2", "positives of three selectors", f"{FIGURES}/clim.py"),
        Item("Fig. 3", "t-SNE", f"{EVALUATE} tsne"),
    ),
    "interclr": (
        Item("Eqs. 1 to 7", "the method", f"{PRETRAIN} interclr-npid2-rendered --data rendered --out runs/interclr"),
        Item("Figs. 1 to 4", DRAWING),
        Item(
            "Figs. 10, 11",
            "t-SNE of augmentations, and negatives",
            f"{FIGURES}/interclr.py RUN RUN --data imagenet:FOLDER",
        ),
        Item("Fig. 12", "retrieval", f"{EVALUATE} retrieval"),
    ),
    "scorecl": (
        Item("Alg. 1", "eqs. 5 to 9", f"{PRETRAIN} scorecl-simclr-rendered --data rendered --out runs/S --score FILE"),
        Item("Eqs. 4, 10", "the score network", "python examples/score.py cifar100:FOLDER --out score.pt"),
        Item("Figs. 1 to 4", "what scores see", f"{FIGURES}/scorecl.py --data FOLDER --score score.pt"),
        Item("Fig. 5", DRAWING),
    ),
}


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(text for paper in NAMES for text in section(paper))])


def section(paper: str) -> list[str]:
    """A paper's items, as lines of Markdown."""
    lines = [f"## {NAMES[paper]}", "", "| item | what | command | not run here | result |", f"|{' --- |' * 5}"]
    rows = [(item.name, item.what, [item.command] if item.command else [], item.missing, "") for item in ITEMS[paper]]
    for (own, number), table in TABLES.items():
        if own == paper:
            name = f"Table {number}" if number.isdecimal() else f"App. {number}" if number == "F" else number
            rows.append((name, table.title, commands(table), "; ".join(missing(table)), result(table)))
    for name, what, run, lacking, last in rows:
        cells = [name, what, "<br>".join(f"`{one}`" for one in run), lacking, last]
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return [*lines, ""]


def result(table: Table) -> str:
    """Where a finished result of a table is told, by its kept folders."""
    found = sorted(RESULTS.glob(f"{table.paper}-{table.number.replace(' ', '')}-*/table.md"))
    return f"[{', '.join(path.parent.name for path in found)}]({table.paper}.md)" if found else "not run yet"


def commands(table: Table) -> list[str]:
    """What runs a table, at each of the paper's scales."""
    found = []
    for scale in sorted(table.scales):
        words = ["python", "examples/reproduce.py", table.paper, table.number, "--scale", scale, "--data", DATA[scale]]
        columns = [column for column in table.columns.values() if column.scale == scale]
        if any(column.protocol for column in columns):
            words += ["--measure", "paper"]
        if on := sorted({f"{column.data}:FOLDER" for column in columns if column.data and column.protocol}):
            words += ["--on", *on]
        weights = [
            row.changed.get("weight", RECIPES[row.recipe_at(scale)].values.get("weight"))
            for row in table.rows
            if row.recipe and not row.missing and row.recipe_at(scale) in RECIPES
        ]
        words += [word for weight in FILES if weight in weights for word in (f"--{weight}", "FILE")]
        found.append(shlex.join(words))
    return found


def missing(table: Table) -> list[str]:
    """What of a table is not run or not measured here, by the reason."""
    reasons: dict[str, list[str]] = {}
    for row in table.rows:
        if row.missing:
            reasons.setdefault(row.missing, []).append(row.name)
    for name, column in table.columns.items():
        if column.missing:
            reasons.setdefault(column.missing, []).append(name)
    return [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]


if __name__ == "__main__":
    print(page(), end="")
