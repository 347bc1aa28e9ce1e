"""Recipes and reported numbers as data, a file a paper."""

from __future__ import annotations

from typing import Any

from . import (
    byol,
    clim,
    dino,
    infomin,
    interclr,
    jointcrop,
    leoclr,
    moco,
    mocov3,
    npid,
    scorecl,
    simclr,
    simsiam,
    vicreg,
    wmse,
)
from .recipe import Column, Marked, Recipe, Row, Table, by_name, marks, ours

PAPERS = (
    simclr,
    moco,
    infomin,
    mocov3,
    byol,
    simsiam,
    dino,
    vicreg,
    wmse,
    npid,
    leoclr,
    interclr,
    clim,
    scorecl,
    jointcrop,
)

RECIPES: dict[str, Recipe] = by_name(recipe for module in PAPERS for recipe in module.RECIPES)
TABLES: dict[tuple[str, str], Table] = {
    (table.paper, table.number): table
    for module in (leoclr, interclr, clim, scorecl, jointcrop)
    for table in module.TABLES
}


def reported(recipe: str, *, untrained: bool = False) -> list[dict[str, Any]]:
    """What papers report for a recipe as it stands: paper, table, row, column and value, to be kept with a result.

    Args:
        recipe: its whole name.
        untrained: for the network from which it starts.
    """
    return [
        {"paper": table.paper, "table": table.number, "row": row.name, "column": name, "value": row.reported[name]}
        for table in TABLES.values()
        for row in table.rows
        for name, column in table.columns.items()
        if name in row.reported and not (row.changed or row.own) and row.untrained == untrained
        if row.recipe_at(column.scale) == recipe
    ]


__all__ = ["RECIPES", "TABLES", "Column", "Marked", "Recipe", "Row", "Table", "marks", "ours", "reported"]
