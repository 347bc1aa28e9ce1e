"""The settings that a run leaves beside its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_settings(folder: Path) -> dict[str, Any]:
    """What a run's ``settings.json`` says, each setting as it stands or with its source; empty without that file.

    Raises:
        ValueError: for a file that is cut short.
    """
    file = folder / "settings.json"
    if not file.is_file():
        return {}
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{file} must be whole JSON, and is not ({error}); pretrain.py writes it, call it again"
        ) from None
    if not isinstance(settings, dict):
        raise ValueError(
            f"{file} must hold settings by name, got {type(settings).__name__}; pretrain.py writes it anew"
        )
    return {key: value["value"] if isinstance(value, dict) else value for key, value in settings.items()}
