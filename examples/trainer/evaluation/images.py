"""Labelled images to evaluate on: the trainer's data, or a part of it; decoded when they are needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from jointaug import Addresses
from jointaug.chance import named_step

from ..inputs.data import open_data
from ..inputs.named import OBJECTS, open_objects
from ..inputs.sources import Source

HELD_OUT = 5  # one image in five, where the data have no test images of their own


@dataclass(frozen=True)
class Images:
    """Labelled images.

    Attributes:
        source: that they are in.
        rows: int64 ``[N]``: which of the source's images they are.
        labels: int64 ``[N]``, on the CPU; of images that show several objects int8 ``[N, classes]``, as
            `trainer.inputs.objects.Objects` has it.
        classes: the labels' names.
    """

    source: Source
    rows: Tensor
    labels: Tensor
    classes: Sequence[str]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        """Uint8 ``[3, H, W]``."""
        return self.source[int(self.rows[index])]

    def subset(self, index: Tensor) -> Images:
        """The images of these rows, in this order; ``index`` as tensors are indexed."""
        return replace(self, rows=self.rows[index], labels=self.labels[index])

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


def open_images(where: str, size: int) -> tuple[Images, Images]:
    """Images to learn from and images to test on; if there are none of these, one in five of each class is held out.

    Args:
        where: as `trainer.inputs.data.open_data` takes it.
        size: side of rendered images, in pixels.

    Raises:
        ValueError: with the remedy, if there are no images, no labels or fewer than two classes.
    """
    kind, _, root = where.partition(":")
    if kind in OBJECTS and root:
        parts = open_objects(kind, root)
        train, test = (Images(part.images, torch.arange(len(part.images)), part.shows, part.classes) for part in parts)
        return train, test
    data = open_data(where, size=size)
    train = _labelled(data.bank, data.classes, where)
    if data.test is not None:
        return train, _labelled(data.test, data.classes, where)
    held_out = held_out_rows(train.labels, HELD_OUT)
    return train.subset(~held_out), train.subset(held_out)


def _labelled(source: Source, classes: Sequence[str], where: str) -> Images:
    found = 0 if source.labels is None else int(source.labels.bincount().count_nonzero())
    if source.labels is None or found < 2:
        raise ValueError(
            f"--data must have images of at least two classes, got {found} in {where}; labels are what is "
            "tested: sort the images into class folders"
        )
    return Images(source, torch.arange(len(source)), source.labels, classes)


def held_out_rows(labels: Tensor, one_in: int, seed: int = 0) -> Tensor:
    """Which rows, as bool ``[N]``: one image in ``one_in`` of each class, at least one, by address.

    Raises:
        ValueError: if a class has one image alone.
    """
    sizes = labels.bincount()
    alone = (sizes == 1).nonzero()[:, 0].tolist()
    if alone:
        raise ValueError(
            f"every class must have at least two images, one to learn from and one to hold out, got one in class "
            f"number {', '.join(map(str, alone[:5]))}; add images or remove the class"
        )
    return rank_in_class(labels, seed, "held out") < (sizes[labels] // one_in).clamp(min=1)


def rank_in_class(labels: Tensor, seed: int, name: str) -> Tensor:
    """Each image's place ``[N]``, from 0, in a random order of its class; the address's step is of that name."""
    (uniform,) = Addresses(seed, 0, torch.arange(len(labels))).rows(1, step=named_step(name))
    order = torch.argsort(labels.double() + uniform)  # class by class, by uniform within
    sizes = labels.bincount()
    rank = torch.empty_like(labels)
    rank[order] = torch.arange(len(labels)) - (sizes.cumsum(0) - sizes)[labels[order]]
    return rank
