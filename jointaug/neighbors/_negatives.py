"""Negatives from a bank of features: hardest, semi-hard, random, semi-easy."""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple, NoReturn

import torch
from torch import Tensor

from .._directions import unit
from .._validate import ABOVE_0, integer, looked_at, number
from ._chance import order_keys, order_words
from ._checks import choice, chunk_rows, feature_matrix, row_labels, row_numbers
from ._pools import MOST_TIES, ROUNDING, Batch, draw_by_numpy
from ._positives import rows_by_label
from ._select import by_numpy

STRATEGIES: Final = ("semi-hard", "random", "semi-easy", "hard")
"""Ways of choosing negatives (InterCLR, sec. 3.3, Fig. 8)."""
_CPU_QUERIES: Final = 256  # queries at a time
_SCORES: Final = 2**28  # elsewhere, cosines held at a time: 1 GB
_TIES: Final = 64  # elsewhere, rows behind a pool that are kept for its edge: more are rare, and cost a second look


@torch.no_grad()
def sample_negatives(
    queries: Tensor,
    index: Tensor,
    bank: Tensor,
    labels: Tensor | None,
    count: int,
    *,
    strategy: Literal["semi-hard", "random", "semi-easy", "hard"] = "semi-hard",
    pool: float = 0.1,
    seed: int = 0,
    epoch: int = 0,
    chunk: int | None = None,
) -> Tensor:
    """Negatives of each query among the bank's rows of other labels (InterCLR, sec. 4.3).

    Let S be the rows whose label is not the query's. The strategies, by cosine to the query:

    * ``"hard"``: the ``count`` nearest rows of S;
    * ``"semi-hard"``: ``count`` drawn from the pool of the nearest ``ceil(pool * |S|)``;
    * ``"random"``: ``count`` drawn from all of S;
    * ``"semi-easy"``: ``count`` drawn from the pool of the farthest ``ceil(pool * |S|)``.

    Draws are uniform without replacement. A pool is exact: where float32 cosines at its edge lie within their rounding,
    float64 decides, and then the row's number (beyond 4096 such rows, which only a collapsed bank has, equal float32
    values go by number). So neither ``chunk`` nor the device changes a draw; a draw is the same set for all strategies
    whose pools are the same.

    With a single cluster S is empty: an error, never a row of the query's own label.

    On an accelerator no other values are looked at, and the host waits once for each ``chunk``: for the sizes of pools
    and ties. Where ``strategy`` is ``"random"`` and ``labels`` None it does not.

    Args:
        queries: ``[B, d]``, of any length other than 0.
        index: int64 ``[B]``: the bank's row of each query, which has its label; the draw's address too.
        bank: ``[N, d]``, unit rows (zero rows are allowed).
        labels: int64 ``[N]``; None stands for a label of its own for each row, as in NPID.
        count: negatives of each query.
        strategy: see above.
        pool: fraction of S, in (0, 1]; the paper's is 0.1.
        seed: of the experiment, in [0, 2**64).
        epoch: in [0, 2**32). One image draws once an epoch; within an epoch the draw stays the same.
        chunk: queries at a time.

    Returns:
        int64 ``[B, count]``, ascending rows of the bank.

    Raises:
        TypeError: for tensors or numbers of the wrong kind.
        ValueError: for more negatives than a pool holds, features that are not finite (the row is named) or not unit,
            widths, lengths or devices that do not fit, ``pool`` outside (0, 1], or an unknown strategy.
        IndexError: for an index outside the bank.

    Source: Xie et al. 2022, https://arxiv.org/abs/2008.11702. The released code draws from the nearest rows of the
    whole bank and replaces those of the query's label; here the pool is the paper's.

    Example:
        >>> bank = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [1, 0.1], [1, 0.5], [0, 1], [-1, 0]]), dim=1)
        >>> labels = torch.tensor([0, 0, 1, 1, 2])
        >>> sample_negatives(bank[:1], torch.tensor([0]), bank, labels, 2, strategy="hard").tolist()
        [[2, 3]]
    """
    v = feature_matrix("bank", bank, of_step=True)
    if looked_at(v):
        _refuse_other_lengths(v)
    y = None if labels is None else row_labels("labels", labels, len(v), device=v.device, of_step=True)
    return negatives_of_unit_rows(
        queries, index, v, y, count, strategy=strategy, pool=pool, seed=seed, epoch=epoch, chunk=chunk
    )


