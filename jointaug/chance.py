"""Chance is a row of uniforms: from torch's generator, or hashed from an address.

Every transform of ours maps a row of numbers in (0, 1) to its parameters. Where the row comes from is said here,
once:

* ``FRESH``: torch's global CPU generator, as in ``torchvision.transforms.v2``;
* `Address`: (seed, epoch, index, draw) of one image, and a position in its pipeline (step, view). The row is a hash
  of these coordinates and of nothing else, so neither workers, batches, processes, the order of loading nor a resume
  can change a view.

The hash is Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), written once for Python
integers and for int64 tensors, so that one image in Python and a batch on a GPU get the same bits; once in C, where the
native library is there, for both on the CPU; and once in Triton, for batches on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, Protocol, TypeAlias

import torch
from torch import Tensor

from ._native import _cuda as cuda
from ._native import _library as native
from ._validate import integer

Row: TypeAlias = "Sequence[float] | Sequence[Tensor]"
"""Uniforms of one draw: n floats for one image, or n tensors ``[B]`` for a batch."""

_MASK: Final = 0xFFFFFFFF
_HALF_STEP: Final = 2.0**-33  # the middle of the 2**-32 wide cell of a word: never 0, never 1
LEAST: Final = 2.0**-54  # torch.rand may give 0 exactly
_SMALLER_THAN: Final = {"seed": 2**64, "epoch": 2**32, "index": 2**63, "draw": 2**32}


def philox(counter: Sequence[Any], key: tuple[Any, Any]) -> tuple[Any, Any, Any, Any]:
    """Philox4x32-10: four 32-bit words from a counter of four words and a key of two.

    Words are Python integers or int64 tensors (mixed freely, broadcast), each in [0, 2**32). In tensors the 64-bit
    product wraps around, which leaves its bits as they are: both kinds give the same words.

    Source: Salmon, Moraes, Dror and Shaw, SC 2011, sec. 5.3.
    """
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (q >> 32 & _MASK) ^ b ^ k0, q & _MASK, (p >> 32 & _MASK) ^ d ^ k1, p & _MASK
        k0, k1 = (k0 + 0x9E3779B9) & _MASK, (k1 + 0xBB67AE85) & _MASK
    return a, b, c, d


def named_step(name: str) -> int:
    """A 64-bit step number for chance that belongs to no pipeline (``"negatives"``, ``"positives"``, ...)."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


@lru_cache(maxsize=4096)
def child_step(step: int, child: int) -> int:
    """The 64-bit number of a step's ``child``-th part: a hash of the path from the root (number 0)."""
    a, b, *_ = philox((step & _MASK, step >> 32, child, 1), (0, 0))
    return int(a << 32 | b)


def numbers_on(device: torch.device, numbers: Sequence[float], dtype: torch.dtype = torch.int64) -> Tensor:
    """Numbers ``[n]`` on a device that writes them by itself, each once, so that the host does not wait."""
    if device.type == "cpu" or torch.compiler.is_compiling():
        return torch.tensor(numbers, dtype=dtype, device=device)
    each = {number: torch.full((1,), number, dtype=dtype, device=device) for number in dict.fromkeys(numbers)}
    return torch.cat([each[number] for number in numbers])


def place(free: int, uniform: float) -> int:
    """An offset, uniform in {0, ..., free} as far as ``uniform`` is in (0, 1)."""
    return min(int(uniform * (free + 1)), free)


def places(free: Tensor | int, uniform: Tensor) -> Tensor:
    """`place` for tensors ``[B]``; ``free`` may be a number, or one for each."""
    place = (uniform * (free + 1)).long()
    return place.minimum(free) if isinstance(free, Tensor) else place.clamp(max=free)


