"""What the page on beta shows is the library's: the slow loop of its transform and of its law."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from jointaug import Address, JointCrop

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def data(tmp_path_factory, script):
    """As the page reads it."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("generated")
    script("interactive").write(folder)
    text = (folder / "beta.js").read_text(encoding="utf-8")
    read = json.loads(text.removeprefix("const BETA = ").removesuffix(";\n"))
    assert all((folder / name).exists() for name in read["toys"])
    return read


def test_densities_integrate_to_one_and_have_their_tails(data):
    """By the trapezoid rule on 101 points; its error is below .01 for curves with this bend."""
    u = torch.tensor(data["u"], dtype=torch.float64)
    for stop in data["stops"]:
        density = torch.tensor(stop["density"], dtype=torch.float64)
        assert abs(torch.trapezoid(density, u) - 1) < 0.01, stop["beta"]
        fine = torch.linspace(-math.log(2), math.log(2), 2001, dtype=torch.float64)
        place = (fine - u[0]) / (u[1] - u[0])
        low = place.floor().long().clamp(0, 99)
        between = density[low] + (place - low) * (density[low + 1] - density[low])
        assert abs(1 - torch.trapezoid(between, fine) - stop["tail"]) < 0.01, stop["beta"]


def test_the_slider_has_a_stop_for_every_beta(data):
    page = (DOCS / "explanation" / "beta.md").read_text(encoding="utf-8")
    assert f'min="0" max="{len(data["stops"]) - 1}" value="8"' in page
    assert data["stops"][8]["beta"] == 0


def test_pairs_are_those_of_the_transform_at_their_addresses(data):
    """Cut by the transform itself, not by its parameters: the image of the coordinates says where."""
    y, x = torch.meshgrid(*[torch.arange(data["size"], dtype=torch.float32)] * 2, indexing="ij")
    for stop in (data["stops"][0], data["stops"][8], data["stops"][-1]):
        crop = JointCrop(data["size"], beta=stop["beta"], scale=(0.2, 1.0))
        for name, pair in zip(data["toys"], stop["pairs"], strict=True):
            index = int(name.removeprefix("beta-").removesuffix(".png"))
            row = Address(seed=2, epoch=0, index=index).row(crop.row_width)
            params = crop.params_from_uniform(row, [(data["size"],) * 2] * 2)
            for view, (left, top, width, height) in zip(crop.transform(torch.stack([x, y]), params), pair, strict=True):
                middle = view[:, data["size"] // 2, data["size"] // 2]
                assert abs(middle[0] - (left + width / 2)) < 1
                assert abs(middle[1] - (top + height / 2)) < 1
