"""Whole checkpoints: written at once or not at all, and gone on from only by the run that wrote them."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from ..record import files

NAME = "checkpoint.pt"


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint beside the last one, then put it in its place: a kill in between leaves the last one whole.

    Args:
        folder: of the run.
        state: tensors, numbers, strings, None, and dictionaries and lists of these.

    Raises:
        OSError: if it cannot be written (a full disk); the last one is as it was.
    """
    files.save(folder / NAME, dict(state))


def load(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """The last whole checkpoint in a folder, or None if there is none.

    Args:
        folder: of the run.
        device: to load tensors to.

    Raises:
        ValueError: for a file that is no whole checkpoint.
    """
    file = folder / NAME
    if not file.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
        _ = state["run"]
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} is no whole checkpoint of this trainer ({_first_line(error)}); delete it to start anew, "
            "or choose another --out"
        ) from error
    return state


def require_same(folder: Path, written: Mapping[str, Any], run: Mapping[str, Any], free: Collection[str] = ()) -> None:
    """A checkpoint is of this run.

    Args:
        folder: of the run.
        written: what the checkpoint holds its run to.
        run: the same of this one.
        free: what of it may differ.

    Raises:
        ValueError: if it is of another; the message says what differs.
    """
    differences = [
        f"{name} was {written.get(name)!r} and is now {run.get(name)!r}"
        for name in sorted(written.keys() | run.keys(), key=lambda name: (name != "recipe", name))
        if written.get(name) != run.get(name) and name not in free
    ]
    if differences:
        if written.get("recipe") != run.get("recipe"):
            del differences[1:]  # the others follow from it
        raise ValueError(
            f"{folder} holds another run: {'; '.join(differences)}. A run goes on as it began, or its numbers mean "
            "nothing: ask for the same again, or choose another --out"
        )


def _first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