class Chance(Protocol):
    """A source of rows at a position in a pipeline.

    Attributes:
        addressed: whether rows are those of an address; else they are torch's next numbers.
    """

    addressed: bool

    def row(self, n: int) -> list[float]:
        """``n`` uniforms in the open interval (0, 1)."""

    def step(self, child: int) -> Chance:
        """Chance for the ``child``-th part of the pipeline at this position."""

    def view(self, view: int) -> Chance:
        """Chance for view (or pair of views) number ``view`` at this position."""

    def note(self, state: Callable[[], Tensor]) -> None:
        """Hear what a foreign transform left of the generator that was seeded for it (see `noting`)."""

    def noting(self, ledger: list[Tensor]) -> Chance:
        """The same chance, which writes what it hears into ``ledger``."""

    def saw(self, outputs: Any) -> None:
        """Hear what a transform made here (see `Address.watched`)."""


class _Fresh:
    """Rows from torch's global CPU generator."""

    addressed = False

    def row(self, n: int) -> list[float]:
        return torch.rand(n, dtype=torch.float64).clamp_(min=LEAST).tolist()

    def step(self, child: int) -> _Fresh:  # noqa: ARG002
        return self

    def view(self, view: int) -> _Fresh:  # noqa: ARG002
        return self

    def note(self, state: Callable[[], Tensor]) -> None:
        pass

    def noting(self, ledger: list[Tensor]) -> _Fresh:  # noqa: ARG002
        return self

    def saw(self, outputs: Any) -> None:
        pass


FRESH: Final[Chance] = _Fresh()


class Address:
    """Where an image's chance comes from: a place in an experiment and in a pipeline.

    Args:
        seed: of the experiment, in [0, 2**64).
        epoch: pass over the data, in [0, 2**32).
        index: of the image in its data set, in [0, 2**63).
        draw: to draw an image several times in one epoch, in [0, 2**32).

    Raises:
        TypeError: for anything but integers.
        ValueError: out of these ranges.

    Example:
        >>> Address(seed=0, epoch=3, index=17).row(2) == Address(seed=0, epoch=3, index=17).row(2)
        True
    """

    addressed = True
    __slots__ = ("_ledger", "_step", "_view", "_watch", "draw", "epoch", "index", "seed")

    def __init__(self, seed: int, epoch: int, index: int, draw: int = 0) -> None:
        self.seed, self.epoch = _coordinate("seed", seed), _coordinate("epoch", epoch)
        self.index, self.draw = _coordinate("index", index), _coordinate("draw", draw)
        self._step, self._view = 0, 0
        self._ledger: list[Tensor] | None = None
        self._watch: Callable[[tuple[int, int], Any], None] | None = None

    def __repr__(self) -> str:
        return f"Address(seed={self.seed}, epoch={self.epoch}, index={self.index}, draw={self.draw})"

    def _moved(self, *, step: int, view: int, ledger: list[Tensor] | None) -> Address:
        other = object.__new__(Address)
        other.seed, other.epoch, other.index, other.draw = self.seed, self.epoch, self.index, self.draw
        other._step, other._view, other._ledger, other._watch = step, view, ledger, self._watch
        return other

    def row(self, n: int) -> list[float]:
        """``n`` uniforms in (0, 1) at this address and position: always the same."""
        return self.rows_at([(n, self._step, self._view)])[0]

    @property
    def position(self) -> tuple[int, int]:
        """Step and view of the position in the pipeline."""
        return self._step, self._view

    def rows_at(self, positions: Sequence[tuple[int, int, int]]) -> list[list[float]]:
        """For each ``(n, step, view)`` the ``n`` uniforms of this address at that position, all in one go."""
        if native.library is not None:
            return native.row(self.index, self.draw, self.seed, self.epoch, positions)
        key, salt = _key_of_one(self.seed, self.epoch, self.index, self.draw)
        return [_row(key, salt, step, view, n) for n, step, view in positions]

    def step(self, child: int) -> Address:
        """The address of the ``child``-th part of the pipeline at this position."""
        _check_count("child", child)
        return self._moved(step=child_step(self._step, child), view=self._view, ledger=self._ledger)

    def view(self, view: int) -> Address:
        """The address of view (or pair of views) number ``view`` at this position."""
        _check_count("view", view)
        return self._moved(step=self._step, view=view, ledger=self._ledger)

    def as_batch(self, device: torch.device | str = "cpu") -> Addresses:
        """The addresses of a batch of this image alone, at the root of the pipeline."""
        return Addresses(self.seed, self.epoch, torch.tensor([self.index], device=device), self.draw)

    def note(self, state: Callable[[], Tensor]) -> None:
        """Hear what a foreign transform left of the generator that was seeded for it (see `noting`)."""
        if self._ledger is not None:
            self._ledger.append(state())

    def noting(self, ledger: list[Tensor]) -> Address:
        """The same address, which writes what it hears into ``ledger``."""
        return self._moved(step=self._step, view=self._view, ledger=ledger)

    def watched(self, watch: Callable[[tuple[int, int], Any], None]) -> Address:
        """The same address, which tells ``watch`` position and results of each transform that is no container."""
        other = self._moved(step=self._step, view=self._view, ledger=self._ledger)
        other._watch = watch  # noqa: SLF001 (its own)
        return other

    def saw(self, outputs: Any) -> None:
        """Hear what a transform made here (see `watched`)."""
        if self._watch is not None:
            self._watch(self.position, outputs)


