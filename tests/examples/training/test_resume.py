"""A run that was killed ends as the one that was not, bit for bit: 27 images in batches of 8, 2 epochs of 3 steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pretrain
import pytest
import torch
from trainer.training.logs import Row, rows_of
from trainer.training.step import Learner

from .conftest import SMALL

# What a killed run does: kill -9, as a step begins, or when half of a checkpoint is on the disk.
KILLED = """
import os, signal, sys
import pretrain
from trainer.training import checkpoint, step

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
    script.write_text(KILLED)
    done = subprocess.run(
        [sys.executable, str(script), moment, str(when), *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


def ended(out: Path) -> tuple[dict[str, Any], list[Row]]:
    """All that a run leaves: networks, optimizer, queue, and the table without its times."""
    rows = [replace(row, seconds=None, peak_gb=None, images_per_second=None) for row in rows_of(out)]
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


HEAD, QUEUE = ["--dim", "16", "--hidden", "32"], ["--K", "16", "--bn_splits", "2"]
CLUSTERS = ["--clusters", "3", "--min_cluster", "2"]
LOCALS = ["--locals", "2", "--local_size", "16"]
METHODS = {  # a name of its own, since a recipe may come with several options
    "simclr, contrastive crop": ["simclr-rendered", *HEAD, "--crop", "contrastive"],
    "mocov3": ["mocov3-rendered", *HEAD],
    "moco, multi-crop": ["moco2-rendered", *HEAD, *QUEUE, *LOCALS],
    "byol, accumulated": ["byol-rendered", *HEAD, "--accumulate", "2"],
    "simsiam, weights": ["simsiam-rendered", *HEAD, "--bottleneck", "8", "--weight", "saliency", "--crop", "joint"],
    "dino, multi-crop": ["dino-rendered", "--outputs", "32", "--hidden", "32", "--bottleneck", "8", *LOCALS],
    "vicreg, lars": ["vicreg-rendered", *HEAD, "--optimizer", "lars"],
    "wmse": ["wmse-rendered", "--dim", "2", "--hidden", "16", "--w_size", "8", "--warmup_steps", "0"],
    "npid": ["npid-rendered", "--dim", "16", "--K", "16"],
    "leoclr": ["leoclr-rendered", *HEAD, *QUEUE, "--attract", "all"],
    "interclr on moco": ["interclr-moco2-rendered", *HEAD, *QUEUE, *CLUSTERS, "--K_inter", "4", "--pool", "0.5"],
    "interclr on npid, offline": [
        *("interclr-npid2-rendered", *HEAD, "--K", "16", *CLUSTERS, "--K_inter", "4", "--pool", "0.5"),
        *("--online", "false"),
    ],
    "interclr on byol": ["interclr-byol-rendered", *HEAD, *CLUSTERS],
    "clim": [
        *("clim-rendered", *HEAD, *QUEUE, "--clusters", "3", "--k", "8", "--n_pos", "4", "--every", "1"),
        *("--warmup_epochs", "1"),
    ],
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_goes_on_as_if_nothing_had_happened(name, toys, tmp_path, plain, monkeypatch):
    """Ctrl-C in the second epoch and in the third: queues, banks, tables of positives and boxes go on too."""
    words = [*METHODS[name], "--data", str(toys), "--batch", "8", "--epochs", "3", "--warmup", "0"]
    words += ["--threads", "1", "--device", "cpu", "--checkpoint_every", "0.5", "--out"]
    assert pretrain.main([*words, str(tmp_path / "whole")]) == 0
    learn = Learner.step

    def pressed(self: Learner, served: Any, step: int) -> torch.Tensor:
        loss = learn(self, served, step)
        if step in (4, 7):
            signal.raise_signal(signal.SIGINT)
        return loss

    monkeypatch.setattr(Learner, "step", pressed)
    assert [pretrain.main([*words, str(tmp_path / "parts")]) for _ in range(3)] == [130, 130, 0]
    (learner, rows), (again, rows_again) = ended(tmp_path / "whole"), ended(tmp_path / "parts")
    assert_same(learner, again)
    assert rows == rows_again
    boxes, boxes_again = (
        torch.load(tmp_path / run / "checkpoint.pt", weights_only=True)["boxes"] for run in ("whole", "parts")
    )
    assert_same(boxes, boxes_again)
