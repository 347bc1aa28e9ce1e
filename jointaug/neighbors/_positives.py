"""Positives of every image among all others: center-wise selection and its rivals."""

from __future__ import annotations

import torch
from torch import Tensor

from .._validate import integer, looked_at
from ._chance import order_keys, order_words, row_of
from ._checks import feature_matrix, row_labels, row_numbers
from ._knn import knn

_ROWS = 2**16  # rows whose distances to their centers are measured at a time


@torch.no_grad()
def center_positives(
    features: Tensor,
    labels: Tensor,
    centers: Tensor,
    *,
    neighbors: int = 40,
    count: int = 10,
    seed: int = 0,
    epoch: int = 0,
    chunk: int | None = None,
) -> Tensor:
    """Center-wise positives: near neighbors of the same cluster that are no farther from its center than the anchor.

    For each row, eq. 2 of CLIM (Li et al. 2020, https://arxiv.org/abs/2011.02697) keeps those of its ``neighbors``
    nearest neighbors that pass `center_rule`. If more than ``count`` pass, ``count`` of them are drawn at random;
    otherwise all are kept, and the list is filled with the nearest neighbors that did not pass, in the order of their
    distance. So a row that is nearest its center gets its plain nearest neighbors.

    Args:
        features: ``[n, d]``, all images' embeddings.
        labels: int64 ``[n]``, clusters as of `kmeans`.
        centers: ``[m, d]``, as of `kmeans`.
        neighbors: how many nearest neighbors to look at (Euclidean, the row itself excluded), less than ``n``; the
            paper takes 20 to 60.
        count: positives of each row, at most ``neighbors``.
        seed: of the experiment, in [0, 2**64).
        epoch: of the selection, in [0, 2**32): another epoch draws anew.
        chunk: see `knn`. The draw belongs to the pair of rows, so that neither ``chunk`` nor the device changes it.

    Returns:
        int64 ``[n, count]``: rows of the features, no row its own positive, none twice. Those that passed come first.

    Raises:
        TypeError: for tensors or numbers of the wrong kind.
        ValueError: for ``neighbors`` not below ``n``, ``count`` above ``neighbors``, features that are not finite (the
            row is named), or labels and centers that do not fit the features.

    Example:
        >>> points = torch.tensor([0.0, 1, 2, 3, 4, 10, 11, 12])[:, None]
        >>> labels = torch.tensor([0] * 5 + [1] * 3)
        >>> center_positives(points, labels, torch.tensor([[2.0], [11.0]]), neighbors=5, count=5)[4].tolist()
        [3, 2, 1, 0, 5]
    """
    x = feature_matrix("features", features)
    c = feature_matrix("centers", centers, width=x.shape[1], device=x.device)
    y = row_labels("labels", labels, len(x), device=x.device, clusters=len(c))
    k = integer("neighbors", neighbors, low=1, rule="an integer >= 1")
    if k >= len(x):
        raise ValueError(
            f"neighbors must be less than the number of points, {len(x)}, got {k}; ask for fewer or pass more features"
        )
    count = integer("count", count, low=1, rule="an integer >= 1")
    if count > k:
        raise ValueError(f"count must be at most neighbors, {k}, got {count}; look at more neighbors or keep fewer")
    near = knn(x, k, chunk=chunk).indices
    to_center = torch.cat(
        [
            (x[start : start + _ROWS].double() - c[y[start : start + _ROWS]]).square_().sum(1)
            for start in range(0, len(x), _ROWS)
        ]
    )
    passed = center_rule(near, y, to_center)
    # Ranks: those that passed before the others; among them at random if there are too many, else by distance.
    place = torch.arange(k, device=x.device)
    rows = torch.arange(len(x), device=x.device)
    lots = order_keys(order_words("center positives", rows, seed=seed, epoch=epoch)[:, None], near)
    drawn = passed & (passed.sum(1, keepdim=True) > count)
    rank = torch.where(drawn, lots, torch.where(passed, place, place + 2**32))
    return near.gather(1, rank.argsort(dim=1)[:, :count])


