"""Lines of the papers' tables by the dozen, and why some lines and columns are not run here, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .recipe import Column, Row

OTHERS = "another paper's method, which the trainer does not have"
SUPERVISED = "weights of supervised training are not at hand, and the trainer has no labels"
LVIS = "LVIS is not trained on here; export.py --detectron2 writes what Detectron2 takes"

Values = Sequence[float | None]
"""What a line reports, in the columns' order; None where the paper has no value."""


def lines(
    columns: Sequence[str], values: Mapping[str, Values], runs: Mapping[str, Row], against: str = ""
) -> tuple[Row, ...]:
    """A table's lines, in its order.

    Args:
        columns: those that are reported.
        values: of each line, by its name.
        runs: of those that are run here, as rows without a name; the other lines are other papers' methods.
        against: the line from which the differences of those that are run are told.
    """
    return tuple(
        replace(
            runs.get(name, Row("", missing=OTHERS)),
            name=name,
            reported={column: value for column, value in zip(columns, reported, strict=True) if value is not None},
            against=against if against != name and runs.get(name, Row("")).recipe else "",
        )
        for name, reported in values.items()
    )


def run(recipe: str, at: str = "", scale: str = "imagenet", **more: object) -> Row:
    """How a line is run, for `lines`: its recipe, and the recipe's whole name at the paper's scale, if that differs."""
    return Row("", {}, recipe, at={scale: at} if at else {}, **more)  # type: ignore[arg-type]


def detected(scale: str, protocol: str, data: str, *names: str) -> dict[str, Column]:
    """Columns of average precisions, by a protocol of detect.py: ``"mk AP50"`` of masks, others of boxes."""
    return {
        name: Column(
            scale,
            f"detect:{protocol}",
            f"{'mask' if name.startswith('mk') else 'box'} {name.split()[-1]}, %",
            data=data,
        )
        for name in names
    }
