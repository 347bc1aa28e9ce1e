"""Features, labels and row numbers: what every function is given is refused with the row or entry at fault."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from jointaug.neighbors import (
    assign,
    cluster_means,
    cluster_positives,
    draw_positives,
    kmeans,
    knn,
    random_positives,
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


def negatives(index):
    return sample_negatives(UNIT[:3], index, UNIT, Y, 1)


CASES = {
    "features: array": (lambda: kmeans(X.numpy(), 2), TypeError, r"features must be a tensor .* ndarray; use"),
    "features: integers": (lambda: kmeans(Y[:, None], 2), TypeError, r"features must hold floating.* torch.int64; use"),
    "features: vector": (lambda: knn(X[0], 1), ValueError, r"features must be a matrix .* \(4,\); reshape"),
    "features: none": (lambda: knn(X[:0], 1), ValueError, r"features must be a matrix .* \(0, 4\)"),
    "features: nan": (lambda: kmeans(NAN, 2), ValueError, r"features must be finite.* row 13 .* \(one of 1 such"),
    "features: inf": (lambda: knn(INF, 2), ValueError, r"features must be finite.* row 4 "),
    "features: nan in float64": (lambda: knn(NAN.double(), 2), ValueError, r"row 13 "),
    "features: large": (lambda: knn(X.double() * 1e300, 2), ValueError, r"finite in float32.* row 0 "),
    "kmeans: wide centers": (lambda: kmeans(X, 20, init=WIDE), ValueError, r"init must be 4 wide.* got 5; embed"),
    "kmeans: chunk": (lambda: kmeans(X, 2, chunk=0), ValueError, r"chunk must be an integer >= 1 .* got 0"),
    "assign: metric": (lambda: assign(X, C, metric="cosine"), ValueError, r"metric must be one of .*'dot'"),
    "means: labels of another length": (lambda: cluster_means(X, Y[:7], C), ValueError, r"labels must .* \(20,\)"),
    "means: label outside": (lambda: cluster_means(X, Y + 1, C), ValueError, r"labels in \[0, 4\), got .* 1 to 4"),
    "means: float labels": (
        lambda: cluster_means(X, Y.float(), C),
        TypeError,
        r"labels must be an int64 .* torch.float32; use",
    ),
    "cluster: labels": (lambda: cluster_positives(Y - 1), ValueError, r"labels must hold labels >= 0, got .* -1 to 2"),
    "cluster: list": (lambda: cluster_positives([0, 1]), TypeError, r"labels must be an int64 tensor \[n\], got list"),
    "cluster: matrix": (
        lambda: cluster_positives(TABLE),
        ValueError,
        r"labels must be a vector \[n\].* \(20, 3\); flatten",
    ),
    "draw: index": (
        lambda: draw_positives(TABLE, I + 18),
        IndexError,
        r"rows of the table, in \[0, 20\), got 20 at entry 2",
    ),
    "negatives: below": (lambda: negatives(I - 1), IndexError, r"got -1 at entry 0"),
    "negatives: float index": (lambda: negatives(I.float()), TypeError, r"index must be an int64 tensor"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_guard_fires(case):
    call, error, words = CASES[case]
    with pytest.raises(error, match=words):
        call()


def test_float64_features_that_float32_cannot_hold_are_refused():
    x = X.double()
    x[7] *= 1e-60
    with pytest.raises(ValueError, match=r"features must be numbers that float32 can hold, but row 7 .*; multiply all"):
        knn(x, 3)
    with pytest.raises(ValueError, match=r"features must be finite in float32, but row 0"):
        knn(x * 1e200, 3)
