"""A sampler whose indices carry their epoch, so that no loop can forget it."""

from __future__ import annotations

import warnings
from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, IterableDataset, Sampler, Subset

from ..chance import Address
from ._dataset import AddressedDataset, Indexed
from ._index import AddressedIndex, carrying
from ._order import order_of_sampler, shuffled


class AddressedSampler(Sampler[AddressedIndex]):
    """Indices that carry their epoch and draw, so that `AddressedDataset` needs no ``set_epoch`` of its own.

    It goes where a sampler goes: ``DataLoader(data, batch_size, sampler=AddressedSampler(data, shuffle=True))``, and
    the same lines under Lightning, Accelerate and whatever else knows ``sampler.set_epoch``. Each pass is an epoch:
    the first is 0, or that of `set_epoch`; a pass that `set_epoch` was not called for has the next number. (A pass
    begins with its first index, and also counts if it was broken off. `set_epoch` in the middle of one counts from the
    next on, which is warned of if the pass goes on.) An index's own epoch and draw win over
    ``AddressedDataset.set_epoch``.

    Around a data set, the order is its own or, with ``shuffle``, a function of (seed, epoch, length) that no version
    of torch can change. Around a sampler, the order is that sampler's, as it lists it when a pass begins: ``set_epoch``
    is passed on, and torch's CPU generator is seeded from (seed, epoch) meanwhile, so that ``RandomSampler`` and
    ``WeightedRandomSampler`` without a generator repeat too, the same in every process.

    The draw is how often the index came before in its epoch, so that an image that comes again (with replacement,
    in repeated augmentation) has other views. Of a sampler that gives one rank's part (with attributes ``rank`` and
    ``num_replicas``, as timm's ``RepeatAugSampler``) all ranks' parts are listed and counted together;
    ``DistributedSampler`` repeats only what it pads with, which is not counted across ranks. What shards after this
    sampler (Lightning's and Accelerate's wrappers) finds the draws counted.

    The state of a pass is its iterator's (``state_dict`` and ``load_state_dict`` there), as torchdata's
    ``StatefulDataLoader`` looks for it: it resumes in the middle of an epoch with the same indices, epoch and draws.

    Args:
        data_or_sampler: what has ``__getitem__`` and ``__len__`` is taken for a data set; what has ``__iter__`` and
            ``__len__``, for a sampler of integers of at least 0 (of Python, numpy or torch).
        shuffle: a data set's indices in random order, each once.
        seed: of the order, in [0, 2**64); the views' is the data set's.

    Raises:
        TypeError: for what is neither a data set nor a sampler with a length; for one that is addressed already; for a
            ``Subset`` or ``ConcatDataset`` of an addressed data set, where an index would lose its epoch; when a pass
            begins, if the sampler gives anything but integers.
        ValueError: with ``shuffle`` around a sampler.

    Example:
        >>> from torch.utils.data import RandomSampler
        >>> from jointaug import AddressedSampler
        >>> sampler = AddressedSampler(["a", "b", "c"])
        >>> [(index, index.epoch) for _ in range(2) for index in sampler]
        [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]
        >>> sampler = AddressedSampler(RandomSampler("abc", replacement=True, num_samples=4), seed=1)
        >>> [(index, index.draw) for index in sampler]
        [(0, 0), (1, 0), (0, 1), (0, 2)]
    """

    def __init__(
        self, data_or_sampler: Indexed | Iterable[int] | Sampler[int], *, shuffle: bool = False, seed: int = 0
    ) -> None:
        Address(seed, 0, 0)  # checks it
        self._is_data = is_data(data_or_sampler)
        if shuffle and not self._is_data:
            raise ValueError(
                f"shuffle must be False around a sampler, whose order it is, got {shuffle!r} with {data_or_sampler!r}; "
                "give the data set, or let the sampler shuffle"
            )
        self.source: Any = data_or_sampler
        self.shuffle = shuffle
        self.seed = seed
        self._epoch = 0
        self._begun = self._has_warned = False

    @property
    def epoch(self) -> int:
        """The epoch of the pass that began last, or of the next one after `set_epoch`."""
        return self._epoch

    @property
    def next_epoch(self) -> int:
        """The epoch of the pass that begins next."""
        return self._epoch + self._begun

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be ``epoch``, in [0, 2**32); a sampler inside is told too."""
        self._epoch, self._begun = Address(0, epoch, 0).epoch, False
        if not self._is_data and callable(set_epoch := getattr(self.source, "set_epoch", None)):
            set_epoch(epoch)

    def begin(self) -> int:
        """Begin a pass: the epoch that it is of."""
        self._epoch, self._begun = self.next_epoch, True
        return self._epoch

    def hear_of(self, epoch: int) -> None:
        """Warn, once, where a pass goes on as ``epoch`` though `set_epoch` has called for another since it began."""
        if self._begun or self._epoch == epoch or self._has_warned:
            return
        self._has_warned = True
        warnings.warn(
            f"set_epoch({self._epoch}) came after this pass had begun as epoch {epoch}, and counts from the next pass "
            "on; call it before the loader's iterator is made. Lightning calls it too late where it resumes from a "
            "checkpoint: there a loader with a state of its own, fuse(pipeline).loader(...), goes on as it should",
            stacklevel=3,
        )

    def order(self, epoch: int) -> tuple[Tensor, Tensor]:
        """The indices of an epoch and the draw of each, int64 ``[n]``.

        Raises:
            TypeError: if the sampler inside gives anything but integers.
            ValueError: if it gives a negative one.
        """
        if not self._is_data:
            return order_of_sampler(self.source, seed=self.seed, epoch=epoch)
        n = len(self)
        indices = shuffled(n, seed=self.seed, epoch=epoch) if self.shuffle else torch.arange(n)
        return indices, torch.zeros_like(indices)

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Pass:
        return Pass(self)


class Pass(Iterator[AddressedIndex]):
    """One pass of an `AddressedSampler`; it begins with its first index.

    Args:
        sampler: whose pass it is.
    """

    def __init__(self, sampler: AddressedSampler) -> None:
        self._sampler = sampler
        self._epoch: int | None = None
        self._position = 0
        self._indices = self._draws = memoryview(array("q"))
        self._digest: str | None = None

    def begin(self) -> int:
        """The epoch, which is settled by the first call."""
        if self._epoch is None:
            self._enter(self._sampler.begin())
        return self._epoch  # type: ignore[return-value]

    def __next__(self) -> AddressedIndex:
        epoch = self.begin()
        if self._position >= len(self._indices):
            raise StopIteration
        self._sampler.hear_of(epoch)
        self._position += 1
        place = self._position - 1
        return carrying(self._indices[place], epoch, self._draws[place])

    def state_dict(self) -> dict[str, Any]:
        """The epoch, how many indices were given, and a digest of their order."""
        if self._epoch is None:
            return {"epoch": self._sampler.next_epoch, "position": 0, "order": None}
        if self._digest is None:
            self._digest = blake2b(self._indices, digest_size=8).hexdigest()
        return {"epoch": self._epoch, "position": self._position, "order": self._digest}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a pass was when it gave this state.

        Raises:
            ValueError: if it is no state of a pass, or the sampler does not give that epoch's order again.
        """
        if not isinstance(state, dict) or not {"epoch", "position", "order"} <= state.keys():
            raise ValueError(f"state must have epoch, position and order, got {state!r}; pass what state_dict() gave")
        self._sampler.set_epoch(state["epoch"])
        if state["order"] is None:
            return
        self._epoch = None
        self.begin()
        if (found := self.state_dict()["order"]) != state["order"]:
            raise ValueError(
                f"the order of epoch {state['epoch']} must be the one that the state was saved in, got {found} for "
                f"{state['order']} from {self._sampler.source!r}; wrap the data set of then, with seed and shuffle, or "
                "a sampler whose order is a function of its set_epoch or of torch's CPU generator"
            )
        self._position = state["position"]

    def _enter(self, epoch: int) -> None:
        self._indices, self._draws = (values.numpy().data for values in self._sampler.order(epoch))
        self._epoch = epoch
        self._digest = None


