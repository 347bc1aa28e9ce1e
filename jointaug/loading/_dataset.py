"""A data set whose views depend on their address and on nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import torch
from torch.utils.data import Dataset

from .._draws import generator_kept, seed_of
from ..chance import Address, Addresses, child_step
from ..pipeline import check_pipeline, run
from ..views import Views
from ._epoch import SharedEpoch
from ._index import AddressedIndex, as_integer

_FETCH: Final = 2**32 - 1  # the part of an address at which a sample is fetched; a pipeline has fewer
_WATCHED: Final = 2**20
"""Of so many indices it is noted, in a byte of shared memory each, whether they were served."""


class Indexed(Protocol):
    """A map-style data set."""

    def __getitem__(self, index: int, /) -> Any:
        """The sample of that index."""

    def __len__(self) -> int:
        """How many samples there are."""


@runtime_checkable
class OfBatches(Protocol):
    """A pipeline that takes a list of samples at once, as `jointaug.fuse` makes."""

    def __call__(self, samples: list[Any], *, addresses: Addresses) -> Any:
        """The views of all, as ``default_collate`` would give those of each."""

    def samples(self, samples: list[Any], *, addresses: Addresses) -> list[Any]:
        """The views of each."""


class AddressedDataset(Dataset[Any]):
    """Views of a data set's samples, every draw hashed from (seed, epoch, index, draw).

    The views of an image do not depend on the number of workers or processes, the order of loading, the batch size or
    a resume, and `views` makes those of any address again; a fused pipeline's are those of the pipeline. The epoch
    comes with the index, if that is of an `AddressedSampler`: no loop has to set it. For plain integers call
    `set_epoch` before each epoch: it lies in shared memory, so that workers that live on (``persistent_workers=True``)
    see it too. Where both speak, the index wins, and a difference is warned of.

    A ``DataLoader`` asks for a batch's samples together, and a fused pipeline runs on them at once.

    A plain integer is refused once an index has come that carries its epoch, or from the start with ``strict``: it was
    taken from one that did, by ``Subset`` or ``ConcatDataset`` around this data set. (Put them inside.) Before, a
    loader that comes to a plain integer twice without a `set_epoch` is warned, once: it gets the same views again.

    Args:
        dataset: map-style, without a view maker of its own. Its samples go to the pipeline as v2 takes them: a tuple
            ``(image, target)`` as two arguments, anything else as one. (A callable in the pipeline that takes one
            argument gets the image, and the label passes.) A transform of its own repeats too, if it draws from
            torch's CPU generator alone, which is seeded from the address before a sample is fetched.
        pipeline: any pipeline of this library and of ``torchvision.transforms.v2``, fused or not.
        seed: of the experiment, in [0, 2**64).
        draw: to draw several times in one epoch, in [0, 2**32); that of an index is added to it.
        strict: whether ``data[index]`` refuses a plain integer from the start.

    An index is one integer, of Python, numpy or torch; a negative one counts from the end, as in a list.

    Raises:
        TypeError: if ``dataset`` has no length or no items or is addressed already, or ``pipeline`` is no callable; on
            a call, for an index that is no integer (a list, a slice) or has lost its epoch, or if the samples of
            ``dataset`` are views already.
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

    def __init__(
        self, dataset: Indexed, pipeline: Callable[..., Any], seed: int = 0, *, draw: int = 0, strict: bool = False
    ) -> None:
        if isinstance(dataset, AddressedDataset):
            raise TypeError(
                "dataset must not be addressed already, got AddressedDataset: its samples would be drawn from twice; "
                "put both pipelines in one v2.Compose"
            )
        swapped = callable(dataset) and not callable(pipeline) and _is_map_style(pipeline)
        if swapped or not _is_map_style(dataset):
            remedy = "data set first, then pipeline: AddressedDataset(images, pipeline)"
            raise TypeError(
                f"dataset must be map-style (with __getitem__ and __len__), got {type(dataset).__name__}; "
                f"{remedy if swapped else 'an iterable one has no index to address'}"
            )
        check_pipeline(pipeline)
        Address(seed, 0, 0, draw)  # checks them
        self.dataset = dataset
        self.pipeline = pipeline
        self.seed = seed
        self.draw = draw
        self.strict = strict
        self._epoch = SharedEpoch()
        self._carried = torch.zeros((), dtype=torch.bool).share_memory_()
        self._served = torch.zeros(min(len(dataset), _WATCHED), dtype=torch.bool).share_memory_()

    @property
    def epoch(self) -> int:
        """The epoch whose views are served to plain integers."""
        return self._epoch.epoch

    def set_epoch(self, epoch: int) -> None:
        """Serve plain integers the views of ``epoch`` (in [0, 2**32)) from now on, in running workers too."""
        self._epoch.set(epoch)
        self._served.zero_()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        self.check(index)
        return self.views(index)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """The views of several indices, one after the other; a loader asks for a batch in this way."""
        for index in indices:
            self.check(index, by_loader=True)
        if not isinstance(self.pipeline, OfBatches):
            return [self.views(index) for index in indices]
        places: dict[int, list[int]] = {}
        for place, index in enumerate(indices):
            places.setdefault(self.address(index).epoch, []).append(place)
        views: dict[int, Any] = {}
        for of_epoch in places.values():
            samples, addresses = self.samples([indices[place] for place in of_epoch])
            views |= zip(of_epoch, self.pipeline.samples(samples, addresses=addresses), strict=True)
        return [views[place] for place in range(len(indices))]

    def views(self, index: int, *, epoch: int | None = None, draw: int | None = None) -> Any:
        """The views of one address.

        Args:
            index: of the sample, in [-len, len).
            epoch: by default the index's own, if it carries one, else the one that was set.
            draw: by default the data set's, and the index's own added to it.
        """
        address = self.address(index, epoch=epoch, draw=draw)
        return self.views_at(address.index, address)

    def address(self, index: int, *, epoch: int | None = None, draw: int | None = None) -> Address:
        """The address of an index.

        Args:
            index: as `views`.
            epoch: as `views`.
            draw: as `views`.
        """
        own_epoch, own_draw = (index.epoch, index.draw) if isinstance(index, AddressedIndex) else (self.epoch, 0)
        epoch = own_epoch if epoch is None else epoch
        return Address(self.seed, epoch, self.row(index), self.draw + own_draw if draw is None else draw)

    def samples(self, indices: Sequence[int]) -> tuple[list[Any], Addresses]:
        """The samples of a batch as they are fetched, and their addresses, for a pipeline that takes batches.

        Args:
            indices: as `views`, of one epoch.

        Raises:
            ValueError: for indices of several epochs, or none.
        """
        of = [self.address(index) for index in indices]
        if len(epochs := {address.epoch for address in of}) != 1:
            raise ValueError(f"indices must be of one epoch, got {sorted(epochs)}; ask for each epoch's by themselves")
        index, draw = [address.index for address in of], [address.draw for address in of]
        addresses = Addresses(self.seed, of[0].epoch, torch.tensor(index), torch.tensor(draw))
        (uniforms,) = addresses.rows(1, step=child_step(0, _FETCH))
        samples = []
        with generator_kept() as generator:  # what `views_at` does for one
            for row, uniform in zip(index, uniforms.tolist(), strict=True):
                generator.manual_seed(seed_of(uniform))
                samples.append(self.dataset[row])
        for row, sample in zip(index, samples, strict=True):
            refuse_views(sample, f"sample {row}")
        return samples, addresses

    def check(self, index: int, *, by_loader: bool = False) -> None:
        """Refuse an index that has lost its epoch; warn where `set_epoch` was forgotten, or does not count.

        Args:
            index: as `views`.
            by_loader: whether to note a plain integer, and warn where it comes again in an epoch.

        Raises:
            TypeError: for a plain integer, where it must not be one.
        """
        if isinstance(index, AddressedIndex):
            self._carried.fill_(True)
            if self._epoch.told and index.epoch != self.epoch:
                self._epoch.warn_once(
                    f"set_epoch({self.epoch}) of the data set has no effect on indices that carry their epoch, got "
                    f"epoch {index.epoch}; call set_epoch of their sampler, or none: it counts"
                )
        elif self.strict or self._carried:
            raise TypeError(
                f"index must carry its epoch, as those of AddressedSampler do, got the plain {index!r}: Subset and "
                "ConcatDataset around an addressed data set lose it, so put them inside, AddressedDataset(Subset("
                f"images, part), pipeline); write data.views({index!r}, epoch=...) for a look"
            )
        elif by_loader and (row := self.row(index)) < len(self._served):
            if self._served[row]:
                self._epoch.warn_once(
                    f"index {row} was served twice in epoch {self.epoch}, with the same views; give the loader "
                    "sampler=AddressedSampler(data, shuffle=True), or call set_epoch before each epoch"
                )
            self._served[row] = True

    def views_at(self, index: int, address: Address, *, image_alone: bool = False) -> Any:
        """The views of a sample at an address that need not be its own: that of a positive is its anchor's.

        Args:
            index: of the sample, in [0, len).
            address: where the sample is fetched and its views are made.
            image_alone: leave out of a tuple ``(image, ...)`` what follows the image.

        Raises:
            TypeError: if the sample is views already.
        """
        (uniform,) = address.step(_FETCH).row(1)
        with generator_kept() as generator:
            generator.manual_seed(seed_of(uniform))
            sample = self.dataset[index]
            refuse_views(sample, f"sample {index}")
            inputs = sample if isinstance(sample, tuple) else (sample,)
            if not inputs:
                raise TypeError(f"inputs must be a sample, got none: sample {index} is (); return an image of it")
            return run(self.pipeline, inputs[:1] if image_alone else inputs, address)

    def row(self, index: int) -> int:
        """An index as it counts from 0.

        Raises:
            TypeError: for anything but one integer.
            IndexError: for an integer outside [-len, len).
        """
        n = len(self)
        if (row := as_integer(index)) is None:
            raise TypeError(
                f"index must be one integer, got {index!r} of type {type(index).__name__}; write "
                "[data[i] for i in indices] for several samples, torch.utils.data.Subset(data, indices) for a part"
            )
        if not -n <= row < n:
            raise IndexError(f"index must be in [0, {n}), got {row}; -1 is the last one")
        return row % n


def _is_map_style(data: Any) -> bool:
    return not isinstance(data, (str, bytes)) and hasattr(data, "__getitem__") and hasattr(data, "__len__")


def refuse_views(sample: Any, told: str) -> None:
    """Refuse a sample that is views already.

    Raises:
        TypeError: for `Views`, or a tuple, list or dict that holds them.
    """
    inner = sample.values() if isinstance(sample, dict) else sample if isinstance(sample, (tuple, list)) else ()
    if isinstance(sample, Views) or any(isinstance(part, Views) for part in inner):
        raise TypeError(
            f"dataset must give samples that are no views yet, got Views in {told}: its own transform makes them, and "
            "the pipeline would crop the crops; leave that transform out: AddressedDataset(ImageFolder(root), pipeline)"
        )
