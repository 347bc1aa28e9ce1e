"""Labelled images to evaluate on: class folders, or the rendered toys; decoded when they are needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from quickstart import class_folders, image_files, to_rgb
from rendered import RenderedToys
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from jointaug import Addresses
from jointaug.chance import named_step

HELD_OUT = 5  # one image in five, where a folder has no test images of its own
TEST_FOLDERS = ("val", "test", "validation")
TOYS = (900, 450)  # rendered images to train on and to test on


@dataclass(frozen=True)
class Images:
    """Labelled images.

    Attributes:
        sources: files, or uint8 tensors ``[3, H, W]``.
        labels: int64 ``[N]``, on the CPU.
        classes: the labels' names.
    """

    sources: Sequence[Path] | Sequence[Tensor]
    labels: Tensor
    classes: list[str]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Tensor:
        """uint8 ``[3, H, W]``."""
        source = self.sources[index]
        return source if isinstance(source, Tensor) else decoded(source)

    def subset(self, index: Tensor) -> Images:
        """The images of these rows, in this order."""
        rows = index.tolist()
        return replace(self, sources=[self.sources[row] for row in rows], labels=self.labels[index])

    def batches(self, parts: Iterable[Tensor], threads: int) -> Iterator[tuple[Tensor, list[Tensor]]]:
        """Each part's row numbers and images; the next part is decoded meanwhile."""
        with ThreadPoolExecutor(threads) as pool:
            waiting: deque[tuple[Tensor, list[Future[Tensor]]]] = deque()
            for rows in parts:
                waiting.append((rows, [pool.submit(self.__getitem__, row) for row in rows.tolist()]))
                if len(waiting) > 1:
                    yield _done(*waiting.popleft())
            for last in waiting:
                yield _done(*last)


def _done(rows: Tensor, images: list[Future[Tensor]]) -> tuple[Tensor, list[Tensor]]:
    return rows, [image.result() for image in images]


def decoded(path: Path) -> Tensor:
    """A file as uint8 ``[3, H, W]``.

    Raises:
        ValueError: if it cannot be read. (To leave it out would change what is measured.)
    """
    try:
        with Image.open(path) as image:
            pixels: Tensor = F.pil_to_tensor(to_rgb(image))
            return pixels
    except Exception as error:  # decoders raise whatever a broken file leads them to
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}); repair it or remove it") from None


def open_images(data: str, size: int) -> tuple[Images, Images]:
    """Training and test images.

    Args:
        data: a folder with ``train/<class>/`` and ``val/<class>/`` (or ``test``), or one with ``<class>/``, of which
            one image in five of each class is held out, by its address; or ``"rendered"``.
        size: side of rendered images, in pixels.

    Raises:
        ValueError: with the remedy, if there are no images, no labels, fewer than two classes, or if training and test
            images have different classes.
    """
    if data == "rendered":
        toys = RenderedToys(sum(TOYS), size=size)
        images = Images(
            list(torch.from_numpy(toys.images).permute(0, 3, 1, 2)), torch.tensor(toys.labels), list(toys.classes)
        )
        return images.subset(torch.arange(TOYS[0])), images.subset(torch.arange(TOYS[0], sum(TOYS)))
    root = Path(data)
    tests = [root / name for name in TEST_FOLDERS if (root / name).is_dir()]
    if not (root / "train").is_dir() or not tests:
        images = class_images(root)
        held_out = held_out_rows(images.labels, HELD_OUT)
        return images.subset((~held_out).nonzero()[:, 0]), images.subset(held_out.nonzero()[:, 0])
    train, test = class_images(root / "train"), class_images(tests[0])
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise ValueError(
            f"--data must have the same classes in {root / 'train'} and {tests[0]}, got {len(odd)} that only one of "
            f"them has ({', '.join(odd[:5])}); an accuracy compares labels"
        )
    return train, test


def class_images(root: Path) -> Images:
    """The images of ``root/<class>/``; labels are numbered in the order of the names."""
    folders = class_folders(root)
    files = [sorted(image_files(folder)) for folder in folders]
    labels = torch.arange(len(folders)).repeat_interleave(torch.tensor([len(of) for of in files]))
    return Images([path for of in files for path in of], labels, [folder.name for folder in folders])


def held_out_rows(labels: Tensor, one_in: int, seed: int = 0) -> Tensor:
    """Which rows, as bool ``[N]``: one image in ``one_in`` of each class, at least one, by address.

    Raises:
        ValueError: if a class has one image alone.
    """
    sizes = labels.bincount()
    alone = ((sizes > 0) & (sizes < 2)).nonzero()[:, 0].tolist()
    if alone:
        raise ValueError(
            f"every class must have at least two images, one to learn from and one to hold out, got one in class "
            f"number {', '.join(map(str, alone[:5]))}; add images or remove the class"
        )
    return rank_in_class(labels, seed, "held out") < (sizes[labels] // one_in).clamp(min=1)


def rank_in_class(labels: Tensor, seed: int, name: str) -> Tensor:
    """int64 ``[N]``: each image's place, from 0, in a random order of its class; chance is that of its address."""
    (uniform,) = Addresses(seed, 0, torch.arange(len(labels))).rows(1, step=named_step(name))
    order = torch.argsort(labels.double() + uniform)  # class by class, by uniform within
    sizes = labels.bincount()
    rank = torch.empty_like(labels)
    rank[order] = torch.arange(len(labels)) - (sizes.cumsum(0) - sizes)[labels[order]]
    return rank
