"""A loader of views with a state of its own: what was delivered, whatever was loaded ahead."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator
from typing import Any, Final

from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from .._processes import world
from .._validate import integer
from ._dataset import AddressedDataset, Indexed, OfBatches
from ._index import AddressedIndex, carrying
from ._sampler import AddressedSampler

_OWN: Final = ("batch_sampler", "collate_fn", "generator", "sampler")
"""Options of a ``DataLoader`` that are this loader's own affair."""


class Loader:
    """Batches of views, epoch after epoch; each depends on (seed, epoch, its place in the epoch) and on nothing else.

    It is `AddressedDataset` and `AddressedSampler` in a ``DataLoader``: each ``for`` over it is an epoch, the next one
    unless `set_epoch` was called. With ``torch.distributed`` each process gets its part, batches of ``batch_size``; in
    step k all processes together have the samples that one would have with ``batch_size`` times their number. So do not
    give it a distributed sampler, nor to a framework that would put one in (Lightning and Accelerate leave it alone).

    `state_dict` says the epoch and how many samples were *delivered*. `load_state_dict` goes on with exactly the
    batches that were left, with any number of workers. The state is the same in every process.

    Args:
        dataset: as of `AddressedDataset`.
        pipeline: as of `AddressedDataset`. A fused one runs once on each batch, and its batches are what it returns;
            the views of another are collated by torch's ``default_collate``.
        batch_size: samples of a batch, in each process.
        seed: of order and views, in [0, 2**64).
        shuffle: whether each epoch has a random order of its own, a function of (seed, epoch).
        drop_last: leave out the last samples of an epoch that fill no batch in all processes. Without it the last batch
            is shorter, and where the processes' parts would be unequal, some of the first samples come again, with
            another draw.
        record: whether a fused pipeline gives what it drew beside each batch.
        num_replicas: number of processes; by default that of ``torch.distributed`` when a pass begins, else 1.
        rank: of this process, in [0, num_replicas); given with ``num_replicas``.
        options: of the ``DataLoader``: ``num_workers``, ``pin_memory``, ``persistent_workers``, ``prefetch_factor``,
            ``multiprocessing_context``, ...

    Attributes:
        data: the `AddressedDataset`; ``loader.data.views(index, epoch=3)`` makes a sample's views again.
        sampler: the `AddressedSampler`, which frameworks find here to set the epoch.

    Raises:
        TypeError: for what the two refuse, or options that are this loader's own.
        ValueError: for a batch size below 1, a rank that is none, or ``record`` without a fused pipeline; when a pass
            begins, if with ``drop_last`` there is no batch.

    Example:
        >>> import torch
        >>> from jointaug import JointCrop
        >>> from jointaug.loading import Loader
        >>> loader = Loader([(torch.rand(3, 40, 40), label) for label in range(6)], JointCrop(16), 2, shuffle=True)
        >>> for (first, second), labels in loader:
        ...     break
        >>> loader.state_dict()["epoch"], loader.state_dict()["delivered"]
        (0, 2)
    """

    def __init__(
        self,
        dataset: Indexed,
        pipeline: Callable[..., Any],
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = False,
        drop_last: bool = False,
        record: bool = False,
        num_replicas: int | None = None,
        rank: int | None = None,
        **options: Any,
    ) -> None:
        integer("batch_size", batch_size, low=1, rule="an integer of at least 1", remedy="write batch_size=256")
        if own := sorted(set(options) & set(_OWN)):
            raise TypeError(
                f"options must be those of a DataLoader that are not the Loader's own, got {', '.join(own)}; write "
                "DataLoader(AddressedDataset(...), sampler=AddressedSampler(...)) for them"
            )
        self.data = AddressedDataset(dataset, pipeline, seed, strict=True)
        if record and not isinstance(pipeline, OfBatches):
            raise ValueError(f"record must be False for a pipeline that is not fused, got {record!r}; write fuse(...)")
        self.sampler = AddressedSampler(self.data, shuffle=shuffle, seed=seed)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self._world = _world_of(num_replicas, rank)
        self._lists = _Lists()
        self._loader = DataLoader(
            _Feed(self.data, record=record), batch_size=None, sampler=self._lists, collate_fn=_as_it_is, **options
        )
        self._delivered: int | None = None  # in the pass of `epoch`, while it is not at its end
        self._resumed: tuple[int, int] | None = None  # epoch and samples of a state that no pass has begun from

    @property
    def epoch(self) -> int:
        """The epoch of the pass that began last, or of the next one after `set_epoch` or `load_state_dict`."""
        return self.sampler.epoch

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be ``epoch``, in [0, 2**32): from its start, unless a state within it was just loaded."""
        self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        """Batches of a whole epoch, in each process."""
        _, count = self._world or world()
        return math.ceil(self._samples() / (self.batch_size * count))

    def _samples(self) -> int:
        """Samples of an epoch in all processes, without what is dropped and with what comes again."""
        n = len(self.data)
        _, count = self._world or world()
        if self.drop_last:
            return n - n % (self.batch_size * count)
        return math.ceil(n / count) * count

    def __iter__(self) -> Iterator[Any]:
        rank, count = self._world or world()
        end, together = self._samples(), self.batch_size * count
        if self.drop_last and not end:
            raise ValueError(
                f"batch_size must leave a batch for each of {count} processes with drop_last, got {self.batch_size} "
                f"for {len(self.data)} samples; take a smaller one, or drop_last=False"
            )
        epoch = self.sampler.begin()
        start = self._resumed[1] if self._resumed is not None and self._resumed[0] == epoch else 0
        self._delivered, self._resumed = start, None
        order, _ = self.sampler.order(epoch)
        firsts = range(start, end, together)
        self._lists.places = [range(first + rank, min(first + together, end), count) for first in firsts]
        self._lists.indices, self._lists.epoch = order.numpy().data, epoch
        for first, batch in zip(firsts, self._loader, strict=True):
            self._delivered = min(first + together, end)
            yield batch
        self._delivered = None

    def state_dict(self) -> dict[str, Any]:
        """The epoch, how many of its samples were delivered (to all processes together), and what they belong to."""
        epoch, delivered = self.sampler.next_epoch, 0
        if self._resumed is not None and self._resumed[0] == epoch:
            delivered = self._resumed[1]
        elif self._delivered is not None and epoch != self.epoch:
            epoch, delivered = self.epoch, self._delivered
        return {"epoch": epoch, "delivered": delivered, **self._terms()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next pass deliver what was left when the state was taken.

        (Taken while the last batch of an epoch was being used, that is nothing, and the pass after it is the next
        epoch.)

        Raises:
            ValueError: if it is no such state, or of a loader with another data set's length, seed, order, batch size
                or number of processes.
        """
        terms = self._terms()
        if not isinstance(state, dict) or not {"epoch", "delivered", *terms} <= state.keys():
            raise ValueError(f"state must be one of state_dict(), got {state!r}; save it with the checkpoint")
        if other := [f"{name}={state[name]!r} for {terms[name]!r}" for name in terms if state[name] != terms[name]]:
            raise ValueError(
                f"state must be of a loader set up as this one, got {', '.join(other)}; go on with what the run began "
                "with, or begin at an epoch's start: set_epoch(state['epoch'])"
            )
        step, end = self.batch_size * terms["num_replicas"], self._samples()
        rule = f"a multiple of the {step} samples of a step, at most the epoch's {end}"
        delivered = integer("delivered", state["delivered"], low=0, rule=rule, remedy="save the state as it is")
        if delivered > end or (delivered % step and delivered != end):
            raise ValueError(f"delivered must be {rule}, got {delivered}; save the state as it is")
        self.sampler.set_epoch(state["epoch"])
        self._delivered, self._resumed = None, (state["epoch"], state["delivered"])

    def _terms(self) -> dict[str, Any]:
        return {
            "samples": len(self.data),
            "seed": self.data.seed,
            "shuffle": self.sampler.shuffle,
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
            "num_replicas": (self._world or world())[1],
        }


