"""What is run on a GPU that is lent for half an hour, in calls of ten minutes: with a stand-in for Python."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("half_hour", ROOT / "benchmarks" / "half_hour.py")
plan = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(plan)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the machine that is lent has Linux")

STAND_IN = """#!{python}
import csv, json, pathlib, sys, time
words = sys.argv[1:]
with open({log!r}, "a") as file:
    print(json.dumps(words), file=file)
if words[0] == "-c":
    print("{{}}")
script = pathlib.Path(words[0]).name
time.sleep({sleep} if script == "pretrain.py" else 0)
if script == "pretrain.py":
    out = pathlib.Path(words[words.index("--out") + 1])
    out.mkdir(parents=True, exist_ok=True)
    (out / "log.csv").write_text("epoch,loss,images_per_second,feature_std,seconds\\n0,3,9,1,1.5\\n")
    result = {{"loss": 3, "knn": 0.5, "images_per_second": 9, "seconds": 4.0, "machine": {{"gpu": None}}, "commit": ""}}
    (out / "result.json").write_text(json.dumps(result))
if script == "evaluate.py":
    found = [{{"protocol": "linear:small", "metric": "top-1", "value": 60.0}}]
    (pathlib.Path(words[1]) / "evaluation.json").write_text(json.dumps({{"results": found}}))
sys.exit({code} if script == {fails!r} else 0)
"""


@pytest.fixture
def half_hour(tmp_path):
    """Runs the script; its exit code, what became of the stages, and the words of each call of Python."""
    log = tmp_path / "calls"
    (tmp_path / "work" / "cifar10").mkdir(parents=True)
    (tmp_path / "work" / "cifar10" / "pixels.pt").touch()

    def run(*words, sleep=0, code=0, fails=""):
        stand_in = tmp_path / "python3"
        stand_in.write_text(STAND_IN.format(python=sys.executable, log=str(log), sleep=sleep, code=code, fails=fails))
        stand_in.chmod(0o755)
        log.write_text("")
        folders = ("--out", tmp_path / "out", "--work", tmp_path / "work", "--carried", tmp_path)
        ended = plan.main([*map(str, folders), "--python", str(stand_in), *words])
        stages = json.loads((tmp_path / "out" / "stages.json").read_text())
        return ended, stages, [json.loads(line) for line in log.read_text().splitlines()]

    return run


def trained(calls):
    return [call for call in calls if call[0] == "examples/pretrain.py"]


def test_all_stages_fit_into_three_calls_of_half_an_hour():
    calls = [sum(plan.LIMITS[number] for number in numbers) for numbers in (range(1, 6), [6], [7])]
    assert plan.PREPARATION + calls[0] <= 585
    assert max(calls) <= 585  # what a call gives itself, of 600
    assert sum(calls) + plan.PREPARATION + 3 * 30 <= 1800  # half a minute a call until the machine begins


def test_recipes_and_settings_go_together(half_hour):
    """By the trainer's own parser, at the scale of the card and of the rehearsal."""
    code = """
import json, sys
from trainer.methods import options
from pretrain import parsed
from trainer.inputs.settings import divided
for words in json.load(sys.stdin):
    options.check(*divided({name: setting.value for name, setting in parsed(words)[1].items()}))
print("fine")
"""
    asked = []
    for more in ((), ("--tiny",)):
        ended, _, calls = half_hour("--stages", "7", "--again", *more)
        assert ended == 0
        asked += [call[1:] for call in trained(calls)]
    assert len(asked) == len(plan.OTHERS)  # the second time all are in the table
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "examples")])}
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(asked), env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.strip() == "fine", done.stderr


def test_a_stage_that_fails_does_not_keep_the_others_from_running(half_hour):
    ended, stages, _ = half_hour("--stages", "2,5", code=3, fails="pretrain.py")
    assert ended == 1
    assert stages["one epoch"]["status"] == "failed"
    assert "pretrain.py ended with 3" in stages["one epoch"]["why"]
    assert stages["neighbors"]["status"] == "done"
    ended, stages, calls = half_hour("--stages", "2,5")
    assert (ended, stages["one epoch"]["status"]) == (0, "done")
    assert not any(call[0] == "neighbors.py" for call in calls)  # done before


