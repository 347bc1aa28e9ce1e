"""A backbone and its protocols as Detectron2 reads them: a pickle of arrays by its names, and a file of settings each.

``train_net.py`` of MoCo's repository takes the settings of a C4 detector, whose head with one more normalization is
there; those of a pyramid go to Detectron2's own. Detectron2 itself is not needed here.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from .protocols import Protocol

DEPTHS = {f"resnet{depth}": depth for depth in (18, 34, 50, 101, 152)}
RENAMED = (
    (r"^(conv|bn)1\.", r"stem.\g<0>"),
    (r"^layer(\d)\.", lambda found: f"res{int(found[1]) + 1}."),
    (r"\bbn(\d)\.", r"conv\1.norm."),
    (r"\bdownsample\.0\.", "shortcut."),
    (r"\bdownsample\.1\.", "shortcut.norm."),
)
"""Patterns in torchvision's names of a ResNet, and what each becomes."""


def name_there(name: str) -> str:
    """``layer1.0.bn2.weight`` is ``res2.0.conv2.norm.weight``, ``bn1.bias`` is ``stem.conv1.norm.bias``."""
    for pattern, there in RENAMED:
        name = re.sub(pattern, there, name)
    return name


def pickled(state: Mapping[str, Tensor]) -> bytes:
    """A backbone's state dict as a file; Detectron2 finds the place of each array by the end of its name."""
    model = {name_there(name): value.cpu().numpy() for name, value in state.items()}
    return pickle.dumps({"model": model, "__author__": "jointaug", "matching_heuristics": True}, protocol=4)


def depth_of(backbone: str) -> int:
    """Of the ResNet that Detectron2 builds.

    Raises:
        ValueError: for a network that it does not build.
    """
    if backbone not in DEPTHS:
        raise ValueError(
            f"--detectron2 must be of a network that Detectron2 builds ({', '.join(DEPTHS)}), got {backbone}; "
            "leave it out, or export another run"
        )
    return DEPTHS[backbone]


def settings(
    protocol: Protocol, weights: str, depth: int, mean: Sequence[float], std: Sequence[float]
) -> dict[str, Any]:
    """What a protocol sets that Detectron2 has otherwise, or might have.

    Args:
        protocol: with datasets.
        weights: the pickle's path, as seen from where training starts.
        depth: of the ResNet.
        mean: of the channels, on [0, 1].
        std: of the channels.
    """
    assert protocol.datasets is not None, "a row of EXPORTED has datasets"
    norm, of = "SyncBN", protocol.proposals
    model: dict[str, Any] = {
        "META_ARCHITECTURE": "GeneralizedRCNN",
        "WEIGHTS": weights,
        "MASK_ON": protocol.masks,
        "PIXEL_MEAN": [255 * value for value in mean],
        "PIXEL_STD": [255 * value for value in std],
        "BACKBONE": {"FREEZE_AT": 0},
        "RESNETS": {"DEPTH": depth, "NORM": norm, "STRIDE_IN_1X1": False},
        "ANCHOR_GENERATOR": {"SIZES": [list(protocol.anchors)]},
        "RPN": {
            "PRE_NMS_TOPK_TRAIN": of.train_before,
            "PRE_NMS_TOPK_TEST": of.test_before,
            "POST_NMS_TOPK_TRAIN": of.train_after,
            "POST_NMS_TOPK_TEST": of.test_after,
        },
        "ROI_HEADS": {
            "NAME": "Res5ROIHeadsExtraNorm",
            "NUM_CLASSES": protocol.datasets.classes,
            "BATCH_SIZE_PER_IMAGE": protocol.regions,
            "SCORE_THRESH_TEST": protocol.least,
        },
        "ROI_BOX_HEAD": {"POOLER_RESOLUTION": protocol.region},
    }
    if depth < 50:
        model["RESNETS"]["RES2_OUT_CHANNELS"] = 64  # basic blocks
    if protocol.neck == "fpn":
        maps = [f"res{k}" for k in range(2, 6)]
        model["BACKBONE"]["NAME"] = "build_resnet_fpn_backbone"
        model["RESNETS"]["OUT_FEATURES"] = maps
        model["FPN"] = {"IN_FEATURES": maps, "OUT_CHANNELS": protocol.width, "NORM": norm}
        model["ANCHOR_GENERATOR"]["SIZES"] = [[side] for side in protocol.anchors]
        model["RPN"]["IN_FEATURES"] = [f"p{k}" for k in range(2, 7)]
        model["ROI_HEADS"] |= {"NAME": "StandardROIHeads", "IN_FEATURES": [f"p{k}" for k in range(2, 6)]}
        model["ROI_BOX_HEAD"] |= {"NAME": "FastRCNNConvFCHead", "NUM_FC": 2}
        model["ROI_MASK_HEAD"] = {
            "NAME": "MaskRCNNConvUpsampleHead", "NUM_CONV": 4, "NORM": norm, "POOLER_RESOLUTION": 14
        }  # fmt: skip
    found = {
        "MODEL": model,
        "INPUT": {
            "FORMAT": "RGB",
            "MIN_SIZE_TRAIN": list(protocol.sides),
            "MIN_SIZE_TEST": protocol.sides[-1],
            "MAX_SIZE_TRAIN": protocol.longest,
            "MAX_SIZE_TEST": protocol.longest,
        },
        "DATASETS": {"TRAIN": list(protocol.datasets.train), "TEST": list(protocol.datasets.test)},
        "SOLVER": {
            "IMS_PER_BATCH": protocol.batch,
            "BASE_LR": protocol.rate,
            "WEIGHT_DECAY": protocol.decay,
            "STEPS": list(protocol.milestones),
            "MAX_ITER": protocol.steps,
            "WARMUP_ITERS": protocol.warm_up,
        },
        "TEST": {"DETECTIONS_PER_IMAGE": protocol.most, "PRECISE_BN": {"ENABLED": True}},
    }
    if protocol.datasets.train[0].startswith("lvis"):
        found["DATALOADER"] = {"SAMPLER_TRAIN": "RepeatFactorTrainingSampler", "REPEAT_THRESHOLD": 0.001}
    return found


def yaml(entries: Mapping[str, Any], indent: str = "") -> str:
    """Nested settings as YAML, of which values in JSON are a part."""
    lines = []
    for name, value in entries.items():
        if isinstance(value, Mapping):
            lines.append(f"{indent}{name}:\n{yaml(value, indent + '  ')}")
        else:
            lines.append(f"{indent}{name}: {json.dumps(value)}\n")
    return "".join(lines)
