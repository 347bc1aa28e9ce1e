"""How long a file was trained for, beside it: score.json of score.pt, whose own bytes do not depend on time."""

from __future__ import annotations

import json
from pathlib import Path

from .files import replace


def add_seconds(file: Path, seconds: float) -> None:
    """Count time that was spent on a file, to that of earlier calls.

    Raises:
        OSError: if it cannot be written.
    """
    beside = file.with_suffix(".json")
    before = seconds_of(file) if beside.exists() else 0.0
    replace(beside, json.dumps({"seconds": before + seconds}).encode())


def seconds_of(file: Path) -> float:
    """Seconds that were spent on a file.

    Raises:
        ValueError: if that is not known.
    """
    beside = file.with_suffix(".json")
    try:
        return float(json.loads(beside.read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"needs the seconds of {file} in {beside}, which score.py writes ({type(error).__name__}); train it by that"
        ) from error
