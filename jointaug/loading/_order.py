"""The order of an epoch: a function of (seed, epoch), and how often each index came before."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils.data import DistributedSampler

from .._draws import generator_kept, seed_of
from ..chance import Addresses, named_step
from ._index import as_integer

_ORDER: Final = named_step("order of an epoch")
_SAMPLER: Final = named_step("generator of a sampler")


def shuffled(n: int, *, seed: int, epoch: int) -> Tensor:
    """A random order of ``n`` indices, every one equally likely: int64 ``[n]``.

    Index ``i`` comes at the rank of the uniform that is hashed from (seed, epoch, i): of two words, so that in a
    million indices two are tied once in 10,000 epochs.
    """
    high, low = Addresses(seed, epoch, torch.arange(n)).rows(2, step=_ORDER)
    return (high + low * 2.0**-32).argsort(stable=True)


def occurrences(indices: Tensor) -> Tensor:
    """How often each entry of ``indices`` came before it: int64 ``[n]``."""
    values, places = indices.sort(stable=True)
    position = torch.arange(len(indices))
    first = torch.ones_like(values, dtype=torch.bool)
    first[1:] = values[1:] != values[:-1]
    before = position - torch.where(first, position, 0).cummax(0).values
    return torch.empty_like(before).scatter_(0, places, before)


def order_of_sampler(sampler: Iterable[Any], *, seed: int, epoch: int) -> tuple[Tensor, Tensor]:
    """What a sampler gives in an epoch, and the draw of each, counted over all ranks of one that gives a rank's part.

    Torch's CPU generator is seeded from (seed, epoch) before and left as it was, so the order of a sampler that draws
    from it (``RandomSampler``, ``WeightedRandomSampler``) is a function of (seed, epoch) too.

    Returns:
        Indices and draws, int64 ``[n]``.

    Raises:
        TypeError: if the sampler gives anything but integers.
        ValueError: if one is negative.
    """
    if callable(set_epoch := getattr(sampler, "set_epoch", None)):
        set_epoch(epoch)
    (u,) = Addresses(seed, epoch, torch.zeros(1, dtype=torch.int64)).rows(1, step=_SAMPLER)
    ranks = _ranks(sampler)
    if ranks is None:
        mine = _listed(sampler, float(u))
        return mine, occurrences(mine)
    rank, count = ranks
    parts = [_listed(_of_rank(sampler, r), float(u)) for r in range(count)]
    turn = torch.cat([torch.arange(len(part)) * count + r for r, part in enumerate(parts)])
    draws = torch.empty_like(turn)
    by_turn = turn.argsort()
    draws[by_turn] = occurrences(torch.cat(parts)[by_turn])
    return parts[rank], draws.split([len(part) for part in parts])[rank]


def _ranks(sampler: Any) -> tuple[int, int] | None:
    """(rank, ranks), for a sampler that gives a rank's part of an order in which indices may come again."""
    own = vars(sampler) if hasattr(sampler, "__dict__") else {}
    rank, count = own.get("rank"), own.get("num_replicas")
    if not isinstance(rank, int) or not isinstance(count, int) or count < 2:
        return None
    repeats = type(sampler).__iter__ is not DistributedSampler.__iter__  # of that one's, only the padding comes again
    return (rank, count) if repeats else None


def _of_rank(sampler: Any, rank: int) -> Any:
    other = copy.copy(sampler)
    other.rank = rank
    return other


def _listed(sampler: Iterable[Any], uniform: float) -> Tensor:
    with generator_kept() as generator:
        generator.manual_seed(seed_of(uniform))
        given = list(sampler)
    indices: list[int] = []
    for index in given:
        if (number := as_integer(index)) is None:
            raise TypeError(
                f"the sampler must give integers, got {index!r} of type {type(index).__name__} from {sampler!r}; wrap "
                "the sampler of single indices, and batch around it: BatchSampler(AddressedSampler(sampler), ...)"
            )
        indices.append(number)
    if indices and min(indices) < 0:
        raise ValueError(
            f"the sampler must give integers of at least 0, got {min(indices)} from {sampler!r}; write index % n"
        )
    return torch.tensor(indices, dtype=torch.int64)
