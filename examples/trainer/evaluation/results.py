"""What was measured, as JSON, CSV and Markdown; and on what."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..record.files import replace
from ..record.machine import processor
from ..record.versions import commit, versions
from .metrics import best_stage


@dataclass(frozen=True)
class Result:
    """One number: which protocol's, what it measures, and how it was set."""

    protocol: str
    metric: str
    value: float
    how: str = ""


def by_stage(found: Mapping[int, Sequence[Result]]) -> Iterator[Result]:
    """Results of a network's stages under the stages' numbers; those of the best, by its first one, named once more.

    What papers call the best layer is chosen on the test images, and so it is here. One stage alone is named in `how`.
    """
    for number, results in found.items():
        for result in results:
            if len(found) == 1:
                yield dataclasses.replace(result, how=f"{result.how}; stage {number}")
            else:
                yield dataclasses.replace(result, metric=f"stage {number}: {result.metric}")
    best = max(found, key=lambda number: found[number][0].value)
    for result in found[best] if len(found) > 1 else ():
        how = f"{result.how}; stage {best}, the best of {len(found)} on the test images"
        yield dataclasses.replace(result, metric=best_stage(result.metric), how=how)


def write(folder: Path, subject: dict[str, Any], results: Sequence[Result]) -> list[Result]:
    """Write ``evaluation.json``, ``.csv`` and ``.md`` into a folder.

    What other protocols measured before on the same subject stays, what the same protocols measured is replaced; of
    another subject nothing stays.

    Args:
        folder: to write into; it is there.
        subject: encoder, data and seed.
        results: new ones.

    Returns:
        All results that the files now hold.
    """
    before = read(folder)
    now = {result.protocol for result in results}
    if before.get("subject") == json.loads(json.dumps(subject)):
        results = [*(Result(**row) for row in before["results"] if row["protocol"] not in now), *results]
    document = {"subject": subject, "setting": setting(), "results": [asdict(result) for result in results]}
    table = io.StringIO()
    rows = csv.DictWriter(table, list(Result.__dataclass_fields__), lineterminator="\n")
    rows.writeheader()
    rows.writerows(asdict(result) for result in results)
    texts = {"json": json.dumps(document, indent=2) + "\n", "csv": table.getvalue(), "md": markdown(subject, results)}
    for kind, text in texts.items():
        replace(folder / f"evaluation.{kind}", text.encode())
    return list(results)


def read(folder: Path) -> dict[str, Any]:
    """What ``evaluation.json`` in a folder holds; nothing if it is not there.

    Raises:
        ValueError: for a file that is cut short.
    """
    path = folder / "evaluation.json"
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise ValueError(f"{path} must be whole JSON, and is not ({error}); remove it, and evaluate anew") from error
    return document


def markdown(subject: dict[str, Any], results: Sequence[Result]) -> str:
    """The results as a table, under what they are of."""
    lines = [f"{name}: {value}  " for name, value in subject.items()]
    lines += ["", "| protocol | metric | value | how |", "| --- | --- | --- | --- |"]
    lines += [f"| {r.protocol} | {r.metric} | {r.value:.4g} | {r.how} |" for r in results]
    return "\n".join(lines) + "\n"


def setting() -> dict[str, str]:
    """Machine, versions, and the commit of this checkout."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    known = versions()
    return {
        "machine": f"{processor()}, {platform.system()}, {torch.get_num_threads()} threads, {device}",
        "versions": f"Python {known['python']}, torch {known['torch']}, torchvision {known['torchvision']}",
        "commit": commit(),
    }