@pytest.mark.parametrize("limit", [60, 0.001], ids=["that says nothing", "that says nothing in time"])
def test_a_machine_that_says_nothing_runs_the_stages(half_hour, monkeypatch, limit):
    monkeypatch.setattr(plan, "PREPARATION", limit)
    ended, stages, _ = half_hour("--stages", "5", code=3, fails="-c")
    assert (ended, stages["neighbors"]["status"]) == (0, "done")
    assert ("timed out" if limit < 1 else "exit status 3") in stages["machine"]["failed"]


def test_a_stage_that_is_late_is_ended_and_named(half_hour, monkeypatch):
    monkeypatch.setitem(plan.LIMITS, 2, 1)
    start = time.monotonic()
    ended, stages, _ = half_hour("--stages", "2,5", sleep=60)
    assert time.monotonic() - start < 30
    assert ended == 1
    assert stages["one epoch"]["status"] == "out of time"
    assert stages["neighbors"]["status"] == "done"


def test_the_claim_goes_on_with_the_next_seed_and_counts_whole_triples(half_hour, tmp_path):
    table = tmp_path / "work" / "claim.csv"
    ended, stages, calls = half_hour("--stages", "6", "--tiny")
    assert ended == 0
    assert stages["claim"] | {"seeds": 1, "epochs": 1} == stages["claim"]
    runs = trained(calls)
    arms = [call[call.index("--crop") + 1] for call in runs if "--crop" in call]
    assert sorted(arms) == sorted(plan.ARMS)
    assert plan.seeds_of(table) == {0}
    assert (tmp_path / "out" / "claim.csv").read_text() == table.read_text()
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")  # an arm is missing
    assert plan.seeds_of(table) == set()


def test_epochs_are_as_many_as_fit():
    """Nine tenths of 560 s for 8 seeds are 63 s each: 2 starts of 6 s, then 3 runs at once of 4 s an epoch."""
    assert plan.epochs_that_fit(560, 8, 4.0, 6.0) == int((63 - 12) / 12)
    assert plan.epochs_that_fit(10, 8, 4.0, 6.0) == 1


@pytest.mark.parametrize(("text", "numbers"), [("1-5", [1, 2, 3, 4, 5]), ("6", [6]), ("1,3-4", [1, 3, 4])])
def test_stages_are_named(text, numbers):
    assert plan.numbers_of(text) == numbers


@pytest.mark.parametrize("text", ["", "0", "8", "1-", "a", "3-2"])
def test_stages_that_there_are_not(text, tmp_path, capsys):
    with pytest.raises(SystemExit):
        plan.main(["--stages", text, "--out", str(tmp_path), "--work", str(tmp_path)])
    assert "got " in capsys.readouterr().err


def test_what_must_travel_is_listed(tmp_path, capsys):
    (tmp_path / "kornia-0.8-py3-none-any.whl").write_bytes(b"12345678" * 2**17)
    assert plan.main(["--carry", "--carried", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "kornia: 1.0 MiB (wheel" in told
    assert f"{plan.ARCHIVE}: MISSING (CIFAR-10" in told


def test_the_archive_is_decoded(tmp_path):
    """Into what pretrain.py takes as ``pixels:FOLDER``: in the order of classes and names."""
    import torch
    from PIL import Image

    with tarfile.open(tmp_path / "a.tar.xz", "w:xz") as files:
        for part, name, level in (("train", "b/0", 9), ("train", "a/1", 5), ("train", "a/0", 4), ("test", "b/0", 7)):
            image = tmp_path / "image.png"
            Image.new("RGB", (4, 4), (level, level, level)).save(image)
            files.add(image, f"{part}/{name}.png")
    plan.decode(tmp_path / "a.tar.xz", tmp_path / "x" / "pixels.pt")
    held = torch.load(tmp_path / "x" / "pixels.pt", weights_only=True)
    assert held["classes"] == ["a", "b"]
    assert held["train"][0][:, 0, 0, 0].tolist() == [4, 5, 9]
    assert held["train"][1].tolist() == [0, 0, 1]
    assert held["test"][0].shape == (1, 3, 4, 4)
    assert held["test"][1].tolist() == [1]
