"""examples/figures/pairs.py: of the pairs that are drawn, the one that shows the most of what a line looks for."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

pytest.importorskip("matplotlib")
from figures import pairs  # draws

from jointaug import Address, views_at

IMAGE, PLACE, DRAWS = pairs.toys(1)[0], 3, 12
LINES = [line for lines in pairs.FIGURES.values() for line in lines]


def by_hand(line: pairs.Line) -> tuple[dict[str, Tensor], list[list[Tensor]]]:
    """Measures of all pairs of the image, made one by one, and their views."""
    found, views = [], []
    for draw in range(DRAWS):
        made, record = views_at(line.make(), Address(0, PLACE, draw), IMAGE, record=True)
        views.append(list(made))
        (top1, left1, h1, w1), (top2, left2, h2, w2) = (record.boxes / IMAGE.shape[-1]).tolist()
        down = max(min(top1 + h1, top2 + h2) - max(top1, top2), 0.0)
        along = max(min(left1 + w1, left2 + w2) - max(left1, left2), 0.0)
        sigmas = [step.params["sigma"] for view in record.steps for step in view if "sigma" in step.params]
        one = {"area1": h1 * w1, "area2": h2 * w2, "log_ratio": math.log(h2 * w2 / (h1 * w1))}
        one["iou"] = down * along / (h1 * w1 + h2 * w2 - down * along)
        one["center_distance"] = math.hypot(top1 + h1 / 2 - top2 - h2 / 2, left1 + w1 / 2 - left2 - w2 / 2)
        one["log_blur"] = math.log(float(sigmas[1]) / float(sigmas[0])) if sigmas else 0.0
        found.append(one)
    return {name: torch.tensor([one[name] for one in found]) for name in pairs.COLUMNS}, views


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.title)
def test_the_chosen_pair_is_the_one_that_shows_the_most(line: pairs.Line):
    measures, views = by_hand(line)
    shown = line.shows(measures)
    pair = pairs.chosen(line, IMAGE, PLACE, DRAWS)
    title, place, draw, *numbers, best, mean = pair.row
    assert (title, place, draw) == (line.title, PLACE, int(shown.argmax()))
    for found, value in zip(numbers, pairs.COLUMNS, strict=True):
        assert found == pytest.approx(float(measures[value][draw]), abs=1e-5)
    assert (best, mean) == (pytest.approx(float(shown.max()), abs=1e-5), pytest.approx(float(shown.mean()), abs=1e-5))
    for one, other in zip(pair.views, views[draw], strict=True):
        assert (one.float() - other.float()).abs().max() <= 1  # a gray level, between batch and image


def shown_by(figure: str) -> list[dict[str, float]]:
    """The numbers of a figure's lines, on one image."""
    rows = [pairs.chosen(line, IMAGE, PLACE, 60).row for line in pairs.FIGURES[figure]]
    return [dict(zip(pairs.COLUMNS, row[3:], strict=False)) for row in rows]


def test_lines_show_what_the_papers_tell():
    far, alike = shown_by("leoclr-1")
    assert far["center_distance"] > alike["center_distance"]
    assert far["iou"] < alike["iou"]
    whole_part, wholes, parts, twice, unlike, blurs = shown_by("jointcrop-1")
    assert abs(whole_part["log_ratio"]) > max(abs(row["log_ratio"]) for row in (wholes, twice))
    assert min(wholes["area1"], wholes["area2"]) > max(twice["area1"], twice["area2"])
    assert parts["iou"] < twice["iou"]
    assert abs(unlike["log_blur"]) > 1 > abs(blurs["log_blur"])
    near, distant = shown_by("jointcrop-6")
    assert near["center_distance"] < distant["center_distance"]
    for row in (near, distant):
        assert row["log_ratio"] == pytest.approx(0, abs=0.15)  # boxes are whole pixels
    (fuzzy,) = shown_by("jointcrop-8")
    assert fuzzy["log_ratio"] * fuzzy["log_blur"] < -1  # the smaller view has the greater sigma


def test_one_command_draws_and_keeps_the_numbers(tmp_path: Path):
    images = tmp_path / "images"
    images.mkdir()
    for k, image in enumerate(pairs.toys(3).images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(images / f"{k}.png")
    out = tmp_path / "out"
    words = ["jointcrop-6", "--data", str(images), "--images", "2", "--first", "1", "--draws", "3", "--out", str(out)]
    assert pairs.main(words) == 0
    assert sorted(path.name for path in out.iterdir()) == ["jointcrop-6.csv", "jointcrop-6.png"]
    with (out / "jointcrop-6.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["image"]) for row in rows] == [
        (line.title, image) for image in ("1", "2") for line in pairs.FIGURES["jointcrop-6"]
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["jointcrop-2"], "figures must be some of leoclr-1, jointcrop-1, jointcrop-6, jointcrop-8, got 'jointcrop-2'"),
        (["--data", "nowhere"], "--data must name a folder of images, got 'nowhere'"),
        (["--first", "-1"], "--first must leave 2 of the 1 images, got -1"),
    ],
)
def test_what_cannot_be_is_told(words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        pairs.main([*words, "--out", str(tmp_path)])
    assert told in " ".join(capsys.readouterr().err.split())
