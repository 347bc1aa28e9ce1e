"""What images are to the trainer: in memory, or decoded when asked for; a data set of them.

A source is indexed and has labels; it is either `Pixels`, in memory, or `Images`, decoded when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as F

from jointaug.image_files import read_image, to_rgb

from ..record.progress import tqdm


@dataclass(frozen=True)
class _Opened:
    """The file of an index; picklable, for workers that are spawned."""

    names: Sequence[str]

    def __call__(self, index: int) -> Image.Image:
        return read_image(self.names[index])


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

    @classmethod
    def of_files(cls, names: Sequence[str], labels: Tensor | None) -> Images:
        """Files, read as `jointaug.image_files.read_image` has it."""
        return cls(names, _Opened(names), labels)

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
