"""How detectors are trained on a pre-trained backbone, a row each: MoCo's (He et al. 2020, sec. 4.2), and ours.

Every layer is trained, batch normalization too. A row is what `trainer.detection.train` trains and what
`trainer.detection.detectron2` writes as a configuration; a row with `Protocol.datasets` can be written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple


class Proposals(NamedTuple):
    """Regions that are kept before and after overlapping ones go: in training and in tests."""

    train_before: int
    test_before: int
    train_after: int
    test_after: int


ON_ONE_MAP, ON_EACH_MAP = Proposals(12000, 6000, 2000, 1000), Proposals(2000, 1000, 1000, 1000)


class Datasets(NamedTuple):
    """What Detectron2 trains on, what it tests on, and how many classes that has."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    classes: int


@dataclass(frozen=True)
class Protocol:
    """How a detector is made and trained.

    Attributes:
        source: whose protocol, and from where.
        neck: regions are cut from the last map but one, and the last stage is their head, with one more batch
            normalization (``"c4"``); or from a pyramid of all maps, batch normalization in it and in the masks' head
            (``"fpn"``).
        masks: Mask R-CNN, not Faster R-CNN.
        steps: of the whole run.
        milestones: steps after which the rate falls to a tenth.
        warm_up: steps in which the rate rises from a thousandth, linearly.
        sides: of images in training, their shorter side in pixels, one of these; in tests the last.
        longest: side of an image, in pixels.
        proposals: that are kept.
        anchors: sides of the anchors in pixels: all on the one map, or one on each map of the pyramid.
        region: side of what is cut out of a map, in its positions.
        regions: of an image that the second stage learns from.
        width: channels of the pyramid.
        rate: for `batch`; it scales with the batch linearly.
        decay: weight decay; none of batch normalization.
        least: score of a box that is told.
        most: boxes of an image.
        datasets: as Detectron2 names them; None: a row that only the trainer has.
    """

    source: str
    neck: Literal["c4", "fpn"]
    masks: bool
    steps: int
    milestones: tuple[int, ...]
    warm_up: int
    sides: tuple[int, ...]
    longest: int = 1333
    proposals: Proposals = ON_ONE_MAP
    anchors: tuple[int, ...] = (32, 64, 128, 256, 512)
    region: int = 14
    regions: int = 512
    width: int = 256
    batch: int = 16
    rate: float = 0.02
    decay: float = 1e-4
    least: float = 0.05
    most: int = 100
    datasets: Datasets | None = None

    def of_steps(self, steps: int) -> Protocol:
        """The same, with milestones and warm-up in proportion."""
        share = steps / self.steps
        return replace(
            self,
            steps=steps,
            milestones=tuple(round(share * step) for step in self.milestones),
            warm_up=round(share * self.warm_up),
        )

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, from 0, as a fraction of the full one."""
        warm = min(1.0, 0.001 + 0.999 * step / self.warm_up) if self.warm_up else 1.0
        return float(warm * 0.1 ** sum(step >= milestone for milestone in self.milestones))


_VOC = Protocol(
    "MoCo's code; LeOCLR, JointCrop, CLIM, InterCLR, ScoreCL",
    "c4", masks=False, steps=24_000, milestones=(18_000, 22_000), warm_up=100, sides=tuple(range(480, 801, 32)),
    datasets=Datasets(("voc_2007_trainval", "voc_2012_trainval"), ("voc_2007_test",), 20),
)  # fmt: skip
_COCO_1X = replace(
    _VOC, source="MoCo's paper; JointCrop, ScoreCL (1x is our reading)", masks=True, steps=90_000,
    milestones=(60_000, 80_000), warm_up=1000, sides=tuple(range(640, 801, 32)),
    datasets=Datasets(("coco_2017_train",), ("coco_2017_val",), 80),
)  # fmt: skip
_COCO_2X = replace(_COCO_1X, source="MoCo's code", steps=180_000, milestones=(120_000, 160_000))
_FPN = {"neck": "fpn", "region": 7, "proposals": ON_EACH_MAP}
_FPN_2X = replace(_COCO_2X, source="MoCo's paper; CLIM", **_FPN)  # type: ignore[arg-type]
_SCENES = Protocol(
    "ours, for scenes of 96 px",
    "c4", masks=False, steps=320, milestones=(240, 293), warm_up=20, sides=(96,), longest=96,
    proposals=Proposals(256, 256, 64, 64), anchors=(16, 32, 64), region=8, regions=32, width=64,
)  # fmt: skip

PROTOCOLS: dict[str, Protocol] = {
    "voc-c4": _VOC,
    "coco-c4-1x": _COCO_1X,
    "coco-c4-2x": _COCO_2X,
    "coco-boxes-c4-1x": replace(_COCO_1X, source="LeOCLR's paper, which has no schedule: 1x is ours", masks=False),
    "coco-fpn-1x": replace(_COCO_1X, source="MoCo's paper; CLIM", **_FPN),  # type: ignore[arg-type]
    "coco-fpn-2x": _FPN_2X,
    "scenes-c4": _SCENES,
    "scenes-fpn": replace(_SCENES, neck="fpn", masks=True, region=7),
}
"""By the name that detect.py takes."""

EXPORTED: dict[str, Protocol] = {
    **{name: row for name, row in PROTOCOLS.items() if row.datasets},
    "lvis-fpn-2x": replace(
        _FPN_2X, least=1e-4, most=300, datasets=Datasets(("lvis_v0.5_train",), ("lvis_v0.5_val",), 1230)
    ),
}
"""What is written for Detectron2; LVIS is trained on there alone."""
