"""A stream of samples that have a key and no index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ..chance import Address
from ..pipeline import check_pipeline, views_at
from ._dataset import AddressedDataset, refuse_views
from ._epoch import SharedEpoch
from ._index import as_integer

_WORKERS: Final = 1024
"""Of so many workers it is noted what they began with."""


class AddressedStream(IterableDataset[Any]):
    """Views of a stream's samples, every draw hashed from (seed, epoch, key): for WebDataset, Hugging Face streaming.

    A sample's key takes the place of its index: the views do not depend on the order in which samples come, on shards,
    shuffle buffers, workers or processes, nor on where a resumed stream goes on. Each worker of a ``DataLoader`` reads
    the part of the stream that the stream gives it; a stream that gives all of it to each is refused.

    A stream has no sampler that could carry the epoch: call `set_epoch` before each (it lies in shared memory, and a
    ``set_epoch`` of the stream's own is called too). Where a pass begins without it, that is warned of, once: it
    serves the same views again.

    Args:
        iterable: of samples, each a dict (and what else is a ``Mapping``); begun anew for each pass.
        pipeline: any pipeline of this library and of ``torchvision.transforms.v2``; it is given the dict, as v2 takes
            it.
        key: the entry of a sample that is its key, ``"__key__"`` in WebDataset: a string, or an integer in
            [0, 2**63), which is its own index. It must be unique, and the same whenever the sample comes.
        seed: of the experiment, in [0, 2**64).
        epoch: to begin with, in [0, 2**32).
        repeats: whether a key may come again in a pass. Then its draw is how often it came before *in this worker*, so
            that the views of what comes again do depend on the number of workers. Otherwise it raises. Either way the
            keys of a pass are kept (100 bytes each).

    Raises:
        TypeError: if ``iterable`` is none, an iterator (which would end after one pass) or addressed already, or
            ``pipeline`` is no callable; in a pass, for a sample that is no dict, a key of another type, and samples
            that are views already.
        ValueError: in a pass, for a sample without the key, a key out of range or that comes again, and a stream that
            every worker reads as a whole.

    Example:
        >>> import torch
        >>> from jointaug import AddressedStream, JointCrop, Views
        >>> samples = [{"__key__": f"shard-0/{k}", "jpg": torch.rand(3, 40, 40), "cls": k} for k in range(3)]
        >>> stream = AddressedStream(samples, JointCrop(16), key="__key__", seed=1)
        >>> for first, second in stream:
        ...     assert first["jpg"].shape == (3, 16, 16) and first["cls"] == second["cls"]
    """

    def __init__(
        self,
        iterable: Iterable[Any],
        pipeline: Callable[..., Any],
        *,
        key: str,
        seed: int = 0,
        epoch: int = 0,
        repeats: bool = False,
    ) -> None:
        if isinstance(iterable, (AddressedDataset, AddressedStream, DataLoader)):
            raise TypeError(
                f"iterable must be a stream of samples without views, got {type(iterable).__name__}; take what is in it"
            )
        if isinstance(iterable, (str, bytes, Iterator)) or not hasattr(iterable, "__iter__"):
            raise TypeError(
                f"iterable must be what each pass begins anew (with __iter__), got {type(iterable).__name__}; for an "
                "iterator give what makes it"
            )
        if not isinstance(key, str):
            raise TypeError(f"key must be the name of an entry, got {key!r}; write key='__key__'")
        check_pipeline(pipeline)
        Address(seed, epoch, 0)  # checks them
        self.iterable = iterable
        self.pipeline = pipeline
        self.key = key
        self.seed = seed
        self.repeats = repeats
        self._epoch = SharedEpoch(epoch)
        self._begun = torch.zeros(
            _WORKERS, 2, dtype=torch.int64
        ).share_memory_()  # passes, and the first key of the last

    @property
    def epoch(self) -> int:
        """The epoch whose views are served."""
        return self._epoch.epoch

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass serve ``epoch``, in [0, 2**32), in running workers too."""
        self._epoch.set(epoch)
        self._begun.zero_()
        self._tell(epoch)

    def address(self, sample: Any, *, epoch: int | None = None, draw: int = 0) -> Address:
        """The address of a sample.

        Args:
            sample: with its key.
            epoch: by default the current one.
            draw: how often the key came before.
        """
        return Address(self.seed, self.epoch if epoch is None else epoch, self.index(sample), draw)

    def index(self, sample: Any) -> int:
        """The index that a sample's key stands for, in [0, 2**63): of a string, 63 bits of its BLAKE2b hash.

        Raises:
            TypeError: for a sample that is no dict, and a key that is neither a string nor an integer.
            ValueError: for a sample without the key, and an integer out of range.
        """
        if not isinstance(sample, Mapping):
            raise TypeError(
                f"a sample must be a dict with its key in {self.key!r}, got {type(sample).__name__}; leave out "
                "to_tuple, or map tuples to dicts"
            )
        if self.key not in sample:
            raise ValueError(
                f"a sample must have its key in {self.key!r}, got {sorted(map(str, sample))}; name the entry"
            )
        key = sample[self.key]
        if isinstance(key, str):
            return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") >> 1
        if (number := as_integer(key)) is None:
            raise TypeError(
                f"a key must be a string or an integer, got {key!r} of type {type(key).__name__} in {self.key!r}; "
                "write str(key)"
            )
        if not 0 <= number < 2**63:
            raise ValueError(f"a key must be an integer in [0, 2**63), got {number} in {self.key!r}; write str(key)")
        return number

    def __iter__(self) -> Iterator[Any]:
        epoch, came = self.epoch, dict[int, int]()
        self._tell(epoch)
        for sample in self.iterable:
            index = self.index(sample)
            if not came:
                self._begin(index)
            came[index] = came.get(index, -1) + 1
            if came[index] and not self.repeats:
                raise ValueError(
                    f"the keys of a pass must be unique, got {sample[self.key]!r} twice in {self.key!r}; name an entry "
                    "that is, or say repeats=True"
                )
            refuse_views(sample, f"the sample {sample[self.key]!r}")
            yield views_at(self.pipeline, self.address(sample, epoch=epoch, draw=came[index]), sample)

    def _begin(self, index: int) -> None:
        """Note this worker's pass and its first key; warn of a pass that repeats another, refuse one read by others."""
        worker = get_worker_info()
        mine, count = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        if mine >= _WORKERS:
            return
        passes = int(self._begun[mine, 0]) + 1
        self._begun[mine] = torch.tensor([passes, index])
        if passes > 1:
            self._epoch.warn_once(
                f"the stream was begun again in epoch {self.epoch}, with the same views; call set_epoch before a pass"
            )
        if int((self._begun[:count] == self._begun[mine]).all(1).sum()) > 1:
            raise ValueError(
                f"each worker must read a part of the stream of its own, got the same first key in two of {count}: "
                "they read all of it; split it by torch.utils.data.get_worker_info(), or take num_workers=1"
            )

    def _tell(self, epoch: int) -> None:
        if callable(set_epoch := getattr(self.iterable, "set_epoch", None)):
            set_epoch(epoch)
