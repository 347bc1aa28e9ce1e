"""A run that was killed ends as the one that was not, bit for bit: 27 images in batches of 8, 2 epochs of 3 steps."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pretrain
import pytest
import torch
from training.logs import Row, rows_of

from .conftest import SMALL

# What a killed run does: kill -9, as a step begins, or when half of a checkpoint is on the disk.
KILLED = """
import os, signal, sys
sys.path.insert(0, {examples!r})
import pretrain
from training import checkpoint, step

def dies(*arguments, **keywords):
    os.kill(os.getpid(), signal.SIGKILL)

class DiesHalfway:
    def __init__(self, stream):
        self.stream = stream
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.stream.close()
    def write(self, content):
        self.stream.write(content[: len(content) // 2])
        self.stream.flush()
        dies()

moment, when, *words = sys.argv[1:]
if moment == "step":
    learn = step.Learner.step
    step.Learner.step = lambda self, served, now: dies() if now == int(when) else learn(self, served, now)
else:
    save = checkpoint.save
    def save_or_die(folder, state):
        if state["step"] == int(when):
            opened = type(folder).open
            type(folder).open = lambda file, *mode: DiesHalfway(opened(file, *mode))
        save(folder, state)
    checkpoint.save = save_or_die
pretrain.main(words)
"""


def killed(moment: str, when: int, words: list[str], tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED.format(examples=str(Path(pretrain.__file__).parent)))
    done = subprocess.run([sys.executable, str(script), moment, str(when), *words], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def ended(out: Path) -> tuple[dict[str, Any], list[Row]]:
    """All that a run leaves: networks, optimizer, queue, and the table without its times."""
    rows = [replace(row, seconds=None, images_per_second=None) for row in rows_of(out)]
    return torch.load(out / "checkpoint.pt", weights_only=True)["learner"], rows


def assert_same(first: Any, second: Any, path: str = "") -> None:
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second), path
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), path
        for key in first:
            assert_same(first[key], second[key], f"{path}/{key}")
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second), path
        for i, (a, b) in enumerate(zip(first, second, strict=True)):
            assert_same(a, b, f"{path}/{i}")
    else:
        assert first == second, path


@pytest.fixture(scope="module")
def command(toys) -> list[str]:
    return ["moco2-rendered", "--data", str(toys), *SMALL, "--checkpoint_every", "0.34", "--out"]


@pytest.fixture(scope="module")
def whole(command, tmp_path_factory) -> Path:
    """The run that nobody killed."""
    out = tmp_path_factory.mktemp("whole")
    threads = torch.get_num_threads()
    assert pretrain.main([*command, str(out)]) == 0
    torch.set_num_threads(threads)
    return out


@pytest.mark.parametrize(
    ("moment", "when", "kept", "data"),
    [("step", 2, 2, ["--workers", "2"]), ("checkpoint", 4, 3, [])],
    ids=["at a step, with workers", "in the write of a checkpoint"],
)
def test_a_killed_run_ends_as_the_one_that_was_not(moment, when, kept, data, command, whole, tmp_path, one_thread):
    out = tmp_path / "run"
    killed(moment, when, [*command, str(out), *data], tmp_path)
    assert torch.load(out / "checkpoint.pt", weights_only=True)["step"] == kept  # the last whole one
    assert pretrain.main([*command, str(out), *data]) == 0
    (learner, rows), (again, rows_again) = ended(whole), ended(out)
    assert_same(learner, again)
    assert rows == rows_again
    assert [row.step for row in rows] == [0, 3, 6]
    first, second = (torch.load(folder / "backbone.pt", weights_only=True) for folder in (whole, out))
    assert_same(first, second)
