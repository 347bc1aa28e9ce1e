"""Negatives on a CPU: the nearest rows of a bank to each query without ever sorting, or holding, all similarities."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .._native import _library as native
from ._chance import order_keys_np
from ._select import in_threads

ROUNDING: Final = 2.0**-18  # far above the rounding of a float32 product of unit vectors
MOST_TIES: Final = 2**12  # rows within the rounding of a pool's edge that are compared in float64
_STRIDE: Final = 16  # of the sample of the bank that finds where a pool may begin
_TILE: Final = 2**14  # rows of the bank at a time


class Batch(NamedTuple):
    """Queries that are drawn for together.

    Attributes:
        queries: unit ``[b, d]``.
        words: int64 ``[b, 2]``, of the random order of rows.
        same: rows of the bank with the label of some query.
        bounds: where each query's own are among them.
        sizes: of each query's pool.
    """

    queries: Tensor
    words: Tensor
    same: Tensor
    bounds: list[tuple[int, int]]
    sizes: list[int]


class _Candidates:
    """What may be in each query's pool: a line of fixed length of rows of the bank, ascending, and of their scores."""

    def __init__(self, least: npt.NDArray[np.float32], room: int) -> None:
        self.least = least
        self.rows = np.empty((len(least), room), np.uint32)
        self.scores = np.empty((len(least), room), np.float32)
        self.counts = np.zeros(len(least), np.int64)  # or -1, where the line cannot hold all

    def keep_above(self, scores: npt.NDArray[np.float32], first: int) -> None:
        """Append what reaches the thresholds, from ``scores [queries, width]`` of the bank's rows ``first`` and on."""
        if native.library is not None:
            # On one thread: a core that torch has just used is still waiting for work from it.
            native.keep_above(scores, self.least, first, self.rows, self.scores, self.counts)
            return
        in_threads(lambda start, stop: self._keep_above(scores, first, start, stop), len(scores))

    def _keep_above(self, scores: npt.NDArray[np.float32], first: int, start: int, stop: int) -> None:
        """The same by numpy, for some queries."""
        for i in range(start, stop):
            found = np.flatnonzero(scores[i] >= self.least[i])
            begin, end = self.counts[i], self.counts[i] + len(found)
            if begin < 0 or end > self.rows.shape[1]:
                self.counts[i] = -1
                continue
            self.rows[i, begin:end] = found + first
            self.scores[i, begin:end] = scores[i, found]
            self.counts[i] = end

    def of(self, i: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]] | None:
        """Rows and scores of a query; None where there were too many."""
        count = self.counts[i]
        return (self.rows[i, :count], self.scores[i, :count]) if count >= 0 else None


def draw_by_numpy(chosen: Tensor, batch: Batch, bank: Tensor, *, use_scores: bool) -> None:
    """Fill ``chosen [b, count]`` with each query's draw."""
    out, bank_np, q64 = chosen.numpy(), bank.numpy(), batch.queries.double().numpy()
    words = np.ascontiguousarray(batch.words.numpy(), np.uint32)
    candidates = _stream(batch, bank) if use_scores else None

    def some(start: int, stop: int) -> None:
        for i in range(start, stop):
            excluded = _excluded(batch, i)
            if candidates is None:
                others = np.ones(len(bank_np), np.bool_)
                others[excluded] = False
                members = np.flatnonzero(others).astype(np.uint32)
            else:
                members = _pool(candidates, i, batch.sizes[i], excluded, bank_np, q64[i])
            first_in_order(out[i], words[i], members)

    in_threads(some, len(out))


def first_in_order(
    chosen: npt.NDArray[np.int64], words: npt.NDArray[np.uint32], members: npt.NDArray[np.uint32]
) -> None:
    """Fill ``chosen`` with the members that come first in the random order of the words, as they stand."""
    count = len(chosen)
    if count == len(members):
        chosen[:] = members
    elif native.library is not None:
        native.first_in_order(chosen, words, members)
    else:
        keys = order_keys_np(words, members.copy())
        chosen[:] = np.compress(keys <= np.partition(keys, count - 1)[count - 1], members)


