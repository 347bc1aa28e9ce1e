"""reproduce.py with a trainer that only pretends to train: what it runs, resumes, and writes."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest
import reproduce
from trainer.papers import RECIPES, TABLES, runs
from trainer.papers.runs import Cell, Runs, last_line, spelled
from trainer.record.intervals import difference, mean

HERE = Path(__file__).parent
STAND_IN = HERE / "stand_in.py"


def run(*words: str, evaluate: Path = STAND_IN) -> int:
    return reproduce.main(list(words), pretrain=STAND_IN, evaluate=evaluate)


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_a_table_from_end_to_end(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    assert run("leoclr", "8", "--data", str(data), "--out", str(out), "--seeds", "2", "--epochs", "3") == 0
    table = {row["row"]: row for row in lines(out / "table.csv")}
    single = lines(out / "runs.csv")
    assert list(table) == ["random original", "attract all", "LeOCLR"]
    assert table["attract all"]["not run"] == "pretrain.py: attract=all does not go on this"
    assert len(single) == 4  # of two rows and two seeds
    values = {
        name: [float(one["measured"]) for one in single if one["row"] == name] for name in ("LeOCLR", "random original")
    }
    found = table["random original"]
    assert float(found["reported ImageNet"]) == 69.3
    level, gap = mean(values["random original"]), difference(values["random original"], values["LeOCLR"])
    for column, value in zip(("measured", "low", "high"), (level.value, level.low, level.high), strict=True):
        assert math.isclose(float(found[column]), value, abs_tol=1e-4)
    assert math.isclose(float(found["difference"]), gap.value, abs_tol=1e-4)
    assert found["against"] == "LeOCLR"

    page = (out / "table.md").read_text(encoding="utf-8")
    assert page in capsys.readouterr().out
    assert "**A pilot**: 2 seeds" in page
    assert "Another scale than the paper's" in page
    assert "unpaired" in page
    assert f"| random original | 69.3 | {level.text()} | {gap.text('+.2f')} to LeOCLR | 75.0 | 4.5 | 2 |" in page
    assert "| attract all | 67.7 | not run: pretrain.py: attract=all does not go on this |  |  |  | 0 |" in page
    rows = [line for line in page.split("\n") if line.startswith("|")]
    assert {line.count("|") for line in rows} == {8}  # a table in Markdown has as many cells in every line


def test_seeds_begin_where_they_are_told_to(tmp_path: Path, data: Path):
    out = tmp_path / "out"
    words = ("clim", "9", "--data", str(data), "--out", str(out), "--first-seed", "100")
    assert run(*words, "--seeds", "2") == 0
    assert {row["seed"] for row in lines(out / "runs.csv")} == {"100", "101"}
    begun = len(starts(out))
    assert run(*words, "--seeds", "3") == 0
    assert len(starts(out)) - begun == len({row["row"] for row in lines(out / "runs.csv")})


def test_what_is_kept_stays_whatever_is_asked_next(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]):
    """Fewer seeds, other rows: the kept table loses no run of before, and only what was asked for is run."""
    words = ("clim", "9", "--data", str(data), "--kept", str(tmp_path / "kept"))
    assert run(*words, "--out", str(tmp_path / "one"), "--seeds", "3", "--rows", "alpha 2", "alpha 1") == 0
    first = lines(tmp_path / "kept" / "runs.csv")
    assert [(row["row"], row["seed"]) for row in first] == [(f"alpha {a}", s) for a in "12" for s in "012"]
    assert len(starts(tmp_path / "one")) == 6
    assert run(*words, "--out", str(tmp_path / "two"), "--seeds", "1", "--rows", "alpha 1.5") == 0
    assert "0 of 1 runs are done, 1 are left" in capsys.readouterr().out
    assert len(starts(tmp_path / "two")) == 1
    now = lines(tmp_path / "kept" / "runs.csv")
    assert [row for row in now if row["row"] != "alpha 1.5"] == first
    assert len(now) == 7


def test_enough_seeds_are_no_pilot(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch):
    assert reproduce.PILOT == 8
    monkeypatch.setattr(reproduce, "PILOT", 3)
    out = tmp_path / "out"
    words = ("clim", "9", "--scale", "imagenette", "--data", str(data), "--out", str(out))
    assert run(*words, "--seeds", "2") == 0
    assert "A pilot" in (out / "table.md").read_text()
    assert run(*words, "--seeds", "3") == 0
    assert "A pilot" not in (out / "table.md").read_text()
    assert starts(out) == [1] * 12  # the first two seeds of each row were not run again


KEPT = ("clim", "9", "--scale", "rendered", "--seeds", "2")


def test_it_goes_on_from_a_kept_table_without_the_runs(tmp_path: Path, data: Path, capsys):
    """Two seeds of four rows; then on another machine, where one row is missing and another was of other settings."""
    kept = tmp_path / "kept"
    words = (*KEPT, "--data", str(data), "--kept", str(kept))
    assert run(*words, "--out", str(tmp_path / "one")) == 0
    assert "0 of 8 runs are done, 8 are left" in capsys.readouterr().out
    first = lines(kept / "runs.csv")
    assert {row["commit"] for row in first} == {"abc"}
    assert (kept / "table.md").read_text() == (tmp_path / "one" / "table.md").read_text()
    page = (kept / "runs.csv").read_text()
    settings = next(row["settings"] for row in first if (row["row"], row["seed"]) == ("alpha 2", "1"))
    damaged = "".join(line for line in page.splitlines(keepends=True) if not line.startswith("alpha 1.5"))
    (kept / "runs.csv").write_text(damaged.replace(settings, "0123456789"))
    assert run(*words, "--out", str(tmp_path / "two")) == 0
    out = capsys.readouterr().out
    assert "1 kept runs are of other settings than the recipes' now: they are run anew" in out
    assert "5 of 8 runs are done, 3 are left" in out
    assert starts(tmp_path / "two") == [1] * 3
    assert lines(kept / "runs.csv") == first
    assert (kept / "table.csv").read_text() == (tmp_path / "one" / "table.csv").read_text()


@pytest.mark.parametrize("text", ["row,recipe,changed,seed,measured\na,b,c,0,1\n", "row,seed,measured\nalpha 2,0,"])
def test_a_kept_table_that_is_not_whole_is_said_and_not_mixed(text: str, tmp_path: Path, data: Path, capsys):
    (tmp_path / "runs.csv").write_text(text)
    assert run(*KEPT, "--data", str(data), "--kept", str(tmp_path), "--out", str(tmp_path / "out")) == 1
    assert "--kept must hold a whole runs.csv of this script, got" in capsys.readouterr().err
    assert (tmp_path / "runs.csv").read_text() == text
    assert not list(tmp_path.glob("out/*/result.json"))


def test_another_measure_is_not_mixed_in(tmp_path: Path, data: Path, capsys):
    kept = tmp_path / "kept"
    words = (*KEPT, "--data", str(data), "--kept", str(kept), "--out", str(tmp_path / "out"))
    assert run(*words) == 0
    text = (kept / "runs.csv").read_text()
    (kept / "runs.csv").write_text(text.replace(",knn,", ",paper,"))
    capsys.readouterr()
    assert run(*words) == 0
    assert "8 kept runs are of other settings" in capsys.readouterr().out
    assert (kept / "runs.csv").read_text() == text


def test_a_row_takes_as_long_as_another_and_its_score_network(tmp_path: Path, data: Path):
    """Every run takes two seconds here: ten epochs in the base's, so that 2 + 6 seconds are forty."""
    out, score = tmp_path / "out", tmp_path / "score.pt"
    words = ("scorecl", "10", "--data", str(data), "--out", str(out), "--seeds", "1", "--epochs", "10")
    asked = ("--score", str(score), "--rows", "SimCLR", "SimCLR + ScoreCL", "SimCLR, Base+")
    assert run(*words) == 0  # without a score network
    assert not any(row["measured"] for row in lines(out / "table.csv") if row["row"] == "SimCLR, Base+")
    assert run(*words, *asked) == 0
    (row,) = (row for row in lines(out / "table.csv") if row["row"] == "SimCLR, Base+")
    assert row["not run"].startswith(
        f"needs the seconds of {score} in {tmp_path / 'score.json'}, which score.py writes"
    )
    score.with_suffix(".json").write_text('{"seconds": 6.0}')
    assert run(*words, *asked) == 0
    folder = "scorecl-simclr-rendered,epochs=10,weight=none,as long as SimCLR + ScoreCL,seed=0"
    assert json.loads((out / folder / "result.json").read_text())["epoch"] == 40
    (row,) = (row for row in lines(out / "table.csv") if row["row"] == "SimCLR, Base+")
    assert row["measured"]
    assert row["against"] == "SimCLR"
    assert run(*words, *asked, "--kept", str(out)) == 0  # done: nothing is run again
    assert (out / folder / "starts.txt").read_text() == "started\n"
    alone = ("--out", str(tmp_path / "alone"), "--score", str(score), "--rows", "SimCLR, Base+")
    assert run(*words, *alone) == 1  # nothing ran
    (row,) = (row for row in lines(tmp_path / "alone" / "table.csv") if row["row"] == "SimCLR, Base+")
    assert row["not run"].startswith("needs the run scorecl-simclr-rendered,epochs=10,weight=none,seed=0 in")


