"""examples/figures/jointcrop.py: one command draws every figure on any folder, and saves the numbers beside it."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from jointaug.distributions import JointLogRatio

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

SCRIPT = Path(__file__).parents[2] / "examples" / "figures" / "jointcrop.py"


@pytest.fixture(scope="module")
def jointcrop():
    spec = importlib.util.spec_from_file_location("jointcrop_figures", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path[:] = before
        del sys.modules[spec.name]


@pytest.fixture
def folder(tmp_path):
    """Images in a folder and below it, without classes; one that cannot be read."""
    root = tmp_path / "images"
    (root / "more").mkdir(parents=True)
    for k in range(6):
        size = (100 + 10 * k, 96)
        Image.effect_noise(size, 60 + k).convert("RGB").save(root / ("more" if k % 2 else "") / f"{k}.png")
    (root / "broken.png").write_text("no image")
    return root


def test_one_command_draws_all_figures_and_saves_their_numbers(jointcrop, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(jointcrop, "PAIRS", 500)
    monkeypatch.setattr(jointcrop, "DEMO", jointcrop.replace(jointcrop.DEMO, workers=0))
    out = tmp_path / "out"
    threads = torch.get_num_threads()
    assert jointcrop.main(["--data", str(folder), "--out", str(out), "--steps", "2", "--measured", "5"]) == 0
    assert torch.get_num_threads() == threads
    assert "6 images from" in capsys.readouterr().out
    rows = {}
    for name in ("figure2", "figure3", "figure4", "figure7", "jointness"):
        with Image.open(out / f"{name}.png") as picture:
            assert picture.size[0] > 500
        heading, *body = csv.reader((out / f"{name}.csv").read_text(encoding="utf-8").splitlines())
        assert all(len(row) == len(heading) for row in body)
        rows[name] = [dict(zip(heading, row, strict=True)) for row in body]
    assert [row["pairs"] for row in rows["figure2"]][:5] == [f"ratio {r}" for r in range(1, 6)]
    for row in rows["figure2"] + rows["figure4"] + rows["jointness"]:
        assert float(row["low"]) <= float(row["sdf"]) <= float(row["high"])
    law = JointLogRatio(-2.0, 0.2, 1.0)
    for row in [row for row in rows["figure3"] if row["curve"] == "JC(-2)"][::20]:
        expected = law.log_prob(torch.tensor(float(row["log_ratio"]), dtype=torch.float64)).exp().item()
        assert float(row["density"]) == pytest.approx(expected)
    distances = {row["beta"]: float(row["mean"]) for row in rows["figure7"] if row["measure"] == "corner_distance"}
    assert distances["-3.0"] > distances["0.0"] > distances["3.0"]

    again = tmp_path / "again"
    command = ["2", "--data", str(folder), "--out", str(again), "--measured", "5", "--encoder", str(out / "encoder.pt")]
    assert jointcrop.main(command) == 0
    assert sorted(path.name for path in again.iterdir()) == ["figure2.csv", "figure2.png"]
    # the same pairs; torch's convolutions may sum in another order (float32, so about 1e-7 of a cosine)
    for first, second in zip(rows["figure2"], numbers(again / "figure2.csv"), strict=True):
        assert {k: value(v) for k, v in second.items()} == pytest.approx(
            {k: value(v) for k, v in first.items()}, abs=1e-6
        )


def numbers(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def value(cell):
    try:
        return float(cell)
    except ValueError:
        return cell


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["5"], "figures must be some of 2, 3, 4, 7, jointness, got '5'"),
        (["3", "--data", "nowhere"], "--data must be a folder, got 'nowhere'"),
        (["3", "--data", "."], "at least two readable images, got 0"),
        (["2", "--encoder", "nowhere"], "--encoder must be a file that this script wrote"),
        (["2", "--images", "20", "--encoder", str(SCRIPT)], "pre-train again without --encoder"),
        (["2", "--draws", "1"], "--draws must be at least 2, got 1"),
    ],
)
def test_bad_commands_are_named(jointcrop, command, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        jointcrop.main(command)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
