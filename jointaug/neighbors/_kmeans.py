"""k-means: Euclidean and spherical, in blocks of rows, on any device."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .._directions import power_of_two, scale_of, unit
from .._validate import integer
from ._chance import row_of, subset
from ._checks import choice, chunk_rows, feature_matrix, row_labels
from ._select import best

_POINTS_A_CENTER: Final = 16  # points that k-means++ looks at, for each center
_CPU_SCORES: Final = 2**21  # scores held at a time: 8 MB, near the second-level cache
_SCORES: Final = 2**27  # elsewhere 512 MB
_NEAR: Final = 2.0**-10  # of the squares whose difference a squared distance is: nearer, it has too few digits
_MOST_ADDED: Final = 2**10  # rows whose sum float32 takes one by one: 1e-6 off
_ROWS_ADDED: Final = 2**16  # rows at a time


class KMeans(NamedTuple):
    """What `kmeans` found.

    Attributes:
        labels: int64 ``[n]``, the nearest center of each point; every center has at least one.
        centers: float32 ``[m, d]``; unit rows in the spherical case.
        objective: sum over points of the squared distance to the center (spherical: of ``1 - cosine``), after each
            round's assignment; never increasing, the last entry is that of ``labels`` and ``centers``.
    """

    labels: Tensor
    centers: Tensor
    objective: list[float]


@torch.no_grad()
def kmeans(
    features: Tensor,
    clusters: int,
    *,
    rounds: int = 20,
    spherical: bool = False,
    init: Literal["k-means++", "random"] | Tensor = "k-means++",
    seed: int = 0,
    epoch: int = 0,
    chunk: int | None = None,
) -> KMeans:
    """Lloyd's k-means: assign every point to its nearest center, move every center to its points' mean, repeat.

    It stops early when no point changes its center. A center that loses its last point takes the point that is
    farthest from its own. Computed in float32, also under autocast; beside the features it holds one copy of them (two
    in the Euclidean case, which shifts them to mean zero first, so that a common offset costs no precision) and a block
    of scores.

    Args:
        features: ``[n, d]`` floating point, on any device.
        clusters: number of centers ``m``, at most ``n``.
        rounds: assignments followed by an update; one assignment more gives the labels.
        spherical: compare by cosine: rows are normalized, and so is every center after its update.
        init: ``"random"``, distinct points; ``"k-means++"``, points drawn one after the other with probability
            proportional to the squared distance to the nearest one so far, among a random 16 points a center if there
            are more; or a tensor ``[m, d]`` of centers.
        seed: of the start, in [0, 2**64).
        epoch: for another start under the same seed, in [0, 2**32).
        chunk: rows that are held against all centers at a time. It does not change the result beyond float32 rounding
            of ties.

    Returns:
        labels, centers and objective.

    Raises:
        TypeError: for features that are no floating-point tensor, or numbers of the wrong kind.
        ValueError: for more clusters than points, features that are not finite (the row is named), an unknown start, or
            centers of another shape.

    Sources: Lloyd 1982; k-means++, Arthur and Vassilvitskii 2007; spherical, Dhillon and Modha 2001.

    Example:
        >>> points = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
        >>> labels, centers, objective = kmeans(points, 2)
        >>> sorted(centers.flatten().tolist()), objective[-1]
        ([0.5, 10.5], 1.0)
    """
    x = feature_matrix("features", features)
    n, d = x.shape
    m = integer("clusters", clusters, low=1, rule="an integer >= 1")
    if m > n:
        raise ValueError(f"clusters must be at most the number of points, {n}, got {m}; ask for fewer clusters")
    integer("rounds", rounds, low=1, rule="an integer >= 1")
    step = chunk_rows(chunk, m, _CPU_SCORES if x.device.type == "cpu" else _SCORES, least=64)
    if spherical:
        given, factor, dead = x, 1.0, ~x.any(1)
        parts = [slice(start, start + 2**12) for start in range(0, n, 2**12)]
        origin = torch.stack([unit(given[part].double()).sum(0) for part in parts]).sum(0) / n
        x = torch.empty_like(given)
        for part in parts:  # nearly equal directions have no digits left in their cosines
            x[part] = unit(given[part].double()) - origin
    else:
        factor, dead = float(scale_of(x)), None
        x = x * factor
        origin = x.mean(0)
        x = x.sub_(origin)

    def placed(rows: Tensor) -> Tensor:
        return ((unit(rows.double()) if spherical else rows * factor) - origin).float()

    def found(centers: Tensor) -> Tensor:
        return (unit(centers + origin) if spherical else (centers + origin) / factor).float()

    if isinstance(init, Tensor):
        centers = placed(feature_matrix("init", init, width=d, device=x.device))
        if len(centers) != m:
            raise ValueError(
                f"init must have one row for each of the {m} clusters, got {len(centers)}; add or drop some"
            )
    elif choice("init", init, ("k-means++", "random")) == "random":
        centers = x[subset("k-means start", n, m, seed=seed, epoch=epoch, device=x.device)]
    else:
        centers = _plus_plus(x, m, seed, epoch)

    lloyd = _Lloyd(x, step, origin=origin if spherical else None, dead=dead)
    size = 0.5 if spherical else factor**-2
    objective: list[float] = []
    previous: Tensor | None = None
    for _ in range(rounds):
        labels, distances = lloyd.assign(centers)
        objective.append(float(distances.sum(dtype=torch.float64)) * size)
        if previous is not None and torch.equal(labels, previous):
            return KMeans(labels, found(centers), objective)
        repaired = _fill_empty(x, labels, distances, centers)
        previous = None if repaired else labels
        centers = lloyd.update(labels, centers)
    labels, distances = lloyd.settle(centers)
    objective.append(float(distances.sum(dtype=torch.float64)) * size)
    return KMeans(labels, found(centers), objective)


@torch.no_grad()
def assign(
    features: Tensor,
    centers: Tensor,
    *,
    metric: Literal["euclidean", "dot"] = "euclidean",
    chunk: int | None = None,
) -> Tensor:
    """The label of each row: its nearest center, ties to the lowest number.

    Args:
        features: ``[n, d]``.
        centers: ``[m, d]``.
        metric: ``"euclidean"``, as InterCLR prints it (eq. 3 of https://arxiv.org/abs/2008.11702), or ``"dot"``, the
            greatest dot product, as its released code has it; with centers that are means and not unit vectors the
            two differ, and the latter favors tight clusters.
        chunk: rows at a time.

    Returns:
        int64 ``[n]``.

    Raises:
        TypeError: for anything but floating-point tensors.
        ValueError: for matrices of two widths, on two devices or not finite, or an unknown metric.

    Example:
        >>> v = torch.tensor([[0.766, 0.643]])
        >>> means = torch.tensor([[0.9, 0.0], [0.3, 0.3]])
        >>> assign(v, means).item(), assign(v, means, metric="dot").item()
        (1, 0)
    """
    x = feature_matrix("features", features)
    c = feature_matrix("centers", centers, width=x.shape[1], device=x.device)
    euclidean = choice("metric", metric, ("euclidean", "dot")) == "euclidean"
    step = chunk_rows(chunk, len(c), _CPU_SCORES if x.device.type == "cpu" else _SCORES, least=64)
    if not euclidean:
        rows = power_of_two(x.abs().amax(1, keepdim=True))
        return _Lloyd(x * rows, step, dot=True).assign(c * scale_of(c))[0]
    factor = torch.minimum(scale_of(x), scale_of(c))
    x, c = x * factor, c * factor
    shift = c.mean(0)
    return _Lloyd(x - shift, step).assign(c - shift)[0]


@torch.no_grad()
def cluster_means(features: Tensor, labels: Tensor, centers: Tensor) -> Tensor:
    """The mean of the rows of each label; a center without rows stays where it was.

    Sums run in the order of the rows, on a GPU too, so that equal inputs give equal bits.

    Args:
        features: ``[n, d]``.
        labels: int64 ``[n]``, in [0, m).
        centers: ``[m, d]``, the centers so far.

    Returns:
        float32 ``[m, d]``, new memory.

    Raises:
        TypeError: for anything but floating-point features and int64 labels.
        ValueError: for lengths, widths, devices or labels that do not fit.

    Example:
        >>> points, labels = torch.tensor([[0.0], [2.0], [9.0]]), torch.tensor([0, 0, 2])
        >>> cluster_means(points, labels, torch.full((3, 1), -1.0)).tolist()
        [[1.0], [-1.0], [9.0]]
    """
    x = feature_matrix("features", features)
    c = feature_matrix("centers", centers, width=x.shape[1], device=x.device)
    y = row_labels("labels", labels, len(x), device=x.device, clusters=len(c))
    return means_by_label(x, y, c)


def nearest(x: Tensor, centers: Tensor, *, metric: Literal["euclidean", "dot"]) -> Tensor:
    """`assign` of a batch ``[b, d]`` that is known to be sound, in each step of a training: no host waits for it.

    Which scores need a closer look is a question that it would wait for: on an accelerator all are of float64.
    """
    if x.device.type == "cpu":
        return assign(x, centers, metric=metric)
    c = centers.double()
    half = c.square().sum(1) / 2 if metric == "euclidean" else 0.0
    parts = torch.split(x, chunk_rows(None, len(c), _SCORES // 2))
    return torch.cat([(part.double() @ c.T - half).argmax(1) for part in parts])


def label_counts(labels: Tensor, clusters: int) -> Tensor:
    """How many rows have each label ``[clusters]``, all of which are below that."""
    if labels.device.type == "cpu":
        return labels.bincount(minlength=clusters)
    return labels.new_zeros(clusters).scatter_add_(0, labels, torch.ones_like(labels))  # bincount reads the greatest


def means_by_label(x: Tensor, labels: Tensor, centers: Tensor, exact: bool = False) -> Tensor:
    """`cluster_means` of what is known to be sound; added up in float64 if ``exact``."""
    counts = label_counts(labels, len(centers))[:, None]
    return torch.where(counts > 0, _sums(x, labels, counts, exact) / counts.clamp(min=1), centers).to(centers)


def _sums(x: Tensor, labels: Tensor, counts: Tensor, exact: bool) -> Tensor:
    """Sums ``[m, d]`` of each label's rows; in float64 if ``exact``, or where a cluster is so large that it matters.

    On an accelerator always: the host would wait for the sizes.
    """
    exact = exact or counts.device.type != "cpu" or int(counts.max()) > _MOST_ADDED
    sums = x.new_zeros(len(counts), x.shape[1], dtype=torch.float64 if exact else x.dtype)
    for start in range(0, len(x), _ROWS_ADDED):
        rows, of = x[start : start + _ROWS_ADDED].to(sums.dtype), labels[start : start + _ROWS_ADDED]
        if x.device.type == "cpu":
            sums.index_add_(0, of, rows)
        else:
            sums.index_put_((of,), rows, accumulate=True)  # sorts first, where index_add_ adds in any order
    return sums


class _Lloyd:
    """The two steps, with the memory that they use again and again.

    The score of point x and center c is ``x c - c c / 2`` (``dot``: ``x c``), so that the nearest center has the
    greatest. The second term rides on the matrix product as one more column; the width is rounded up to a multiple of
    four, which a GPU wants. Points whose center is so near that the rounding of their scores may tell another one are
    scored again in float64.

    Args:
        x: ``[n, d]``, centered.
        step: rows at a time.
        dot: see above.
        origin: where points and centers are unit vectors less this one: then centers keep to the sphere.
        dead: points without a direction, of distance 2 to all and with the first label.
    """

    def __init__(
        self, x: Tensor, step: int, *, dot: bool = False, origin: Tensor | None = None, dead: Tensor | None = None
    ) -> None:
        n, d = x.shape
        self.points, self.dot, self.step, self.origin = x, dot, min(step, n), origin
        self.dead = dead if dead is not None and bool(dead.any()) else None
        self.x = x if dot else F.pad(F.pad(x, (0, 1), value=1.0), (0, -(d + 1) % 4))
        self.squares = (x * x).sum(1)
        self.exact = False  # whether clusters are so small that float32's means of them are not theirs

    def assign(self, centers: Tensor) -> tuple[Tensor, Tensor]:
        """Labels, and squared Euclidean distances to the nearest center (nothing of use for ``dot``)."""
        n, (m, d) = len(self.x), centers.shape
        c = centers
        if not self.dot:
            c = c.new_zeros(m, self.x.shape[1])
            c[:, :d] = centers
            c[:, d] = (centers * centers).sum(1) / -2
        labels = torch.empty(n, dtype=torch.int64, device=c.device)
        scores = self.x.new_empty(n)
        block = self.x.new_empty(self.step, m)
        for start in range(0, n, self.step):
            rows = self.x[start : start + self.step]
            torch.mm(rows, c.T, out=block[: len(rows)])  # autocast leaves alone what has an `out`
            scores[start : start + self.step], labels[start : start + self.step] = best(block[: len(rows)])
        distances = self.squares - 2 * scores
        if not self.dot:
            self._look_closer(labels, distances, centers)
        if self.dead is not None:
            labels[self.dead], distances[self.dead] = 0, 2.0
        return labels, distances

    def _look_closer(self, labels: Tensor, distances: Tensor, centers: Tensor) -> None:
        near = (distances < _NEAR * self.squares).nonzero()[:, 0]
        self.exact = len(near) > 0
        if not self.exact:
            return
        c = centers.double()
        squares = c.square().sum(1) / 2
        for rows in torch.split(near, self.step):
            x = self.points[rows].double()
            labels[rows] = (x @ c.T).sub_(squares).argmax(1)
            distances[rows] = (x - c[labels[rows]]).square_().sum(1).float()

    def update(self, labels: Tensor, centers: Tensor) -> Tensor:
        """The mean of each center's points; on the sphere its direction, or the old one where the mean is zero."""
        if self.origin is None:
            return means_by_label(self.points, labels, centers, self.exact)
        counts = label_counts(labels, len(centers))[:, None]
        means = _sums(self.points, labels, counts, self.exact).double() + counts * self.origin
        return torch.where(means.abs().amax(1, keepdim=True) > 0, unit(means) - self.origin, centers).float()

    def settle(self, centers: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest centers, none of which is left without a point (moves ``centers`` for that), and distances."""
        for _ in range(8):  # with fewer distinct points than centers, the moved points keep their own: a tie
            labels, distances = self.assign(centers)
            if not _fill_empty(self.points, labels, distances, centers):
                break
        return labels, distances


def _fill_empty(x: Tensor, labels: Tensor, distances: Tensor, centers: Tensor) -> int:
    """Give every empty center the point farthest from its own; changes all but ``x``; returns how many moved."""
    counts = label_counts(labels, len(centers))
    empty = (counts == 0).nonzero()[:, 0].tolist()
    if not empty:
        return 0
    donors = iter(distances.argsort(descending=True, stable=True).tolist())
    sizes, of = counts.tolist(), labels.tolist()
    moved = []
    for _ in empty:
        point = next(point for point in donors if sizes[of[point]] > 1)
        sizes[of[point]] -= 1
        moved.append(point)
    rows, homes = (torch.tensor(values, device=x.device) for values in (moved, empty))
    labels[rows], distances[rows], centers[homes] = homes, 0.0, x[rows]
    return len(empty)


def _plus_plus(x: Tensor, m: int, seed: int, epoch: int) -> Tensor:
    size = min(len(x), _POINTS_A_CENTER * m)
    if size < len(x):
        x = x[subset("k-means++ sample", len(x), size, seed=seed, epoch=epoch, device=x.device)]
    numbers = torch.arange(m, device=x.device)
    (u,) = row_of("k-means++", 1, numbers, seed=seed, epoch=epoch)
    squares = (x * x).sum(1)
    most = 2 * _NEAR * squares.amax()
    nearest = torch.full_like(squares, torch.inf)
    products = torch.empty_like(squares)
    chosen = numbers.new_empty(m)
    chosen[0] = (u[0] * size).long()
    for t in range(1, m):
        last = chosen[t - 1 : t]
        torch.mv(x, x[last][0], out=products)
        both = squares + squares[last]
        distance = torch.sub(both, products, alpha=2)
        distance[last] = torch.inf
        if bool(distance.amin() < most):  # some differences may have lost their digits
            near = (distance < _NEAR * both).nonzero()[:, 0]
            distance[near] = (x[near] - x[last]).square_().sum(1)
        distance[last] = 0  # a point that is a center is not drawn again
        torch.minimum(nearest, distance, out=nearest)
        cumulative = nearest.cumsum(0, dtype=torch.float64)
        chosen[t] = torch.searchsorted(cumulative, u[t] * cumulative[-1], right=True).clamp(max=size - 1)
    return x[chosen]
