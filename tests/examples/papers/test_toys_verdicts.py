"""benchmarks/toys_verdicts.py against SciPy's Welch test, and what is kept against what it writes."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import reproduce
import toys_verdicts as verdicts
from scipy import stats
from trainer.papers import TABLES

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
STAND_IN = Path(__file__).parent / "stand_in.py"
KEPT = BENCHMARKS / "results" / "toys"
LEOCLR = ("leoclr", "8")


@pytest.fixture(scope="module")
def plan() -> dict:
    return json.loads((KEPT / "plan.json").read_text())


def drawn(gap: float, seeds: int, seed: int = 0) -> dict[str, dict[int, float]]:
    """LeOCLR, and a third crop in its place ``gap`` points away, at deviations of 2 and 3."""
    chance = np.random.default_rng(seed)
    return {
        name: dict(enumerate(chance.normal(center, deviation, seeds).tolist(), 100))
        for name, center, deviation in (("LeOCLR", 60.0, 2.0), ("random original", 60.0 + gap, 3.0))
    }


@pytest.mark.parametrize("seeds", [8, 16])
@pytest.mark.parametrize("gap", [-8.0, -2.5, 0.0, 2.5, 8.0])
def test_a_difference_is_found_where_welch_passes_the_bound(seeds: int, gap: float, plan: dict):
    values = drawn(gap, seeds)
    (one,) = verdicts.judged(LEOCLR, ["LeOCLR", "random original"], values, plan)
    first, second = (list(values[name].values())[: one.seeds] for name in ("random original", "LeOCLR"))
    welch = stats.ttest_ind(first, second, equal_var=False)
    limit = {8: 2.7965, 16: 1.9774}[one.seeds]
    assert one.found == (welch.pvalue < 2 * stats.norm.sf(limit))
    low, high = welch.confidence_interval(1 - 2 * stats.norm.sf(limit))
    assert (one.gap.low, one.gap.high) == pytest.approx((low, high), rel=1e-3)
    error = math.sqrt((np.var(first, ddof=1) + np.var(second, ddof=1)) / one.seeds)
    assert one.detectable == pytest.approx((limit + 0.8416) * error, rel=1e-3)
    assert one.seeds == seeds or one.found
    assert one.reported == pytest.approx(69.3 - 71.7)


def test_the_words(plan: dict):
    def word(values: dict[str, dict[int, float]]) -> str:
        (one,) = verdicts.judged(LEOCLR, ["random original"], values, plan)
        return one.word

    assert word(drawn(-8.0, 16)) == "confirmed"
    assert word(drawn(8.0, 16)) == "contradicted"
    assert word(drawn(0.0, 16)) == "not told"
    assert word(drawn(-8.0, 7)) == "no look yet"
    assert word({}) == "no look yet"
    control = "SimCLR, decoupled control of J-Crop(0)"
    values = drawn(8.0, 8)
    values = {control: values["random original"], "SimCLR, baseline": values["LeOCLR"]}
    (one,) = verdicts.judged(("jointcrop", "5"), [control], values, plan)
    assert one.word == "higher"  # the paper has no such row
    assert math.isnan(one.reported)


def test_what_the_first_look_finds_is_told_from_its_runs(plan: dict):
    """Later seeds, which have the opposite difference, change nothing of it."""
    values, later = drawn(-12.0, 8), drawn(12.0, 16)
    both = {name: {**later[name], **runs} for name, runs in values.items()}
    for runs in (values, both):
        (one,) = verdicts.judged(LEOCLR, ["random original"], runs, plan)
        assert (one.seeds, one.word) == (8, "confirmed")


def test_seeds_before_the_plan_do_not_count(plan: dict):
    values = {name: {seed - 100: value for seed, value in runs.items()} for name, runs in drawn(-8.0, 16).items()}
    (one,) = verdicts.judged(LEOCLR, ["random original"], values, plan)
    assert not one.seeds


def test_runs_of_other_settings_do_not_count(tmp_path: Path):
    """What reproduce.py would run anew is judged by nothing; its own word for a run's settings is the oracle."""
    folder = tmp_path / "leoclr-8"
    words = ("leoclr", "8", "--data", "rendered", "--threads", "1", "--knn_every", "1000", "--first-seed", "100")
    assert reproduce.main([*words, "--seeds", "2", "--out", str(folder)], pretrain=STAND_IN) == 0
    values = verdicts.kept(LEOCLR, tmp_path)
    assert {name: list(runs) for name, runs in values.items()} == {name: [100, 101] for name in drawn(0.0, 1)}
    file = folder / "runs.csv"
    lines = file.read_text().splitlines(keepends=True)
    (column,) = [k for k, name in enumerate(lines[0].split(",")) if name == "settings"]
    cells = lines[1].split(",")
    lines[1] = ",".join([*cells[:column], "0123456789", *cells[column + 1 :]])
    other = lines[2].replace(",knn,", ",ImageNet,").replace(lines[2].split(",")[4], "0.5")
    file.write_text("".join([*lines, other, f"a row that is gone,{lines[2].partition(',')[2]}"]))
    found = {
        (row, seed, value) for row, runs in verdicts.kept(LEOCLR, tmp_path).items() for seed, value in runs.items()
    }
    assert len(found) == 3
    assert found < {(row, seed, value) for row, runs in values.items() for seed, value in runs.items()}