def test_a_row_of_a_network_as_initialized_is_run_and_kept_as_others(tmp_path: Path, data: Path, capsys):
    """Beside the recipe's own run, in a folder and with a digest of its own."""
    kept, out = tmp_path / "kept", tmp_path / "out"
    words = ("interclr", "2", "--data", str(data), "--kept", str(kept), "--rows", "Random", "NPIDv2", "--seeds", "2")
    assert run(*words, "--out", str(out)) == 0
    random = [row for row in lines(kept / "runs.csv") if row["row"] == "Random"]
    trained = [row for row in lines(kept / "runs.csv") if row["row"] == "NPIDv2"]
    assert [(row["recipe"], row["changed"], row["seed"]) for row in random] == [
        ("npid2-rendered", "--untrained", seed) for seed in "01"
    ]
    assert {row["settings"] for row in random}.isdisjoint(row["settings"] for row in trained)
    epochs = {path.parent.name: json.loads(path.read_text())["epoch"] for path in out.glob("*/result.json")}
    assert epochs["npid2-rendered,untrained,seed=1"] == 0 < epochs["npid2-rendered,seed=1"]
    capsys.readouterr()
    assert run(*words, "--out", str(tmp_path / "two")) == 0
    assert "4 of 4 runs are done, 0 are left" in capsys.readouterr().out


