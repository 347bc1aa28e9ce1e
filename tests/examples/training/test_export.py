"""What is exported loads where the docstring says, strictly."""

from __future__ import annotations

import json

import export
import pytest
import torch
import torchvision
from torch import nn
from trainer.networks import Backbone, ResNet8
from trainer.training.loop import BACKBONE


def run_of(folder, name: str = "resnet18", stem: str | None = "imagenet") -> Backbone:
    torch.manual_seed(0)
    backbone = Backbone(name, stem)
    torch.save(backbone.state_dict(), folder / BACKBONE)
    settings = {"backbone": {"value": name, "source": "ours"}, "stem": {"value": stem, "source": "ours"}}
    (folder / "settings.json").write_text(json.dumps(settings))
    return backbone.eval()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_torchvision_loads_it_and_computes_the_same_features(name, tmp_path, capsys):
    backbone = run_of(tmp_path, name)
    assert export.main([str(tmp_path), str(tmp_path / "model.pt")]) == 0
    assert "is freshly initialized and has to be trained" in capsys.readouterr().out
    model = torchvision.models.get_model(name)
    model.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True), strict=True)
    if name == "resnet18":
        model.fc = nn.Identity()
    else:
        model.classifier[-1] = nn.Identity()
    images = torch.rand(2, 3, 64, 64)
    assert torch.equal(model.eval()(images), backbone(images))


def test_the_trainers_own_network_loads_it_and_computes_the_same_features(tmp_path):
    backbone = run_of(tmp_path, "resnet8", None)
    assert export.main([str(tmp_path), str(tmp_path / "model.pt")]) == 0
    model = ResNet8()
    model.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True), strict=True)
    model.fc = nn.Identity()
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(model.eval()(images), backbone(images))


def test_without_a_classifier_a_model_without_one_loads_it(tmp_path, capsys):
    run_of(tmp_path)
    assert export.main([str(tmp_path), str(tmp_path / "model.pt"), "--no-classifier"]) == 0
    assert "without its classifier (fc.weight, fc.bias)" in capsys.readouterr().out
    model = torchvision.models.resnet18()
    model.fc = nn.Identity()
    model.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True), strict=True)


def test_timm_loads_it(tmp_path):
    timm = pytest.importorskip("timm")
    run_of(tmp_path, "timm:resnet10t")
    assert export.main([str(tmp_path), str(tmp_path / "model.pt")]) == 0
    timm.create_model("resnet10t").load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True), strict=True)


def test_a_transformer_of_another_size_is_timms_with_that_size(tmp_path):
    timm = pytest.importorskip("timm")
    run_of(tmp_path, "timm:vit_tiny_patch8_32", None)
    assert export.main([str(tmp_path), str(tmp_path / "model.pt")]) == 0
    model = timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=8)
    model.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True), strict=True)


def test_a_small_stem_is_written_only_if_asked_for(tmp_path, capsys):
    run_of(tmp_path, stem="small")
    words = [str(tmp_path), str(tmp_path / "model.pt")]
    assert export.main(words) == 1
    assert (
        "which torchvision's resnet18 does not load; write it all the same with --small-stem" in capsys.readouterr().err
    )
    assert export.main([*words, "--small-stem"]) == 0
    model = torchvision.models.resnet18()
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True), strict=True)


def test_an_unfinished_run_is_refused(tmp_path, capsys):
    assert export.main([str(tmp_path), str(tmp_path / "model.pt")]) == 1
    assert "has no backbone.pt; name the folder of a finished run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("broken", "text", "told"),
    [
        ("settings.json", "{}", "must have a settings.json that says backbone and stem, got none; name a run's folder"),
        ("settings.json", "{", "settings.json must be whole JSON, and is not"),
        (BACKBONE, "cut", "backbone.pt cannot be read as a state dict"),
    ],
)
def test_a_run_that_is_broken_is_told(broken, text, told, tmp_path, capsys):
    run_of(tmp_path)
    (tmp_path / broken).write_text(text)
    assert export.main([str(tmp_path), str(tmp_path / "model.pt")]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere/model.pt", "."])
def test_a_file_that_cannot_be_written_is_told(name, tmp_path, capsys):
    run_of(tmp_path)
    assert export.main([str(tmp_path), str(tmp_path / name)]) == 1
    assert "FILE must be a file in a folder that is there, got" in capsys.readouterr().err