def is_data(data_or_sampler: Any) -> bool:
    """Whether it is a data set, and not a sampler.

    Raises:
        TypeError: if it is neither, or addressed already in a way that would lose or double an index's address.
    """
    given = data_or_sampler
    told = f"got {type(given).__name__}"
    if isinstance(given, AddressedSampler):
        raise TypeError(f"data_or_sampler must not be addressed already, {told}; use it as it is")
    if isinstance(given, (DataLoader, IterableDataset)):
        remedy = "its data set" if isinstance(given, DataLoader) else "AddressedStream, whose samples have a key"
        raise TypeError(f"data_or_sampler must be a data set or a sampler, {told}; take {remedy}")
    data = not isinstance(given, Sampler) and hasattr(given, "__getitem__")
    if not hasattr(given, "__len__") or not (data or hasattr(given, "__iter__")):
        raise TypeError(
            f"data_or_sampler must be a data set or a sampler with a length, {told}; give it a __len__: the indices "
            "of an epoch are counted"
        )
    served = given if data else getattr(given, "dataset", getattr(given, "data_source", None))
    if isinstance(served, (Subset, ConcatDataset)) and _has_addressed(served):
        raise TypeError(
            f"an addressed data set must not be inside {type(served).__name__}, which passes a plain integer on where "
            f"the index carried its epoch, {told}; turn them round: AddressedDataset({type(served).__name__}(...), "
            "pipeline)"
        )
    return data


def _has_addressed(data: Any) -> bool:
    if isinstance(data, AddressedDataset):
        return True
    inside = data.datasets if isinstance(data, ConcatDataset) else [data.dataset] if isinstance(data, Subset) else []
    return any(_has_addressed(part) for part in inside)
