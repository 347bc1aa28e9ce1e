"""benchmarks/pilots.py with a trainer that only pretends to train; its plans are runs that pretrain.py takes."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pretrain
import pytest
from trainer.inputs.settings import divided
from trainer.papers import RECIPES
from trainer.papers.scales import SCALES

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
STAND_IN = Path(__file__).parent / "stand_in.py"


@pytest.fixture(scope="module")
def pilots() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("pilots", BENCHMARKS / "pilots.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["pilots"] = module  # dataclasses look there
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_every_scaled_down_recipe_has_a_run_that_pretrain_takes(pilots: ModuleType):
    assert set(pilots.PLANS) == set(SCALES)
    for scale, plan in pilots.PLANS.items():
        cells = pilots.cells_of(scale, plan, "score.pt")
        assert {cell.recipe for cell in cells} == {name for name in RECIPES if name.endswith(f"-{scale}")}
        for cell in cells:
            _, settings = pretrain.parsed([cell.recipe, "--data", "x", "--out", "y", *cell.words])
            common, _ = divided({name: setting.value for name, setting in settings.items()})
            assert common.knn_every in (common.epochs, 5)


def test_what_a_run_showed_and_how_it_goes_on(pilots: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "rendered").mkdir()
    monkeypatch.setattr(pilots, "train_network", lambda data, checkpoint: None)
    monkeypatch.chdir(tmp_path)
    plans = {"rendered": pilots.Plan(changed={"epochs": 1, "warmup": 0})}
    words = ["rendered", "--runs", "runs"]
    for again in ([], ["--again", "simclr", "byol"]):
        assert pilots.main([*words, *again], pretrain=STAND_IN, results=tmp_path / "results", plans=plans) == 0
    with (tmp_path / "results" / "rendered.csv").open(newline="") as file:
        rows = {row["recipe"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {name for name in RECIPES if name.endswith("-rendered")}
    assert rows["simclr-rendered"]["found"] == ""
    assert rows["byol-rendered"]["found"] == "collapsed, k-NN not above the initialization's"
    page = (tmp_path / "results" / "rendered.md").read_text()
    assert "| `simclr-rendered` |  | 1.000 | 1.000 | 0.80 | 10.0 | 50.0 | 2 | as asked |" in page
    starts = {
        path.parent.name.partition(",")[0]: path.read_text().count("started")
        for path in Path("runs").rglob("starts.txt")
    }
    assert {name for name, count in starts.items() if count != 1} == set()
    assert len(starts) == len(rows)


def test_a_run_that_stops_says_why(pilots: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The stand-in refuses ``attract=all``, which goes on LeOCLR's recipes alone."""
    (tmp_path / "rendered").mkdir()
    monkeypatch.setattr(pilots, "train_network", lambda data, checkpoint: None)
    monkeypatch.chdir(tmp_path)
    plans = {"rendered": pilots.Plan(forced={"attract": "all"})}
    assert pilots.main(["rendered", "--runs", "runs"], pretrain=STAND_IN, results=tmp_path, plans=plans) == 0
    page = (tmp_path / "rendered.md").read_text()
    assert "| `leoclr-rendered` | attract=all |" in page
    assert "stopped: pretrain.py: attract=all does not go on this" in page


@pytest.mark.parametrize("words", [["cifar10"], ["rendered", "--data", "toys"]])
def test_images_are_named_where_there_are_some(pilots: ModuleType, words, capsys):
    with pytest.raises(SystemExit):
        pilots.main(words)
    assert "--data" in capsys.readouterr().err