def center_rule(near: Tensor, labels: Tensor, to_center: Tensor) -> Tensor:
    """Which neighbors are in the anchor's cluster and no farther from its center than the anchor: eq. 2 of CLIM.

    Args:
        near: int64 ``[n, k]``, neighbors of every row.
        labels: int64 ``[n]``.
        to_center: ``[n]``, each row's distance (or its square) to the center of its own cluster.

    Returns:
        bool ``[n, k]``.

    Raises:
        ValueError: if the three do not have one row for each point.
    """
    if near.ndim != 2 or not len(near) == len(labels) == len(to_center):
        raise ValueError(
            "near, labels and to_center must have one row for each point, got shapes "
            f"{tuple(near.shape)}, {tuple(labels.shape)}, {tuple(to_center.shape)}; pass those of one selection"
        )
    return (labels[near] == labels[:, None]) & (to_center[near] <= to_center[:, None])


def knn_positives(features: Tensor, *, count: int = 10, chunk: int | None = None) -> Tensor:
    """The ``count`` nearest neighbors of every row: the rival of `center_positives` that knows no clusters.

    Args:
        features: ``[n, d]``.
        count: positives of each row, less than ``n``.
        chunk: see `knn`.

    Returns:
        int64 ``[n, count]``, nearest first.

    Raises:
        TypeError: as `knn`.
        ValueError: as `knn`, for ``count`` instead of ``k``.
    """
    x = feature_matrix("features", features)
    count = integer("count", count, low=1, rule="an integer >= 1")
    if count >= len(x):
        raise ValueError(f"count must be less than the number of points, {len(x)}, got {count}; keep fewer")
    return knn(x, count, chunk=chunk).indices


@torch.no_grad()
def cluster_positives(labels: Tensor, *, count: int = 10, seed: int = 0, epoch: int = 0) -> Tensor:
    """``count`` random other rows of the same cluster: the rival of `center_positives` that knows no distances.

    Args:
        labels: int64 ``[n]``.
        count: positives of each row.
        seed: of the experiment, in [0, 2**64).
        epoch: of the selection, in [0, 2**32).

    Returns:
        int64 ``[n, count]``: rows, drawn uniformly without replacement; where a cluster has fewer others, the rest is
        -1 (`draw_positives` knows that).

    Raises:
        TypeError: for labels that are no int64 tensor.
        ValueError: for labels below 0, or a ``count`` below 1.
    """
    y = row_labels("labels", labels)
    count = integer("count", count, low=1, rule="an integer >= 1")
    n = len(y)
    rows = torch.arange(n, device=y.device)
    by_label = y.argsort(stable=True)
    sizes = y.bincount()
    starts = sizes.cumsum(0) - sizes
    others = sizes[y] - 1
    rank = torch.empty_like(rows)
    rank[by_label] = rows - starts[y[by_label]]  # of each row within its cluster
    draws = row_of("cluster positives", count, rows, seed=seed, epoch=epoch)
    places: list[Tensor] = []
    taken = rank.new_empty(n, 0)
    for t, u in enumerate(draws):
        # The t-th draw is one of the places that the t before have left; stepping over them in order finds it.
        left = others - t
        place = (u * left.clamp(min=1)).long()
        for earlier in taken.unbind(1):
            place += place >= earlier
        places.append(torch.where(left > 0, place, others + t))  # where none is left: past the end, out of the way
        taken = torch.stack(places, 1).sort(1).values
    drawn = torch.stack(places, 1)
    member = drawn + (drawn >= rank[:, None])  # skip the row itself
    found = by_label[(starts[y][:, None] + member).clamp(max=n - 1)]
    return torch.where(drawn < others[:, None], found, -1)


def random_positives(
    n: int, *, count: int = 10, seed: int = 0, epoch: int = 0, device: torch.device | str = "cpu"
) -> Tensor:
    """``count`` random other rows for each of ``n``: the rival of `center_positives` that knows nothing.

    Args:
        n: number of rows.
        count: positives of each row, less than ``n``.
        seed: of the experiment, in [0, 2**64).
        epoch: of the selection, in [0, 2**32).
        device: of the result.

    Returns:
        int64 ``[n, count]``, drawn uniformly without replacement.

    Raises:
        TypeError: for numbers that are no integers.
        ValueError: for ``count`` not below ``n``.
    """
    n = integer("n", n, low=2, rule="an integer >= 2")
    count = integer("count", count, low=1, rule="an integer >= 1")
    if count >= n:
        raise ValueError(f"count must be less than n, {n}, got {count}; keep fewer")
    return cluster_positives(torch.zeros(n, dtype=torch.int64, device=device), count=count, seed=seed, epoch=epoch)