def _refuse_other_lengths(bank: Tensor) -> None:
    norms = torch.linalg.vector_norm(bank, dim=1)
    odd = ((norms - 1).abs() > 1e-3).nonzero()[:, 0]
    odd = odd[bank[odd].any(1)]  # a row of zeros is allowed, one that is too small to be squared is none
    if len(odd):
        row = int(odd[0])
        raise ValueError(
            f"bank must have unit rows, but row {row} has length {float(bank[row].double().norm()):.6g}; use "
            "jointaug.losses.unit(bank)"
        )


def negatives_of_unit_rows(
    queries: Tensor,
    index: Tensor,
    bank: Tensor,
    labels: Tensor | None,
    count: int,
    *,
    strategy: str,
    pool: float,
    seed: int,
    epoch: int,
    chunk: int | None,
) -> Tensor:
    """`sample_negatives` on a bank and labels that are known to be sound: checking them costs a pass over the bank."""
    q = feature_matrix("queries", queries, width=bank.shape[1], device=bank.device, of_step=True)
    index = row_numbers("index", index, len(bank), device=bank.device)
    if len(index) != len(q):
        raise ValueError(f"index must have one entry for each of the {len(q)} queries, got {len(index)}; pass as many")
    count = integer("count", count, low=1, rule="an integer >= 1")
    choice("strategy", strategy, STRATEGIES)
    remedy = "divide percentages by 100"
    pool = number("pool", pool, rule="a fraction in (0, 1]", low=ABOVE_0, high=1.0, remedy=remedy)
    q = unit(q)
    if strategy == "semi-easy":
        q = -q  # the farthest rows are the nearest to the opposite point
    words = order_words("negatives", index, seed=seed, epoch=epoch)
    chosen = torch.empty(len(q), count, dtype=torch.int64, device=bank.device)
    sizes = _Sizes(strategy, pool, count)
    if by_numpy(bank):
        same, bounds = _same_label(labels, index)
        of_each = [sizes.of(len(bank) - (stop - start)) for start, stop in bounds]
        if min(of_each) < count:
            _refuse(sizes, labels, index, len(bank))
        step = _CPU_QUERIES if chunk is None else chunk_rows(chunk, len(bank), _SCORES)
        for start in range(0, len(q), step):
            part = slice(start, start + step)
            batch = Batch(q[part], words[part], same, bounds[part], of_each[part])
            draw_by_numpy(chosen[part], batch, bank, use_scores=strategy != "random")
        return chosen
    if sizes.of(len(bank) - 1) < count:
        _refuse(sizes, labels, index, len(bank))
    step = chunk_rows(chunk, len(bank), _SCORES, least=8)
    for start in range(0, len(q), step):
        part = slice(start, start + step)
        if not _draw(chosen[part], q[part], words[part], index[part], labels, bank, sizes):
            _refuse(sizes, labels, index, len(bank))
    return chosen


class _Sizes(NamedTuple):
    """How many rows a query draws from, given the number of rows with another label."""

    strategy: str
    pool: float
    wanted: int

    def of(self, others: int) -> int:
        """For one query."""
        if self.strategy == "random":
            return others
        if self.strategy == "hard":
            return min(self.wanted, others)
        return math.ceil(self.pool * others - _HAIR)

    def of_all(self, others: Tensor) -> Tensor:
        """The same for int64 numbers of any shape."""
        if self.strategy == "random":
            return others
        if self.strategy == "hard":
            return others.clamp(max=self.wanted)
        return (others.double() * self.pool - _HAIR).ceil().long()


_HAIR: Final = 5e-7
"""0.1 * 30 is 3.0000000000000004: a hair is taken off before rounding up."""


def _refuse(sizes: _Sizes, labels: Tensor | None, index: Tensor, n: int) -> NoReturn:
    """Say which query's pool is the smallest."""
    others = [n - (stop - start) for start, stop in _same_label(labels, index)[1]]
    smallest = min(map(sizes.of, others))
    at = [*map(sizes.of, others)].index(smallest)
    semi = sizes.strategy.startswith("semi")
    share, larger = (f"{sizes.pool} of ", ", enlarge the pool") if semi else ("", "")
    of = int(index[at] if labels is None else labels[index[at]])
    raise ValueError(
        f"count must be at most the size of the smallest pool, {smallest} rows ({sizes.strategy!r}: {share}the "
        f"{others[at]} rows whose label is not that of query {at}, {of}), got {sizes.wanted}; ask for fewer "
        f"negatives{larger}, or cluster into more clusters"
    )


