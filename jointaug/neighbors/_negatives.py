"""Negatives from a bank of features: hardest, semi-hard, random, semi-easy."""

from __future__ import annotations

import math
from typing import Final, Literal

import torch
from torch import Tensor

from .._directions import unit
from .._validate import ABOVE_0, integer, number
from ._chance import order_keys, order_words
from ._checks import choice, chunk_rows, feature_matrix, row_labels, row_numbers
from ._pools import MOST_TIES, ROUNDING, Batch, draw_by_numpy
from ._select import by_numpy

STRATEGIES: Final = ("semi-hard", "random", "semi-easy", "hard")
"""Ways of choosing negatives (InterCLR, sec. 3.3, Fig. 8)."""
_CPU_QUERIES: Final = 256  # queries at a time
_SCORES: Final = 2**28  # elsewhere, cosines held at a time: 1 GB


@torch.no_grad()
def sample_negatives(
    queries: Tensor,
    index: Tensor,
    bank: Tensor,
    labels: Tensor,
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

    Args:
        queries: ``[B, d]``, of any length other than 0.
        index: int64 ``[B]``: the bank's row of each query, which has its label; the draw's address too.
        bank: ``[N, d]``, unit rows (zero rows are allowed).
        labels: int64 ``[N]``.
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
    v = feature_matrix("bank", bank)
    norms = torch.linalg.vector_norm(v, dim=1)
    odd = ((norms - 1).abs() > 1e-3).nonzero()[:, 0]
    odd = odd[v[odd].any(1)]  # a row of zeros is allowed, one that is too small to be squared is none
    if len(odd):
        row = int(odd[0])
        raise ValueError(
            f"bank must have unit rows, but row {row} has length {float(v[row].double().norm()):.6g}; use "
            "jointaug.losses.unit(bank)"
        )
    y = row_labels("labels", labels, len(v), device=v.device)
    return negatives_of_unit_rows(
        queries, index, v, y, count, strategy=strategy, pool=pool, seed=seed, epoch=epoch, chunk=chunk
    )


def negatives_of_unit_rows(
    queries: Tensor,
    index: Tensor,
    bank: Tensor,
    labels: Tensor,
    count: int,
    *,
    strategy: str,
    pool: float,
    seed: int,
    epoch: int,
    chunk: int | None,
) -> Tensor:
    """`sample_negatives` on a bank and labels that are known to be sound: checking them costs a pass over the bank."""
    q = feature_matrix("queries", queries, width=bank.shape[1], device=bank.device)
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
    same, bounds = _same_label(labels, index)
    sizes = _pool_sizes(strategy, pool, count, [len(bank) - (stop - start) for start, stop in bounds])
    if min(sizes) < count:
        at = sizes.index(min(sizes))
        others = len(bank) - (bounds[at][1] - bounds[at][0])
        share, larger = (f"{pool} of ", ", enlarge the pool") if strategy.startswith("semi") else ("", "")
        raise ValueError(
            f"count must be at most the size of the smallest pool, {sizes[at]} rows ({strategy!r}: {share}the {others} "
            f"rows whose label is not that of query {at}, {int(labels[index[at]])}), got {count}; ask for fewer "
            f"negatives{larger}, or cluster into more clusters"
        )
    words = order_words("negatives", index, seed=seed, epoch=epoch)
    chosen = torch.empty(len(q), count, dtype=torch.int64, device=bank.device)
    on_cpu = by_numpy(bank)
    step = _CPU_QUERIES if on_cpu and chunk is None else chunk_rows(chunk, len(bank), _SCORES, least=8)
    for start in range(0, len(q), step):
        part = slice(start, start + step)
        batch = Batch(q[part], words[part], same, bounds[part], sizes[part])
        (draw_by_numpy if on_cpu else _draw)(chosen[part], batch, bank, use_scores=strategy != "random")
    return chosen


def _pool_sizes(strategy: str, pool: float, count: int, others: list[int]) -> list[int]:
    """How many rows each query draws from, given the number of rows with another label."""
    if strategy == "random":
        return others
    if strategy == "hard":
        return [min(count, size) for size in others]
    # 0.1 * 30 is 3.0000000000000004: a hair is taken off before rounding up.
    return [math.ceil(round(pool * size, 6)) for size in others]


def _same_label(labels: Tensor, index: Tensor) -> tuple[Tensor, list[tuple[int, int]]]:
    """The rows that share a label with some query, and where each query's own are among them."""
    y = labels[index]
    wanted = torch.zeros(int(labels.max()) + 1, dtype=torch.bool, device=labels.device)
    wanted[y] = True
    rows = wanted[labels].nonzero()[:, 0]
    found, order = labels[rows].sort(stable=True)
    starts, stops = torch.searchsorted(found, y), torch.searchsorted(found, y, right=True)
    return rows[order], list(zip(starts.tolist(), stops.tolist(), strict=True))


def _draw(chosen: Tensor, batch: Batch, bank: Tensor, *, use_scores: bool) -> None:
    """Fill ``chosen``, all queries at once, on any device."""
    queries, words, same, bounds, sizes = batch
    device, n, count = bank.device, len(bank), chosen.shape[1]
    counts = torch.tensor([stop - start for start, stop in bounds], device=device)
    first = torch.tensor([start for start, _ in bounds], device=device)
    lines = torch.arange(len(counts), device=device).repeat_interleave(counts)
    offsets = torch.arange(len(lines), device=device) - (counts.cumsum(0) - counts)[lines]
    excluded = same[first[lines] + offsets]
    if not use_scores:
        members = torch.arange(n, device=device).expand(len(counts), n)
        keys = order_keys(words[:, None], members)
        keys[lines, excluded] = 2**32
    else:
        scores = torch.mm(queries, bank.T, out=bank.new_empty(len(queries), n))  # autocast leaves `out` alone
        scores[lines, excluded] = -torch.inf
        size = torch.tensor(sizes, device=device)
        members = _nearest_of_all(scores, size, int(size.max()), bank, queries.double())
        keys = order_keys(words[:, None], members)
        keys.masked_fill_(torch.arange(members.shape[1], device=device) >= size[:, None], 2**32)
    drawn = keys.topk(count, dim=1, largest=False, sorted=False).indices
    chosen.copy_(members.gather(1, drawn).sort(1).values)


def _nearest_of_all(scores: Tensor, size: Tensor, most: int, bank: Tensor, queries: Tensor) -> Tensor:
    """The ``size[i]`` columns of the greatest scores of each row ``[b, most]``; behind them anything."""
    values, near = scores.topk(most, dim=1)  # descending
    edge = values.gather(1, size[:, None] - 1)
    tied = (scores - edge).abs() <= ROUNDING
    collapsed = tied.sum(1, keepdim=True) > MOST_TIES
    rounding = torch.where(collapsed, 0.0, ROUNDING)
    lines, columns = (tied & (~collapsed | (scores == edge))).nonzero(as_tuple=True)
    exact = torch.zeros(len(lines), dtype=torch.float64, device=scores.device)
    compared = (~collapsed[lines, 0]).nonzero()[:, 0]
    for part in torch.split(compared, 2**16):
        exact[part] = (bank[columns[part]].double() * queries[lines[part]]).sum(1)
    # By row, then by cosine, then by column: two stable sorts of pairs that come by row and column.
    order = exact.argsort(descending=True, stable=True)
    order = order[lines[order].argsort(stable=True)]
    ties = lines.bincount(minlength=len(scores))
    place = torch.arange(len(lines), device=scores.device) - (ties.cumsum(0) - ties).repeat_interleave(ties)
    sure = (values > edge + rounding).sum(1)
    kept = place < (size - sure).repeat_interleave(ties)
    slot = torch.arange(most, device=scores.device)
    slots = (slot >= sure[:, None]) & (slot < size[:, None])
    return near.masked_scatter(slots, columns[order][kept])