@torch.no_grad()
def draw_positives(table: Tensor, index: Tensor, *, seed: int = 0, epoch: int = 0) -> Tensor:
    """One positive of each row, uniform among those that its line of the table names.

    Args:
        table: int64 ``[n, count]`` of any of the selections here; -1 stands for nothing and comes last.
        index: int64 ``[B]``, the anchors.
        seed: of the experiment, in [0, 2**64).
        epoch: in [0, 2**32). One image draws once an epoch; `NeighborDataset` makes the same draw.

    Returns:
        int64 ``[B]``; a row without positives (alone in its cluster) is its own.

    Raises:
        TypeError: for tensors of other kinds.
        ValueError: for a table that is no matrix.
        IndexError: for an index outside the table. (On an accelerator neither entries nor indices are looked at.)
    """
    table = positives_table(table)
    index = row_numbers("index", index, len(table), device=table.device, what="table")
    (u,) = row_of(DRAW, 1, index, seed=seed, epoch=epoch)
    line = table[index]
    sizes = (line >= 0).sum(1)
    column = (u * sizes.clamp(min=1)).long()
    return torch.where(sizes > 0, line.gather(1, column[:, None])[:, 0], index)


@torch.no_grad()
def same_label_positives(index: Tensor, labels: Tensor, *, seed: int = 0, epoch: int = 0) -> Tensor:
    """For each row another of its label, uniform among them; the row itself if it is alone.

    Args:
        index: int64 ``[B]``, rows.
        labels: int64 ``[n]``.
        seed: of the experiment, in [0, 2**64).
        epoch: in [0, 2**32).

    Returns:
        int64 ``[B]``.

    Raises:
        TypeError: for anything but int64 tensors.
        IndexError: for an index outside the labels. (Values on an accelerator are not looked at.)
    """
    y = row_labels("labels", labels, of_step=True)
    index = row_numbers("index", index, len(y), device=y.device, what="labels")
    (u,) = row_of("same label", 1, index, seed=seed, epoch=epoch)
    mine = y[index]
    found, rows = rows_by_label(y, mine)
    start, stop = torch.searchsorted(found, mine), torch.searchsorted(found, mine, right=True)
    own = torch.searchsorted(found * len(y) + rows, mine * len(y) + index)
    others = stop - start - 1
    place = start + (u * others.clamp(min=1)).long()
    place += (place >= own) & (others > 0)  # skip the row itself
    return rows[place]


def rows_by_label(labels: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Labels and numbers of all rows that have a ``wanted`` label, by label, then by number.

    On an accelerator, of all others, too: to find some first, the host would wait for how many they are.
    """
    if labels.device.type != "cpu":
        found, rows = labels.sort(stable=True)
        return found, rows
    among = torch.zeros(int(labels.max()) + 1, dtype=torch.bool)
    among[wanted] = True
    rows = among[labels].nonzero()[:, 0]
    found, order = labels[rows].sort(stable=True)
    return found, rows[order]


DRAW = "positives"
"""The purpose under which a positive is drawn from the table, here and in the data set."""


def positives_table(table: Tensor, rows: int | None = None) -> Tensor:
    """``table``, if it is int64 ``[n, count]``, its entries rows or, at the end of a line, -1.

    On an accelerator the entries are not looked at.

    Raises:
        TypeError: if it is no int64 tensor.
        ValueError: if it is no matrix, has another number of rows, or entries that are none of these.
    """
    if not isinstance(table, Tensor) or table.dtype != torch.int64:
        got = table.dtype if isinstance(table, Tensor) else type(table).__name__
        raise TypeError(f"table must be an int64 tensor [n, count], got {got}; use center_positives and its rivals")
    if table.ndim != 2 or 0 in table.shape or (rows is not None and len(table) != rows):
        n = "n" if rows is None else str(rows)
        raise ValueError(
            f"table must be a matrix [{n}, count], one line for each image, got shape {tuple(table.shape)}; select the "
            "positives from the features of the whole data set"
        )
    if not looked_at(table):
        return table
    least, greatest = (int(x) for x in table.aminmax())
    if least < -1 or greatest >= len(table) or bool(((table[:, :-1] < 0) & (table[:, 1:] >= 0)).any()):
        raise ValueError(
            f"table must hold rows in [0, {len(table)}), and -1 only at the end of a line, got values from {least} to "
            f"{greatest}; use center_positives and its rivals"
        )
    return table
