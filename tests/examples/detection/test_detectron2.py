"""Files for Detectron2, which is not here: names and shapes of its ResNet, written down by hand, and back again."""

from __future__ import annotations

import json
import pickle
import re

import export
import numpy as np
import pytest
import torch
import torchvision
from trainer.detection.detectron2 import name_there, settings, yaml
from trainer.detection.protocols import EXPORTED, PROTOCOLS
from trainer.networks import Backbone
from trainer.training.loop import BACKBONE


def norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    names = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.norm.{value}": (width,) for value in names} | {f"{name}.norm.num_batches_tracked": ()}


def detectron2_resnet50() -> dict[str, tuple[int, ...]]:
    """Shapes by name of the ResNet-50 of Detectron2's ``build_resnet_backbone``, with normalization that is trained."""
    found = {"stem.conv1.weight": (64, 3, 7, 7)} | norm("stem.conv1", 64)
    inside = 64
    for stage, (blocks, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True), 2):
        for block in range(blocks):
            convolutions = {
                "conv1": (width, inside, 1, 1), "conv2": (width, width, 3, 3), "conv3": (4 * width, width, 1, 1)
            }  # fmt: skip
            if block == 0:
                convolutions["shortcut"] = (4 * width, inside, 1, 1)
            for name, shape in convolutions.items():
                found[f"res{stage}.{block}.{name}.weight"] = shape
                found |= norm(f"res{stage}.{block}.{name}", shape[0])
            inside = 4 * width
    return found


def back(name: str) -> str:
    """To torchvision's name."""
    name = name.replace("stem.conv1.norm.", "bn1.").replace("stem.", "").replace("shortcut.norm.", "downsample.1.")
    name = name.replace("shortcut.", "downsample.0.")
    return re.sub(r"^res(\d)", lambda m: f"layer{int(m[1]) - 1}", re.sub(r"conv(\d)\.norm\.", r"bn\1.", name))


@pytest.fixture
def run(tmp_path):
    def of(name: str, stem: str | None = "imagenet"):
        torch.manual_seed(0)
        backbone = Backbone(name, stem)
        torch.save(backbone.state_dict(), tmp_path / BACKBONE)
        (tmp_path / "settings.json").write_text(
            json.dumps({"backbone": name, "stem": stem, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1]})
        )
        return backbone, [str(tmp_path), str(tmp_path / "moco.pkl"), "--detectron2"]

    return of


def test_names_and_shapes_are_those_of_detectron2():
    with torch.device("meta"):
        state = Backbone("resnet50").state_dict()
    assert {name_there(name): tuple(value.shape) for name, value in state.items()} == detectron2_resnet50()


def test_the_pickle_comes_back_as_torchvisions_model(run, tmp_path, capsys):
    backbone, words = run("resnet18")
    assert export.main(words) == 0
    assert "resnet18 for Detectron2; beside it moco-NAME.yaml of voc-c4, coco-c4-1x" in capsys.readouterr().out
    found = pickle.loads((tmp_path / "moco.pkl").read_bytes())
    assert found["matching_heuristics"] is True
    assert {type(value) for value in found["model"].values()} == {np.ndarray}
    model = torchvision.models.resnet18()
    model.fc = torch.nn.Identity()
    model.load_state_dict({back(name): torch.from_numpy(value) for name, value in found["model"].items()}, strict=True)
    images = torch.rand(2, 3, 64, 64)
    assert torch.equal(model.eval()(images), backbone.eval()(images))


