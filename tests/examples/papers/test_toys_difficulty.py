"""benchmarks/toys_difficulty.py against SciPy, and what is kept against what it writes and what the page says."""

from __future__ import annotations

import csv
import statistics
from pathlib import Path

import pytest
import toys_difficulty as difficulty
from scipy import stats
from toys_verdicts import asked_of, kept
from trainer.papers.runs import Cell

KEPT = difficulty.TOYS / "difficulty"
SDF = {  # under three encoders of two crops, and two of another policy
    difficulty.BASELINE: [{difficulty.BASELINE: 0.6, "SimCLR, J-Crop(2)": 0.65 + k / 100} for k in range(3)],
    "SimCLR, J-Crop(2)": [{difficulty.BASELINE: 0.5 + k / 10, "SimCLR, J-Crop(2)": 0.7} for k in range(2)],
}
FOUND = [
    {"trained with": name, "seed": seed, "knn": 0.0, "policy": policy, "sdf": value}
    for name, encoders in SDF.items()
    for seed, values in enumerate(encoders)
    for policy, value in values.items()
]


def test_gaps_are_under_one_encoder_each():
    levels, less = difficulty.gaps(FOUND, "SimCLR, J-Crop(2)", own=False)
    assert (levels, less) == (pytest.approx([0.65, 0.66, 0.67]), pytest.approx([0.05, 0.06, 0.07]))
    levels, less = difficulty.gaps(FOUND, "SimCLR, J-Crop(2)", own=True)
    assert (levels, less) == (pytest.approx([0.7, 0.7]), pytest.approx([0.2, 0.1]))


def test_intervals_are_students_and_welchs():
    knn = {name: dict.fromkeys(range(3), 70.0) for name in difficulty.POLICIES}
    knn[difficulty.BASELINE] = {0: 70.0, 1: 72.0, 2: 75.0, 3: 1.0}  # seed 3 is the baseline's alone
    knn["SimCLR, J-Crop(2)"] = {0: 74.0, 1: 71.0, 2: 77.0}
    found = [
        {
            **row,
            "policy": name,
            "trained with": difficulty.BASELINE,
            "sdf": 0.6 + seed / 10 * (name != difficulty.BASELINE),
        }
        for name in difficulty.POLICIES
        for seed, row in enumerate(FOUND[:3])
    ]
    for seed, row in enumerate(found):
        row["seed"] = seed % 3
    (row,) = [row for row in difficulty.summarized(found, knn) if row["policy"] == "SimCLR, J-Crop(2)"]
    gaps = [0.0, 0.1, 0.2]
    low, high = stats.t.interval(0.95, 2, statistics.fmean(gaps), stats.sem(gaps))
    assert [row[name] for name in ("gap", "low", "high")] == pytest.approx([0.1, low, high])
    welch = stats.ttest_ind([74.0, 71.0, 77.0], [70.0, 72.0, 75.0], equal_var=False).confidence_interval(0.95)
    assert [row[name] for name in ("benefit", "least", "most")] == pytest.approx([5 / 3, welch.low, welch.high])


def test_encoders_are_trained_as_the_tables_rows():
    for name, row in difficulty.rows().items():
        cell = Cell(row.recipe_at("rendered"), 100, {**row.changed, **difficulty.SETTINGS})
        assert cell.digest == asked_of(row, 100), name


def test_what_is_kept_is_what_it_writes(tmp_path: Path):
    found = difficulty.read(KEPT)
    assert {(row["trained with"], row["policy"]) for row in found if row["trained with"] == difficulty.BASELINE} == {
        (difficulty.BASELINE, name) for name in difficulty.POLICIES
    }
    difficulty.write(tmp_path, found)
    for name in ("encoders.csv", "policies.csv"):
        assert (tmp_path / name).read_text() == (KEPT / name).read_text()


def test_the_page_says_what_is_kept():
    words = " ".join((KEPT.parents[3] / "docs" / "papers" / "toys.md").read_text().split())
    with (KEPT / "policies.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["trained with"] == difficulty.BASELINE and row["policy"] != difficulty.BASELINE:
            name = row["policy"].removeprefix("SimCLR, ")
            gap, benefit = float(row["gap"]), float(row["benefit"])
            assert (
                f"| {name} | {gap:+.3f} ({float(row['low']):+.3f} to {float(row['high']):+.3f}) | {benefit:+.1f}"
                in words
            )
    assert len(kept(difficulty.TABLE)[difficulty.BASELINE]) == 16
