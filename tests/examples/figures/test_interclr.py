"""examples/figures/interclr.py: false negatives and cosines against brute force; a panel and a block for each."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from rendered import write_folders
from trainer.inputs.rendered import RenderedToys

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
from figures import interclr  # draws
from trainer.evaluation.encoder import open_encoder
from trainer.evaluation.images import open_images


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Nine classes of eight toys of 32 pixels to learn from, and one of each to test."""
    root = tmp_path_factory.mktemp("toys")
    write_folders(root / "train", RenderedToys(72, size=32, processes=1))
    write_folders(root / "test", RenderedToys(9, size=32, start=72, processes=1))
    return str(root)


def test_cosines_are_of_all_pairs_of_a_kind():
    """By hand: unit vectors at 0, 60, 90 and 180 degrees; images 0, 0, 1, 2 of classes 0, 0, 0, 1."""
    angles = torch.tensor([0.0, 60.0, 90.0, 180.0]).deg2rad()
    features = torch.stack([angles.cos(), angles.sin()], 1)
    found = interclr.cosines(features, torch.tensor([0, 0, 1, 2]), torch.tensor([0, 0, 0, 1]))
    assert found == pytest.approx([0.5, (0 + 3**0.5 / 2) / 2, (-1 - 0.5 + 0) / 3], abs=1e-6)


def test_negatives_are_counted_as_by_brute_force(toys: str, monkeypatch: pytest.MonkeyPatch):
    images, _ = open_images(toys, 32)
    encoder = open_encoder("resnet8", size=32, seed=0)
    monkeypatch.setattr(interclr, "CLUSTERS", 1)
    _, (_, *rows) = interclr.figure11(encoder, images, 1)
    features = torch.nn.functional.normalize(encoder.features(images, encoder.center()).double(), dim=1)
    labels = interclr.kmeans(features.float(), 9).labels
    false, cosines = 0, 0.0
    for query in range(72):  # hard: the nearest of other clusters
        others = [row for row in range(72) if labels[row] != labels[query]]
        nearest = sorted(others, key=lambda row: -float(features[query] @ features[row]))[: interclr.SHOWN]
        false += sum(int(images.labels[row] == images.labels[query]) for row in nearest)
        cosines += sum(float(features[query] @ features[row]) for row in nearest)
    count = 72 * interclr.SHOWN
    assert rows[0] == ["hard", pytest.approx(false / count), pytest.approx(cosines / count, abs=1e-5), 72, 5]
    by_strategy = [row[2] for row in rows]
    assert by_strategy == sorted(by_strategy, reverse=True)  # hard, semi-hard, random, semi-easy


def test_one_command_draws_both(toys: str, tmp_path: Path):
    out = tmp_path / "out"
    words = ["resnet8", "resnet18", "--data", toys, "--size", "32", "--device", "cpu", "--images", "1"]
    assert interclr.main([*words, "--out", str(out)]) == 0
    files = ["interclr-10.csv", "interclr-10.png", "interclr-11.csv", "interclr-11.png"]
    assert sorted(path.name for path in out.iterdir()) == files
    with (out / "interclr-10.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["resnet8", "resnet18"]
    for row in rows:  # even an untrained network sees that augmentations are of one image
        assert float(row["within an image"]) > float(row["between classes"])


def test_runs_of_one_name_are_refused(toys: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        interclr.main(["resnet8", "resnet8", "--data", toys, "--size", "32", "--out", str(tmp_path)])
    assert "RUNs must have names of their own" in capsys.readouterr().err
