"""Images with a box around each object, and perhaps a mask of it: VOC's and COCO's trees, by torchvision's readers."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import torch
from torch import Tensor
from torchvision import datasets

from ..evaluation.images import Images, open_images
from ..inputs.named import OBJECTS


@dataclass(frozen=True)
class Target:
    """The objects of one image.

    Attributes:
        boxes: float32 ``[n, 4]``: left, top, right and bottom in pixels; right and bottom are outside.
        labels: int64 ``[n]``, from 1: 0 is the ground.
        unsure: bool ``[n]``: difficult (VOC) or a crowd (COCO); a test asks nothing of them.
        learned: bool ``[n]``: a detector learns from them; not from crowds, and not from boxes without an area, of
            which COCO has some.
        masks: uint8 ``[n, h, w]``, 1 in an object's pixels; None where none were asked for.
    """

    boxes: Tensor
    labels: Tensor
    unsure: Tensor
    learned: Tensor
    masks: Tensor | None = None


@dataclass(frozen=True)
class Boxed:
    """Images, and the objects of each by its row."""

    images: Images
    target: Callable[[int], Target]

    def __len__(self) -> int:
        return len(self.images)


def open_boxes(where: str, *, masks: bool = False) -> tuple[Boxed, Boxed]:
    """Images to learn from and images to test on.

    Args:
        where: ``voc07:FOLDER``, ``voc0712:FOLDER`` or ``coco:FOLDER``.
        masks: each object's is read too; of COCO alone.

    Raises:
        ValueError: for other data, masks of VOC, or annotations that lack something; with the file.
        FileNotFoundError: if something is not there; with what must lie where.
    """
    kind, _, root = where.partition(":")
    if kind not in OBJECTS or not root:
        raise ValueError(f"--data must have boxes, got {where}; take {', '.join(f'{name}:FOLDER' for name in OBJECTS)}")
    if masks and kind != "coco":
        raise ValueError(f"--data must have masks for Mask R-CNN, got {where}; take coco:FOLDER, or another protocol")
    train, test = open_images(where, 0)
    number = {name: label for label, name in enumerate(train.classes, 1)}
    if kind == "coco":
        parts = [
            Boxed(images, _coco(Path(root), part, images, number, masks))
            for part, images in (("train2017", train), ("val2017", test))
        ]
    else:
        parts = [Boxed(images, _voc(images, number)) for images in (train, test)]
    return parts[0], parts[1]


def _names(images: Images) -> Sequence[str]:
    return images.source.names  # type: ignore[union-attr]  # of files, as open_objects has them


def _voc(images: Images, number: dict[str, int]) -> Callable[[int], Target]:
    found = [_voc_target(Path(file).parents[1] / "Annotations" / f"{Path(file).stem}.xml", number)
             for file in _names(images)]  # fmt: skip
    return found.__getitem__


def _voc_target(file: Path, number: dict[str, int]) -> Target:
    boxes, labels, unsure = [], [], []
    for entry in ET.parse(file).getroot().iter("object"):
        texts = [entry.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
        try:
            left, top, right, bottom = (float(text or "") for text in texts)
        except ValueError:
            raise ValueError(
                f"every object in {file} must have a bndbox with xmin, ymin, xmax and ymax, got {texts}; take the file "
                "of the distribution"
            ) from None
        boxes.append([left - 1, top - 1, right, bottom])  # VOC counts from 1 and names the last pixel inside
        labels.append(number[entry.findtext("name", "")])
        unsure.append(entry.findtext("difficult", "").strip() == "1")
    return _target(boxes, labels, unsure)


def _target(
    boxes: list[list[float]], labels: list[int], unsure: list[bool], crowds: bool = False, masks: Tensor | None = None
) -> Target:
    corners, hidden = torch.tensor(boxes).reshape(-1, 4), torch.tensor(unsure, dtype=torch.bool)
    learned = (corners[:, 2:] > corners[:, :2]).all(1)
    if crowds:
        learned &= ~hidden
    return Target(corners, torch.tensor(labels, dtype=torch.int64), hidden, learned, masks)


def _coco(root: Path, part: str, images: Images, number: dict[str, int], masks: bool) -> Callable[[int], Target]:
    file = root / "annotations" / f"instances_{part}.json"
    with redirect_stdout(io.StringIO()):  # pycocotools tells how long it takes
        coco: Any = datasets.CocoDetection(str(root / part), str(file)).coco
    ids = {str(root / part / row["file_name"]): key for key, row in coco.imgs.items()}
    if masks and (bare := [row["id"] for row in coco.anns.values() if not row.get("segmentation")]):
        raise ValueError(
            f"every annotation in {file} must have a segmentation for Mask R-CNN, got none in {bare[0]}; take the file "
            "of the distribution, or a protocol without masks"
        )
    labels = {key: number.get(row["name"], 0) for key, row in coco.cats.items()}
    return _CocoTargets(coco, [ids[name] for name in _names(images)], labels, masks)


@dataclass(frozen=True)
class _CocoTargets:
    """Of a row.

    Attributes:
        coco: pycocotools' index of the file.
        ids: of the images, by row.
        labels: of the categories that occur, by their numbers.
    """

    coco: Any
    ids: list[int]
    labels: dict[int, int]
    masks: bool

    def __call__(self, row: int) -> Target:
        found = self.coco.imgToAnns[self.ids[row]]
        corners = [[x, y, x + width, y + height] for x, y, width, height in (one["bbox"] for one in found)]
        masks = None
        if self.masks:
            size = self.coco.imgs[self.ids[row]]
            masks = torch.zeros(len(found), size["height"], size["width"], dtype=torch.uint8)
            for mask, one in zip(masks, found, strict=True):
                mask.copy_(torch.from_numpy(self.coco.annToMask(one)))
        labels, crowds = [self.labels[one["category_id"]] for one in found], [bool(one.get("iscrowd")) for one in found]
        return _target(corners, labels, crowds, crowds=True, masks=masks)
