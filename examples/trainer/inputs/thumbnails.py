"""Small images in memory, split into some to learn from and some held out: what the demo and the figures run on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

from jointaug.image_files import image_files, is_junk, read_image

from ..record.progress import tqdm
from .rendered import RenderedToys

HELD_OUT = 4  # one image in four
STORED_SIDE = 96  # pixels; larger images of a folder are shrunk once, so that decoding does not hide the crops' cost

Pixels = NDArray[np.uint8]  # [H, W, 3]


class Thumbnails(Dataset[tuple[Image.Image, int]]):
    """Small images in memory, with their labels: ``(PIL image, label)``."""

    def __init__(self, images: Sequence[Pixels] | Pixels, labels: Sequence[int]) -> None:
        self.images, self.labels = images, list(labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.fromarray(self.images[index]), self.labels[index]


@dataclass(frozen=True)
class Split:
    """Thumbnails to learn from, and others that are held out.

    Attributes:
        train: to learn from.
        held_out: of the same classes.
        classes: names of the labels.
        origin: in words, where they are from.
    """

    train: Thumbnails
    held_out: Thumbnails
    classes: list[str]
    origin: str


def rendered_thumbnails(count: int, processes: int) -> Split:
    """Rendered toys, ``count`` in all."""
    toys = RenderedToys(count, processes=processes)
    first = len(toys) - len(toys) // HELD_OUT
    train = Thumbnails(toys.images[:first], toys.labels[:first])
    held_out = Thumbnails(toys.images[first:], toys.labels[first:])
    return Split(train, held_out, list(toys.classes), "rendered toys of 96 x 96 pixels (examples/rendered.py, seed 0)")


def folder_thumbnails(root: Path, count: int, threads: int) -> Split:
    """The images of ``root/<class>/``, at most about ``count``, as many of each class; a quarter is held out.

    Which images are taken and which are held out depends on their names alone. A file that cannot be read is named and
    skipped, and another one of its class takes its place.

    Raises:
        ValueError: unless there are at least two class folders with two readable images each.
    """
    folders = class_folders(root)
    quota = max(count // len(folders), HELD_OUT)
    train: list[tuple[Any, int]] = []
    held_out: list[tuple[Any, int]] = []
    classes: list[str] = []
    skipped = 0
    with ThreadPoolExecutor(threads) as pool:
        for folder in tqdm(folders, desc="reading", unit="class", leave=False):
            images, bad = read_class(folder, quota, pool)
            skipped += len(bad)
            for path, reason in bad:
                tqdm.write(f"skipped {path}: {reason}")
            if len(images) < 2:
                tqdm.write(
                    f"left out class {folder.name}: {len(images)} readable images, and it takes one to learn from "
                    "and one to hold out"
                )
                continue
            first = len(images) - max(len(images) // HELD_OUT, 1)
            train += [(image, len(classes)) for image in images[:first]]
            held_out += [(image, len(classes)) for image in images[first:]]
            classes.append(folder.name)
    if len(classes) < 2:
        raise ValueError(
            f"--data must hold at least two classes with two readable images each, got {len(classes)} in {root} "
            f"({skipped} unreadable files skipped); k-NN accuracy compares classes"
        )
    origin = (
        f"{len(train) + len(held_out)} images from {root} (at most {quota} a class, shorter side at most "
        f"{STORED_SIDE} pixels; {skipped} unreadable files skipped)"
    )
    print(f"{skipped} unreadable files skipped")
    return Split(Thumbnails(*zip(*train, strict=True)), Thumbnails(*zip(*held_out, strict=True)), classes, origin)


def class_folders(root: Path) -> list[Path]:
    """The folders in ``root`` that have images in them.

    Raises:
        ValueError: with the remedy, unless there are at least two.
    """
    remedy = "give a folder with one folder for each class and the images in these: DATA/cat/1.jpg, DATA/dog/1.jpg"
    if not root.is_dir():
        state = "a file" if root.exists() else "not there"
        raise ValueError(f"--data must be a folder, got {str(root)!r}, which is {state}; {remedy}")
    inside = sorted(entry for entry in root.iterdir() if entry.is_dir() and not is_junk(entry.name))
    folders = [folder for folder in inside if image_files(folder, deep=False)]
    if len(folders) >= 2:
        return folders
    nested = [folder for folder in inside if any(x.is_dir() and not is_junk(x.name) for x in folder.iterdir())]
    if nested and not folders:
        remedy = f"its folders hold folders, so try --data {nested[0]}"
    raise ValueError(
        f"--data must hold at least two class folders with images in them, got {str(root)!r} with {len(folders)} "
        f"(folders: {len(inside)}, images outside of folders: {len(image_files(root, deep=False))}); {remedy}"
    )


def in_fair_order(folder: Path) -> list[Path]:
    """The image files of a folder, ordered by a hash of their names: a fair sample wherever the list is cut."""
    return sorted(image_files(folder, deep=False), key=lambda path: blake2b(path.name.encode(), digest_size=8).digest())


def read_class(folder: Path, quota: int, pool: ThreadPoolExecutor) -> tuple[list[Pixels], list[tuple[Path, str]]]:
    """Up to ``quota`` images of a class, and the files that could not be read, each with the reason."""
    images: list[Pixels] = []
    bad: list[tuple[Path, str]] = []
    files = iter(in_fair_order(folder))
    while chunk := list(islice(files, quota - len(images))):
        for path, result in zip(chunk, pool.map(small_image, chunk), strict=True):
            if isinstance(result, str):
                bad.append((path, result))
            else:
                images.append(result)
    return images, bad


def small_image(path: Path) -> Pixels | str:
    """An image, its shorter side at most `STORED_SIDE` pixels; or the reason why it cannot be read."""
    try:
        image = read_image(path, least=2 * STORED_SIDE)
    except ValueError as error:
        return f"{type(error.__cause__).__name__}: {error.__cause__}"
    if min(image.size) > STORED_SIDE:
        shrink = STORED_SIDE / min(image.size)
        width, height = (round(side * shrink) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.array(image)


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_thumbnails(root: Path | None, count: int) -> Split:
    """Rendered toys, or images below a folder: by class where it has class folders, else as they come.

    Raises:
        ValueError: for a folder without two readable images.
    """
    if root is None:
        return rendered_thumbnails(count, available_cores())
    try:
        return folder_thumbnails(root, count, available_cores())
    except ValueError:
        if not root.is_dir():
            raise
    folders = sorted({path.parent for path in image_files(root)})
    files = list(chain.from_iterable(in_fair_order(path) for path in folders))[:count]
    with ThreadPoolExecutor(available_cores()) as pool:
        found = [image for image in pool.map(small_image, files) if not isinstance(image, str)]
    if len(found) < 2:
        raise ValueError(f"--data must hold at least two readable images, got {len(found)} below {str(root)!r}")
    origin = f"{len(found)} images from {root} ({len(files) - len(found)} unreadable files skipped)"
    return Split(Thumbnails(found, [0] * len(found)), Thumbnails([], []), ["all"], origin)


def spread(images: Thumbnails, count: int) -> Thumbnails:
    """At most ``count`` of the images, evenly over the set (which may be in the order of its classes)."""
    chosen = [len(images) * k // min(count, len(images)) for k in range(min(count, len(images)))]
    return Thumbnails([images.images[i] for i in chosen], [images.labels[i] for i in chosen])
