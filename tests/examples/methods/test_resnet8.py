"""The network for images of 32 px: a plain rewriting of it, its documented numbers, and what it refuses."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional as F
from trainer.networks import Backbone, ResNet8, check_input


def norm(x: torch.Tensor, state: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    keys = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(state[f"{name}.{key}"] for key in keys))


def plain(x: torch.Tensor, state: dict[str, torch.Tensor]) -> torch.Tensor:
    """The docstring's table, line by line, in functions: the map before pooling."""
    x = norm(F.conv2d(x, state["conv1.weight"], stride=2, padding=1), state, "bn1").relu()
    for layer, stride in (("layer1", 1), ("layer2", 2), ("layer3", 2)):
        y = norm(F.conv2d(x, state[f"{layer}.conv1.weight"], stride=stride, padding=1), state, f"{layer}.bn1").relu()
        y = norm(F.conv2d(y, state[f"{layer}.conv2.weight"], padding=1), state, f"{layer}.bn2")
        if stride == 2:
            x = norm(F.conv2d(x, state[f"{layer}.downsample.0.weight"], stride=2), state, f"{layer}.downsample.1")
        x = (x + y).relu()
    return x


def test_it_is_the_network_of_its_docstring():
    network = Backbone("resnet8").train()
    x = torch.randn(16, 3, 32, 32)
    for _ in range(3):
        network(x)  # statistics that are not those of the start
    network.eval()
    with torch.no_grad():
        expected = plain(x, network.state_dict())
        torch.testing.assert_close(network.feature_map(x), expected)
        torch.testing.assert_close(network(x), expected.mean((2, 3)))
    assert expected.shape == (16, 128, 4, 4)
    assert network.width == 128


def test_documented_parameters():
    stated = int(re.search(r"([\d,]+) parameters without `fc`", ResNet8.__doc__ or "")[1].replace(",", ""))
    assert sum(parameter.numel() for parameter in Backbone("resnet8").parameters()) == stated


def test_state_is_that_of_the_classifier_without_its_last_layer():
    net, model = Backbone("resnet8").eval(), ResNet8().eval()
    model.fc = torch.nn.Identity()
    model.load_state_dict(net.state_dict(), strict=True)
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(net(x), model(x))


@pytest.mark.parametrize("side", [16, 24, 64])
def test_sides_that_it_takes(side: int):
    check_input(Backbone("resnet8"), side, heat=True)


@pytest.mark.parametrize("side", [15, 65, 224])
def test_sides_that_it_refuses(side: int):
    with pytest.raises(ValueError, match=f"takes images of 16 to 64 px, got {side} x {side}; choose --size 32"):
        check_input(Backbone("resnet8"), side)


@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_stems_that_it_refuses(stem: str):
    with pytest.raises(ValueError, match=f"stem must be none for resnet8, which has its own .*, got '{stem}'; leave"):
        Backbone("resnet8", stem)


def test_near_names_are_shown():
    with pytest.raises(ValueError, match=r"backbone must be resnet8, .* the nearest: resnet8,"):
        Backbone("resnet9")
