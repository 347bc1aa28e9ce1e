"""A data set whose views depend on their address and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import torch
from torch.utils.data import Dataset

from .chance import Address, views_at

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
        dataset: map-style. Its samples go to the pipeline as v2 takes them: a tuple ``(image, target)`` as two
            arguments, anything else as one. A transform of its own repeats too, if it draws from torch's CPU generator
            alone, which is seeded from the address before a sample is fetched.
        pipeline: any pipeline of this library and of ``torchvision.transforms.v2``.
        seed: of the experiment, in [0, 2**64).
        draw: to draw several times in one epoch, in [0, 2**32).

    Raises:
        TypeError: if ``dataset`` has no length or no items, or ``pipeline`` is no callable.
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
        if isinstance(dataset, str) or not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            raise TypeError(
                f"dataset must be map-style (with __getitem__ and __len__), got {type(dataset).__name__}; an iterable "
                "one has no index to address"
            )
        if not callable(pipeline):
            raise TypeError(f"pipeline must be a callable of a sample, got {pipeline!r}; pass a v2.Compose")
        Address(seed, 0, 0, draw)  # checks them
        self.dataset = dataset
        self.pipeline = pipeline
        self.seed = seed
        self.draw = draw
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]

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
            index: of the sample, in [0, len).
            epoch: by default the current one.
            draw: by default the data set's.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"index must be in [0, {len(self)}), got {index}")
        address = Address(self.seed, self.epoch if epoch is None else epoch, index, self.draw if draw is None else draw)
        sample = views_at(self.dataset.__getitem__, address.step(_FETCH), index)
        return views_at(self.pipeline, address, *(sample if isinstance(sample, tuple) else (sample,)))
