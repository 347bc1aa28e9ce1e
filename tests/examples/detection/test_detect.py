"""detect.py: a run through, and what it says before hours are spent."""

from __future__ import annotations

import json

import detect
import pytest
import torch
from trainer.networks import Backbone
from trainer.training.loop import BACKBONE


@pytest.fixture
def run(tmp_path):
    """A folder as pretrain.py leaves it."""
    torch.manual_seed(0)
    folder = tmp_path / "run"
    folder.mkdir()
    torch.save(Backbone("resnet8").state_dict(), folder / BACKBONE)
    settings = {"backbone": "resnet8", "stem": None, "size": 32, "mean": [0.5] * 3, "std": [0.25] * 3}
    (folder / "settings.json").write_text(json.dumps(settings))
    return folder


def told(capsys, *words):
    with pytest.raises(SystemExit):
        detect.main([str(word) for word in words])
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("protocol", "kind"), [("scenes-c4", "voc07"), ("scenes-fpn", "coco")])
def test_a_detector_from_a_run(protocol, kind, run, scene_trees, capsys, one_thread):
    pytest.importorskip("torchmetrics")
    pytest.importorskip("pycocotools")
    data = f"{kind}:{scene_trees[0] / kind.removesuffix('07')}"
    words = [run, protocol, "--data", data, "--steps", 2, "--batch", 4, "--seed", 3, "--device", "cpu"]
    assert detect.main([str(word) for word in words]) == 0
    document = json.loads((run / f"detect-{protocol}" / "evaluation.json").read_text())
    assert document["subject"]["seed"] == 3
    assert document["subject"]["data"] == f"{data}: 24 images to train on, 12 to test on, 9 classes"
    names = [f"{what} {name}, %" for what in ("box", "mask")[: 1 + (kind == "coco")] for name in ("AP", "AP50", "AP75")]
    assert [row["metric"] for row in document["results"]] == [*names, "training loss"]
    assert all(row["protocol"] == f"detect:{protocol}" for row in document["results"])
    assert "2 steps, batch 4, rate 0.005" in document["results"][0]["how"]
    assert len(torch.load(run / f"detect-{protocol}" / "detections.pt", weights_only=True)) == 12


def test_the_rate_scales_with_the_batch(monkeypatch):
    monkeypatch.setattr(detect, "find_spec", lambda _: True)
    words = ["resnet50", "voc-c4", "--data", "voc07:there"]
    for more, rate in (([], 0.02), (["--batch", "4"], 0.005), (["--batch", "32", "--lr", "0.1"], 0.2)):
        options, _ = detect.arguments_of([*words, *more])
        assert detect.protocol_of(options).rate == pytest.approx(rate)


def test_what_is_missing_is_told_first(monkeypatch, capsys):
    monkeypatch.setattr(detect, "find_spec", lambda _: None)
    error = told(capsys, "resnet50", "voc-c4", "--data", "voc07:there")
    assert "detect.py needs torchmetrics and pycocotools: pip install 'jointaug[detection]'" in error


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["{run}", "--backbone", "resnet18"], "the weights are not those of resnet18"),
        (["vit_b_16", "--data", "voc07:nowhere"], "got a VisionTransformer; take a ResNet"),
        (["resnet8", "--lr", "nan"], "must be a number of at least 0"),
        (["resnet8", "--data", "rendered"], "--data must have boxes, got rendered; take voc07:FOLDER"),
        (["resnet8", "--data", "coco:{run}"], "here nothing is downloaded"),
        (["resnet8", "--out", "{run}/settings.json"], "--out must be a folder"),
    ],
)
def test_bad_calls(words, error, run, scene_trees, capsys, monkeypatch):
    monkeypatch.setattr(detect, "find_spec", lambda _: True)
    encoder, *more = [word.format(run=run) for word in words]
    assert error in told(capsys, encoder, "scenes-c4", "--data", f"voc07:{scene_trees[0] / 'voc'}", *more)
