"""Detectors out of torchvision's parts on a pre-trained residual network, as MoCo's protocol has them."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FasterRCNN, FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from .protocols import Protocol

RATIOS = (0.5, 1.0, 2.0)  # of the anchors' sides
PROBE = 64  # side of the image by which maps are measured
HIDDEN = 1024  # of the two layers of a pyramid's boxes
MASKED = 14  # side of what masks are told from


class LastStage(nn.Module):
    """A network's last stage and one more batch normalization, on regions of the map before: ``[N, C, s, s]``.

    Args:
        stage: the network's own.
        norm: behind it.
        pooled: features are a region's mean, ``[N, width]``, as boxes are told from; else its map, for masks.
    """

    def __init__(self, stage: nn.Module, norm: nn.Module, *, pooled: bool) -> None:
        super().__init__()
        self.stage, self.norm, self.pooled = stage, norm, pooled

    def forward(self, regions: Tensor) -> Tensor:
        """Features."""
        maps: Tensor = self.norm(self.stage(regions))
        return maps.mean((2, 3)) if self.pooled else maps


def detector(
    network: nn.Module, classes: int, protocol: Protocol, *, mean: Sequence[float], std: Sequence[float], seed: int = 0
) -> FasterRCNN:
    """Faster or Mask R-CNN on a copy of a pre-trained network, all of which is trained.

    Not as in Detectron2: its boxes are scored by an L1 loss, torchvision's by a smooth one; its regions are shifted by
    half a position. Where masks share the last stage, its batch normalization sees the regions of masks apart.

    Args:
        network: a `trainer.networks.Backbone`: a ResNet of torchvision's or timm's, or `ResNet8`; it is not changed.
        classes: without the ground.
        protocol: a row of `PROTOCOLS`.
        mean: of the channels, on [0, 1].
        std: of the channels.
        seed: of what is not pre-trained.

    Raises:
        ValueError: for a network without stages, or without batch normalization.
    """
    layers, stages = stages_of(network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = (_c4 if protocol.neck == "c4" else _fpn)(layers, stages, classes + 1, protocol)
        backbone = parts.pop("backbone")
        kind = MaskRCNN if protocol.masks else FasterRCNN
        of = protocol.proposals
        model: FasterRCNN = kind(
            backbone, min_size=protocol.sides, max_size=protocol.longest, image_mean=list(mean), image_std=list(std),
            rpn_pre_nms_top_n_train=of.train_before, rpn_pre_nms_top_n_test=of.test_before,
            rpn_post_nms_top_n_train=of.train_after, rpn_post_nms_top_n_test=of.test_after,
            box_batch_size_per_image=protocol.regions, box_score_thresh=protocol.least,
            box_detections_per_img=protocol.most, **parts,
        )  # fmt: skip
    return model.requires_grad_(True)


def stages_of(network: nn.Module) -> tuple[OrderedDict[str, nn.Module], list[str]]:
    """Copies of a network's layers before its maps are pooled, and the names of its stages among them.

    Raises:
        ValueError: for a network without stages, or without batch normalization.
    """
    whole = copy.deepcopy(getattr(network, "network", network))
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in whole.named_children():
        if name in ("avgpool", "global_pool"):
            break
        layers[name] = layer
    stages = [name for name in layers if name.startswith("layer")]
    if len(stages) < 2 or not any(isinstance(layer, nn.BatchNorm2d) for layer in whole.modules()):
        raise ValueError(
            "a detector must be made of a network with stages (layer1, layer2, ...) and batch normalization, got a "
            f"{type(whole).__name__}; take a ResNet, or resnet8"
        )
    return layers, stages


@torch.no_grad()
def widths_of(layers: Mapping[str, nn.Module]) -> dict[str, int]:
    """Channels behind each layer."""
    maps, found = torch.zeros(1, 3, PROBE, PROBE, device=next(iter(layers["layer1"].parameters())).device), {}
    for name, layer in layers.items():
        maps = layer.eval()(maps)
        found[name] = maps.shape[1]
        layer.train()
    return found


def _c4(layers: OrderedDict[str, nn.Module], stages: list[str], classes: int, protocol: Protocol) -> dict[str, object]:
    widths = widths_of(layers)
    last, width = layers.pop(stages[-1]), widths[stages[-1]]
    body = nn.Sequential(layers)
    body.out_channels = widths[stages[-2]]  # type: ignore[assignment]  # torchvision asks for it
    norm = nn.BatchNorm2d(width)
    align = MultiScaleRoIAlign(["0"], protocol.region, sampling_ratio=0)
    parts: dict[str, object] = {
        "backbone": body,
        "rpn_anchor_generator": AnchorGenerator((protocol.anchors,), (RATIOS,)),
        "box_roi_pool": align,
        "box_head": LastStage(last, norm, pooled=True),
        "box_predictor": FastRCNNPredictor(width, classes),
    }
    if protocol.masks:
        parts |= {
            "mask_roi_pool": align,
            "mask_head": LastStage(last, norm, pooled=False),
            "mask_predictor": MaskRCNNPredictor(width, protocol.width, classes),
        }
    return parts


def _fpn(layers: OrderedDict[str, nn.Module], stages: list[str], classes: int, protocol: Protocol) -> dict[str, object]:
    widths = widths_of(layers)
    names = {stage: str(k) for k, stage in enumerate(stages)}
    width, maps = protocol.width, list(names.values())
    anchors = tuple((protocol.anchors[0] * 2**k,) for k in range(len(stages) + 1))
    parts: dict[str, object] = {
        "backbone": BackboneWithFPN(
            nn.Sequential(layers), names, [widths[stage] for stage in stages], width, LastLevelMaxPool(),
            norm_layer=nn.BatchNorm2d,
        ),
        "rpn_anchor_generator": AnchorGenerator(anchors, (RATIOS,) * len(anchors)),
        "box_roi_pool": MultiScaleRoIAlign(maps, protocol.region, sampling_ratio=0),
        "box_head": TwoMLPHead(width * protocol.region**2, HIDDEN),
        "box_predictor": FastRCNNPredictor(HIDDEN, classes),
    }  # fmt: skip
    if protocol.masks:
        parts |= {
            "mask_roi_pool": MultiScaleRoIAlign(maps, MASKED, sampling_ratio=0),
            "mask_head": MaskRCNNHeads(width, (width,) * 4, 1, norm_layer=nn.BatchNorm2d),
            "mask_predictor": MaskRCNNPredictor(width, width, classes),
        }
    return parts
