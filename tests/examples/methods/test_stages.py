"""Pooled stages against a network taken apart by hand, loops over windows, and the network's own pooling."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torchvision import models
from trainer.networks import Backbone, Stages
from trainer.networks.stages import POOLINGS, pooled


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def apart(network, images, stages):
    """Maps after the stem and each stage, by hand; torchvision's have a pooling after the stem, ResNet-8 has none."""
    x = torch.relu(network.bn1(network.conv1(images)))
    maps = [x.clone()]
    x = network.maxpool(x) if hasattr(network, "maxpool") else x
    for k in range(1, stages + 1):
        x = getattr(network, f"layer{k}")(x)
        maps.append(x.clone())
    return maps


def cut(maps, grid):
    """Means over an even grid, cell by cell: from the floor of where a cell starts to the ceiling of its end."""
    h, w = maps.shape[-2:]
    rows, columns = min(grid, h), min(grid, w)
    found = torch.zeros(*maps.shape[:2], rows, columns)
    for i in range(rows):
        for j in range(columns):
            top, bottom = math.floor(i * h / rows), math.ceil((i + 1) * h / rows)
            left, right = math.floor(j * w / columns), math.ceil((j + 1) * w / columns)
            found[:, :, i, j] = maps[:, :, top:bottom, left:right].mean((2, 3))
    return found.flatten(1)


def backbone(name, stem=None):
    """With statistics that are not those of a start."""
    torch.manual_seed(0)
    made = Backbone(name, stem).eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return made


def test_resnet_50_has_the_numbers_that_are_published():
    stages = Stages(Backbone("resnet50"), 224)
    assert stages.widths == (9216, 9216, 8192, 9216, 8192)
    assert (stages.width, stages.numbers) == (44032, (1, 2, 3, 4, 5))


# As the code of VOC07's benchmark has them, side of the map: (window, stride, padding); written down a second time.
PUBLISHED = {112: (10, 10, 4), 56: (16, 8, 0), 28: (13, 5, 0), 14: (8, 3, 0), 7: (6, 1, 0)}


@pytest.mark.parametrize("pooling", POOLINGS, ids=lambda pooling: f"{pooling.side} px")
def test_maps_of_the_published_sides_are_averaged_over_the_published_windows(pooling):
    """A loop over windows; zeros around the first map count."""
    window, stride, padding = PUBLISHED[pooling.side]
    maps = noise(2, 3, pooling.side, pooling.side)
    around = torch.zeros(2, 3, pooling.side + 2 * padding, pooling.side + 2 * padding)
    around[:, :, padding : padding + pooling.side, padding : padding + pooling.side] = maps
    cells = [
        around[:, :, i * stride : i * stride + window, j * stride : j * stride + window].sum((2, 3)) / window**2
        for i in range(pooling.grid)
        for j in range(pooling.grid)
    ]
    torch.testing.assert_close(pooled(maps, pooling), torch.stack(cells, 2).flatten(1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS, ids=lambda pooling: f"grid {pooling.grid}")
@pytest.mark.parametrize("sides", [(16, 16), (13, 9), (2, 5), (1, 1)], ids=str)
def test_other_maps_are_cut_into_a_grid(pooling, sides):
    maps = noise(2, 3, *sides)
    torch.testing.assert_close(pooled(maps, pooling), cut(maps, pooling.grid), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "stem", "side", "grids"),
    [
        ("resnet18", None, 64, (12, 6, 4, 3, 2)),
        ("resnet18", "small", 32, (12, 6, 4, 3, 2)),
        ("resnet50", None, 32, (12, 6, 4, 3, 2)),
        ("resnet8", None, 32, (6, 4, 3, 2)),
    ],
)
@torch.no_grad()
def test_stages_are_those_of_the_network_taken_apart(name, stem, side, grids):
    images, network = noise(2, 3, side, side), backbone(name, stem)
    stages = Stages(network, side)
    wanted = [cut(maps, grid) for maps, grid in zip(apart(network.network, images, len(grids) - 1), grids, strict=True)]
    assert stages.widths == tuple(part.shape[1] for part in wanted)
    torch.testing.assert_close(stages(images), torch.cat(wanted, 1), rtol=0, atol=1e-4)


@torch.no_grad()
def test_the_mean_of_the_last_stages_four_cells_is_the_networks_own_feature():
    network = backbone("resnet8")
    last = Stages(network, 32, [4])(noise(3, 3, 32, 32)).unflatten(1, (128, 4)).mean(2)
    torch.testing.assert_close(last, network(noise(3, 3, 32, 32)), rtol=0, atol=1e-5)


@torch.no_grad()
def test_some_stages_are_columns_of_all():
    network, images = backbone("resnet18"), noise(2, 3, 64, 64)
    every, some = Stages(network, 64), Stages(network, 64, [5, 2, 5])
    assert some.numbers == (2, 5)
    parts = every(images).split(every.widths, 1)
    assert torch.equal(some(images), torch.cat([parts[1], parts[4]], 1))


@torch.no_grad()
def test_a_resnet_of_timms_has_the_stages_of_torchvisions():
    ours = backbone("resnet18")
    theirs = Backbone("timm:resnet18").eval()
    theirs.load_state_dict(ours.state_dict())
    images = noise(2, 3, 64, 64)
    torch.testing.assert_close(Stages(theirs, 64)(images), Stages(ours, 64)(images), rtol=0, atol=1e-5)


def test_the_network_stays_as_it_was():
    network = Backbone("resnet8").train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    stages = Stages(network, 32)
    assert network.training
    stages.eval()(noise(2, 3, 32, 32))
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize(
    ("name", "chosen", "words"),
    [
        (
            "vit_b_32",
            None,
            "a network must have a stem and stages .* for features of its stages, got a VisionTransformer",
        ),
        ("mobilenet_v2", None, "got a MobileNetV2; take a ResNet, or a protocol without stages"),
        ("resnet8", [5], "stages must be numbers from 1 to 4 of this network, got 5; 4 is the last"),
        ("resnet18", [0, 5], "stages must be numbers from 1 to 5 of this network, got 0, 5"),
    ],
)
def test_stages_that_are_not_there(name, chosen, words):
    with pytest.raises(ValueError, match=words):
        Stages(Backbone(name), 32 if name == "resnet8" else 224, chosen)


def test_a_bare_network_of_torchvisions_will_do():
    network = models.resnet18()
    assert Stages(network, 32).widths == Stages(Backbone("resnet18"), 32).widths
