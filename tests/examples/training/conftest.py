"""Small runs of the trainer: a folder of a few toys, and a command line of a few steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from rendered import write_folders
from trainer.inputs.rendered import RenderedToys
from trainer.training import loop

from .plain import Plain

SMALL = [
    *("--batch", "8", "--epochs", "2", "--K", "16", "--bn_splits", "2", "--dim", "16", "--hidden", "32"),
    *("--threads", "1", "--device", "cpu", "--warmup", "0"),
]  # of moco2-rendered


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``train/<class>/<image>`` with 27 toys of 32 pixels, and ``test/`` with 9."""
    root = tmp_path_factory.mktemp("toys")
    write_folders(root / "train", RenderedToys(27, size=32, processes=1))
    write_folders(root / "test", RenderedToys(9, size=32, start=27, processes=1))
    return root


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    """Runs have a backbone of two convolutions, whatever their recipe says, and one thread."""
    monkeypatch.setattr(loop, "Backbone", Plain)
