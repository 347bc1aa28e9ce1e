"""What a run is worth by the columns of a table: an evaluate.py that only pretends writes down how it was called."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import reproduce
from trainer.papers import TABLES, Column, Row, Table, measures
from trainer.papers.lines import detected
from trainer.papers.measures import asked, by_column, folders, told
from trainer.papers.runs import Cell, Outcome

HERE = Path(__file__).parent
STAND_IN = HERE / "stand_in.py"
EVALUATE = """
import argparse, json, pathlib, sys
words = argparse.ArgumentParser()
words.add_argument("run", type=pathlib.Path)
words.add_argument("protocol")
for name in ("--data", "--seed", "--fraction", "--out", "--device", "--threads"):
    words.add_argument(name)
given = words.parse_args()
folder = pathlib.Path(given.out or given.run)
assert not (folder / "evaluation.json").exists()
value = 100 * float(given.fraction or .5) + len(given.data)
if given.data == "pets:nowhere":
    sys.exit("evaluate.py: error: nowhere holds no pets")
results = [{"protocol": given.protocol, "metric": "top-1, %", "value": value}]
(folder / "evaluation.json").write_text(json.dumps({"results": results}))
with (given.run / "calls.txt").open("a") as calls:
    calls.write(" ".join(sys.argv[2:]) + "\\n")
