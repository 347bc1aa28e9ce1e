"""benchmarks/toys_search.py with a trainer that only pretends to train; its trials are runs that pretrain.py takes."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pretrain
import pytest
import toys_search as search
from trainer.inputs.settings import divided
from trainer.methods import options

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
STAND_IN = Path(__file__).parent / "stand_in.py"


def test_every_trial_is_a_run_that_pretrain_takes():
    for group in search.TRIALS:
        for cell in search.cells_of(group):
            _, settings = pretrain.parsed([cell.recipe, "--data", "x", "--out", "y", *cell.words])
            common, own = divided({name: setting.value for name, setting in settings.items()})
            options.check(common, own)


def test_it_goes_on_from_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """Group by group, and without the runs' folders, as on another machine."""
    monkeypatch.chdir(tmp_path)
    Path("rendered").mkdir()  # the stand-in looks into its data
    assert search.main(["dino"], pretrain=STAND_IN, results=tmp_path) == 0
    first, second = (len(search.TRIALS[group]) for group in ("dino", "npid"))
    assert f"0 are done, {first} are left" in capsys.readouterr().out
    shutil.rmtree("runs")
    assert search.main(["dino", "npid"], pretrain=STAND_IN, results=tmp_path) == 0
    assert f"{first} are done, {second} are left" in capsys.readouterr().out
    with (tmp_path / "toys_search.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["group"] for row in rows] == ["dino"] * first + ["npid"] * second
    assert len({(row["recipe"], row["changed"], row["seed"]) for row in rows}) == first + second
    assert {(row["ridge before"], row["ridge after"], row["commit"]) for row in rows} == {("0.4", "0.6", "abc")}
    assert search.main(["learning"], pretrain=STAND_IN, results=tmp_path) == 0
    assert f"{first + second} are done, 16 are left" in capsys.readouterr().out


def test_a_table_of_another_kind_is_not_overwritten(tmp_path: Path):
    (tmp_path / "toys_search.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"must have this script's columns, got \['a', 'b'\]; move it away"):
        search.main(["dino"], pretrain=STAND_IN, results=tmp_path)
    assert (tmp_path / "toys_search.csv").read_text() == "a,b\n1,2\n"


def test_groups_are_known_ones(capsys):
    with pytest.raises(SystemExit):
        search.main(["dinos"])
    assert "GROUP must be one of predictors, dino, " in capsys.readouterr().err