def _same_label(labels: Tensor | None, index: Tensor) -> tuple[Tensor, list[tuple[int, int]]]:
    """The rows that share a label with some query, and where each query's own are among them."""
    if labels is None:
        return index, [(i, i + 1) for i in range(len(index))]
    y = labels[index]
    found, rows = rows_by_label(labels, y)
    starts, stops = torch.searchsorted(found, y), torch.searchsorted(found, y, right=True)
    return rows, list(zip(starts.tolist(), stops.tolist(), strict=True))


def _draw(
    chosen: Tensor, queries: Tensor, words: Tensor, index: Tensor, labels: Tensor | None, bank: Tensor, sizes: _Sizes
) -> bool:
    """Fill ``chosen [b, count]``, all queries at once, on any device; False where a pool is too small for that."""
    n, count = len(bank), chosen.shape[1]
    everyone = torch.arange(n, device=bank.device)
    classes = everyone if labels is None else labels
    same = classes == classes[index][:, None]
    size = sizes.of_all(n - same.sum(1))
    if sizes.strategy == "random":
        if labels is not None and bool(size.amin() < count):
            return False
        keys = order_keys(words[:, None], everyone).masked_fill_(same, 2**32)
        drawn = keys.topk(count, dim=1, largest=False, sorted=False).indices
    else:
        scores = torch.mm(queries, bank.T, out=bank.new_empty(len(queries), n))  # autocast leaves `out` alone
        scores.masked_fill_(same, -torch.inf)
        near = _nearest_of_all(scores, size, sizes.of(n - 1), count, bank, queries.double())
        if near is None:
            return False
        keys = order_keys(words[:, None], near)
        keys.masked_fill_(torch.arange(near.shape[1], device=bank.device) >= size[:, None], 2**32)
        drawn = near.gather(1, keys.topk(count, dim=1, largest=False, sorted=False).indices)
    chosen.copy_(drawn.sort(1).values)
    return True


def _nearest_of_all(
    scores: Tensor, size: Tensor, most: int, least: int, bank: Tensor, queries: Tensor
) -> Tensor | None:
    """The ``size[i]`` columns of the greatest scores of each row, behind them anything; None if a size is too small.

    Args:
        scores: ``[b, N]``.
        size: int64 ``[b]``, of each pool; all are less than N.
        most: that a size may be.
        least: that all sizes must be.
        bank: ``[N, d]``.
        queries: float64 ``[b, d]``.
    """
    n = scores.shape[1]
    values, near = scores.topk(min(most + _TIES, n), dim=1)  # descending
    edge = values.gather(1, size[:, None].clamp(min=1) - 1)
    ties = ((scores - edge).abs() <= ROUNDING).sum(1, keepdim=True)
    width, smallest = torch.stack([ties.amax(), size.amin()]).tolist()  # the host waits here, and nowhere else
    if smallest < least:
        return None
    if width > _TIES:
        values, near = scores.topk(min(most + width, n), dim=1)
    gap = values - edge
    collapsed = ties > MOST_TIES
    tied = torch.where(collapsed, gap == 0, gap.abs() <= ROUNDING)
    sure = torch.where(collapsed, gap > 0, gap > ROUNDING).sum(1, keepdim=True)
    slots = (sure + torch.arange(width, device=scores.device)).clamp(max=near.shape[1] - 1)
    # Ties by their exact cosine, then by number: a stable sort of what stands in the order of its number.
    columns = torch.where(tied.gather(1, slots), near.gather(1, slots), n).sort(1).values
    exact = _cosines(bank, queries, columns.clamp(max=n - 1)).masked_fill_(collapsed, 0.0)
    order = exact.masked_fill_(columns == n, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return near.scatter(1, slots, columns.gather(1, order))


def _cosines(bank: Tensor, queries: Tensor, columns: Tensor) -> Tensor:
    """Of each query ``[b, d]`` and its rows ``[b, w]`` of the bank, float64 ``[b, w]``."""
    lines = torch.arange(len(columns), device=bank.device)[:, None].expand_as(columns)
    parts = zip(*(torch.split(numbers.flatten(), 2**16) for numbers in (lines, columns)), strict=True)
    return torch.cat([(bank[rows].double() * queries[of]).sum(1) for of, rows in parts]).view_as(columns)
