"""Negatives on a CPU: the nearest rows of a bank to each query without ever sorting, or holding, all similarities."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jointaug.neighbors._chance import order_keys_np
from jointaug.neighbors._select import in_threads

ROUNDING: Final = 2.0**-18  # far above the rounding of a float32 product of unit vectors
MOST_TIES: Final = 2**12  # rows within the rounding of a pool's edge that are compared in float64
_STRIDE: Final = 16  # of the sample of the bank that finds where a pool may begin
_TILE: Final = 2**14  # rows of the bank at a time, a power of two
_LEAST: Final = -2.0  # below any cosine, above the padding's minus infinity


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


class _Candidates(NamedTuple):
    """What may be in a pool: ascending rows of the bank and their scores, in pieces, and the least score kept."""

    rows: list[npt.NDArray[np.uint32]]
    scores: list[npt.NDArray[np.float32]]
    least: float


def draw_by_numpy(chosen: Tensor, batch: Batch, bank: Tensor, *, use_scores: bool) -> None:
    """Fill ``chosen [b, count]`` with each query's draw."""
    out, bank_np, q64 = chosen.numpy(), bank.numpy(), batch.queries.double().numpy()
    words = batch.words.numpy().astype(np.uint32)
    candidates = _stream(batch, bank) if use_scores else None
    count = out.shape[1]

    def some(start: int, stop: int) -> None:
        for i in range(start, stop):
            excluded = _excluded(batch, i)
            if candidates is None:
                others = np.ones(len(bank_np), np.bool_)
                others[excluded] = False
                members = np.flatnonzero(others).astype(np.uint32)
            else:
                members = _pool(candidates[i], batch.sizes[i], excluded, bank_np, q64[i])
            if count < len(members):
                lots = order_keys_np(words[i], members.copy())
                members = np.compress(lots <= np.partition(lots, count - 1)[count - 1], members)
            out[i] = members

    in_threads(some, len(out))


def _stream(batch: Batch, bank: Tensor) -> list[_Candidates]:
    """Candidates of each query: the bank goes by in tiles, and what lies above the query's threshold is kept."""
    b, n = len(batch.queries), len(bank)
    least = _thresholds(batch, bank)
    tile, above = bank.new_empty(b, _TILE), np.empty((b, _TILE), np.bool_)  # fresh memory costs more than arithmetic
    rows: list[list[npt.NDArray[np.uint32]]] = [[] for _ in range(b)]
    scores: list[list[npt.NDArray[np.float32]]] = [[] for _ in range(b)]
    for first in range(0, n, _TILE):
        width = min(_TILE, n - first)
        torch.mm(batch.queries, bank[first : first + width].T, out=tile[:, :width])
        tile[:, width:] = -torch.inf

        def some(start: int, stop: int, first: int = first) -> None:
            part = tile[start:stop].numpy()
            np.greater_equal(part, np.maximum(least[start:stop, None], _LEAST), out=above[start:stop])
            found = np.flatnonzero(above[start:stop])
            ends = np.searchsorted(found, np.arange(stop - start + 1) * _TILE).tolist()
            values = part.ravel()[found]
            numbers = (found.astype(np.uint32) & np.uint32(_TILE - 1)) + np.uint32(first)
            for i, (begin, end) in enumerate(pairwise(ends), start):
                rows[i].append(numbers[begin:end])
                scores[i].append(values[begin:end])

        in_threads(some, b)
    return [_Candidates(*parts) for parts in zip(rows, scores, least.tolist(), strict=True)]


def _thresholds(batch: Batch, bank: Tensor) -> npt.NDArray[np.float32]:
    """A score for each query that its pool very likely lies above, from a sample of the bank; or minus infinity."""
    least = np.full(len(batch.queries), -np.inf, np.float32)
    sample = bank[::_STRIDE].contiguous()
    scores = torch.mm(batch.queries, sample.T, out=bank.new_empty(len(least), len(sample))).numpy()
    for i, size in enumerate(batch.sizes):
        excluded = _excluded(batch, i)
        scores[i, excluded[excluded % _STRIDE == 0] // _STRIDE] = -np.inf
        expected = size / _STRIDE
        rank = math.ceil(expected + 5 * math.sqrt(expected) + 1)  # five standard deviations of a random sample
        if rank < len(sample):
            least[i] = np.partition(scores[i], len(sample) - rank)[len(sample) - rank]
    return least


def _excluded(batch: Batch, i: int) -> npt.NDArray[np.uint32]:
    """The rows of the bank with the query's label."""
    return batch.same.numpy()[slice(*batch.bounds[i])].astype(np.uint32)


def _pool(
    candidates: _Candidates,
    size: int,
    excluded: npt.NDArray[np.uint32],
    bank: npt.NDArray[np.float32],
    query: npt.NDArray[np.float64],
) -> npt.NDArray[np.uint32]:
    """The ``size`` rows of the greatest scores, ascending; those at the edge by their exact cosine, then by number."""
    rows, scores = np.concatenate(candidates.rows), np.concatenate(candidates.scores)
    edge = _edge(rows, scores, size, excluded)
    if edge < candidates.least + ROUNDING:  # the sample misled
        rows, scores = np.arange(len(bank), dtype=np.uint32), bank @ query.astype(np.float32)
        edge = _edge(rows, scores, size, excluded)
    ties = np.flatnonzero(np.abs(scores - edge) <= ROUNDING)
    if len(ties) <= MOST_TIES:
        inside = scores > edge + ROUNDING
        ties = ties[np.argsort(-(bank[rows[ties]].astype(np.float64) @ query), kind="stable")]
    else:
        inside, ties = scores > edge, np.flatnonzero(scores == edge)
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
