"""A finished run that is made longer: its second schedule is that of a run of the added epochs alone, and is told."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pretrain
import pytest
import torch
from trainer.methods import METHODS
from trainer.training.logs import Log, rows_of
from trainer.training.step import Learner

from .conftest import SMALL
from .test_resume import assert_same, ended


@pytest.fixture
def command(toys: Path, plain: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """27 images in batches of 8: two epochs of three steps, without the picture, which takes longer."""
    monkeypatch.setattr(Log, "picture", lambda _: None)
    return ["moco2-rendered", "--data", str(toys), *SMALL, "--knn_every", "0", "--out"]


def test_the_rate_is_that_of_a_run_of_the_added_epochs(command, tmp_path, monkeypatch):
    """So is the share of the schedule that is done, by which a target's momentum goes; epochs are counted on."""
    learn, forward = Learner.step, METHODS["moco"].forward
    seen: list[tuple[float, float, int]] = []
    batches = []

    def watched(self, served, step):
        loss = learn(self, served, step)
        seen.append((self.lr, batches[-1].progress, batches[-1].epoch))
        return loss

    def noted(self, batch):
        batches.append(batch)
        return forward(self, batch)

    monkeypatch.setattr(Learner, "step", watched)
    monkeypatch.setattr(METHODS["moco"], "forward", noted)
    other = ["--lr", "0.5", "--warmup", "1", "--floor", "0.1"]
    assert pretrain.main([*command, str(tmp_path / "long")]) == 0
    assert pretrain.main([*command, str(tmp_path / "long"), "--epochs", "5", *other]) == 0
    long, seen[:] = list(seen), []
    assert pretrain.main([*command, str(tmp_path / "first")]) == 0
    assert pretrain.main([*command, str(tmp_path / "added"), "--epochs", "3", *other]) == 0
    alone = [*seen[:6], *((rate, progress, epoch + 2) for rate, progress, epoch in seen[6:])]
    assert long == alone
    assert len({epoch for *_, epoch in long}) == 5


def test_it_is_told_wherever_the_run_is_told(command, tmp_path, capsys):
    out = tmp_path / "run"
    assert pretrain.main([*command, str(out)]) == 0
    first = (out / "backbone.pt").read_bytes()
    assert "schedule" not in capsys.readouterr().out
    assert pretrain.main([*command, str(out), "--epochs", "3"]) == 0
    told = capsys.readouterr().out
    assert f"{out} was finished after 2 epochs and is made longer: 2 + 1 epochs, a schedule each." in told
    assert "it will be no run of 3 epochs. What it left is now *-2.*" in told
    assert [(row.epoch, row.step, row.schedule) for row in rows_of(out)] == [
        (0, 0, None), (1, 3, None), (2, 6, None), (3, 9, 2),
    ]  # fmt: skip
    result = json.loads((out / "result.json").read_text())
    assert (result["epoch"], result["schedule"]) == (3, 2)
    assert [one["epochs"] for one in result["schedules"]] == [2, 3]
    assert result["settings"]["epochs"] == {"value": 3, "source": "command line; 2 + 1 epochs, a schedule each"}
    assert json.loads((out / "settings.json").read_text()) == result["settings"]
    assert (out / "backbone-2.pt").read_bytes() == first != (out / "backbone.pt").read_bytes()
    assert json.loads((out / "result-2.json").read_text())["epoch"] == 2
    assert pretrain.main([*command, str(out), "--epochs", "3"]) == 0  # nothing is left to do, or to say
    assert "longer" not in capsys.readouterr().out
    assert not (out / "backbone-3.pt").exists()
    assert pretrain.main([*command, str(out), "--epochs", "4"]) == 0  # and once more
    assert "2 + 1 + 1 epochs, a schedule each" in capsys.readouterr().out


def test_interrupted_it_ends_as_if_it_were_not(command, tmp_path):
    """And the schedule that it had before it was stopped is the one with which it goes on."""
    for name, stops in (("whole", []), ("stopped", ["--minutes", "0"])):
        out = str(tmp_path / name)
        assert pretrain.main([*command, out, "--epochs", "1"]) == 0
        if stops:
            assert pretrain.main([*command, out, "--epochs", "3", *stops]) == pretrain.INTERRUPTED
        assert pretrain.main([*command, out, "--epochs", "3"]) == 0
    (learner, rows), (again, rows_again) = ended(tmp_path / "whole"), ended(tmp_path / "stopped")
    assert_same(learner, again)
    assert rows == rows_again


def test_a_run_of_before_there_were_schedules_is_made_longer(command, tmp_path):
    """A checkpoint without them, and a table without their column."""
    out = tmp_path / "run"
    assert pretrain.main([*command, str(out)]) == 0
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    del state["schedules"]
    torch.save(state, out / "checkpoint.pt")
    with (out / "log.csv").open(newline="") as file:
        table = [line[:-1] for line in csv.reader(file)]
    (out / "log.csv").write_text("".join(f"{','.join(line)}\n" for line in table))
    assert pretrain.main([*command, str(out), "--epochs", "3"]) == 0
    assert [row.schedule for row in rows_of(out)] == [None, None, None, 2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--epochs", "1"], "epochs was 2 and is now 1"),
        (["--epochs", "3", "--batch", "4"], "batch was 8 and is now 4"),
        (["--lr", "0.5"], "lr was"),
        (["--epochs", "3", "--warmup", "1"], "after epoch 2 the run has a schedule of its own: warmup must be shorter"),
        (["--epochs", "3", "--warmup_steps", "3"], "warmup_steps must be fewer than the run's 3 steps"),
    ],
)
def test_what_a_longer_run_may_not_change(words, told, command, tmp_path, capsys):
    out = tmp_path / "run"
    assert pretrain.main([*command, str(out)]) == 0
    before = {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()}
    assert pretrain.main([*command, str(out), *words]) == 1
    assert told in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in out.iterdir() if file.is_file()} == before


def test_an_unfinished_run_is_finished_first(command, tmp_path, capsys):
    out = str(tmp_path / "run")
    assert pretrain.main([*command, out, "--minutes", "0"]) == pretrain.INTERRUPTED
    assert pretrain.main([*command, out, "--epochs", "3"]) == 1
    told = capsys.readouterr().err
    assert "epochs must stay 2 until the run is finished, got 3 with step 3 of 6 done" in told
    assert "go on with --epochs 2, and make it longer then" in told
