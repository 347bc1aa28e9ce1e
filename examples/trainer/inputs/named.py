"""Data sets by the names of their makers, as they are distributed; nothing is ever downloaded.

A reader takes the folder and gives what `trainer.inputs.data.open_data` gives. `NAMED` has them all, each with what
must lie in the folder, which is said where it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torchvision import datasets

from jointaug.image_files import image_files, is_junk

from .objects import Objects, read_coco, read_voc
from .sources import Data, Images, Pixels


@dataclass(frozen=True)
class _Of:
    """The image of an index in one of torchvision's data sets."""

    dataset: Any

    def __call__(self, index: int) -> Image.Image:
        image: Image.Image = self.dataset[index][0]
        return image


def _torchvision(dataset: Any, labels: Sequence[int] | None) -> Images:
    names = [f"image {index} of {type(dataset).__name__} in {dataset.root}" for index in range(len(dataset))]
    known = None if labels is None else torch.as_tensor(labels, dtype=torch.int64)
    return Images(names, _Of(dataset), known)


def _cifar(root: str, kind: type[datasets.CIFAR10] = datasets.CIFAR10) -> Data:
    train, test = kind(root, train=True), kind(root, train=False)
    return Data(_torchvision(train, train.targets), _torchvision(test, test.targets), tuple(train.classes))


def _stl10(root: str) -> Data:
    """Trained on are the 100,000 images without labels; the 5,000 with labels are the bank."""
    unlabelled, train, test = (datasets.STL10(root, part) for part in ("unlabeled", "train", "test"))
    bank, held_out = _torchvision(train, train.labels), _torchvision(test, test.labels)
    return Data(_torchvision(unlabelled, None), held_out, tuple(train.classes), bank)


class _ImageNet(datasets.ImageNet):
    """ImageNet's folders without what others left there."""

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """The class folders."""
        names = [name for name in super().find_classes(directory)[0] if not is_junk(name)]
        return names, {name: label for label, name in enumerate(names)}

    @staticmethod
    def make_dataset(directory: str | Path, class_to_idx: dict[str, int], *_: Any, **__: Any) -> list[tuple[str, int]]:
        """The files in them."""
        return [
            (str(path), class_to_idx[name]) for name in class_to_idx for path in image_files(Path(directory) / name)
        ]


def _imagenet(root: str) -> Data:
    train, val = (_ImageNet(root, part) for part in ("train", "val"))
    parts = [Images.of_files([path for path, _ in part.samples], torch.tensor(part.targets)) for part in (train, val)]
    return Data(parts[0], parts[1], tuple(names[0] for names in train.classes))


def _imagenet100(root: str) -> Data:
    """The hundred classes of ``imagenet100.txt``, a WordNet identifier a line."""
    listed = sorted(set((Path(root) / CLASS_LIST).read_text(encoding="utf-8").split()))
    if not listed:
        raise ValueError(f"{Path(root) / CLASS_LIST} must name classes, a WordNet identifier a line, got none; fill it")
    folders = [(Path(root) / part, part) for part in ("train", "val")]
    lacking = [f"{part}/{name}" for folder, part in folders for name in listed if not (folder / name).is_dir()]
    if lacking:
        raise ValueError(
            f"{Path(root) / CLASS_LIST} must name folders of train and val, got {len(lacking)} that are none: "
            f"{', '.join(lacking[:5])}; correct the list, or put these folders there"
        )
    train, val = (_of_classes(folder, listed) for folder, _ in folders)
    return Data(train, val, tuple(listed))


def _of_classes(folder: Path, classes: Sequence[str]) -> Images:
    found = [(str(path), label) for label, name in enumerate(classes) for path in image_files(folder / name)]
    return Images.of_files([name for name, _ in found], torch.tensor([label for _, label in found]))


