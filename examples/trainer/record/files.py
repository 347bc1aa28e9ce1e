"""Files that are written at once or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch


def replace(file: Path, content: bytes | memoryview) -> None:
    """Give a file a new content, in one step: whoever reads it sees the old or the new one.

    Raises:
        OSError: if it cannot be written; the file is as it was.
    """
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        with unfinished.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(file)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(file)) from error


def save(file: Path, state: Any) -> None:
    """`torch.save`, in one step.

    Raises:
        OSError: if it cannot be written; the file is as it was.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    replace(file, buffer.getbuffer())
