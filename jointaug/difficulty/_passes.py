"""What every pass over images needs: a network in eval mode, a bar."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn


@contextlib.contextmanager
def evaluating(encoder: Any) -> Iterator[None]:
    """A module in eval mode, and as it was afterwards, part by part."""
    training = [part for part in encoder.modules() if part.training] if isinstance(encoder, nn.Module) else []
    try:
        for part in training:
            part.training = False
        yield
    finally:
        for part in training:
            part.training = True


@contextlib.contextmanager
def bar_of(shown: bool, total: int, unit: str = "image") -> Iterator[Callable[[int], None]]:
    """A function that says how many units more are done; no bar unless ``shown``."""
    if not shown:
        yield lambda _: None
        return
    try:
        from tqdm.auto import tqdm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "progress=True needs tqdm, which is not installed; pip install tqdm, or write progress=False", name="tqdm"
        ) from error
    with tqdm(total=total, unit=unit) as bar:
        yield bar.update