def _tiny(root: str) -> Data:
    """Tiny-ImageNet: ``train/<class>/images``, and ``val/images`` with a table of their classes."""
    folder = Path(root)
    classes = sorted((folder / "wnids.txt").read_text(encoding="utf-8").split())
    number = {name: label for label, name in enumerate(classes)}
    table = (folder / "val" / "val_annotations.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t")[:2] for line in table if line]
    unknown = sorted({name for _, name in rows} - set(classes))
    if unknown:
        raise ValueError(
            f"{folder / 'val' / 'val_annotations.txt'} must name classes of wnids.txt, got {', '.join(unknown[:5])}; "
            "take both files from one archive"
        )
    files = [str(folder / "val" / "images" / file) for file, _ in rows]
    val = Images.of_files(files, torch.tensor([number[name] for _, name in rows]))
    return Data(_of_classes(folder / "train", classes), val, tuple(classes))


@dataclass(frozen=True)
class _Files:
    """One of torchvision's readers that keep a list of files and one of labels.

    Attributes:
        reader: takes the folder and a split.
        train: splits to learn from; all of them together.
        files: the reader's attribute, or its place in ``_samples``.
    """

    reader: Callable[..., Any]
    train: tuple[str, ...]
    files: str = "_image_files"

    def __call__(self, root: str) -> Data:
        parts = [[self.reader(root, split=split) for split in splits] for splits in (self.train, ("test",))]
        train, test = (self._images(part) for part in parts)
        return Data(train, test, tuple(parts[0][0].classes))

    def _images(self, part: list[Any]) -> Images:
        if self.files == "_samples":
            pairs = [pair for dataset in part for pair in attrgetter("_samples")(dataset)]
        else:
            columns = [attrgetter(self.files, "_labels")(dataset) for dataset in part]
            pairs = [pair for files, labels in columns for pair in zip(files, labels, strict=True)]
        return Images.of_files([str(file) for file, _ in pairs], torch.tensor([int(label) for _, label in pairs]))


def _lists(root: str, train: str = "train.txt", test: str = "test.txt", classes: int | None = None) -> Data:
    """Two lists of images: ``path class`` a line, apart by a space or a comma; paths are from the folder on."""
    parts = [_list(Path(root) / name) for name in (train, test)]
    found = {name for part in parts for _, name in part}
    names = sorted(found, key=int if all(name.isdecimal() for name in found) else str)
    if classes is not None and len(names) != classes:
        raise ValueError(
            f"{Path(root) / train} and {test} must have images of {classes} classes, got {len(names)}; take the whole "
            "lists, or open a part of the data as lists:FOLDER"
        )
    missing = sorted(set(names) - {name for _, name in parts[0]})
    if missing:
        raise ValueError(
            f"{Path(root) / train} must have an image of every class of {test}, got none of {', '.join(missing[:5])}; "
            "take lists of one data set"
        )
    number = {name: label for label, name in enumerate(names)}
    learned, held_out = (
        Images.of_files([str(Path(root) / path) for path, _ in part], torch.tensor([number[name] for _, name in part]))
        for part in parts
    )
    return Data(learned, held_out, tuple(names))


