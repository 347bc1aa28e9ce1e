"""Images that show several objects, with the classes of all of them: VOC's and COCO's trees as they are distributed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import torch
from torch import Tensor
from torchvision import datasets

from .sources import Images

SHOWN, ABSENT, UNSURE = 1, 0, -1


@dataclass(frozen=True)
class Objects:
    """Images and what they show.

    Attributes:
        images: without labels of their own.
        shows: int8 ``[N, classes]``: `SHOWN`; `ABSENT`; or `UNSURE`, if all objects of the class are difficult (VOC) or
            crowds (COCO).
        classes: their names.
    """

    images: Images
    shows: Tensor
    classes: tuple[str, ...]


def read_voc(root: str, more: Sequence[str] = ()) -> tuple[Objects, Objects]:
    """VOC 2007's ``trainval`` and ``test``, by torchvision's reader; the classes are those that occur.

    Args:
        root: that holds ``VOCdevkit``.
        more: years whose ``trainval`` is learned from as well.

    Raises:
        RuntimeError: torchvision's, if a file is not there.
        ValueError: for an annotation without ``difficult``, or classes that are in ``test`` alone.
    """
    learned = [datasets.VOCDetection(root, year, "trainval") for year in ("2007", *more)]
    parts = [learned, [datasets.VOCDetection(root, "2007", "test")]]
    found = [[_voc_objects(file) for reader in part for file in reader.annotations] for part in parts]
    return _pair([[file for reader in part for file in reader.images] for part in parts], found, f"{root}'s test")


def _voc_objects(file: str) -> list[tuple[str, bool]]:
    """Name of each object, and whether it is difficult."""
    found = []
    for entry in ET.parse(file).getroot().iter("object"):
        name, difficult = entry.findtext("name"), entry.findtext("difficult")
        if name is None or difficult is None:
            raise ValueError(
                f"every object in {file} must have a name and say whether it is difficult, got {name} without; VOC's "
                "protocol leaves difficult objects out: add <difficult>0</difficult> where none is"
            )
        found.append((name, difficult.strip() == "1"))
    return found


def read_coco(root: str) -> tuple[Objects, Objects]:
    """COCO's ``train2017`` and ``val2017``; an image without objects, of which COCO has some, shows none.

    Raises:
        FileNotFoundError: if a file is not there.
        ValueError: for annotations that are no JSON of COCO's, or name images or categories that do not exist.
    """
    files, found = [], []
    for part in ("train2017", "val2017"):
        names, objects = _coco_objects(Path(root) / "annotations" / f"instances_{part}.json", Path(root) / part)
        files.append(names)
        found.append(objects)
    return _pair(files, found, f"{root}'s val2017")


def _coco_objects(file: Path, folder: Path) -> tuple[list[str], list[list[tuple[str, bool]]]]:
    """The images' files, and of each image the category of each object and whether it is a crowd."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        images, annotations = document["images"], document["annotations"]
        categories = {row["id"]: row["name"] for row in document["categories"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} must be COCO's JSON with images, annotations and categories, and is not ({error!r}); take the "
            "file of the distribution"
        ) from error
    empty = [row["file_name"] for row in images if not (row["height"] > 0 and row["width"] > 0)]
    if empty:
        raise ValueError(f"images in {file} must have pixels, got height or width 0 in {empty[0]}; take it out")
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not there")
    objects: dict[Any, list[tuple[str, bool]]] = {row["id"]: [] for row in images}
    for row in annotations:
        if row["image_id"] not in objects or row["category_id"] not in categories:
            raise ValueError(
                f"annotations in {file} must be of its images and categories, got image {row['image_id']} and category "
                f"{row['category_id']}; take both from one distribution"
            )
        objects[row["image_id"]].append((categories[row["category_id"]], bool(row.get("iscrowd"))))
    order = sorted(images, key=lambda row: str(row["file_name"]))
    return [str(folder / row["file_name"]) for row in order], [objects[row["id"]] for row in order]


def _pair(
    files: Sequence[Sequence[str]], found: Sequence[Sequence[Sequence[tuple[str, bool]]]], second: str
) -> tuple[Objects, Objects]:
    """Both parts, with the classes of the first."""
    names = [sorted({name for image in part for name, _ in image}) for part in found]
    alone = sorted(set(names[1]) - set(names[0]))
    if alone or len(names[0]) < 2:
        raise ValueError(
            f"{second} must have classes that are learned, at least two of them, got {', '.join(alone) or names[0]}; "
            "take both parts from one distribution"
        )
    number = {name: label for label, name in enumerate(names[0])}
    train, test = (
        Objects(Images.of_files(list(part), None), _shows(objects, number), tuple(number))
        for part, objects in zip(files, found, strict=True)
    )
    return train, test


def _shows(objects: Sequence[Sequence[tuple[str, bool]]], number: dict[str, int]) -> Tensor:
    table = torch.full((len(objects), len(number)), ABSENT, dtype=torch.int8)
    for row, image in zip(table, objects, strict=True):
        for name, unsure in image:
            if row[number[name]] != SHOWN:
                row[number[name]] = UNSURE if unsure else SHOWN
    return table
