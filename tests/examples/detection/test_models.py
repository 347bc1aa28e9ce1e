"""Detectors: what they keep of the pre-trained network, what is trained in them, and networks none is made of."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torchvision.models import vit_b_16
from torchvision.models.detection.mask_rcnn import MaskRCNN
from trainer.detection.models import detector, stages_of
from trainer.detection.protocols import PROTOCOLS, Proposals
from trainer.detection.train import optimizer_of, step
from trainer.networks import Backbone

CHANNELS = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
SMALL = {
    name: replace(
        row, sides=(48,), anchors=(8, 16, 32), region=4, regions=8, width=8, proposals=Proposals(32, 32, 8, 8)
    )
    for name, row in PROTOCOLS.items()
    if name.startswith("scenes")
}
SMALL["masks-c4"] = replace(SMALL["scenes-c4"], masks=True)
CPU = torch.device("cpu")


def batch(boxes, masks):
    """Two images of noise with these boxes in each."""
    torch.manual_seed(0)
    sides = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    target = {"boxes": sides, "labels": torch.ones(len(sides), dtype=torch.int64)}
    if masks:
        target["masks"] = torch.ones(len(sides), 48, 48, dtype=torch.uint8)
    return [(torch.rand(3, 48, 48), target) for _ in range(2)]


@pytest.mark.parametrize("name", SMALL)
def test_a_step_changes_every_norm_and_leaves_the_given_network(name):
    """All of Mask R-CNN or Faster R-CNN is trained, its running statistics and the norm behind the last stage too."""
    network, protocol = Backbone("resnet8"), SMALL[name]
    network.requires_grad_(False)
    start = {key: value.clone() for key, value in network.state_dict().items()}
    model = detector(network, 3, protocol, **CHANNELS).train()
    assert isinstance(model, MaskRCNN) == protocol.masks
    norms = {key: layer for key, layer in model.named_modules() if isinstance(layer, nn.BatchNorm2d)}
    own = sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    more = 1 if protocol.neck == "c4" else 6 + 4  # behind the last stage; two a map of three, and four of masks
    assert len(norms) == own + more
    before = {key: value.clone() for key, value in model.state_dict().items()}
    step(model, optimizer_of(model, protocol), batch([[4, 4, 30, 40]], protocol.masks), CPU)
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    # running statistics of the head's norms too: the step passed through each
    wanted = {f"{key}.{value}" for key in norms for value in ("weight", "bias", "running_mean", "running_var")}
    assert wanted <= changed
    assert changed >= {key for key, _ in model.named_parameters()} - unused(protocol)
    assert all(torch.equal(value, start[key]) for key, value in network.state_dict().items())


def unused(protocol):
    """A pyramid's maps that no region of two small images comes from may stay."""
    return {f"backbone.fpn.layer_blocks.{k}.0.bias" for k in range(3)} if protocol.neck == "fpn" else set()


@pytest.mark.parametrize(("name", "kinds"), [("resnet8", 2), ("resnet18", 3), ("resnet50", 3)])
def test_the_head_of_c4_is_the_last_stage(name, kinds):
    """Body and head together are the network: its features are the head's mean, but for the norm behind it."""
    torch.manual_seed(0)
    network = Backbone(name)  # in training mode: measuring its maps leaves its running statistics
    model = detector(network, 3, SMALL["scenes-c4"], **CHANNELS).eval()
    network.eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        maps = model.backbone(images)
        assert maps.shape[-1] == 64 // (8 if name == "resnet8" else 16) * (2 if name == "resnet8" else 1)
        features = model.roi_heads.box_head.stage(maps).mean((2, 3))
        torch.testing.assert_close(features, network(images))
    assert len([key for key, _ in model.backbone.named_children() if key.startswith("layer")]) == kinds
    norm = model.roi_heads.box_head.norm
    assert norm.num_features == network.width


def test_a_resnet_50_has_the_sizes_of_mocos_detector():
    """1024 channels in, regions of 14, a head of 2048, fifteen anchors; batch normalization everywhere."""
    model = detector(Backbone("resnet50"), 20, PROTOCOLS["voc-c4"], **CHANNELS)
    assert (model.backbone.out_channels, model.roi_heads.box_roi_pool.output_size) == (1024, (14, 14))
    assert model.rpn.head.cls_logits.out_channels == 15
    assert model.roi_heads.box_predictor.cls_score.weight.shape == (21, 2048)
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in model.modules()) == 53 + 1
    assert all(value.requires_grad for value in model.parameters())
    pyramid = detector(Backbone("resnet50"), 80, PROTOCOLS["coco-fpn-1x"], **CHANNELS)
    assert [sizes for (sizes,) in pyramid.rpn.anchor_generator.sizes] == [32, 64, 128, 256, 512]


@pytest.mark.parametrize("name", SMALL)
def test_images_without_objects_train(name):
    """The loss is finite and the statistics stay finite, of masks too, of which there are none."""
    protocol = SMALL[name]
    model = detector(Backbone("resnet8"), 3, protocol, **CHANNELS).train()
    before = model.roi_heads.box_predictor.cls_score.weight.clone()
    assert step(model, optimizer_of(model, protocol), batch([], protocol.masks), CPU) > 0
    assert all(value.isfinite().all() for value in model.state_dict().values())
    assert not torch.equal(model.roi_heads.box_predictor.cls_score.weight, before)
    assert all(layer.training for layer in model.modules())


def test_masks_of_c4_share_the_last_stage():
    model = detector(Backbone("resnet8"), 3, SMALL["masks-c4"], **CHANNELS)
    assert model.roi_heads.mask_head.stage is model.roi_heads.box_head.stage
    assert model.roi_heads.mask_head.norm is model.roi_heads.box_head.norm


def test_the_same_seed_makes_the_same_detector():
    network = Backbone("resnet8")
    one, two, other = (detector(network, 3, SMALL["scenes-c4"], **CHANNELS, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    assert not torch.equal(one.rpn.head.conv[0][0].weight, other.rpn.head.conv[0][0].weight)


def test_networks_of_which_no_detector_is_made():
    with torch.device("meta"):
        transformer = vit_b_16()
    for network in (transformer, Backbone("mobilenet_v3_small")):
        with pytest.raises(ValueError, match=r"a detector must be made of a network with stages .*; take a ResNet"):
            stages_of(network)
