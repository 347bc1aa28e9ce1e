"""Exact nearest neighbors: blocks of a matrix product, then the best of each row."""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor

from .._directions import scale_of
from .._validate import integer
from ._checks import choice, chunk_rows, feature_matrix
from ._select import foldable, largest

_CPU_TILE: Final = 2**16  # columns scored at a time
_TILE: Final = 2**18  # elsewhere: selecting from four times as many columns costs a GPU hardly more
_CPU_SCORES: Final = 2**24  # scores held at a time: 64 MB
_SCORES: Final = 2**28  # elsewhere 1 GB
_CPU_ENTRIES: Final = 2**17  # entries measured at a time: 1 MB, in the second-level cache
_SPARE: Final = 8  # candidates beyond k, since float32 scores can swap near-ties
_FEW: Final = 64  # queries that are scored again at a time
_MOST_TIES: Final = 2**12  # rows within the rounding of float64 that are told apart by their entries


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

    All pairs are scored by a float32 matrix product of centered rows (also under autocast); the best ``k + 8`` of each
    query are measured again, entry by entry in float64, and ranked by that. Where the rounding of a product may have
    kept a neighbor from being among them (tight groups far apart, many ties), the query is scored again in float64, and
    what ties there is measured. So the answer depends neither on scale, ``chunk`` nor device; only where more than
    4096 rows tie within the rounding of float64, they go by their number.

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

    Example:
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
    tile, scores = (_CPU_TILE, _CPU_SCORES) if x.device.type == "cpu" else (_TILE, _SCORES)
    step = min(len(q), chunk_rows(chunk, min(n, tile), scores, least=64))
    search = _Search(x, k, step, tile, cosine=cosine)
    distances, indices = x.new_empty(len(q), k), torch.empty(len(q), k, dtype=torch.int64, device=x.device)
    for start in range(0, len(q), step):
        rows = search.rows(q[start : start + step])
        squares, columns, sure = search.nearest(rows, start if queries is None else None)
        for group in torch.split((~sure).nonzero()[:, 0], _FEW):
            for i, scores64 in zip(group.tolist(), search.scores(rows, group), strict=True):
                own = start + i if queries is None else None
                squares[i], columns[i] = search.exactly(rows, i, own, scores64)
        distances[start : start + step] = squares / 2 if cosine else squares.sqrt()
        indices[start : start + step] = columns
    return Neighbors(distances, indices)


class _Rows(NamedTuple):
    """Rows as they were given, and what places them where products keep the most digits of their distances.

    Attributes:
        given: float32 ``[r, d]``.
        factors: float64 ``[r, 1]``: one over the length (cosine; 0 for a row of zeros), or a power of two for all.
        placed: float32 ``[r, d]``: ``given * factors`` less the mean of the features' own.
    """

    given: Tensor
    factors: Tensor
    placed: Tensor