class Addresses:
    """The addresses of a batch of images: `Address` with a tensor of indices; rows are tensors on the indices' device.

    Args:
        seed: of the experiment, in [0, 2**64).
        epoch: pass over the data, in [0, 2**32).
        index: int64 tensor ``[B]`` of indices into the data set.
        draw: an integer, or an int64 tensor ``[B]``.

    Raises:
        TypeError: if ``index`` is no int64 tensor.
        ValueError: if ``index`` is not one-dimensional, ``draw`` is of another length, or a coordinate is out of range.
            (In tensors on an accelerator that is not looked for: the host would wait.)
    """

    def __init__(self, seed: int, epoch: int, index: Tensor, draw: int | Tensor = 0) -> None:
        for name, value in (("index", index), ("draw", draw)):
            if isinstance(value, Tensor) and (value.dtype != torch.int64 or value.ndim != 1):
                raise ValueError(
                    f"{name} must be an int64 tensor [B], got {value.dtype} of shape {tuple(value.shape)}; "
                    "use torch.arange or .long()"
                )
        if not isinstance(index, Tensor):
            raise TypeError(
                f"index must be an int64 tensor [B], got {index!r}; use torch.tensor, or Address for one image"
            )
        self.seed, self.epoch = _coordinate("seed", seed), _coordinate("epoch", epoch)
        self.index = index
        self.draw = draw if isinstance(draw, Tensor) else _coordinate("draw", draw)
        if isinstance(draw, Tensor) and draw.shape != index.shape:
            raise ValueError(
                f"draw must be an integer or one for each of the {len(index)} images, got {len(draw)}; index it alike"
            )
        self._key: tuple[tuple[Any, Any], tuple[Any, Any]] | None = None
        if native.plain(self.index, self.draw):
            for name, value in (("index", index), ("draw", self.draw)):
                if isinstance(value, Tensor) and len(value):
                    _coordinate(name, int(value.min()))
                    _coordinate(name, int(value.max()))
        if native.hashes(self.index, self.draw) or cuda.hashes(self.index, self.draw):
            same = 0 if isinstance(self.draw, Tensor) else self.draw
            self._words = torch.tensor([self.seed & _MASK, self.seed >> 32, self.epoch, same])
        else:
            self._key = _image_key(self.seed, self.epoch, self.index, self.draw)

    def __len__(self) -> int:
        return len(self.index)

    def to(self, device: torch.device | str) -> Addresses:
        """The same addresses, on another device."""
        draw = self.draw.to(device) if isinstance(self.draw, Tensor) else self.draw
        return Addresses(self.seed, self.epoch, self.index.to(device), draw)

    def rows(self, n: int, *, step: int = 0, view: int = 0) -> list[Tensor]:
        """``n`` float64 tensors ``[B]`` of uniforms in (0, 1): entry ``i`` is that of `Address` at ``index[i]``."""
        return self.rows_at([(n, step, view)])[0]

    def rows_at(self, positions: Sequence[tuple[int, int, int]]) -> list[list[Tensor]]:
        """For each ``(n, step, view)`` the `rows` of that position, all in one go."""
        if native.hashes(self.index, self.draw):
            return native.rows(self.index, self.draw, self.seed, self.epoch, positions)
        if cuda.hashes(self.index, self.draw):
            return cuda.rows(self.index, self.draw, self.seed, self.epoch, positions)
        key, salt = self._key or self._traced_key()
        if torch.compiler.is_compiling():  # numbers go into the kernel
            return [_row(key, salt, step, view, n) for n, step, view in positions]
        return _rows(key, salt, positions)

    def _traced_key(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """The key inside a graph: of coordinates in a tensor, since numbers would be compiled into it."""
        low, high, epoch, same = self._words.unbind()
        draw = self.draw if isinstance(self.draw, Tensor) else same
        a, b, c, d = philox((self.index & _MASK, self.index >> 32, epoch, draw), (low, high))
        return (a, b), (c, d)


def _check_count(name: str, value: Any) -> None:
    if type(value) is not int or value < 0:
        integer(name, value, low=0, rule="an integer of at least 0", remedy="positions count from 0")


def _coordinate(name: str, value: int) -> int:
    bound = _SMALLER_THAN[name]
    if type(value) is int and 0 <= value < bound:
        return value
    rule = f"an integer in [0, 2**{bound.bit_length() - 1})"
    value = integer(name, value, low=0, rule=rule, remedy=f"write {name}=int(...), counted from 0")
    if value >= bound:
        raise ValueError(
            f"{name} must be an integer in [0, 2**{bound.bit_length() - 1}), got {value}; take it modulo the bound"
        )
    return value


def _image_key(seed: int, epoch: int, index: Any, draw: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """The key of an image's own generator, and two words more that salt its counter."""
    a, b, c, d = philox((index & _MASK, index >> 32, epoch, draw), (seed & _MASK, seed >> 32))
    return (a, b), (c, d)


_key_of_one = lru_cache(maxsize=64)(_image_key)
"""For the integers of one image, whose chain of steps asks for it at each."""


def _words(key: tuple[Any, Any], salt: tuple[Any, Any], step: int, view: int, block: int) -> tuple[Any, Any, Any, Any]:
    return philox((step & _MASK ^ salt[0], step >> 32 ^ salt[1], view, block), key)


def _row(key: tuple[Any, Any], salt: tuple[Any, Any], step: int, view: int, n: int) -> list[Any]:
    """``n`` uniforms: the middles of the cells that the words name, exact in float64."""
    words = [word for block in range((n + 3) // 4) for word in _words(key, salt, step, view, block)]
    return [(word.double() if isinstance(word, Tensor) else word) * 2.0**-32 + _HALF_STEP for word in words[:n]]


def _rows(
    key: tuple[Tensor, Tensor], salt: tuple[Tensor, Tensor], positions: Sequence[tuple[int, int, int]]
) -> list[list[Tensor]]:
    """`_row` of a batch for each ``(n, step, view)``: one Philox over all blocks ``[P]`` of four uniforms."""
    blocks = [(step & _MASK, step >> 32, view, block) for n, step, view in positions for block in range((n + 3) // 4)]
    if not blocks:
        return [[] for _ in positions]
    columns = zip(*blocks, strict=True)
    low, high, view, block = (numbers_on(salt[0].device, numbers)[:, None] for numbers in columns)
    words = philox((low ^ salt[0], high ^ salt[1], view, block), key)
    uniforms = iter((torch.stack(words, 1).double() * 2.0**-32 + _HALF_STEP).unbind())  # of each block, [4, B]
    return [[u for _ in range((n + 3) // 4) for u in next(uniforms).unbind()][:n] for n, _, _ in positions]