"""
TUNED = ("finetune:leoclr", "top-1, %")
TABLE = Table(
    paper="leoclr",
    number="of a test",
    title="Columns",
    metric="top-1",
    columns={
        "1 %": Column("imagenet", *TUNED, fraction=0.01),
        "10 %": Column("imagenet", *TUNED, fraction=0.1),
        "linear": Column("imagenet", "linear:moco", "top-1, %"),
        "Cars": Column("imagenet", *TUNED, data="cars"),
        "boxes": Column("imagenet", missing="detectors are not trained here yet"),
        "CIFAR-10": Column("cifar10-paper", "linear:moco", "top-1, %"),
    },
    rows=(
        Row("MoCo-v2", {"1 %": 47.6}, "moco2"),
        Row("SimCLR", {"1 %": 48.3}, "simclr", protocol="linear:simclr", against="MoCo-v2"),
        Row("LeOCLR", {"1 %": 62.8, "10 %": 71.5}, "leoclr", against="MoCo-v2"),
        Row("half a step", {}, "leoclr", own={"size": 224}),
    ),
)


@pytest.mark.parametrize(
    ("metric", "value"), [("GB", 5.5), ("million parameters", 32.163), ("days", 0.5), ("seconds an epoch", 432.0)]
)
def test_a_runs_record_is_a_column(metric: str, value: float):
    cell = Cell("moco2-imagenet", 0)
    result = {"peak_gb": 5.5, "parameters": 32_163_000, "seconds": 43200.0, "epoch": 100}
    of_run = (Row("MoCo", {}, "moco2"), Column("imagenet", "log", metric), "rendered", {}, Path("none"))
    assert by_column(Outcome(cell, Path("none"), result), *of_run) == (pytest.approx(value), "")
    earlier: dict[str, float | None] = {"peak_gb": None, "seconds": None}  # an earlier checkout's, or another system's
    assert by_column(Outcome(cell, Path("none"), earlier), *of_run) == (None, f"the run's record has no {metric}")


@pytest.fixture
def evaluate(tmp_path: Path) -> Path:
    script = tmp_path / "evaluate.py"
    script.write_text(EVALUATE)
    return script


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def reproduced(monkeypatch: pytest.MonkeyPatch, evaluate: Path, out: Path, words: Sequence[str]) -> int:
    monkeypatch.setitem(TABLES, ("leoclr", "of a test"), TABLE)
    given = ["leoclr", "of a test", "--data", str(out.parent), "--out", str(out), "--seeds", "1", *words]
    return reproduce.main(given, pretrain=STAND_IN, evaluate=evaluate)


def test_every_column_is_measured_by_its_own_protocol(tmp_path: Path, evaluate: Path, monkeypatch: pytest.MonkeyPatch):
    """On the toys: each measure once, though CIFAR-10's is ImageNet's; a run that is there is evaluated once."""
    out = tmp_path / "out"
    words = ("--measure", "paper", "--on", "cars:there", "--kept", str(tmp_path / "kept"))
    for _ in range(2):
        assert reproduced(monkeypatch, evaluate, out, words) == 0
    data = len(str(tmp_path))
    expected = {"1 %": 1 + data, "10 %": 10 + data, "linear": 50 + data, "Cars": 50 + len("cars:there")}
    found = lines(out / "runs.csv")
    assert {(line["row"], line["measure"]): float(line["measured"]) for line in found} == {
        (row, column): value for row in ("MoCo-v2", "SimCLR", "LeOCLR") for column, value in expected.items()
    }
    assert len(found) == 3 * len(expected)
    calls = (out / "simclr-rendered,seed=0" / "calls.txt").read_text().splitlines()
    run = out / "simclr-rendered,seed=0"
    assert calls == [  # SimCLR's row has a protocol of its own
        f"linear:simclr --data {tmp_path} --seed 0 --fraction 0.01 --out {run / 'fraction=0.01'}",
        f"linear:simclr --data {tmp_path} --seed 0 --fraction 0.1 --out {run / 'fraction=0.1'}",
        f"linear:simclr --data {tmp_path} --seed 0",
        f"linear:simclr --data cars:there --seed 0 --out {run / 'data=cars'}",
    ]
    table = {line["row"]: line for line in lines(out / "table.csv")}
    assert float(table["LeOCLR"]["measured 10 %"]) == expected["10 %"]
    assert float(table["LeOCLR"]["difference 10 %"]) == 0
    assert table["half a step"]["not run"] == "size 224: of the paper's scale, cifar10-paper, imagenet"
    page = (out / "table.md").read_text()
    assert "1 %: finetune:leoclr top-1, %, of 0.01 of the labels" in page
    assert "Not measured here: boxes (detectors are not trained here yet)." in page
    assert len({line.count("|") for line in page.splitlines() if line.startswith("|")}) == 1


def test_a_column_is_added_to_what_is_kept(
    tmp_path: Path, evaluate: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A column that was measured before is taken from the kept table; the new one is measured on the same runs."""
    kept = tmp_path / "kept"
    words = ("--measure", "paper", "--kept", str(kept), "--runs", str(tmp_path / "runs"))
    assert reproduced(monkeypatch, evaluate, tmp_path / "one", words) == 0
    before = {(line["row"], line["seed"], line["measure"]) for line in lines(kept / "runs.csv")}
    assert {measure for *_, measure in before} == {"1 %", "10 %", "linear"}
    capsys.readouterr()
    assert reproduced(monkeypatch, evaluate, tmp_path / "two", (*words, "--on", "cars:there")) == 0
    assert "0 of 3 runs are done, 3 are left" in capsys.readouterr().out
    now = {(line["row"], line["seed"], line["measure"]) for line in lines(kept / "runs.csv")}
    assert now - before == {(row, "0", "Cars") for row in ("MoCo-v2", "SimCLR", "LeOCLR")}
    starts = [len(path.read_text().splitlines()) for path in (tmp_path / "runs").glob("*/starts.txt")]
    assert starts == [1] * 3  # the runs themselves are shared by both tables