def test_rows_that_cannot_run_say_why(tmp_path: Path, data: Path):
    out = tmp_path / "out"
    assert run("scorecl", "6", "--data", str(data), "--out", str(out), "--seeds", "1") == 0
    reasons = {row["row"]: row["not run"] for row in lines(out / "table.csv")}
    assert "--score FILE" in reasons["SimCLR, score"]
    assert reasons["SimSiam, lpips"] == "needs LPIPS's weights, the state of an lpips.LPIPS: --lpips FILE"
    assert reasons["SimCLR, random"] == ""
    files = ("--score", "net.pt", "--lpips", "eyes.pt")
    assert run("scorecl", "6", "--data", str(data), "--out", str(out), "--seeds", "1", *files) == 0
    single = {row["row"]: row["changed"] for row in lines(out / "runs.csv")}
    assert "--score net.pt" in single["SimCLR, score"]
    assert "--lpips eyes.pt" in single["SimSiam, lpips"]
    assert "net.pt" not in single["SimSiam, lpips"]
    assert "--weight none" in single["SimCLR, none"]


def test_a_kept_row_stays_where_it_cannot_be_run(tmp_path: Path, data: Path):
    """Without the score network the rows that need it are not run, and what is kept of them is not thrown away."""
    kept = tmp_path / "kept"
    words = ("scorecl", "6", "--data", str(data), "--out", str(tmp_path / "out"), "--seeds", "1", "--kept", str(kept))
    words += ("--rows", "SimCLR, none", "SimCLR, score")
    assert run(*words, "--score", "net.pt") == 0
    before = {(row["row"], row["measured"]) for row in lines(kept / "runs.csv")}
    assert len(before) == 2
    assert run(*words) == 0
    assert {(row["row"], row["measured"]) for row in lines(kept / "runs.csv")} == before
    assert "; stopped: needs a score network" in (kept / "table.md").read_text()