def test_false_alarms_are_those_of_the_plan(plan: dict):
    """Of 1,000 comparisons without a difference 5 % are found; the test's own false alarms: 1 in 3,000 (seed fixed)."""
    found = [verdicts.judged(LEOCLR, ["random original"], drawn(0.0, 16, seed), plan)[0].found for seed in range(1000)]
    assert stats.binomtest(sum(found), 1000, 0.05).pvalue > 1 / 3000


def test_it_is_finished_when_all_is_found_or_the_last_look_is_over(plan: dict):
    def finished(gap: float, seeds: int) -> bool:
        return verdicts.finished(verdicts.judged(LEOCLR, ["random original"], drawn(gap, seeds, 1), plan), plan)

    assert finished(-12.0, 8)
    assert not finished(0.0, 8)
    assert not finished(0.0, 15)
    assert finished(0.0, 16)


def test_every_row_is_held_against_one_that_runs(plan: dict):
    asked = dict(verdicts.asked(plan))
    for table, names in asked.items():
        for row in TABLES[table].rows:
            assert row.name not in names or not row.against or row.against in names


def test_readme_says_what_is_kept():
    with (KEPT / "verdicts.csv").open(newline="") as file:
        kept = {(row["table"], row["row"]): row for row in csv.DictReader(file)}
    row = kept["jointcrop 5", "SimCLR, J-Crop(0)"]
    words = " ".join((KEPT.parents[2] / "README.md").read_text().split())
    low, high = float(row["low"]), float(row["high"])
    said = (
        f"{-float(row['difference']):.1f} points below two crops ({low:.1f} to {high:+.1f}, {row['seeds']} seeds each)"
    )
    assert f"{said}, where its paper is {float(row['reported']):.1f} above. That is {row['order']}" in words
    control = kept["jointcrop 5", "SimCLR, decoupled control of J-Crop(0)"]
    assert control["order"] == "lower"
    assert f"crops of the same areas are {-float(control['difference']):.1f} points below" in words
    assert float(control["difference"]) < float(row["difference"]) / 2  # most of it
    harder = kept["jointcrop 5", "SimCLR, J-Crop(-2)"]
    said = (
        f"JointCrop(-2) is {-float(harder['difference']):.1f} points below ({harder['seeds']} seeds), {harder['order']}"
    )
    assert f"{said} too" in words
    assert kept["jointcrop 5", "SimCLR, J-Crop(2)"]["order"] == "not told"
    nearest, center, mixed = (
        kept["clim 6", name] for name in ("KNN, no mixing", "Center-wise, no mixing", "Center-wise, CutMix")
    )
    below = [f"{-float(row['difference']):.1f}" for row in (nearest, center)]
    said = f"nearest neighbors are {below[0]} and center-wise ones {below[1]} points below MoCo v2"
    assert f"{said} ({center['seeds']} seeds each)" in words
    assert [row["order"] for row in (nearest, center, mixed)] == ["contradicted", "contradicted", "not told"]


def test_what_is_kept_is_what_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """From the runs kept in the repository."""
    for path in KEPT.glob("*/runs.csv"):
        (tmp_path / path.parent.name).mkdir()
        (tmp_path / path.parent.name / path.name).write_bytes(path.read_bytes())
    verdicts.write(tmp_path)
    for name in ("verdicts.md", "verdicts.csv"):
        assert (tmp_path / name).read_text() == (KEPT / name).read_text()
    with (KEPT / "verdicts.csv").open(newline="") as file:
        assert {row["order"] for row in csv.DictReader(file)} <= {
            "confirmed", "contradicted", "not told", "no look yet", "higher", "lower",
        }  # fmt: skip
