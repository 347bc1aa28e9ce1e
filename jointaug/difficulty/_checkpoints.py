"""Checkpoints of score networks: written whole or not at all, read with their faults named."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch

_FORMAT = "jointaug score checkpoint 1"


def write(path: Path, state: dict[str, Any]) -> None:
    """Whole or not at all."""
    buffer = io.BytesIO()
    torch.save(state | {"format": _FORMAT}, buffer)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> dict[str, Any]:
    """What a checkpoint holds.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is cut short, or no such checkpoint.
    """
    if not path.is_file():
        raise FileNotFoundError(f"a score checkpoint must be a file, got {str(path)!r}, which is not there")
    try:
        stored: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling raises whatever a damaged file leads it to
        raise ValueError(
            f"{str(path)!r} must be a whole checkpoint of train_score, and cannot be read (cut short?): "
            f"{(str(error) or type(error).__name__).splitlines()[0]}; delete it to begin anew"
        ) from error
    if not isinstance(stored, dict) or stored.get("format") != _FORMAT:
        raise ValueError(f"{str(path)!r} must be a checkpoint of train_score ({_FORMAT}), and holds something else")
    return stored


def require_same(path: Path, stored: dict[str, Any], **own: dict[str, Any]) -> None:
    """Raise unless a checkpoint is of these arguments.

    Raises:
        ValueError: for the first that differs.
    """
    for part, described in own.items():
        for name, value in described.items():
            if stored[part][name] != value:
                raise ValueError(
                    f"checkpoint must be of this {part}, {name}={value!r}, got {str(path)!r} with "
                    f"{name}={stored[part][name]!r}; go on with the same arguments, or name another file"
                )
