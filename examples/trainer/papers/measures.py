"""What a run is worth: its monitor's last k-NN accuracy, or what a column of a paper's table asks for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .recipe import Column, Row, Table
from .runs import Outcome, last_line, wait

KNN = "knn"
LOG: dict[str, Callable[[Mapping[str, Any]], float]] = {
    "GB": lambda result: float(result["peak_gb"]),
    "hours": lambda result: float(result["seconds"]) / 3600,
    "days": lambda result: float(result["seconds"]) / 86400,
    "loss": lambda result: float(result["loss"]),
    "million parameters": lambda result: float(result["parameters"]) / 1e6,
    "seconds an epoch": lambda result: float(result["seconds"]) / float(result["epoch"]),
}
"""Of protocol ``"log"``, from the run's result: the monitor's and the checkpoints' time is in it."""


def folders(words: list[str]) -> dict[str, str]:
    """``--on`` as data by their name: ``cars:FOLDER`` is ``{"cars": "cars:FOLDER"}``.

    Raises:
        ValueError: for a word without a name.
    """
    if wrong := [word for word in words if not all(word.partition(":")[::2])]:
        raise ValueError(f"--on must be NAME:FOLDER, as evaluate.py takes --data, got {wrong[0]!r}; name the data set")
    return {word.partition(":")[0]: word for word in words}


def asked(table: Table, scale: str, on: Mapping[str, str]) -> tuple[dict[str, Column | None], dict[str, str]]:
    """The columns that ``--measure paper`` measures at a scale, and why it does not measure the others there.

    Raises:
        ValueError: if there is none.
    """
    columns: dict[str, Column | None] = {}
    absent: dict[str, str] = {}
    for name, column in table.measured_at(scale).items():
        if column.missing or not column.protocol:
            absent[name] = column.missing
        elif column.data and column.data not in on:
            absent[name] = f"needs --on {column.data}:FOLDER"
        else:
            columns[name] = column
    if not columns:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in absent.items())
        raise ValueError(
            f"--measure paper must be of a table with a column that is measured here, got {table.metric} ({reasons}); "
            "use knn"
        )
    return columns, absent


def told(column: Column) -> str:
    """A column's measure in words: ``finetune:leoclr top-1, %, of 0.01 of the labels``."""
    part = "" if column.fraction is None else f", of {column.fraction:g} of the labels"
    return f"{column.protocol} {column.metric}{part}{f', on {column.data}' if column.data else ''}"


def by_monitor(outcome: Outcome) -> tuple[float | None, str]:
    """The run's k-NN accuracy in percent, or why that is unknown."""
    value = (outcome.result or {}).get("knn")
    return (
        (None, "no k-NN: the data have no labels or no test images, or knn_every is 0")
        if value is None
        else (100 * value, "")
    )


def by_column(
    outcome: Outcome,
    row: Row,
    column: Column,
    data: str,
    on: Mapping[str, str],
    evaluate: Path,
    how: Sequence[str] = (),
) -> tuple[float | None, str]:
    """What a column says of a run, or why that is unknown; evaluate.py or detect.py is asked where it was not yet.

    Args:
        outcome: the finished run.
        row: whose protocol goes before the column's.
        column: asked for.
        data: the run's, as evaluate.py takes it.
        on: other data, by name.
        evaluate: the script; detect.py is beside it.
        how: options of both that ask for no other number: device and threads.
    """
    if column.protocol == "log":
        try:
            return LOG[column.metric](outcome.result or {}), ""
        except (KeyError, TypeError):  # of an earlier checkout, or a system that does not say
            return None, f"the run's record has no {column.metric}"
    protocol = row.protocol or column.protocol
    script, name, folder, words = evaluate, protocol, outcome.folder, []
    if protocol.startswith("detect:"):
        script, name = evaluate.with_name("detect.py"), protocol.removeprefix("detect:")
        folder = folder / f"detect-{name}"
    if column.fraction is not None:
        folder, words = folder / f"fraction={column.fraction:g}", ["--fraction", f"{column.fraction:g}"]
    if column.data:
        folder = folder / f"data={column.data}"
    if column.stages:
        words = [*words, "--stages", column.stages]
    if (value := found(folder, protocol, column.metric)) is None:
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(script), str(outcome.folder), name, "--data", on.get(column.data, data)]
        command += ["--seed", str(outcome.cell.seed), *words]
        command += how
        with (folder / "evaluation.txt").open("w", encoding="utf-8") as output:
            wait(command if folder == outcome.folder else [*command, "--out", str(folder)], output)
        value = found(folder, protocol, column.metric)
    return (value, "") if value is not None else (None, last_line(folder / "evaluation.txt"))


def found(folder: Path, protocol: str, metric: str) -> float | None:
    """A result that evaluate.py left in a folder."""
    path = folder / "evaluation.json"
    if not path.exists():
        return None
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    values = [float(row["value"]) for row in results if (row["protocol"], row["metric"]) == (protocol, metric)]
    return values[0] if values else None
