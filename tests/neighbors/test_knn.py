"""Exact neighbors against the full float64 distance matrix."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from jointaug.neighbors import _knn, knn


def points(n, d=16, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def brute(x, k, queries=None, metric="euclidean"):
    x, q = x.double(), (x if queries is None else queries).double()
    if metric == "cosine":
        x, q = F.normalize(x, dim=1), F.normalize(q, dim=1)
    distances = torch.cdist(q, x)
    if queries is None:
        distances.fill_diagonal_(torch.inf)
    values, order = distances.sort(dim=1, stable=True)
    return (values**2 / 2 if metric == "cosine" else values)[:, :k], order[:, :k]


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize(
    ("n", "k", "queries"), [(2, 1, None), (30, 29, None), (500, 7, None), (1500, 40, 33), (40, 40, 3), (900, 1, None)]
)
@pytest.mark.parametrize("tile", [2**16, 512])
def test_it_is_the_brute_force(n, k, queries, metric, tile, monkeypatch):
    monkeypatch.setattr(_knn, "_CPU_TILE", tile)  # 512: several tiles, whose best are merged
    x, q = points(n), None if queries is None else points(queries, seed=1)
    found = knn(x, k, queries=q, metric=metric)
    distances, indices = brute(x, k, q, metric)
    assert torch.equal(found.indices, indices)
    torch.testing.assert_close(found.distances.double(), distances, rtol=1e-5, atol=1e-6)
    assert found.distances.dtype == torch.float32


@pytest.mark.parametrize("tile", [2**16, 256])
def test_no_row_is_its_own_neighbor_but_its_double_is(tile, monkeypatch):
    monkeypatch.setattr(_knn, "_CPU_TILE", tile)
    x = points(300).repeat(2, 1)  # row i and row i + 300 are the same
    found = knn(x, 3, chunk=77)
    assert torch.equal(found.indices[:, 0], (torch.arange(600) + 300) % 600)
    assert found.distances[:, 0].eq(0).all(), "exactly: not the rounding of an expanded square"
    assert not found.indices.eq(torch.arange(600)[:, None]).any()
    assert found.indices[:, 1].lt(300).all(), "two at the same distance come in the order of their rows"
    assert torch.equal(found.indices[:, 2], found.indices[:, 1] + 300)


@pytest.mark.parametrize("chunk", [1, 13, 100, 5000])
def test_the_chunk_does_not_matter(chunk):
    x = points(700, d=64)
    whole, parts = knn(x, 20), knn(x, 20, chunk=chunk)
    assert torch.equal(whole.indices, parts.indices)
    assert torch.equal(whole.distances, parts.distances)


def test_a_common_offset_does_not_matter():
    """A power of two keeps the features' bits, all but a few."""
    x = (points(400) * 64).round() / 64
    assert torch.equal(knn(x + 4096, 10).indices, knn(x, 10).indices)


def test_near_ties_are_told_apart():
    """Distances that differ by less than the rounding of the scores: float64 ranks them."""
    x = torch.zeros(6, 2)
    x[:, 0] = torch.tensor([0.0, 1.0, 1 + 2e-7, 1 - 2e-7, 1 + 4e-7, 1 - 4e-7])
    x[:, 1] = 300.0
    assert knn(x, 5).indices[0].tolist() == [5, 3, 1, 2, 4]


def test_autocast_does_not_matter():
    x = points(300).requires_grad_()
    plain = knn(x, 10)
    with torch.autocast("cpu", torch.bfloat16):
        cast = knn(x, 10)
    assert torch.equal(plain.indices, cast.indices)
    assert torch.equal(plain.distances, cast.distances)
    assert not plain.distances.requires_grad


def test_the_cosine_with_a_row_of_zeros_is_zero():
    """As torch's cosine_similarity has it; so such a row is nearer than what points away, and than nothing else."""
    x = points(20)
    x[3] = x[7] = 0
    cosines = F.cosine_similarity(x[:, None].double(), x.double(), dim=2).fill_diagonal_(-torch.inf)
    values, order = cosines.sort(dim=1, descending=True, stable=True)
    found = knn(x, 19, metric="cosine")
    assert torch.equal(found.indices, order[:, :19])
    torch.testing.assert_close(found.distances.double(), 1 - values[:, :19], rtol=1e-5, atol=1e-6)
    assert knn(x, 3, queries=torch.zeros(2, 16), metric="cosine").distances.tolist() == [[1.0] * 3] * 2


def test_memory_is_bounded(monkeypatch):
    """No block of scores is larger than the limit, whatever the number of points."""
    monkeypatch.setattr(_knn, "_CPU_SCORES", 2**15)
    blocks, product = [], torch.mm
    monkeypatch.setattr(torch, "mm", lambda *a, **k: blocks.append(k["out"].numel()) or product(*a, **k))
    x = points(1000)
    found = knn(x, 5)
    assert max(blocks) <= 64 * 1024, "at least 64 rows"
    assert torch.equal(found.indices, brute(x, 5)[1])