def test_what_another_measure_found_is_kept_and_told_beside(
    tmp_path: Path, evaluate: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """k-NN of two seeds, then the paper's columns of one, then fewer of these columns: nothing is lost or rerun."""
    kept = tmp_path / "kept"
    words = ("--kept", str(kept), "--runs", str(tmp_path / "runs"), "--rows", "LeOCLR")
    assert reproduced(monkeypatch, evaluate, tmp_path / "one", (*words, "--seeds", "2")) == 0
    nearest = lines(kept / "runs.csv")
    assert {line["measure"] for line in nearest} == {"knn"}
    alone = (kept / "table.csv").read_text()
    assert (
        reproduced(monkeypatch, evaluate, tmp_path / "two", (*words, "--measure", "paper", "--on", "cars:there")) == 0
    )
    both = lines(kept / "runs.csv")
    assert [line for line in both if line["measure"] == "knn"] == nearest
    assert len(both) == len(nearest) + 4
    table = {line["row"]: line for line in lines(kept / "table.csv")}["LeOCLR"]
    before = {line["row"]: line for line in csv.DictReader(alone.splitlines())}["LeOCLR"]
    assert [table[f"{name} knn"] for name in ("measured", "low", "high", "seeds")] == [
        before[name] for name in ("measured", "low", "high", "seeds")
    ]
    assert (table["seeds knn"], table["seeds 1 %"], table["seeds Cars"]) == ("2", "1", "1")
    page, table = ((kept / name).read_text() for name in ("table.md", "table.csv"))
    assert "Here: k-NN top-1 of the test set at the last epoch, %; 1 %: finetune:leoclr" in page
    assert "| 2, 1, 1, 1, 1 |" in page
    assert "**A pilot**: 1 seed," in page
    capsys.readouterr()
    for more, text in ((("--measure", "paper"), "1 of 1 runs are done"), (("--seeds", "2"), "2 of 2 runs are done")):
        assert reproduced(monkeypatch, evaluate, tmp_path / "two", (*words, *more)) == 0
        assert text in capsys.readouterr().out
        assert lines(kept / "runs.csv") == both
        assert (kept / "table.csv").read_text() == table
        assert "Cars (needs" not in (kept / "table.md").read_text()


def test_device_and_threads_go_to_both_scripts(tmp_path: Path, evaluate: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "out"
    words = ("--measure", "paper", "--device", "cpu", "--threads", "3", "--rows", "LeOCLR")
    assert reproduced(monkeypatch, evaluate, out, words) == 0
    calls = (out / "leoclr-rendered,threads=3,seed=0" / "calls.txt").read_text().splitlines()
    assert len(calls) == 3
    assert all("--device cpu --threads 3" in call for call in calls)
    assert {line["device"] for line in lines(out / "runs.csv")} == {"cpu"}


def test_a_column_that_fails_says_why_and_leaves_what_is_measured(
    tmp_path: Path, evaluate: Path, monkeypatch: pytest.MonkeyPatch
):
    pets = Table(**{**vars(TABLE), "columns": {"1 %": TABLE.columns["1 %"], "Pets": Column("x", *TUNED, data="pets")}})
    monkeypatch.setitem(TABLES, ("leoclr", "pets"), pets)
    out = tmp_path / "out"
    words = ["leoclr", "pets", "--data", str(tmp_path), "--out", str(out), "--measure", "paper", "--seeds", "1"]
    assert reproduce.main([*words, "--on", "pets:nowhere"], pretrain=STAND_IN, evaluate=evaluate) == 0
    table = {line["row"]: line for line in lines(out / "table.csv")}
    assert table["MoCo-v2"]["not run"] == "Pets: evaluate.py: error: nowhere holds no pets"
    assert table["MoCo-v2"]["measured 1 %"] == f"{1 + len(str(tmp_path)):.1f}"


DETECT = """
import json, pathlib, sys
run, protocol, *words = sys.argv[1:]
folder = pathlib.Path(words[words.index("--out") + 1])
results = [{"protocol": f"detect:{protocol}", "metric": name, "value": value} for name, value in PRECISIONS.items()]
(folder / "evaluation.json").write_text(json.dumps({"results": results}))
with (pathlib.Path(run) / "detected.txt").open("a") as calls:
    calls.write(" ".join([protocol, *words]) + "\\n")
""".replace("PRECISIONS", str({"box AP, %": 57.0, "box AP50, %": 82.5}))


def test_a_detector_is_trained_once_for_all_its_columns(
    tmp_path: Path, evaluate: Path, monkeypatch: pytest.MonkeyPatch
):
    """In a folder of its own, by the script beside evaluate.py."""
    evaluate.with_name("detect.py").write_text(DETECT)
    columns = detected("imagenet", "voc-c4", "voc0712", "AP", "AP50")
    monkeypatch.setitem(TABLES, ("leoclr", "boxes"), Table(**{**vars(TABLE), "columns": columns}))
    out = tmp_path / "out"
    words = ["leoclr", "boxes", "--data", str(tmp_path), "--out", str(out), "--measure", "paper", "--seeds", "1"]
    assert reproduce.main([*words, "--on", "voc0712:there"], pretrain=STAND_IN, evaluate=evaluate) == 0
    found = [line for line in lines(out / "runs.csv") if line["row"] == "MoCo-v2"]
    assert {line["measure"]: float(line["measured"]) for line in found} == {"AP": 57, "AP50": 82.5}
    run = out / "moco2-rendered,seed=0"
    folder = run / "detect-voc-c4" / "data=voc0712"
    assert (run / "detected.txt").read_text() == f"voc-c4 --data voc0712:there --seed 0 --out {folder}\n"


def test_at_the_papers_scale_its_columns_alone():
    assert list(asked(TABLE, "cifar10-paper", {})[0]) == ["CIFAR-10"]
    columns, absent = asked(TABLE, "imagenet", {})
    assert list(columns) == ["1 %", "10 %", "linear"]
    assert absent == {"Cars": "needs --on cars:FOLDER", "boxes": "detectors are not trained here yet"}


def test_the_runs_own_record(tmp_path: Path):
    outcome = Outcome(Cell("leoclr-rendered", 0), tmp_path, {"seconds": 5400.0, "epoch": 30})
    row = TABLE.rows[2]
    for metric, value in (("hours", 1.5), ("seconds an epoch", 180.0)):
        assert by_column(outcome, row, Column("imagenet", "log", metric), "", {}, Path("none")) == (value, "")


def test_what_is_measured_in_words():
    assert told(TABLE.columns["1 %"]) == "finetune:leoclr top-1, %, of 0.01 of the labels"
    assert told(TABLE.columns["Cars"]) == "finetune:leoclr top-1, %, on cars"


def test_an_evaluation_of_before_counts(tmp_path: Path):
    (tmp_path / "evaluation.json").write_text(
        json.dumps({"results": [{"protocol": "linear:moco", "metric": "top-1, %", "value": 71.5}]})
    )
    outcome = Outcome(Cell("leoclr-rendered", 0), tmp_path, {})
    column = TABLE.columns["linear"]
    assert by_column(outcome, TABLE.rows[0], column, "", {}, Path("none")) == (71.5, "")


def test_the_stages_of_a_column_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """InterCLR's machines, in the folder of their data."""
    commands: list[list[str]] = []
    monkeypatch.setattr(measures, "wait", lambda command, output: commands.append(command) or 0)
    column = TABLES["interclr", "1"].columns["VOC07"]
    outcome = Outcome(Cell("interclr-npid2-rendered", 3), tmp_path, {})
    by_column(outcome, TABLE.rows[0], column, "rendered", {"voc07": "voc07:there"}, Path("evaluate.py"))
    out = tmp_path / "data=voc07"
    expected = f"evaluate.py {tmp_path} svm --data voc07:there --seed 3 --stages all --out {out}"
    assert " ".join(commands[0][1:]) == expected


@pytest.mark.parametrize("word", ["FOLDER", ":FOLDER", "cars:"])
def test_other_data_have_names(word: str):
    with pytest.raises(ValueError, match=f"--on must be NAME:FOLDER.*got '{word}'"):
        folders([word])