def test_settings_are_those_of_the_protocol(run, tmp_path):
    """MoCo's released configuration, written down by hand: what it says is in ours, value by value."""
    parse = pytest.importorskip("yaml").safe_load
    export.main(run("resnet18")[1])
    found = {name: parse((tmp_path / f"moco-{name}.yaml").read_text()) for name in EXPORTED}
    voc = found["voc-c4"]
    assert voc["MODEL"]["ROI_HEADS"]["NAME"] == "Res5ROIHeadsExtraNorm"
    assert (voc["MODEL"]["ROI_HEADS"]["NUM_CLASSES"], voc["MODEL"]["MASK_ON"]) == (20, False)
    assert voc["MODEL"]["BACKBONE"] == {"FREEZE_AT": 0}
    resnets = {"DEPTH": 18, "NORM": "SyncBN", "STRIDE_IN_1X1": False, "RES2_OUT_CHANNELS": 64}
    assert voc["MODEL"]["RESNETS"] == resnets
    assert voc["MODEL"]["RPN"]["PRE_NMS_TOPK_TEST"] == 6000
    assert voc["MODEL"]["PIXEL_MEAN"] == pytest.approx([127.5, 102, 76.5])
    assert voc["MODEL"]["WEIGHTS"] == "moco.pkl"
    assert voc["INPUT"]["MIN_SIZE_TRAIN"] == [480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800]
    assert (voc["INPUT"]["MIN_SIZE_TEST"], voc["INPUT"]["FORMAT"]) == (800, "RGB")
    assert voc["DATASETS"] == {"TRAIN": ["voc_2007_trainval", "voc_2012_trainval"], "TEST": ["voc_2007_test"]}
    assert voc["SOLVER"] == {
        "IMS_PER_BATCH": 16, "BASE_LR": 0.02, "WEIGHT_DECAY": 1e-4, "STEPS": [18000, 22000], "MAX_ITER": 24000,
        "WARMUP_ITERS": 100,
    }  # fmt: skip
    assert voc["TEST"] == {"DETECTIONS_PER_IMAGE": 100, "PRECISE_BN": {"ENABLED": True}}
    coco, lvis = found["coco-c4-2x"], found["lvis-fpn-2x"]
    assert (coco["MODEL"]["MASK_ON"], coco["MODEL"]["ROI_HEADS"]["NUM_CLASSES"]) == (True, 80)
    assert coco["INPUT"]["MIN_SIZE_TRAIN"] == [640, 672, 704, 736, 768, 800]
    assert (coco["SOLVER"]["STEPS"], coco["SOLVER"]["MAX_ITER"]) == ([120000, 160000], 180000)
    assert (found["coco-fpn-1x"]["SOLVER"]["STEPS"], found["coco-fpn-1x"]["SOLVER"]["MAX_ITER"]) == (
        [60000, 80000],
        90000,
    )
    assert found["coco-fpn-1x"]["MODEL"]["ANCHOR_GENERATOR"]["SIZES"] == [[32], [64], [128], [256], [512]]
    for part in ("FPN", "RESNETS", "ROI_MASK_HEAD"):  # batch normalization in the pyramid and the head as well
        assert lvis["MODEL"][part]["NORM"] == "SyncBN"
    assert lvis["DATASETS"] == {"TRAIN": ["lvis_v0.5_train"], "TEST": ["lvis_v0.5_val"]}
    assert (lvis["MODEL"]["ROI_HEADS"]["NUM_CLASSES"], lvis["TEST"]["DETECTIONS_PER_IMAGE"]) == (1230, 300)
    assert lvis["DATALOADER"]["SAMPLER_TRAIN"] == "RepeatFactorTrainingSampler"
    assert "lvis-fpn-2x" not in PROTOCOLS  # it is not trained on here


def test_yaml_says_every_setting():
    parse = pytest.importorskip("yaml").safe_load
    for protocol in EXPORTED.values():
        entries = settings(protocol, "there/it is: here.pkl", 50, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        assert parse(yaml(entries)) == entries


@pytest.mark.parametrize(
    ("name", "stem", "told"),
    [
        ("resnet8", None, "--detectron2 must be of a network that Detectron2 builds (resnet18, resnet34, resnet50"),
        ("resnet18", "small", "which Detectron2 does not build; export a run with --stem imagenet"),
    ],
)
def test_networks_that_detectron2_does_not_build(name, stem, told, run, tmp_path, capsys):
    assert export.main(run(name, stem)[1]) == 1
    assert told in capsys.readouterr().err
    assert not list(tmp_path.glob("moco*"))