class _Search:
    """The columns, padded and augmented once, and the block of scores, used again and again.

    The score of query q and row x is ``q x - x x / 2``, greatest for the nearest; the second term rides on the product
    as one more column (the width is a multiple of four, which a GPU wants). Padding scores minus infinity. Cosines are
    searched as distances between unit rows: between features that nearly collapsed a cosine has no digits left.
    """

    def __init__(self, x: Tensor, k: int, step: int, tile: int, *, cosine: bool) -> None:
        n, d = x.shape
        self.k, self.cosine = k, cosine
        self.wanted = min(k + _SPARE, n)
        self.common = scale_of(x).double()
        self.shift = x.new_zeros(d, dtype=torch.float64)
        for part in self._parts(x):
            self.shift += (part.double() * self._factors(part)).sum(0)
        self.shift /= n
        self.x = self.rows(x)
        tiles = -(-n // tile)
        tile = foldable(-(-n // tiles))
        self.columns = x.new_zeros(tiles * tile, d + 4 - d % 4)
        self.columns[:n, :d] = self.x.placed
        self.columns[:n, d] = self.x.placed.square().sum(1) / -2
        if cosine:  # the cosine with a row of zeros is 0, as if it were sqrt(2) away
            self.columns[:n, d] -= (self.x.factors[:, 0] == 0) / 2
        self.columns[n:, d] = -torch.inf
        self.queries = x.new_zeros(step, self.columns.shape[1])
        self.queries[:, d] = 1.0
        self.block = x.new_empty(step, tile)
        self.rounding = 4 * math.sqrt(d) + 16  # of a product's sum, in units of the last place: random, with a margin

    def rows(self, x: Tensor) -> _Rows:
        """Place rows ``[r, d]``."""
        factors, placed = torch.cat([self._factors(part) for part in self._parts(x)]), torch.empty_like(x)
        for part, own, to in zip(self._parts(x), self._parts(factors), self._parts(placed), strict=True):
            to.copy_(part.double().mul_(own).sub_(self.shift))
        return _Rows(x, factors, placed)

    def _factors(self, x: Tensor) -> Tensor:
        if not self.cosine:
            return self.common.expand(len(x), 1)
        norms = torch.linalg.vector_norm(x.double(), dim=1, keepdim=True)
        return torch.where(norms > 0, 1 / norms, 0.0)

    @staticmethod
    def _parts(x: Tensor) -> tuple[Tensor, ...]:
        return torch.split(x, 2**14)

    def nearest(self, rows: _Rows, own: int | None) -> tuple[Tensor, Tensor, Tensor]:
        """Squared distances and columns of the ``k`` nearest, ties by row, and of which rows they are certain.

        The candidates' own distances are exact. What is no candidate has a score of at most the least of theirs; they
        are certain if its distance, less what rounding may have done to it, is still greater than the k-th.
        """
        best, candidates = self.candidates(rows.placed, own)
        columns, order = candidates.sort(1)  # -1, the query itself or padding, comes first
        squares = self._measured(columns, rows.given, rows.factors)
        lengths = torch.linalg.vector_norm(rows.placed, dim=1, dtype=torch.float64)[:, None]
        scored = lengths.square() - 2 * best.gather(1, order).double()
        unit = 1.0 if self.cosine else float(self.common) ** 2
        squares.masked_fill_(columns < 0, torch.inf)
        seen = torch.where(columns < 0, 0.0, (scored - squares * unit).abs()).amax(1)
        squares, order = squares.sort(dim=1, stable=True)
        squares, columns = squares[:, : self.k], columns.gather(1, order)[:, : self.k]
        if self.wanted == len(self.x.given):
            return squares, columns, torch.ones_like(seen, dtype=torch.bool)
        last = squares[:, -1] * unit
        slack = torch.maximum(2 * self._slack(lengths[:, 0], last, 2.0**-24), 2 * seen)
        sure = last + slack < scored.amax(1)
        if self.cosine:
            sure &= rows.factors[:, 0] > 0
        return squares, columns, sure

    def _slack(self, length: Tensor, square: Tensor, rounding: float) -> Tensor:
        """What rounding may do to the score of a row at this squared distance from a query of this length."""
        reach = length + square.clamp(min=0).sqrt()
        return self.rounding * rounding * (length * reach + reach.square() / 2)

    def candidates(self, placed: Tensor, own: int | None) -> tuple[Tensor, Tensor]:
        """The greatest scores and their rows of the features ``[r, k + 8]``; ``own``: the number of the first query.

        What is not wanted (the query itself, or padding) is -1.
        """
        r, tile = len(placed), self.block.shape[1]
        q, block = self.queries[:r], self.block[:r]
        q[:, : placed.shape[1]] = placed
        best, found = placed.new_empty(r, 0), torch.empty(r, 0, dtype=torch.int64, device=placed.device)
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
        return best, torch.where(best > -torch.inf, found, -1)

    def scores(self, rows: _Rows, which: Tensor) -> Tensor:
        """Scores of some rows, float64 ``[w, n]``."""
        q = rows.given[which].double() * rows.factors[which] - self.shift
        parts = []
        for part, factors in zip(self._parts(self.x.given), self._parts(self.x.factors), strict=True):
            placed = part.double().mul_(factors).sub_(self.shift)
            part_of = q @ placed.T - placed.square().sum(1) / 2
            parts.append(part_of - (factors[:, 0] == 0).double() / 2 if self.cosine else part_of)
        return torch.cat(parts, 1)

    def exactly(self, rows: _Rows, i: int, own: int | None, scores: Tensor) -> tuple[Tensor, Tensor]:
        """The same for one row by its float64 scores, and where these tie by the entries' differences."""
        query, length = rows.given[i : i + 1], rows.factors[i : i + 1]
        q = (query.double() * length - self.shift)[0]
        if self.cosine and float(length) == 0:
            scores.zero_()  # its cosine with all rows is 0
        if own is not None:
            scores[own] = -torch.inf
        last = scores.topk(self.k).values[-1]
        size = torch.linalg.vector_norm(q)
        slack = 2 * self._slack(size, size.square() - 2 * last, 2.0**-53)
        near = scores >= last - slack
        columns = near.nonzero()[:, 0]
        if len(columns) > self.k + _MOST_TIES:
            above = scores > last + slack
            tied = (near & ~above).nonzero()[:, 0][: self.k - int(above.sum())]
            columns = torch.cat([above.nonzero()[:, 0], tied]).sort().values
        squares = self._measured(columns[None], query, length)[0]
        squares, order = squares.sort(stable=True)
        return squares[: self.k], columns[order[: self.k]]

    def _measured(self, columns: Tensor, given: Tensor, factors: Tensor) -> Tensor:
        """Squared distances ``[r, c]`` of rows and columns, entry by entry in float64; for -1 anything."""
        few = max(
            1, (_CPU_ENTRIES if given.device.type == "cpu" else _SCORES // 4) // (columns.shape[1] * given.shape[1])
        )
        squares = torch.empty(columns.shape, dtype=torch.float64, device=given.device)
        for start in range(0, len(columns), few):
            part = slice(start, start + few)
            which = columns[part].clamp(min=0)
            entries = self.x.given.index_select(0, which.flatten()).view(*which.shape, -1).double()
            rows = given[part, None].double()
            if self.cosine:
                scale = self.x.factors[:, 0].index_select(0, which.flatten()).view(*which.shape, 1)
                entries, rows = entries.mul_(scale), rows.mul_(factors[part, None])
            torch.sum(entries.sub_(rows).square_(), 2, out=squares[part])
            if self.cosine:  # twice 1 - 0
                squares[part].masked_fill_((scale[..., 0] == 0) | (factors[part] == 0), 2.0)
        return squares