def test_runs_of_several_processes_are_started_by_torchrun_and_recorded(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
):
    """The stand-in as the first of two processes, without the seconds of torchrun; a line of before has no columns."""
    commands: list[list[str]] = []

    def first(command: list[str], output: IO[str], lock: IO[str]) -> int:
        script = command.index(str(STAND_IN))
        commands.append(command[1:script])
        return subprocess.call([sys.executable, *command[script:]], env={**os.environ, "WORLD_SIZE": "2"})

    out, kept = tmp_path / "out", tmp_path / "kept"
    words = ("clim", "9", "--data", str(data), "--out", str(out), "--kept", str(kept), "--seeds", "1", "--rows")
    assert run(*words, "alpha 1") == 0
    text = (kept / "runs.csv").read_text()
    (kept / "runs.csv").write_text(text.replace(",device,processes,threads", "").replace(",cpu,1,1", ""))
    monkeypatch.setattr(runs, "wait", first)
    assert run(*words, "alpha 2", "--processes", "2", "--device", "cpu") == 0
    assert commands == [["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]]
    found = {row["row"]: row for row in lines(kept / "runs.csv")}
    assert [found["alpha 2"][name] for name in ("device", "processes", "threads")] == ["cpu", "2", "1"]
    assert [found["alpha 1"][name] for name in ("device", "processes", "threads")] == ["", "", ""]
    assert found["alpha 1"]["commit"] == "abc"


def test_why_several_processes_failed_is_what_the_script_said(tmp_path: Path):
    """torchrun says at length that one failed."""
    (tmp_path / "output.txt").write_text("pretrain.py: no\npretrain.py: too large\nTraceback:\n=====\n\n")
    assert last_line(tmp_path / "output.txt", "pretrain.py") == "pretrain.py: too large"
    assert last_line(tmp_path / "output.txt") == "====="
    assert last_line(tmp_path / "output.txt", "other.py") == "====="


def test_a_setting_that_no_row_has(tmp_path: Path, data: Path, capsys):
    """It is told before anything runs; where some rows have it, the others are not run and say why."""
    assert run("leoclr", "8", "--data", str(data), "--out", str(tmp_path / "a"), "--epoch", "1") == 1
    assert "there is no setting '--epoch' in leoclr-rendered; did you mean epochs" in capsys.readouterr().err
    assert not list(tmp_path.glob("a/*/result.json"))
    words = ("scorecl", "6", "--data", str(data), "--out", str(tmp_path / "b"), "--seeds", "1", "--bottleneck", "64")
    assert run(*words) == 0
    page = (tmp_path / "b" / "table.md").read_text()
    assert "not run: there is no setting '--bottleneck' in scorecl-simclr-rendered" in page
    assert "| SimSiam, none | 63.15 | 50" in page


def test_a_scale_that_some_rows_have(tmp_path: Path, data: Path):
    out = tmp_path / "out"
    rows = ("--seeds", "1", "--rows", "MoCo-v2", "DINO", "CLSA")
    assert run("leoclr", "6", "--scale", "imagenet-200", "--data", str(data), "--out", str(out), *rows) == 0
    page = (out / "table.md").read_text()
    assert "there is no recipe dino-imagenet-200; scales: cifar10, cifar10-cpu, cifar10-paper, imagenet, imag" in page
    assert "not run: another paper's method" in page


@pytest.mark.parametrize("key", [("leoclr", "8"), ("jointcrop", "10"), ("scorecl", "8")])
def test_a_table_takes_each_scale_at_which_a_row_has_a_recipe(key: tuple[str, str]):
    """By brute force: all ends of all recipes' names; those of LeOCLR end to end are no scales of LeOCLR."""
    ends = {name[k + 1 :] for name in RECIPES for k, letter in enumerate(name) if letter == "-"}
    ends = {end for end in ends if not end.startswith("e2e-")}
    right = {end for end in ends if any(row.recipe_at(end) in RECIPES for row in TABLES[key].rows)}
    for end in (ends - right) | {"e2e-cifar10"}:
        with pytest.raises(ValueError, match=f"--scale must be one of .*, got '{end}'; did you mean "):
            reproduce.refuse_scale(TABLES[key], end)
    for end in right:
        reproduce.refuse_scale(TABLES[key], end)


def test_a_table_takes_the_scales_of_its_paper():
    for table in TABLES.values():
        for scale in table.scales:
            reproduce.refuse_scale(table, scale)


def test_killed_it_goes_on(tmp_path: Path, data: Path):
    """``kill -9`` while a run goes on: what is finished is kept, and the run that lives on is waited for."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    words = ["jointcrop", "F", "--data", str(data), "--seeds", "2", "--out"]
    assert run(*words, str(whole)) == 0
    (data / "slow").touch()
    program = f"import reproduce; reproduce.main({[*words, str(out)]!r}, pretrain=reproduce.Path({str(STAND_IN)!r}))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    while len(list(out.glob("*/starts.txt"))) < 3 and time.monotonic() - began < 60:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = len(list(out.glob("*/result.json")))
    runs = 2 * len(TABLES["jointcrop", "F"].rows)
    assert 2 <= finished < runs
    (data / "slow").unlink()
    assert run(*words, str(out)) == 0
    assert starts(out) == [1] * runs
    for name in ("table.csv", "runs.csv"):
        assert (out / name).read_text() == (whole / name).read_text()


def starts(out: Path) -> list[int]:
    """How often each run was started."""
    return [len(path.read_text().splitlines()) for path in sorted(out.glob("*/starts.txt"))]


def test_measured_as_the_paper_does(tmp_path: Path, data: Path):
    """evaluate.py is asked once for a run, and its result is taken by protocol and name."""
    evaluate = tmp_path / "evaluate.py"
    evaluate.write_text(
        "import json, sys, pathlib\n"
        "run = pathlib.Path(sys.argv[1])\n"
        "assert sys.argv[2:4] == ['linear:moco', '--data'], sys.argv\n"
        "rows = [('linear:moco', 'top-5, %', 90), ('knn', 'top-1, %', 1), ('linear:moco', 'top-1, %', 61.5)]\n"
        "assert not (run / 'evaluation.json').exists()\n"
        "results = [dict(zip(('protocol', 'metric', 'value'), row)) for row in rows]\n"
        "(run / 'evaluation.json').write_text(json.dumps({'results': results}))\n"
    )
    out = tmp_path / "out"
    words = ("jointcrop", "F", "--data", str(data), "--out", str(out), "--seeds", "1", "--measure", "paper")
    for _ in range(2):
        assert run(*words, evaluate=evaluate) == 0
    assert {row["measured"] for row in lines(out / "runs.csv")} == {"61.5"}
    assert "linear:moco top-1, %" in (out / "table.md").read_text()


def test_an_older_recipe_does_not_count(tmp_path: Path, data: Path):
    runs = Runs(str(data), tmp_path / "out", STAND_IN)
    cell = Cell("simclr-rendered", 0, {"epochs": "3", "warmup": "0"})  # as text from the command line
    outcome = runs.outcome(cell)
    assert outcome.reason == ""
    path = outcome.folder / "result.json"
    result = json.loads(path.read_text())
    own = {**RECIPES["simclr-rendered"].values, "epochs": 3, "warmup": 0.0}  # tuples are lists in the file
    result["settings"] = {name: {"value": value} for name, value in own.items()}
    path.write_text(json.dumps(result))
    assert runs.outcome(cell).reason == ""
    result["settings"]["lr"] = {"value": 0.5}
    path.write_text(json.dumps(result))
    assert f"lr 0.5 there, {own['lr']} now" in runs.outcome(cell).reason


def test_several_side_by_side_keep_the_order(tmp_path: Path, data: Path):
    cells = [Cell("simclr-rendered", seed) for seed in range(4)]
    outcomes = Runs(str(data), tmp_path / "out", STAND_IN).all(cells, processes=2)
    assert [outcome.cell.seed for outcome in outcomes] == [0, 1, 2, 3]


def test_settings_are_spelled_as_the_command_line_reads_them():
    from trainer.inputs.settings import checked, hints_of, read
    from trainer.methods import METHODS

    hints_by_name = {name: hints_of(kind) for name, kind in METHODS.items()}
    settings = [(recipe, recipe.values) for recipe in RECIPES.values()]
    settings += [
        (RECIPES[row.recipe_at(scale)], {**row.changed, **row.own})
        for table in reproduce.TABLES.values()
        for row in table.rows
        for scale in table.scales
        if row.recipe and row.recipe_at(scale) in RECIPES
    ]
    for recipe, values in settings:
        hints = hints_by_name[recipe.values["method"]]
        for name, value in values.items():
            if value != ():  # left out: a command line has no empty tuple, and no row changes to one
                assert read(name, spelled(value), hints[name]) == checked(name, value, hints[name])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("leoclr", "10"),
            "table must be one of leoclr's (1, 2, 3, 4, 5, 6, 7, 8, 9, Fig. 4, Fig. 5), got '10'; did you",
        ),
        (("leoclr", "Fig.5"), "got 'Fig.5'; did you mean Fig. 5?"),
        (("LeOCLR",), "table must be one of leoclr's (1, 2, 3, 4, 5, 6, 7, 8, 9, Fig. 4, Fig. 5), got none; write it"),
        (
            ("leocl", "8"),
            "paper must be one of leoclr, interclr, clim, scorecl, jointcrop, got 'leocl'; did you mean leo",
        ),
        (
            ("interclr", "fig. 6B", "--scale", "rendred"),
            "--scale must be one of cifar10, cifar10-cpu, imagenet, imagenette, rendered, got 'rendred'; did you mean",
        ),
        (("scorecl", "8", "--scale", "rendred"), "--scale must be one of cifar10-paper, cifar100-paper, got 'rendred'"),
        (("leoclr", "8", "epochs", "3"), "--NAME VALUE"),
        (("leoclr", "8", "--epochs"), "--NAME VALUE"),
        (("leoclr", "8", "--seeds", "0"), "at least 1"),
        (("leoclr", "8", "--processes", "0"), "--processes must be at least 1, got 0"),
        (("leoclr", "8", "--device", "gpu"), "--device must be one that torch has here, such as cpu, got 'gpu'"),
        (("leoclr", "8", "--first-seed", "-1"), "--first-seed must be at least 0, got -1"),
        (("interclr", "Fig. 8", "--measure", "paper"), "VOC07"),
        (("leoclr", "8", "--rows", "LeOCLR", "attract"), "got 'attract'; it has: random original; attract all; LeOCLR"),
    ],
)
def test_bad_command_lines(words: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(*words, "--out", str(tmp_path / "out")) == 1
    assert not (tmp_path / "out").exists()
    assert told in capsys.readouterr().err


def test_a_folder_of_other_data_is_refused(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]):
    assert run("leoclr", "8", "--out", str(tmp_path), "--data", str(data), "--seeds", "1") == 0
    assert run("leoclr", "8", "--out", str(tmp_path), "--data", "elsewhere", "--seeds", "1") == 1
    assert "runs on" in capsys.readouterr().err


def test_every_table_is_listed_and_a_dry_run_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run() == 0
    listed = re.sub(r"\s+", " ", capsys.readouterr().out)
    for (paper, number), table in TABLES.items():
        assert f"{paper} {number} (" in listed
        toys = any(row.recipe_at("rendered") in RECIPES for row in table.rows)
        scale = [] if toys else ["--scale", min(table.scales)]
        assert run(paper, number, *scale, "--dry-run", "--out", str(tmp_path / "out")) == 0
    assert not (tmp_path / "out").exists()
    assert "leoclr-rendered,original=false,seed=0" in capsys.readouterr().out
