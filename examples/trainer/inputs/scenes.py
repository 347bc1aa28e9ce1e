"""Scenes: one to four rendered toys on one ground, with boxes, masks and labels; as VOC and COCO lie on a disk.

The picture is cut into as many rooms, a toy stands in each, and rooms overlap a little, so that toys in front hide
parts of others. A box is the smallest around the pixels of a toy that can be seen. A toy of which more than `HIDDEN` is
hidden is *difficult*, as VOC has it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..record.files import replace
from .rendered import CLASSES, Draws, Placed, check_picture, ground, paint, place, to_pixels
from .shapes import Array, Box

MOST = 4  # toys of a scene
OVERLAP = 0.25  # of the picture's side, that a room reaches into the next
HIDDEN = 0.12  # of a toy's pixels, beyond which it is difficult
QUALITY = 95  # of JPEG files
VOC = Path("VOCdevkit", "VOC2007")


@dataclass(frozen=True)
class Toy:
    """A toy of a scene.

    Attributes:
        label: index into `CLASSES`.
        mask: bool ``[size, size]``, its pixels that can be seen; at least one.
        difficult: more than `HIDDEN` of it is hidden.
    """

    label: int
    mask: NDArray[np.bool_]
    difficult: bool

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the mask, in pixels; right and bottom are outside."""
        rows, columns = (self.mask.any(axis).nonzero()[0] for axis in (1, 0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@dataclass(frozen=True)
class Scene:
    """A picture, uint8 ``[size, size, 3]``, and its toys, the rearmost first."""

    pixels: NDArray[np.uint8]
    toys: tuple[Toy, ...]


def render_scene(index: int, *, seed: int = 0, size: int = 96) -> Scene:
    """Scene ``index`` of the set ``seed``: ``1 + index % 4`` toys, their classes drawn one by one.

    Args:
        index: which scene; 0 or more.
        seed: which set; 0 or more. Its draws are not those of pictures of one toy.
        size: side of the square picture, in pixels; 16 or more.

    Raises:
        ValueError: for a negative index or seed, or a side under 16 pixels.
    """
    check_picture(index, seed, size)
    draws = Draws(seed, index, 512, stream=1)
    placed = [place(draws, draws.below(len(CLASSES)), room) for room in _rooms(draws, 1 + index % MOST, size)]
    canvas = ground(draws, size)
    for toy in placed:
        paint(canvas, toy, draws)
    whole = [_covered(toy, size) for toy in placed]
    seen = [mask & ~np.logical_or.reduce([np.zeros_like(mask), *whole[k + 1 :]]) for k, mask in enumerate(whole)]
    toys = tuple(
        Toy(toy.label, mask, bool(mask.sum() < (1 - HIDDEN) * full.sum()))
        for toy, mask, full in zip(placed, seen, whole, strict=True)
    )
    return Scene(to_pixels(canvas), toys)


def _rooms(draws: Draws, count: int, size: int) -> list[Box]:
    """The picture, cut once to three times, each time the largest room across its longer side."""
    rooms = [Box(0.0, 0.0, float(size), float(size))]
    while len(rooms) < count:
        room = max(rooms, key=lambda r: (r.right - r.left) * (r.bottom - r.top))
        rooms.remove(room)
        at, across = draws.between(0.42, 0.58), room.right - room.left >= room.bottom - room.top
        if across:
            middle = room.left + at * (room.right - room.left)
            rooms += [Box(room.left, room.top, middle, room.bottom), Box(middle, room.top, room.right, room.bottom)]
        else:
            middle = room.top + at * (room.bottom - room.top)
            rooms += [Box(room.left, room.top, room.right, middle), Box(room.left, middle, room.right, room.bottom)]
    more = OVERLAP * size / 2
    return [
        Box(max(r.left - more, 0.0), max(r.top - more, 0.0), min(r.right + more, size), min(r.bottom + more, size))
        for r in rooms
    ]


def _covered(toy: Placed, size: int) -> NDArray[np.bool_]:
    """The pixels whose middle lies in one of the toy's shapes."""
    middles: Array = np.arange(size, dtype=np.float64) + 0.5
    inside = np.zeros((size, size), np.bool_)
    for shape in toy.shapes:
        inside |= shape.distance(middles[None, :], middles[:, None]) <= 0
    return inside


@dataclass(frozen=True)
class Scenes:
    """Scenes ``0``, ..., ``count - 1`` of the set ``seed``, rendered when they are asked for.

    Raises:
        ValueError: for no scenes, and as `render_scene`.
    """

    count: int
    seed: int = 0
    size: int = 96

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count must be at least 1, got {self.count!r}; four scenes show one to four toys")
        check_picture(0, self.seed, self.size)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Scene]:
        return (render_scene(index, seed=self.seed, size=self.size) for index in range(self.count))


def write_voc(root: Path, train: Scenes, test: Scenes) -> None:
    """Write scenes as VOC 2007 lies on a disk: ``trainval`` and ``test``, with instances as ``SegmentationObject``."""
    for name in ("JPEGImages", "Annotations", "SegmentationObject", "ImageSets/Main", "ImageSets/Segmentation"):
        (root / VOC / name).mkdir(parents=True, exist_ok=True)
    numbers = iter(range(1, len(train) + len(test) + 1))
    for part, scenes in (("trainval", train), ("test", test)):
        names = [f"{number:06d}" for number in islice(numbers, len(scenes))]
        for name, scene in zip(names, scenes, strict=True):
            replace(root / VOC / "JPEGImages" / f"{name}.jpg", _jpeg(scene))
            replace(root / VOC / "Annotations" / f"{name}.xml", ET.tostring(_annotation(name, scene)))
            _instances(scene).save(root / VOC / "SegmentationObject" / f"{name}.png")
        for folder in ("Main", "Segmentation"):
            (root / VOC / "ImageSets" / folder / f"{part}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


def _annotation(name: str, scene: Scene) -> ET.Element:
    tree = ET.Element("annotation")
    _add(tree, {"folder": VOC.name, "filename": f"{name}.jpg"})
    height, width, depth = scene.pixels.shape
    _add(ET.SubElement(tree, "size"), {"width": width, "height": height, "depth": depth})
    for toy in scene.toys:
        entry = ET.SubElement(tree, "object")
        _add(entry, {"name": CLASSES[toy.label], "truncated": 0, "difficult": int(toy.difficult)})
        left, top, right, bottom = toy.box  # VOC counts from 1 and names the last pixel inside
        box = ET.SubElement(entry, "bndbox")
        _add(box, {"xmin": left + 1, "ymin": top + 1, "xmax": right, "ymax": bottom})
    return tree


def _add(tree: ET.Element, texts: dict[str, str | int]) -> None:
    for name, text in texts.items():
        ET.SubElement(tree, name).text = str(text)


def _instances(scene: Scene) -> Image.Image:
    """Each toy's number, from 1, in its pixels."""
    numbers = np.zeros(scene.pixels.shape[:2], np.uint8)
    for number, toy in enumerate(scene.toys, 1):
        numbers[toy.mask] = number
    image = Image.fromarray(numbers, "L").convert("P")
    image.putpalette([level for k in range(256) for level in ((k * 83) % 256, (k * 151) % 256, (k * 29) % 256)])
    return image


def write_coco(root: Path, train: Scenes, test: Scenes) -> None:
    """Write scenes as COCO 2017 lies on a disk: ``train2017`` and ``val2017``, and the instances of each."""
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    categories = [{"id": label + 1, "name": name, "supercategory": "toy"} for label, name in enumerate(CLASSES)]
    for part, scenes in (("train2017", train), ("val2017", test)):
        (root / part).mkdir(exist_ok=True)
        images: list[dict[str, object]] = []
        annotations: list[dict[str, object]] = []
        for number, scene in enumerate(scenes, 1):
            name, (height, width, _) = f"{number:012d}.jpg", scene.pixels.shape
            replace(root / part / name, _jpeg(scene))
            images.append({"id": number, "file_name": name, "height": height, "width": width})
            annotations += [_coco(toy, number, len(annotations) + k) for k, toy in enumerate(scene.toys, 1)]
        document = {"images": images, "annotations": annotations, "categories": categories}
        replace(root / "annotations" / f"instances_{part}.json", json.dumps(document).encode())


def _coco(toy: Toy, image: int, number: int) -> dict[str, object]:
    left, top, right, bottom = toy.box
    return {
        "id": number, "image_id": image, "category_id": toy.label + 1, "iscrowd": 0, "area": int(toy.mask.sum()),
        "bbox": [left, top, right - left, bottom - top],
        "segmentation": {"size": list(toy.mask.shape), "counts": run_lengths(toy.mask)},
    }  # fmt: skip


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs down the columns, from the left; of pixels outside first, perhaps none."""
    down = np.concatenate([[False], mask.ravel(order="F")])
    ends = np.concatenate([(down[1:] != down[:-1]).nonzero()[0], [mask.size]])
    return [int(length) for length in np.diff(ends, prepend=0)]


def _jpeg(scene: Scene) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(scene.pixels).save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue()
