"""Models of timm's: as timm makes them, and transformers at the size that their name says."""

from __future__ import annotations

import sys

import pytest
import torch
from trainer.networks import Backbone
from trainer.networks.timm_models import timm_model
from trainer.papers.scorecl import VITS


@pytest.mark.parametrize(("label", "name", "width"), [row[:3] for row in VITS])
def test_the_transformers_of_scorecl_are_timms_at_32_px(label: str, name: str, width: int):
    """By the shapes: patches of the paper's size, a token each and one for the class."""
    pytest.importorskip("timm")
    with torch.device("meta"):
        net = Backbone(name)
        assert net(torch.zeros(2, 3, 32, 32)).shape == (2, width)
    patch = int(label.rpartition("/")[2])
    shapes = {key: tuple(value.shape) for key, value in net.state_dict().items()}
    assert shapes["patch_embed.proj.weight"] == (width, 3, patch, patch)
    assert shapes["pos_embed"] == (1, (32 // patch) ** 2 + 1, width)


def test_a_name_of_timms_is_timms():
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        ours, theirs = timm_model("vit_tiny_patch16_224"), timm.create_model("vit_tiny_patch16_224")
        other = timm_model("vit_tiny_patch8_64", num_classes=7)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert ours.pos_embed.shape == theirs.pos_embed.shape
    assert other.head.out_features == 7
    assert other.pos_embed.shape == (1, 65, 192)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("vit_small_patch5_32", "patches must fill the image, got 5 px for 32 px in timm:vit_small_patch5_32"),
        ("vit_small_patch0_32", "patches must fill the image, got 0 px for 32 px"),
        ("vit_smal_patch4_32", "got 'timm:vit_smal_patch4_32'; the nearest: timm:vit_"),
        ("resnet19", "got 'timm:resnet19'; the nearest: timm:resnet18"),
    ],
)
def test_what_timm_does_not_have_is_told(name: str, told: str):
    pytest.importorskip("timm")
    with pytest.raises(ValueError, match=told):
        timm_model(name)


def test_without_timm_it_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ImportError, match="backbone timm:vit_small_patch4_32 needs timm"):
        timm_model("vit_small_patch4_32")
