"""Where images come from.

A source is indexed and has labels; it is either `Pixels`, in memory, or `Images`, decoded when asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import datasets
from torchvision.transforms.v2 import functional as F
from tqdm.auto import tqdm

from jointaug.image_files import SUFFIXES, image_files, is_junk, read_image, to_rgb

from ..record.files import save
from .rendered import RenderedToys

HELD_OUT = ("test", "val")  # folders beside "train" that the k-NN monitor asks
RENDERED = 1800  # pictures of the rendered set to train on
RENDERED_TEST = 9000  # pictures that are held out, always the same: an accuracy's standard error is half a point


class Images(Dataset[Tensor]):
    """Images that are decoded when they are asked for.

    Args:
        names: what each is called in messages.
        decode: the image of an index, as PIL has it.
        labels: int64 ``[N]``, or None.
        prepare: what every image goes through, such as a resize; without chance.
    """

    def __init__(
        self,
        names: Sequence[str],
        decode: Callable[[int], Image.Image],
        labels: Tensor | None,
        prepare: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.names, self._decode, self.labels, self._prepare = names, decode, labels, prepare

    def prepared(self, prepare: Callable[[Tensor], Tensor]) -> Images:
        """The same images, each through ``prepare``."""
        return Images(self.names, self._decode, self.labels, prepare)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        """Uint8 ``[3, H, W]``.

        Raises:
            ValueError: if the file cannot be read as an image.
        """
        image: Tensor = F.pil_to_tensor(to_rgb(self._decode(index)))
        return image if self._prepare is None else self._prepare(image)


@dataclass(frozen=True)
class Pixels:
    """Images in memory, of one size: uint8 ``[N, 3, H, W]``, and int64 labels ``[N]`` or None."""

    images: Tensor
    labels: Tensor | None

    def to(self, device: torch.device) -> Pixels:
        """The same, in a device's memory; labels stay."""
        return Pixels(self.images.to(device), self.labels)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


Source = Images | Pixels


@dataclass(frozen=True)
class Data:
    """What a run learns from, what is asked of it, and the names of the classes.

    Attributes:
        test: labelled images that are held out; None: no monitor.
        labelled: images whose classes are known, for neighbors and probes, where these are not the training images.
    """

    train: Source
    test: Source | None

    classes: tuple[str, ...] = ()
    labelled: Source | None = None

    @property
    def bank(self) -> Source:
        """In what neighbors are looked up, and what a probe learns from."""
        return self.train if self.labelled is None else self.labelled

    @property
    def fingerprint(self) -> str:
        """One word that changes with the data set: what a checkpoint holds on to."""
        names = self.train.names if isinstance(self.train, Images) else [str(tuple(self.train.images.shape))]
        return f"{len(self.train)} images ({blake2b(chr(10).join(names).encode(), digest_size=4).hexdigest()})"


def open_data(where: str, test: str | None = None, *, size: int = 32) -> Data:
    """The data set that a command line names.

    Args:
        where: a folder of class folders, or of images without classes, or with ``train`` and ``test`` (or ``val``) in
            it; ``cifar10:FOLDER``, ``cifar100:``, ``stl10:``, ``imagenet:`` for torchvision's data sets as they lie
            there; ``rendered`` or ``rendered:COUNT`` for the toys of `rendered`; ``pixels:FILE`` for a file that
            ``torch.save`` wrote of ``train`` and ``test`` (each ``[images, labels]``) and ``classes``.
        test: a folder to hold out, where ``where`` has none; its class folders are those of ``where``.
        size: side of rendered pictures, in pixels.

    Raises:
        FileNotFoundError: if there is no such folder, or it has not the files of torchvision's data set.
        ValueError: for a folder without images, a test folder with other classes, or one where there are test images.
    """
    kind, _, rest = where.partition(":")
    named = kind == "rendered" or (kind in (*_TORCHVISION, "pixels") and rest)
    if named and test is not None:
        raise ValueError(f"--test must be left out for {kind}, which has test images of its own, got {test!r}")
    if kind == "rendered":
        if rest and not (rest.isdecimal() and int(rest)):
            raise ValueError(
                f"--data rendered:COUNT must have a positive integer for the number of toys, got {where!r}"
            )
        return _rendered(int(rest) if rest else RENDERED, size)
    if kind == "pixels" and rest:
        return _pixels(Path(rest))
    if kind in _TORCHVISION and rest:
        try:
            return _TORCHVISION[kind](rest)
        except RuntimeError as error:  # torchvision's, for files that are not there or damaged
            raise FileNotFoundError(
                f"--data must name a folder with the files of torchvision's data set, got {where!r}: {error} -- here "
                "nothing is downloaded; put them there, or give --data a folder of images"
            ) from error
    root = Path(where)
    if not root.is_dir():
        raise FileNotFoundError(f"--data must name a folder of images, got {where!r}, which is none; see --help")
    train_root = root / "train" if (root / "train").is_dir() else root
    beside = [root / name for name in HELD_OUT if train_root != root and (root / name).is_dir()]
    test_root = Path(test) if test else next(iter(beside), None)
    train, classes = _folder(train_root)
    if test_root is None:
        return Data(train, None, classes)
    held_out, others = _folder(test_root)
    if others != classes:
        raise ValueError(
            f"{test_root} must have the class folders of {train_root}, got {sorted(set(others) ^ set(classes))[:5]} in "
            "one alone; labels are the folders' places in the alphabet"
        )
    return Data(train, held_out, classes)