def _list(file: Path) -> list[tuple[str, str]]:
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = [line.rsplit("," if "," in line else None, 1) for line in lines]
    wrong = next((line for line, row in zip(lines, rows, strict=True) if len(row) < 2), None)
    if wrong is not None or not rows:
        raise ValueError(
            f"{file} must have lines of a path and a class, apart by a space or a comma, got {wrong or 'none'!r}; add "
            "the class"
        )
    absent = next(
        (path for path, _ in rows[:: max(1, len(rows) // 100)] if not (file.parent / path.strip()).exists()), None
    )
    if absent is not None:
        raise FileNotFoundError(f"{file} names {absent!r}, which is not there; its paths are from {file.parent} on")
    return [(path.strip(), name.strip()) for path, name in rows]


def _objects(root: str, read: Callable[[str], tuple[Objects, Objects]]) -> Data:
    """Images that show several objects: without labels, and none held out."""
    return Data(read(root)[0].images, None)


@dataclass(frozen=True)
class Named:
    """A data set: its reader, and what its folder must hold."""

    read: Callable[[str], Data]
    holds: str


def _pixels(root: str) -> Data:
    held = torch.load(Path(root) / PIXELS, weights_only=True)
    return Data(Pixels(*held["train"]), Pixels(*held["test"]), tuple(held["classes"]))


CLASS_LIST, PIXELS = "imagenet100.txt", "pixels.pt"
_read_voc0712 = partial(read_voc, more=("2012",))
_PARTS = "train/<class>/ and val/<class>/"
NAMED: dict[str, Named] = {
    "cifar10": Named(_cifar, "cifar-10-batches-py/"),
    "cifar100": Named(partial(_cifar, kind=datasets.CIFAR100), "cifar-100-python/"),
    "stl10": Named(_stl10, "stl10_binary/"),
    "imagenet": Named(_imagenet, f"{_PARTS}, and meta.bin or the development kit's archive"),
    "imagenet100": Named(_imagenet100, f"{_PARTS}, and {CLASS_LIST}, a WordNet identifier a line"),
    "tiny-imagenet": Named(_tiny, "wnids.txt, train/<class>/images/, val/images/ and val/val_annotations.txt"),
    "food101": Named(_Files(datasets.Food101, ("train",)), "food-101/ with images/ and meta/"),
    "flowers102": Named(
        _Files(datasets.Flowers102, ("train", "val")), "flowers-102/ with jpg/, imagelabels.mat and setid.mat"
    ),
    "aircraft": Named(_Files(datasets.FGVCAircraft, ("trainval",)), "fgvc-aircraft-2013b/ with data/"),
    "dtd": Named(_Files(datasets.DTD, ("train", "val")), "dtd/dtd/ with images/ and labels/"),
    "cars": Named(
        _Files(datasets.StanfordCars, ("train",), "_samples"),
        "stanford_cars/ with devkit/, cars_train/, cars_test/ and cars_test_annos_withlabels.mat",
    ),
    "pets": Named(
        _Files(datasets.OxfordIIITPet, ("trainval",), "_images"), "oxford-iiit-pet/ with images/ and annotations/"
    ),
    "places205": Named(
        partial(_lists, train="train_places205.csv", test="val_places205.csv", classes=205),
        "train_places205.csv and val_places205.csv, a path and a class a line, and the images at these paths",
    ),
    "birdsnap": Named(
        partial(_lists, classes=500), "train.txt and test.txt, a path and a class a line, and the images at these paths"
    ),
    "lists": Named(_lists, "train.txt and test.txt, a path and a class a line, and the images at these paths"),
    "voc07": Named(
        partial(_objects, read=read_voc), "VOCdevkit/VOC2007/ with JPEGImages/, Annotations/ and ImageSets/Main/"
    ),
    "voc0712": Named(
        partial(_objects, read=_read_voc0712),
        "VOCdevkit/VOC2007/ and VOCdevkit/VOC2012/, each with JPEGImages/, Annotations/ and ImageSets/Main/",
    ),
    "coco": Named(
        partial(_objects, read=read_coco), "train2017/, val2017/ and annotations/instances_{train,val}2017.json"
    ),
    "pixels": Named(_pixels, f"{PIXELS}: by torch.save, classes, and train and test, each [uint8 images, labels]"),
}
"""By the name before the colon of ``--data NAME:FOLDER``."""

OBJECTS: dict[str, Callable[[str], tuple[Objects, Objects]]] = {
    "voc07": read_voc,
    "voc0712": _read_voc0712,
    "coco": read_coco,
}
"""Those whose images show several objects: what SVMs learn from."""

PER_CLASS = frozenset({"aircraft", "flowers102", "pets"})
"""Those on which papers report the mean of the classes' accuracies."""


def open_named(kind: str, root: str) -> Data:
    """A data set by its name.

    Raises:
        FileNotFoundError: if something is not there; with what must lie where.
        ValueError: for lists that do not fit the folders.
    """
    with _saying_where(kind, root):
        return NAMED[kind].read(root)


def open_objects(kind: str, root: str) -> tuple[Objects, Objects]:
    """The training images of a name in `OBJECTS` and its test images, with all that they show.

    Raises:
        FileNotFoundError: as `open_named`.
        ValueError: for annotations that do not fit.
    """
    with _saying_where(kind, root):
        return OBJECTS[kind](root)


@contextmanager
def _saying_where(kind: str, root: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, OSError) as error:  # torchvision's, for files that are not there or damaged
        raise FileNotFoundError(
            f"--data must name a folder with the files of {kind}, got {kind + ':' + root!r}: {error} -- it must hold "
            f"{NAMED[kind].holds}; here nothing is downloaded: put them there, or give --data a folder of images"
        ) from error
