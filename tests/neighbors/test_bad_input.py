"""Bad input: every guard fires, and names argument, rule, value and remedy."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from jointaug.neighbors import (
    MemoryBank,
    NeighborCutMix,
    NeighborDataset,
    assign,
    center_positives,
    center_rule,
    cluster_positives,
    draw_positives,
    kmeans,
    knn,
    knn_positives,
    random_positives,
    repair_small,
    same_label_positives,
    sample_negatives,
)

X = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
UNIT = F.normalize(X, dim=1)
WIDE = torch.zeros(20, 5)
NAN = X.clone()
NAN[13, 2] = torch.nan
INF = X.clone()
INF[4, 0] = torch.inf
Y = torch.arange(20) % 4
C = X[:4]
I = torch.arange(3)  # noqa: E741
TABLE = random_positives(20, count=3)
IMAGES = torch.zeros(20, 3, 8, 8)


def bank(**options):
    made = MemoryBank(20, 4, 4, **{"min_cluster": 2, **options})
    made.fill(X)
    made.cluster()
    return made


def negatives(queries=UNIT[:3], index=I, rows=UNIT, labels=Y, count=1, **options):
    return sample_negatives(queries, index, rows, labels, count, **options)


CASES = {
    # kmeans
    "kmeans: too many clusters": (lambda: kmeans(X, 21), ValueError, r"clusters must be at most .*20, got 21; ask"),
    "kmeans: no clusters": (lambda: kmeans(X, 0), ValueError, r"clusters must be an integer >= 1, got 0"),
    "kmeans: half a cluster": (lambda: kmeans(X, 2.5), TypeError, r"clusters must be an integer >= 1, got 2.5"),
    "kmeans: no rounds": (lambda: kmeans(X, 2, rounds=0), ValueError, r"rounds must be .* got 0"),
    "kmeans: unknown start": (lambda: kmeans(X, 2, init="pca"), ValueError, r"init must be one of .* got 'pca'; pick"),
    "kmeans: another number of centers": (lambda: kmeans(X, 3, init=C), ValueError, r"init must have .* 3 .* got 4"),
    "kmeans: seed": (lambda: kmeans(X, 2, seed=-1), ValueError, r"seed must be .* got -1"),
    "kmeans: epoch": (lambda: kmeans(X, 2, epoch=2**32), ValueError, r"epoch must be .* got 4294967296"),
    "assign: width": (lambda: assign(X, WIDE), ValueError, r"centers must be 4 wide"),
    "assign: nan center": (lambda: assign(X, NAN), ValueError, r"centers must be finite.* row 13"),
    # knn
    "knn: k": (lambda: knn(X, 20), ValueError, r"k must be at most the number of other points, 19, got 20; ask"),
    "knn: k of queries": (lambda: knn(X, 21, queries=X), ValueError, r"k must be at most .* features, 20, got 21"),
    "knn: no k": (lambda: knn(X, 0), ValueError, r"k must be an integer >= 1, got 0"),
    "knn: k true": (lambda: knn(X, True), TypeError, r"k must be an integer >= 1, got True"),
    "knn: widths": (lambda: knn(X, 2, queries=WIDE), ValueError, r"queries must be 4 wide"),
    "knn: nan query": (lambda: knn(X, 2, queries=NAN), ValueError, r"queries must be finite.* row 13"),
    "knn: metric": (lambda: knn(X, 2, metric="dot"), ValueError, r"metric must be one of 'euclidean', 'cosine'"),
    # positives
    "center: neighbors": (
        lambda: center_positives(X, Y, C, neighbors=20),
        ValueError,
        r"neighbors must be less than the number of points, 20, got 20; ask",
    ),
    "center: count": (
        lambda: center_positives(X, Y, C, neighbors=5, count=6),
        ValueError,
        r"count must be at most neighbors, 5, got 6; look",
    ),
    "center: labels": (lambda: center_positives(X, Y + 1, C, neighbors=9, count=9), ValueError, r"labels in \[0, 4\)"),
    "center: nan": (lambda: center_positives(NAN, Y, C, neighbors=9, count=9), ValueError, r"row 13"),
    "rule: lengths": (
        lambda: center_rule(TABLE, Y, X[:5, 0]),
        ValueError,
        r"near, labels and to_center must .* \(5,\)",
    ),
    "nearest: count": (lambda: knn_positives(X, count=20), ValueError, r"count must be less than .* 20, got 20"),
    "cluster: count": (lambda: cluster_positives(Y, count=0), ValueError, r"count must be .* got 0"),
    "random: count": (lambda: random_positives(10, count=10), ValueError, r"count must be less than n, 10, got 10"),
    "random: one": (lambda: random_positives(1), ValueError, r"n must be an integer >= 2, got 1"),
    "draw: floats": (lambda: draw_positives(X, I), TypeError, r"table must be an int64 tensor .* torch.float32; use"),
    "draw: vector": (lambda: draw_positives(Y, I), ValueError, r"table must be a matrix \[n, count\]"),
    "draw: no row": (lambda: draw_positives(TABLE + 20, I), ValueError, r"table must hold rows in \[0, 20\)"),
    "draw: hole": (
        lambda: draw_positives(torch.tensor([[-1, 0]]), torch.tensor([0])),
        ValueError,
        r"-1 only at the end of a line",
    ),
    # negatives
    "negatives: count": (
        lambda: negatives(count=3),
        ValueError,
        r"count must be at most .* 2 rows \('semi-hard': 0.1 of the 15 rows .* query 0, 0\), got 3; ask",
    ),
    "negatives: hard count": (lambda: negatives(count=16, strategy="hard"), ValueError, r"15 rows .* got 16"),
    "negatives: random count": (lambda: negatives(count=16, strategy="random"), ValueError, r"15 rows .* got 16"),
    "negatives: one cluster": (lambda: negatives(labels=Y * 0), ValueError, r"of the 0 rows whose label is not"),
    "negatives: no count": (lambda: negatives(count=0), ValueError, r"count must be an integer >= 1, got 0"),
    "negatives: strategy": (lambda: negatives(strategy="easy"), ValueError, r"strategy must be one of .* got 'easy'"),
    "negatives: no pool": (lambda: negatives(pool=0.0), ValueError, r"pool must be a fraction in \(0, 1\], got 0.0"),
    "negatives: percent": (lambda: negatives(pool=10), ValueError, r"pool must .* got 10; divide percentages by 100"),
    "negatives: nan pool": (lambda: negatives(pool=float("nan")), ValueError, r"pool must .* got nan"),
    "negatives: index": (
        lambda: negatives(index=I + 18),
        IndexError,
        r"index .* bank, in \[0, 20\), got 20 at entry 2",
    ),
    "negatives: indices": (lambda: negatives(index=I[:2]), ValueError, r"index must have .* 3 queries, got 2; pass"),
    "negatives: widths": (lambda: negatives(queries=WIDE[:3]), ValueError, r"queries must be 4 wide.* got 5"),
    "negatives: labels": (lambda: negatives(labels=Y[:19]), ValueError, r"labels must have .* \(20,\), got \(19,\)"),
    "negatives: nan": (lambda: negatives(rows=NAN), ValueError, r"bank must be finite.* row 13"),
    "negatives: nan query": (lambda: negatives(queries=NAN[12:15]), ValueError, r"queries must be finite.* row 1 "),
    "negatives: not unit": (
        lambda: negatives(rows=UNIT * 2),
        ValueError,
        r"bank must have unit rows.* row 0 .* 2; use",
    ),
    # bank
    "bank: clusters": (lambda: MemoryBank(5, 4, 6), ValueError, r"clusters must be at most .* 5, got 6"),
    "bank: omega 0": (lambda: MemoryBank(50, 4, 2, omega=0), ValueError, r"omega must be .* got 0; 1 replaces"),
    "bank: omega 2": (lambda: MemoryBank(50, 4, 2, omega=2), ValueError, r"omega must be a number in \(0, 1\], got 2"),
    "bank: interval": (lambda: MemoryBank(50, 4, 2, interval=0), ValueError, r"interval must be .* got 0"),
    "bank: min_cluster": (
        lambda: MemoryBank(39, 4, 2),
        ValueError,
        r"min_cluster must be at most .* 39 / 2, got 20; take",
    ),
    "bank: metric": (lambda: MemoryBank(50, 4, 2, metric="cosine"), ValueError, r"metric must be one of"),
    "bank: fill": (lambda: bank().fill(X[:19]), ValueError, r"features must have one row .* 20, got 19; embed"),
    "bank: fill with zero": (lambda: bank().fill(X * (Y != 2)[:, None]), ValueError, r"direction, but row 2 is zero"),
    "bank: update width": (lambda: bank().update(WIDE[:3], I), ValueError, r"features must be 4 wide.* got 5"),
    "bank: update outside": (lambda: bank().update(X[:3], I + 18), IndexError, r"in \[0, 20\), got 20 at entry 2"),
    "bank: update lengths": (lambda: bank().update(X[:2], I), ValueError, r"index must have .* 2 features, got 3"),
    "bank: update nan": (lambda: bank().update(NAN[12:15], I), ValueError, r"features must be finite.* row 1 "),
    "bank: positives outside": (lambda: bank().positives(I + 20), IndexError, r"in \[0, 20\), got 20 at entry 0"),
    "bank: negatives": (lambda: bank().negatives(X[:3], I, 20), ValueError, r"count must be at most"),
    "repair: min_cluster": (lambda: repair_small(X, Y, C, 6), ValueError, r"min_cluster must .* 20 / 4, got 6; take"),
    "repair: metric": (lambda: repair_small(X, Y, C, 2, metric="l1"), ValueError, r"metric must be one of"),
    "same label: outside": (lambda: same_label_positives(I - 1, Y), IndexError, r"rows of the labels, .* got -1"),
    # data set, mixing, pictures
    "data: iterable": (
        lambda: NeighborDataset(iter([]), id),
        TypeError,
        r"dataset must be map-style .* got list_iterator",
    ),
    "data: pipeline": (lambda: NeighborDataset(IMAGES, None), TypeError, r"pipeline must be a callable .* got None"),
    "data: rows": (lambda: NeighborDataset(IMAGES[:4], id, TABLE), ValueError, r"table must be a matrix \[4, count\]"),
    "data: columns": (
        lambda: NeighborDataset(IMAGES, id).set_positives(TABLE),
        ValueError,
        r"positives must have at most the 1 columns .* got 3; build",
    ),
    "data: index": (lambda: NeighborDataset(IMAGES, id)[20], IndexError, r"index must be in \[0, 20\), got 20"),
    "data: epoch": (lambda: NeighborDataset(IMAGES, id).set_epoch(-1), ValueError, r"epoch must be .* got -1"),
    "mix: alpha 0": (lambda: NeighborCutMix(alpha=0), ValueError, r"alpha must be a finite number > 0, got 0; large"),
    "mix: alpha": (lambda: NeighborCutMix(alpha="2"), TypeError, r"alpha must be a finite number > 0, got '2'"),
    "mix: seed": (lambda: NeighborCutMix(seed=-1), ValueError, r"seed must be .* got -1"),
    "mix: index": (
        lambda: NeighborCutMix()(IMAGES, IMAGES, I),
        ValueError,
        r"index must have one .* 20 images, got .*3",
    ),
    "mix: sizes": (
        lambda: NeighborCutMix()(IMAGES[:3], IMAGES[:3, :, :4], I),
        ValueError,
        r"images_j must have the shape",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_guard_fires(case):
    call, error, words = CASES[case]
    with pytest.raises(error, match=words):
        call()
