"""The plan of the comparisons on the toys: its bounds are published ones, its power theory's, its rows the tables'."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import toys_plan as plan
from scipy import stats
from trainer.papers import RECIPES, TABLES

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
KEPT = BENCHMARKS / "results" / "toys"


def test_bounds_are_the_published_ones():
    """O'Brien and Fleming, two looks, 5 % on both sides: 2.797 and 1.977 (Jennison and Turnbull 2000, Tab. 2.3)."""
    assert [round(bound, 3) for bound in plan.bounds()] == [2.797, 1.977]


def test_false_alarms_are_as_many_as_planned():
    """Of 20,000 comparisons of equal arms; four standard errors, one wrong alarm in 16,000 runs of another seed."""
    found = plan.power(3.0, 0.0, seed=1)
    assert abs(found["either"] - 0.05) < 4 * math.sqrt(0.05 * 0.95 / plan.TRIALS)


def test_the_first_look_has_the_power_of_theory():
    """Welch's test has between n - 1 and 2 n - 2 degrees of freedom: its power lies between those of a noncentral t."""
    deviation, effect, seeds = 3.0, 5.0, plan.LOOKS[0]
    tail, shift = stats.norm.sf(plan.bounds()[0]), effect / deviation * np.sqrt(seeds / 2)
    least, most = (stats.nct.sf(stats.t.isf(tail, freedom), freedom, shift) for freedom in (seeds - 1, 2 * seeds - 2))
    assert least < plan.power(deviation, effect, seed=1)["first look"] < most
    assert most - least < 0.25


def test_the_page_says_what_the_simulation_found():
    kept, page = json.loads((KEPT / "power.json").read_text()), (KEPT / "PLAN.md").read_text()
    found = {(cell["deviation"], cell["effect"]): cell for cell in kept["power"]}
    words = " ".join(page.split())
    for text, value in (
        (r"of 3 points is found with a probability of (\S+),", found[3.0, 3.0]["either"]),
        (r"one of 2 points with (\S+), one of 5", found[3.0, 2.0]["either"]),
        (r"one of 5 with (\S+), ", found[3.0, 5.0]["either"]),
        (r"(\S+) at the first look; at a deviation", found[3.0, 5.0]["first look"]),
        (r"a deviation of 5 points it is (\S+) for 3 points", found[5.0, 3.0]["either"]),
    ):
        told = re.search(text, words)[1]
        assert float(told) == round(value, len(told.partition(".")[2]))
    assert kept["bounds"] == pytest.approx(plan.bounds())
    assert all(f"{bound:.3f}" in words for bound in kept["bounds"])


def test_its_rows_are_the_tables():
    kept = json.loads((KEPT / "plan.json").read_text())
    two = kept["stage 2"]
    for asked in (kept["stage 0"], *two["comparisons"], *two["then, 8 seeds"]):
        if "table" in asked:
            names = {row.name for row in TABLES[tuple(asked["table"])].rows}
            assert set(asked["rows"]) <= names
        else:
            assert asked["recipe"] in RECIPES
