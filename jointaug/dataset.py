"""A data set whose views depend on their address and on nothing else."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final, Protocol

import torch
from torch.utils.data import Dataset

from .chance import Address
from .pipeline import check_pipeline, views_at
from .views import Views

_FETCH: Final = 2**32 - 1  # the part of an address at which a sample is fetched; a pipeline has fewer


class Indexed(Protocol):
    """A map-style data set."""

    def __getitem__(self, index: int, /) -> Any:
        """The sample of that index."""

    def __len__(self) -> int:
        """How many samples there are."""


class AddressedDataset(Dataset[Any]):
    """Views of a data set's samples, every draw hashed from (seed, epoch, index, draw).

    The views of an image do not depend on the number of workers or processes, the order of loading, the batch size or
    a resume, and `views` makes those of any address again. (A plain v2 step repeats too, with numbers of its own in
    each executor, image by image and `fuse`.) Call `set_epoch` before each epoch: the epoch lies in shared memory, so
    that workers that live on (``persistent_workers=True``) see it too.

    Args:
        dataset: map-style, without a view maker of its own. Its samples go to the pipeline as v2 takes them: a tuple
            ``(image, target)`` as two arguments, anything else as one. (A callable in the pipeline that takes one
            argument gets the image, and the label passes.) A transform of its own repeats too, if it draws from
            torch's CPU generator alone, which is seeded from the address before a sample is fetched.
        pipeline: any pipeline of this library and of ``torchvision.transforms.v2``.
        seed: of the experiment, in [0, 2**64).
        draw: to draw several times in one epoch, in [0, 2**32).

    An index is one integer, of Python, numpy or torch; a negative one counts from the end, as in a list.

    Raises:
        TypeError: if ``dataset`` has no length or no items, or ``pipeline`` is no callable; on a call, for an index
            that is no integer (a list, a slice), or if the samples of ``dataset`` are views already.
        IndexError: on a call, for an index outside the data set.

    Example:
        >>> import torch
        >>> from jointaug import AddressedDataset, JointCrop
        >>> images = [(torch.rand(3, 40, 40), label) for label in range(4)]
        >>> data = AddressedDataset(images, JointCrop(16), seed=1)
        >>> data.set_epoch(5)
        >>> (first, second), label = data[2]
        >>> (again, _), _ = data.views(2, epoch=5)
        >>> torch.equal(first, again)
        True
    """

    def __init__(self, dataset: Indexed, pipeline: Callable[..., Any], seed: int = 0, *, draw: int = 0) -> None:
        if isinstance(dataset, (str, bytes)) or not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            raise TypeError(
                f"dataset must be map-style (with __getitem__ and __len__), got {type(dataset).__name__}; an iterable "
                "one has no index to address"
            )
        check_pipeline(pipeline)
        Address(seed, 0, 0, draw)  # checks them
        self.dataset = dataset
        self.pipeline = pipeline
        self.seed = seed
        self.draw = draw
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        """The epoch whose views are served."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Serve the views of ``epoch`` (in [0, 2**32)) from now on, in running workers too."""
        Address(self.seed, epoch, 0)  # checks it
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.views(index)

    def views(self, index: int, *, epoch: int | None = None, draw: int | None = None) -> Any:
        """The views of one address.

        Args:
            index: of the sample, in [-len, len).
            epoch: by default the current one.
            draw: by default the data set's.
        """
        index = self.row(index)
        epoch = self.epoch if epoch is None else epoch
        return self.views_at(index, Address(self.seed, epoch, index, self.draw if draw is None else draw))

    def views_at(self, index: int, address: Address, *, image_alone: bool = False) -> Any:
        """The views of a sample at an address that need not be its own: that of a positive is its anchor's.

        Args:
            index: of the sample, in [0, len).
            address: where the sample is fetched and its views are made.
            image_alone: leave out of a tuple ``(image, ...)`` what follows the image.

        Raises:
            TypeError: if the sample is views already.
        """
        sample = views_at(self.dataset.__getitem__, address.step(_FETCH), index)
        inner = sample.values() if isinstance(sample, dict) else sample if isinstance(sample, (tuple, list)) else ()
        if isinstance(sample, Views) or any(isinstance(part, Views) for part in inner):
            raise TypeError(
                f"dataset must give samples that are no views yet, got Views in sample {index}: its own transform "
                "makes them, and the pipeline would crop the crops; leave that transform out: "
                "AddressedDataset(ImageFolder(root), pipeline)"
            )
        inputs = sample if isinstance(sample, tuple) else (sample,)
        return views_at(self.pipeline, address, *(inputs[:1] if image_alone else inputs))

    def row(self, index: int) -> int:
        """An index as it counts from 0.

        Raises:
            TypeError: for anything but one integer.
            IndexError: for an integer outside [-len, len).
        """
        n = len(self)
        try:
            row = operator.index(index)
        except TypeError:
            row = None
        one = getattr(index, "ndim", 0) == 0 and getattr(index, "dtype", None) is not torch.bool
        if row is None or isinstance(index, bool) or not one:
            raise TypeError(
                f"index must be one integer, got {index!r} of type {type(index).__name__}; write "
                "[data[i] for i in indices] for several samples, torch.utils.data.Subset(data, indices) for a part"
            )
        if not -n <= row < n:
            raise IndexError(f"index must be in [0, {n}), got {row}; -1 is the last one")
        return row % n
