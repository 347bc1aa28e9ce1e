"""Why lines and columns of the papers' tables are not run here, in words."""

from __future__ import annotations

from collections.abc import Mapping

from .recipe import Column, Row

OTHERS = "another paper's method, which the trainer does not have"
SVM = "evaluate.py has no support vector machines yet"
DETECTION = "detectors are not trained here yet"
LVIS = "LVIS is not trained on here"
UNREAD = "the value is in a picture of the paper, not in its text"


def of_others(columns: tuple[str, ...], rows: Mapping[str, tuple[float | None, ...]]) -> tuple[Row, ...]:
    """Lines of methods that the trainer does not have; None where the paper has no value."""
    return tuple(Row(name, valued(columns, values), missing=OTHERS) for name, values in rows.items())


def valued(columns: tuple[str, ...], values: tuple[float | None, ...]) -> dict[str, float]:
    """What a line reports, by column; None where the paper has no value."""
    return {name: value for name, value in zip(columns, values, strict=True) if value is not None}


def detected(scale: str, *names: str) -> dict[str, Column]:
    """Columns of average precisions."""
    return {name: Column(scale, missing=DETECTION) for name in names}
