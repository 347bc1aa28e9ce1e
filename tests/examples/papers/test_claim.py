"""benchmarks/claim.py with a trainer that only pretends to train: which runs it makes, and what it concludes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import claim
import pytest
from trainer.papers.runs import linked
from trainer.record.intervals import Interval, difference

ROOT = Path(__file__).parents[3]
STAND_IN = Path(__file__).parent / "stand_in.py"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for part, count in (("train", 4), ("test", 3)):
        for label in range(10):
            folder = tmp_path / "cifar" / part / f"class{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.jpg").touch()
    return tmp_path / "cifar"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


def plan(results: Path, seeds: int | None) -> None:
    budgets = {"small": {"epochs": 1, "seeds": seeds}, "large": {"epochs": 2, "seeds": seeds}}
    (results / "plan.json").write_text(json.dumps({"images": 20, "settings": {"batch": 10}, "budgets": budgets}))


def test_from_pilot_to_report(data: Path, results: Path, tmp_path: Path, capsys):
    words = ["--data", str(data), "--runs", str(tmp_path / "runs")]
    plan(results, None)
    with pytest.raises(SystemExit):
        claim.main(["run", *words], pretrain=STAND_IN, results=results)
    assert "write the number of seeds" in capsys.readouterr().err

    assert claim.main(["pilot", *words], pretrain=STAND_IN, results=results) == 0
    pilot = (results / "pilot.md").read_text()
    assert "8 runs of the baseline" in pilot
    assert "seeds an arm at 95 %" in pilot
    images = tmp_path / "runs" / "images"
    assert len(list(images.glob("train/*/*"))) == 20
    assert len(list(images.glob("test/*/*"))) == 30

    plan(results, 2)
    assert claim.main(["run", *words], pretrain=STAND_IN, results=results) == 0
    with (results / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["budget"], row["seed"], row["policy"]) for row in rows] == [
        (budget, seed, policy)
        for budget in ("small", "large")
        for seed in ("0", "1")
        for policy in ("independent", "decoupled", "joint")
    ]
    started = sorted((tmp_path / "runs").glob("*/starts.txt"))
    assert len(started) == 8 + 4 + 6  # the pilot's runs are the plan's
    assert {path.read_text() for path in started} == {"started\n"}

    page = (results / "README.md").read_text()
    assert "**A pilot**: 2 of 2 seeds" in page
    with (results / "differences.csv").open(newline="") as file:
        gaps = list(csv.DictReader(file))
    accuracy = {(r["budget"], r["policy"], r["seed"]): float(r["knn"]) for r in rows}
    for gap in gaps:
        first, second = (
            [accuracy[gap["budget"], gap[side], seed] for seed in ("0", "1")] for side in ("first", "second")
        )
        expected = difference(first, second)
        assert [float(gap[name]) for name in ("difference", "low", "high")] == pytest.approx(
            [expected.value, expected.low, expected.high]
        )
    kept = page, (results / "runs.csv").read_text()
    assert claim.main(["report", *words], pretrain=STAND_IN, results=results) == 0
    assert ((results / "README.md").read_text(), (results / "runs.csv").read_text()) == kept


def test_arms_differ_in_the_crop_alone():
    plan = {"settings": {"batch": 128}, "budgets": {"small": {"epochs": 2, "seeds": 1}}}
    cells = {cell.changed["crop"]: {**cell.changed, "crop": None} for _, cell in claim.cells_of(plan)}
    assert list(cells) == ["independent", "decoupled", "joint"]
    assert cells["independent"] == cells["decoupled"] == cells["joint"]


def test_verdicts():
    assert claim.tests() == 4
    assert claim.judged(Interval(1.0, 0.1, 1.9), 8) == "a difference"
    assert claim.judged(Interval(1.0, -0.1, 2.1), 8) == "not told apart"
    assert claim.judged(Interval(1.0, 0.1, 1.9), 7) == "a pilot"


def test_only_finished_seeds_of_all_policies_count(results: Path):
    """The third seed of one policy is there, of the others not: it is left out, and the page says so."""
    of = {"epochs": 1, "knn_at_start": 10.0, "loss": 1.0, "seconds": 1.0, "machine": "", "torch": "", "commit": ""}
    knn = {("joint", 0): 50.0, ("joint", 1): 52.0, ("joint", 2): 90.0}
    knn |= {(policy, seed): 40.0 + seed for policy in ("independent", "decoupled") for seed in (0, 1)}
    rows = [{"budget": "small", "policy": p, "seed": s, "knn": value, **of} for (p, s), value in knn.items()]
    claim.write(results, {"images": 20, "budgets": {"small": {"epochs": 1, "seeds": 9}}}, rows)
    page = (results / "README.md").read_text()
    assert "2 of 9 seeds are done for all policies" in page
    assert "| joint | 51.00 (" in page


def test_junk_is_not_linked(data: Path, tmp_path: Path):
    for name in ("train/class0/.DS_Store", "train/class0/._0.jpg", "train/.ipynb_checkpoints/0.jpg", "__MACOSX/0.jpg"):
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).touch()
    links = linked(data, tmp_path / "links", {"train": 2})
    assert sorted(path.name for path in (links / "train").iterdir()) == [f"class{label}" for label in range(10)]
    assert sorted(path.name for path in (links / "train" / "class0").iterdir()) == ["0.jpg", "1.jpg"]


def test_too_few_images(data: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="train/class0 must hold 5 images of its class, got 4"):
        linked(data, tmp_path / "links", {"train": 5})


def test_the_committed_plan():
    """What PLAN.md says is what plan.json has."""
    folder = claim.RESULTS
    fixed, page = json.loads((folder / "plan.json").read_text()), (folder / "PLAN.md").read_text()
    for name, budget in fixed["budgets"].items():
        steps = fixed["images"] // fixed["settings"]["batch"] * budget["epochs"]
        assert f"| {name} | {budget['epochs']} | {steps} |" in page
    assert f"batch {fixed['settings']['batch']}" in page
    assert claim.PRIMARY == (("joint", "independent"), ("joint", "decoupled"))
