"""Files that are written at once or not at all."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import torch


def require_folder(folder: Path) -> None:
    """A run's folder is there, or can be made, and may be written; nothing is made yet.

    Raises:
        OSError: if not.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        code = errno.EEXIST if there == folder else errno.ENOTDIR
        why = f"--out must be a folder, or one that can be made ({os.strerror(code)}); choose another"
        raise OSError(code, why, str(folder))
    if not os.access(there, os.W_OK):
        raise OSError(errno.EACCES, "--out must be a folder that may be written; choose another", str(folder))


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
