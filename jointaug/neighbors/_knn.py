"""Exact nearest neighbors: blocks of a matrix product, then the best of each row."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from jointaug._validate import integer
from jointaug.neighbors._checks import choice, chunk_rows, feature_matrix
from jointaug.neighbors._select import foldable, largest

_CPU_TILE: Final = 2**16  # columns scored at a time
_TILE: Final = 2**18  # elsewhere: selecting from four times as many columns costs a GPU hardly more
_CPU_SCORES: Final = 2**24  # scores held at a time: 64 MB
_SCORES: Final = 2**28  # elsewhere 1 GB
_SPARE: Final = 8  # candidates beyond k, since float32 scores can swap near-ties


class Neighbors(NamedTuple):
    """What `knn` found, nearest first.

    Attributes:
        distances: float32 ``[q, k]``: Euclidean, or ``1 - cosine``; the cosine with a row of zeros is 0.
        indices: int64 ``[q, k]``, rows of the features; equal distances are in the order of their rows.
    """

    distances: Tensor
    indices: Tensor


@torch.no_grad()
def knn(
    features: Tensor,
    k: int,
    *,
    queries: Tensor | None = None,
    metric: Literal["euclidean", "cosine"] = "euclidean",
    chunk: int | None = None,
) -> Neighbors:
    """The ``k`` nearest rows of ``features`` to each query, exactly.

    All pairs are scored by a float32 matrix product (also under autocast); the best ``k + 8`` of each row are measured
    again, entry by entry and summed in float64, and ranked by that. So the answer depends neither on ``chunk`` nor on
    the device, unless more than eight rows tie within the rounding of a float32 product.

    Args:
        features: ``[n, d]`` floating point, on any device.
        k: number of neighbors: less than ``n`` without ``queries``, at most ``n`` with them.
        queries: ``[q, d]``; by default the features themselves, where no row is a neighbor of its own.
        metric: ``"euclidean"`` or ``"cosine"``.
        chunk: queries at a time.

    Returns:
        distances and indices, nearest first.

    Raises:
        TypeError: for features that are no floating-point tensor, or a ``k`` that is no integer.
        ValueError: for a ``k`` that is too large, features that are not finite (the row is named), two widths or
            devices, or an unknown metric.

    >>> points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    >>> knn(points, 2).indices.tolist()
    [[1, 2], [0, 2], [1, 0], [2, 1]]
    """
    x = feature_matrix("features", features)
    n, d = x.shape
    q = x if queries is None else feature_matrix("queries", queries, width=d, device=x.device)
    k = integer("k", k, low=1, rule="an integer >= 1")
    most = n - 1 if queries is None else n
    if k > most:
        of = f"the number of other points, {most}" if queries is None else f"the number of features, {n}"
        raise ValueError(f"k must be at most {of}, got {k}; ask for fewer neighbors or pass more features")
    cosine = choice("metric", metric, ("euclidean", "cosine")) == "cosine"
    shift = x.mean(0)

    def placed(rows: Tensor) -> Tensor:
        # distances do not feel a shift, but the rounding of products does
        return F.normalize(rows, dim=1) if cosine else rows - shift

    x = placed(x)
    q = x if queries is None else placed(q)
    tile, scores = (_CPU_TILE, _CPU_SCORES) if x.device.type == "cpu" else (_TILE, _SCORES)
    step = min(len(q), chunk_rows(chunk, min(n, tile), scores, least=64))
    search = _Search(x, k, step, tile, cosine=cosine)
    distances, indices = x.new_empty(len(q), k), torch.empty(len(q), k, dtype=torch.int64, device=x.device)
    for start in range(0, len(q), step):
        rows = q[start : start + step]
        candidates = search.candidates(rows, start if queries is None else None)
        squares, columns = search.measured(rows, candidates)
        distances[start : start + step] = squares / 2 if cosine else squares.sqrt()
        indices[start : start + step] = columns
    return Neighbors(distances, indices)


class _Search:
    """The columns, padded and augmented once, and the block of scores, used again and again.

    The score of query q and row x is ``q x - x x / 2``, greatest for the nearest; the second term rides on the product
    as one more column (the width is a multiple of four, which a GPU wants). Padding scores minus infinity.
    """

    def __init__(self, x: Tensor, k: int, step: int, tile: int, *, cosine: bool) -> None:
        n, d = x.shape
        self.x, self.k = x, k
        self.zeros = _zeros(x) if cosine else None
        self.wanted = min(k + _SPARE, n)
        tiles = -(-n // tile)
        tile = foldable(-(-n // tiles))
        self.columns = x.new_zeros(tiles * tile, d + 4 - d % 4)
        self.columns[:n, :d] = x
        if not cosine:
            self.columns[:n, d] = (x * x).sum(1) / -2
        self.columns[n:, d] = -torch.inf
        self.queries = x.new_zeros(step, self.columns.shape[1])
        self.queries[:, d] = 1.0
        self.block = x.new_empty(step, tile)

    def candidates(self, rows: Tensor, own: int | None) -> Tensor:
        """Rows of the features ``[r, k + 8]`` with the greatest scores; ``own``: the number of the first query.

        What is not wanted (the query itself, or padding) is -1.
        """
        r, tile = len(rows), self.block.shape[1]
        q, block = self.queries[:r], self.block[:r]
        q[:, : rows.shape[1]] = rows
        best, found = rows.new_empty(r, 0), torch.empty(r, 0, dtype=torch.int64, device=rows.device)
        for start in range(0, len(self.columns), tile):
            torch.mm(q, self.columns[start : start + tile].T, out=block)  # autocast leaves alone what has an `out`
            if own is not None and start - r < own < start + tile:
                block.diagonal(own - start).fill_(-torch.inf)
            chosen = largest(block, min(self.wanted, tile))
            best = torch.cat([best, block.gather(1, chosen)], 1)
            found = torch.cat([found, chosen + start], 1)
            if best.shape[1] > self.wanted:
                kept = largest(best, self.wanted)
                best, found = best.gather(1, kept), found.gather(1, kept)
        return torch.where(best > -torch.inf, found, -1)

    def measured(self, rows: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """The ``k`` nearest candidates by squared distance, ties by row: float64 ``[r, k]``, int64 ``[r, k]``."""
        columns = candidates.sort(1).values  # -1, the query itself or padding, comes first
        difference = self.x.index_select(0, columns.clamp(min=0).flatten()).view(*columns.shape, -1)
        squares = difference.sub_(rows[:, None]).square_().double().sum(2)
        if self.zeros is not None:  # (a - b) (a - b) is twice 1 - a b of rows whose length is 1
            squares.masked_fill_(self.zeros[columns.clamp(min=0)] | _zeros(rows)[:, None], 2.0)
        squares.masked_fill_(columns < 0, torch.inf)
        squares, order = squares.sort(dim=1, stable=True)
        return squares[:, : self.k], columns.gather(1, order)[:, : self.k]


def _zeros(normalized: Tensor) -> Tensor:
    """Which rows have no direction, bool ``[n]``."""
    return normalized.square().sum(1) < 0.5