class _Lists(Sampler[list[AddressedIndex]]):
    """The indices of each batch of a pass that was prepared.

    Attributes:
        places: of each batch in the epoch's order, which goes on from its start after its end.
        indices: the order.
        epoch: which they carry.
    """

    def __init__(self) -> None:
        self.places: list[range] = []
        self.indices = memoryview(array("q"))
        self.epoch = 0

    def __iter__(self) -> Iterator[list[AddressedIndex]]:
        return self._of(self.places, self.indices, self.epoch)

    @staticmethod
    def _of(places: list[range], indices: memoryview, epoch: int) -> Iterator[list[AddressedIndex]]:
        n = len(indices)
        for batch in places:
            yield [carrying(indices[place % n], epoch, place // n) for place in batch]


class _Feed(Dataset[Any]):
    """Batches by their lists of indices."""

    def __init__(self, data: AddressedDataset, *, record: bool) -> None:
        self._data = data
        self._options = {"record": True} if record else {}

    def __getitem__(self, indices: list[AddressedIndex]) -> Any:
        pipeline = self._data.pipeline
        if not isinstance(pipeline, OfBatches):
            return default_collate(self._data.__getitems__(indices))
        samples, addresses = self._data.samples(indices)
        return pipeline(samples, addresses=addresses, **self._options)


def _as_it_is(batch: Any) -> Any:
    return batch


def _world_of(num_replicas: int | None, rank: int | None) -> tuple[int, int] | None:
    if num_replicas is None and rank is None:
        return None
    if num_replicas is None or rank is None:
        raise ValueError(f"num_replicas and rank must be given together, got {num_replicas!r} and {rank!r}; give both")
    integer("num_replicas", num_replicas, low=1, rule="an integer of at least 1", remedy="count the processes")
    integer("rank", rank, low=0, rule="an integer in [0, num_replicas)", remedy="ranks count from 0")
    if rank >= num_replicas:
        raise ValueError(f"rank must be in [0, {num_replicas}), got {rank}; ranks count from 0")
    return rank, num_replicas
