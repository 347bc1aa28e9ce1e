"""The front door: its figures are those of the results, and its words are those that people search for."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())


def in_points(value):
    """As the pages write a difference: two digits, and no zero before the point."""
    return f"{value:+.2f}".replace("0.", ".", 1)


def test_times_are_those_of_the_result():
    table = next(iter(json.loads((RESULTS / "pipelines.json").read_text())["tables"].values()))
    times = {name: row["times_ours"]["median"] for name, row in table.items()}
    assert f"**{times['torchvision v2, tensors']:.0f} times** as long as `fuse` is what torchvision v2 takes" in TEXT
    assert f"albumentations takes **{times['albumentations']:.1f} times**" in TEXT


def test_distance_is_that_of_the_result():
    result = json.loads((RESULTS / "uint8_distance.json").read_text())
    greatest = result["v2 in float, rounded once"]["greatest"]
    assert f"**{greatest} gray level** of 255 is the greatest distance" in TEXT


def test_difference_in_accuracy_is_that_of_the_result():
    with (RESULTS / "claim" / "differences.csv").open(newline="") as file:
        rows = {(row["budget"], row["first"], row["second"]): row for row in csv.DictReader(file)}
    row = rows["large", "joint", "independent"]
    assert row["seeds"] == "12"
    difference, low, high = (in_points(float(row[name])) for name in ("difference", "low", "high"))
    assert f"it is {difference} ({low} to {high}), **{row['verdict']}**" in TEXT


def test_difference_on_the_toys_is_that_of_the_result():
    with (RESULTS / "toys" / "verdicts.csv").open(newline="") as file:
        rows = {(row["table"], row["row"]): row for row in csv.DictReader(file)}
    row = rows["jointcrop 5", "SimCLR, J-Crop(0)"]
    difference, low, high = (f"{float(row[name]):.1f}" for name in ("difference", "low", "high"))
    assert f"**{difference} points** ({low} to {high}, {row['seeds']} seeds each)" in TEXT
    assert f"the paper's order is **{row['order']}**" in TEXT


def test_it_has_six_lines_of_code_and_eight_cards():
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 6
    cards = PAGE.partition("```{rst-class} cards\n```\n")[2].partition("\n#")[0]
    assert len(re.findall(r"^- \*\*\[", cards, re.MULTILINE)) == 8


@pytest.mark.parametrize("word", ["Lightning", "HuggingFace", "WebDataset", "segmentation", "changelog"])
def test_it_has_the_words_that_people_search_for(word):
    """``make docs-check`` types them into the search page; here, that a page has them."""
    assert re.search(rf"\b{word}\b", PAGE)