def _stream(batch: Batch, bank: Tensor) -> _Candidates:
    """Candidates of each query: the bank goes by in tiles, and what lies above the query's threshold is kept."""
    b, n = len(batch.queries), len(bank)
    candidates = _candidates(batch, bank)
    tile = bank.new_empty(b, min(_TILE, n))  # fresh memory costs more than arithmetic
    for first in range(0, n, _TILE):
        scores = tile[:, : min(_TILE, n - first)]
        torch.mm(batch.queries, bank[first : first + _TILE].T, out=scores)
        candidates.keep_above(scores.numpy(), first)
    return candidates


def _candidates(batch: Batch, bank: Tensor) -> _Candidates:
    """Room for candidates, and for each query a score that its pool likely lies above, from a sample of the bank."""
    b, n = len(batch.queries), len(bank)
    least = np.full(b, -np.inf, np.float32)
    sample = bank[::_STRIDE].contiguous()
    scores = torch.mm(batch.queries, sample.T, out=bank.new_empty(b, len(sample))).numpy()
    room = 0
    for i, size in enumerate(batch.sizes):
        excluded = _excluded(batch, i)
        scores[i, excluded[excluded % _STRIDE == 0] // _STRIDE] = -np.inf
        rank = _above(size / _STRIDE)
        if rank < len(sample):
            least[i] = np.partition(scores[i], len(sample) - rank)[len(sample) - rank]
        room = max(room, _STRIDE * _above(rank) + len(excluded))
    return _Candidates(least, min(room, n))


def _above(expected: float) -> int:
    """A count that one of a random sample hardly exceeds, where so many are expected: by five standard deviations."""
    return math.ceil(expected + 5 * math.sqrt(expected) + 1)


def _excluded(batch: Batch, i: int) -> npt.NDArray[np.uint32]:
    """The rows of the bank with the query's label."""
    return batch.same.numpy()[slice(*batch.bounds[i])].astype(np.uint32)


def _pool(
    candidates: _Candidates,
    i: int,
    size: int,
    excluded: npt.NDArray[np.uint32],
    bank: npt.NDArray[np.float32],
    query: npt.NDArray[np.float64],
) -> npt.NDArray[np.uint32]:
    """The ``size`` rows of the greatest scores, ascending; those at the edge by their exact cosine, then by number."""
    edge, found = -math.inf, candidates.of(i)
    if found is not None:
        edge = _edge(*found, size, excluded)
    if found is None or edge < candidates.least[i] + ROUNDING:  # the sample misled
        found = np.arange(len(bank), dtype=np.uint32), bank @ query.astype(np.float32)
        edge = _edge(*found, size, excluded)
    rows, scores = found
    gap = scores - edge
    ties = np.flatnonzero(np.abs(gap) <= ROUNDING)
    if len(ties) <= MOST_TIES:
        inside = gap > ROUNDING
        ties = ties[np.argsort(-(bank[rows[ties]].astype(np.float64) @ query), kind="stable")]
    else:
        inside, ties = gap > 0, np.flatnonzero(gap == 0)
    inside[ties[: size - np.count_nonzero(inside)]] = True
    return np.compress(inside, rows)


def _edge(
    rows: npt.NDArray[np.uint32], scores: npt.NDArray[np.float32], size: int, excluded: npt.NDArray[np.uint32]
) -> float:
    """The ``size``-th greatest score of the rows that are not excluded, which score minus infinity from now on."""
    place = np.searchsorted(rows, excluded)
    place, excluded = place[place < len(rows)], excluded[place < len(rows)]
    scores[place[rows[place] == excluded]] = -np.inf
    return float(np.partition(scores, len(scores) - size)[len(scores) - size]) if size <= len(scores) else -math.inf
