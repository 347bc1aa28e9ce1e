"""LeOCLR's Figs. 4 and 5 from tables that reproduce.py wrote: fewer augmentations, and fractions of the labels.

    python examples/reproduce.py leoclr 'Fig. 4' --scale rendered --data rendered --out runs/fig4
    python examples/figures/leoclr.py 'Fig. 4' runs/fig4 --out figures

The folder's table.csv is drawn as it stands: means over seeds with their intervals, Fig. 4 by each measure that
the table has. It writes ``fig4.png`` or ``fig5.png`` into ``--out``.

(Alkhalefi et al. 2024, https://arxiv.org/abs/2403.06813.)
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from trainer.papers import TABLES
from trainer.papers.leoclr import REMOVED

TOPS = ("top-1", "top-5")
Line = Mapping[str, str]


def lines_of(folder: Path) -> list[Line]:
    """The rows of a folder's table.

    Raises:
        ValueError: for a folder without one.
    """
    file = folder / "table.csv"
    if not file.is_file():
        raise ValueError(f"FOLDER must hold a table.csv of reproduce.py, got {str(folder)!r}; name its --out or --kept")
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def level(line: Line, measure: str) -> tuple[float, float, float] | None:
    """Mean, and how far its interval reaches below and above; None where the row was not measured so.

    Args:
        line: of the table.
        measure: its name; empty in a table of one measure, whose columns have none.
    """
    value, *ends = (line.get(f"{end} {measure}".strip(), "") for end in ("measured", "low", "high"))
    if not value:
        return None
    low, high = (float(end or value) for end in ends)  # one seed has no interval
    return float(value), float(value) - low, high - float(value)


def removed(lines: Sequence[Line], ax: Axes, measure: str) -> int:
    """Fig. 4: bars of both methods, for each list of augmentations; how many there are."""
    drawn = 0
    for k, method in enumerate(("MoCo-v2", "LeOCLR")):
        named = {line["row"]: line for line in lines}
        for place, left in enumerate(REMOVED):
            found = level(named.get(f"{method}, {left}", {}), measure)
            if found is not None:
                ax.bar(place + 0.4 * k, found[0], 0.38, yerr=[[found[1]], [found[2]]], color=f"C{k}", capsize=3)
                drawn += 1
        ax.bar(0, 0, color=f"C{k}", label=method)
    ax.set_xticks([place + 0.2 for place in range(len(REMOVED))], list(REMOVED))
    ax.set(ylabel=f"{measure or 'measured'}, %")
    return drawn


def fractions(lines: Sequence[Line], ax: Axes, top: str) -> int:
    """Fig. 5: a curve of each method over the fractions of the labels; how many points there are."""
    drawn = 0
    columns = {name: column for name, column in TABLES["leoclr", "Fig. 5"].columns.items() if name.endswith(top)}
    for k, line in enumerate(lines):
        found = {100 * (one.fraction or 1): level(line, name) for name, one in columns.items()}
        points = [(percent, *values) for percent, values in found.items() if values is not None]
        if points:
            x, y, below, above = zip(*points, strict=True)
            ax.errorbar(x, y, yerr=[below, above], color=f"C{k}", marker=".", capsize=3, label=line["row"])
        drawn += len(points)
    ax.set(xscale="log", xlabel="labels, %", ylabel=f"{top}, %")
    return drawn


def drawn(number: str, lines: Sequence[Line]) -> Figure:
    """The figure of that number.

    Raises:
        ValueError: for a table that has nothing of it.
    """
    draw: Callable[[Sequence[Line], Axes, str], int] = fractions
    asked = list(TOPS)
    if number == "Fig. 4":
        measured = [name for name in (lines[0] if lines else ()) if name.startswith("measured")]
        draw, asked = removed, [name.removeprefix("measured").strip() for name in measured] or [""]
    figure = Figure((5.0 * len(asked), 4.0), layout="constrained")
    axes = figure.subplots(1, len(asked), squeeze=False)[0]
    if not sum(draw(lines, ax, what) for ax, what in zip(axes, asked, strict=True)):
        raise ValueError(f"FOLDER must hold a table with results of LeOCLR's {number}, got none; run it: reproduce.py")
    for ax in axes:
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, fontsize="small")
    return figure


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw; the exit status."""
    parser = argparse.ArgumentParser(description="Draw LeOCLR's Fig. 4 or Fig. 5 from a table of reproduce.py.")
    parser.add_argument("number", choices=("Fig. 4", "Fig. 5"))
    parser.add_argument("folder", type=Path, help="--out or --kept of reproduce.py")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder (default: %(default)s)")
    options = parser.parse_args(arguments)
    file = options.out / f"fig{options.number[-1]}.png"
    try:
        figure = drawn(options.number, lines_of(options.folder))
        options.out.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=110)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(f"wrote {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