def _folder(root: Path) -> tuple[Images, tuple[str, ...]]:
    """The images under a folder, by name; labelled if they lie in class folders."""
    files = image_files(root)
    if not files:
        raise ValueError(
            f"{root} holds no image; wanted files in it or in its class folders, called *{', *'.join(sorted(SUFFIXES))}"
        )
    flat = [path for path in files if path.parent == root]
    if flat and len(flat) < len(files):
        raise ValueError(
            f"{root} holds images both in class folders and beside them, such as {flat[0].name}; sort them in"
        )
    names = [str(path) for path in files]
    if flat:
        return Images(names, _Opened(names), None), ()
    of_files = [path.relative_to(root).parts[0] for path in files]
    classes = tuple(sorted(set(of_files)))
    number = {name: label for label, name in enumerate(classes)}
    labels = torch.tensor([number[name] for name in of_files])
    return Images(names, _Opened(names), labels), classes


@dataclass(frozen=True)
class _Opened:
    """The file of an index; picklable, for workers that are spawned."""

    names: Sequence[str]

    def __call__(self, index: int) -> Image.Image:
        return read_image(self.names[index])


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
    train, val = (_ImageNet(root, part, loader=read_image) for part in ("train", "val"))
    classes = tuple(names[0] for names in train.classes)
    return Data(_torchvision(train, train.targets), _torchvision(val, val.targets), classes)


_TORCHVISION: dict[str, Callable[[str], Data]] = {
    "cifar10": _cifar,
    "cifar100": partial(_cifar, kind=datasets.CIFAR100),
    "stl10": _stl10,
    "imagenet": _imagenet,
}


def _pixels(file: Path) -> Data:
    if not file.is_file():
        raise FileNotFoundError(f"--data pixels:FILE must name a file of images, got {str(file)!r}, which is none")
    held = torch.load(file, weights_only=True)
    return Data(Pixels(*held["train"]), Pixels(*held["test"]), tuple(held["classes"]))


def _rendered(count: int, size: int) -> Data:
    """Toys of one set to train on, and the first ones of another held out, so that these depend on nothing."""
    train, test = _toys(count, size, seed=0), _toys(RENDERED_TEST, size, seed=1)
    return Data(train, test, RenderedToys.classes)


def _toys(count: int, size: int, *, seed: int) -> Pixels:
    """The first toys of a set, kept in the user's cache if that can be written."""
    code = b"".join(Path(__file__).with_name(name).read_bytes() for name in ("rendered.py", "shapes.py"))
    source = blake2b(code, digest_size=6).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jointaug"
    file = cache / f"rendered-{seed}-{count}-{size}-{source}.pt"
    if file.exists():
        return Pixels(*torch.load(file, weights_only=True))
    toys = RenderedToys(count, seed=seed, size=size)
    images, labels = torch.from_numpy(toys.images).permute(0, 3, 1, 2).contiguous(), torch.tensor(toys.labels)
    with suppress(OSError):  # without a cache, they are rendered again the next time
        cache.mkdir(parents=True, exist_ok=True)
        save(file, [images, labels])
    return Pixels(images, labels)


def in_memory(source: Source, threads: int = 4) -> Pixels:
    """All images of a source, decoded once.

    Args:
        source: of images.
        threads: that decode.

    Raises:
        ValueError: if files cannot be read, or images differ in size.
    """
    if isinstance(source, Pixels):
        return source

    def one(index: int) -> Tensor | str:
        try:
            return source[index]
        except ValueError as error:
            return str(error)

    pixels: Tensor | None = None
    unreadable = []
    with ThreadPoolExecutor(threads) as pool:
        decoded = tqdm(
            pool.map(one, range(len(source))), "decoding", len(source), leave=False, mininterval=1, disable=None
        )
        for index, image in enumerate(decoded):
            if isinstance(image, str):
                unreadable.append(image)
                continue
            if pixels is None:
                pixels = torch.empty(len(source), *image.shape, dtype=torch.uint8)
            if image.shape != pixels.shape[1:]:
                pool.shutdown(wait=False, cancel_futures=True)
                raise ValueError(
                    f"images in memory must have one size, got {tuple(image.shape[1:])} in {source.names[index]} and "
                    f"{tuple(pixels.shape[2:])}; store them at one (--stored 160), or let workers decode (--workers 8)"
                )
            pixels[index] = image
    if unreadable or pixels is None:
        raise ValueError("\n".join([f"{len(unreadable)} of {len(source)} files cannot be read:", *unreadable[:5]]))
    return Pixels(pixels, source.labels)
