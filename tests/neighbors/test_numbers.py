"""Neighbors at every scale that float32 has, of features that nearly collapsed, and among ties: against float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jointaug.losses import unit
from jointaug.neighbors import MemoryBank, _knn, assign, center_positives, cluster_means, kmeans, knn, sample_negatives

SCALES = [1e-38, 1e-30, 1e-25, 1.0, 1e19, 1e30, 1e37]
metrics = pytest.mark.parametrize("metric", ["euclidean", "cosine"])


def points(n: int, d: int = 8, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def brute(x: Tensor, k: int, metric: str = "euclidean") -> tuple[Tensor, Tensor]:
    """Differences of all pairs in float64; equal distances in the order of rows."""
    x = x.double()
    if metric == "cosine":
        x = x / x.norm(dim=1, keepdim=True)
    squares = (x[:, None] - x).square().sum(2).fill_diagonal_(torch.inf)
    squares, order = squares.sort(dim=1, stable=True)
    return (squares / 2 if metric == "cosine" else squares.sqrt())[:, :k], order[:, :k]


def check(x: Tensor, k: int, metric: str) -> None:
    distances, indices = brute(x, k, metric)
    found = knn(x, k, metric=metric)
    assert torch.equal(found.indices, indices)
    torch.testing.assert_close(found.distances, distances.float(), rtol=1e-5, atol=0)


@metrics
@pytest.mark.parametrize("scale", SCALES)
def test_knn_at_any_scale(scale, metric):
    check(points(300) * scale, 5, metric)


@metrics
@pytest.mark.parametrize("spread", [1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("groups", [1, 5])
def test_knn_of_features_that_nearly_collapsed(groups, spread, metric):
    """To one point, or to five: there no common shift helps, and the rows that products misjudge are scored again."""
    x = points(groups, 32, seed=1).repeat(400 // groups, 1) + spread * points(400 // groups * groups, 32)
    check(x, 10, metric)


def test_knn_of_rows_of_many_scales():
    x = points(300, 4) * 10.0 ** torch.randint(-20, 15, (300, 1), generator=torch.Generator().manual_seed(2))
    check(x, 5, "euclidean")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@metrics
def test_knn_of_other_dtypes(dtype, metric):
    check(points(200).to(dtype).double().float(), 5, metric)
    assert torch.equal(knn(points(200).to(dtype), 5, metric=metric).indices, brute(points(200).to(dtype), 5, metric)[1])


@pytest.mark.parametrize("most", [2**12, 10])
def test_ties_of_many_rows_go_by_number(most, monkeypatch):
    monkeypatch.setattr(_knn, "_MOST_TIES", most)
    for x in (torch.eye(60), torch.zeros(60, 3), torch.ones(60, 3), points(6).repeat(20, 1)):
        assert torch.equal(knn(x, 7).indices, brute(x, 7)[1])
    dead = points(60)
    dead[::3] = 0
    assert knn(dead, 4, metric="cosine").indices[0].tolist() == [1, 2, 3, 4], "the cosine with zeros is 0: all tie"


def test_a_coarse_product_is_noticed(monkeypatch):
    """As TF32's, which a user may have switched on: 11 bits; what the candidates show of it sends rows to float64."""
    product = torch.mm

    def coarse(a, b, *, out):
        return out.copy_(product(a.bfloat16().float(), b.bfloat16().float()))

    monkeypatch.setattr(torch, "mm", coarse)
    x = points(500, 16)
    found = knn(x, 10).indices
    monkeypatch.undo()
    assert torch.equal(found, brute(x, 10)[1])


@pytest.mark.parametrize("exponent", [-100, -83, 60, 110])
@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("init", ["random", "k-means++"])
def test_kmeans_scales_bit_for_bit(exponent, spherical, init):
    """Theory: a power of two changes no digit; the objective has its square."""
    x, scale = points(300), 2.0**exponent
    one, other = (kmeans(y, 7, spherical=spherical, init=init) for y in (x, x * scale))
    assert torch.equal(one.labels, other.labels)
    assert torch.equal(one.centers * (1 if spherical else scale), other.centers)
    squared = 1.0 if spherical else scale**2
    assert [value * squared for value in one.objective] == pytest.approx(other.objective, rel=1e-12)


@pytest.mark.parametrize("spherical", [False, True])
def test_kmeans_tells_groups_within_groups(spherical):
    """Six groups of spread 1e-6, 1e-4 apart by pairs: products have 1e-7 of the lengths, more than their squares."""
    far, near = points(3, 6, seed=1), points(2, 6, seed=2) * 1e-4
    truth = torch.arange(600) % 6
    start = far[torch.arange(6) // 2] + near[torch.arange(6) % 2]
    x = start[truth] + 1e-6 * points(600, 6)
    found = kmeans(x, 6, init=start, spherical=spherical)
    assert torch.equal(found.labels, truth)
    exact = x.double() / (x.double().norm(dim=1, keepdim=True) if spherical else 1)
    means = torch.stack([exact[truth == c].mean(0) for c in range(6)])
    inside = (exact - means[truth]).square().sum().item() / (2 if spherical else 1)
    assert found.objective[-1] == pytest.approx(inside, rel=0.05)  # the features' own rounding is 1e-7 of 1e-6
    assert torch.equal(kmeans(x, 6, spherical=spherical).labels.unique(), torch.arange(6))
    assert torch.equal(assign(x, start), truth)


def test_spherical_kmeans_of_nearly_collapsed_features():
    """Cosines differ by 1e-8, float32 has 6e-8."""
    base, offsets = points(1, 16, seed=3), points(4, 16, seed=4)
    truth = torch.arange(400) % 4
    x = base + 1e-3 * offsets[truth] + 1e-5 * points(400, 16)
    labels = kmeans(x, 4, spherical=True).labels
    assert len({(int(a), int(b)) for a, b in zip(labels, truth, strict=True)}) == 4


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("metric", ["euclidean", "dot"])
def test_assign_at_any_scale(scale, metric):
    x, c = points(200) * scale, points(9, seed=1) * scale
    a, b = x.double() / scale, c.double() / scale
    scores = a @ b.T - (b.square().sum(1) / 2 if metric == "euclidean" else 0)
    assert torch.equal(assign(x, c, metric=metric), scores.argmax(1))


def test_the_mean_of_a_large_cluster():
    """Added one by one in float32, 300,000 times .1 is 30,078 or so."""
    x = torch.full((300_000, 1), 0.1)
    mean = cluster_means(x, torch.zeros(len(x), dtype=torch.int64), torch.zeros(1, 1))
    assert mean.item() == pytest.approx(x[0].item(), rel=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_the_bank_keeps_directions(scale):
    bank = MemoryBank(40, 8, 3, min_cluster=0)
    x = points(40)
    bank.fill(x * scale)
    expected = (x.double() / x.double().norm(dim=1, keepdim=True)).float()
    torch.testing.assert_close(bank.features, expected, rtol=0, atol=1e-6)
    bank.cluster()
    bank.update(-x[:5] * scale, torch.arange(5))
    torch.testing.assert_close(bank.features[:5], -expected[:5], rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("strategy", ["hard", "semi-hard", "semi-easy", "random"])
def test_negatives_see_directions_only(scale, strategy):
    bank, labels, index = unit(points(80)), torch.arange(80) % 4, torch.arange(10)
    queries = points(10, seed=1)
    drawn = (
        sample_negatives(q, index, bank, labels, 5, strategy=strategy, pool=0.3) for q in (queries, queries * scale)
    )
    assert torch.equal(*drawn)


def test_a_bank_row_that_is_too_small_to_be_squared_is_no_unit_row():
    bank = unit(points(20))
    bank[3] *= 1e-25
    with pytest.raises(ValueError, match=r"bank must have unit rows, but row 3 has length 1e-25; use"):
        sample_negatives(bank[:2], torch.arange(2), bank, torch.arange(20) % 2, 3)


@pytest.mark.parametrize("exponent", [-90, 90])
def test_center_positives_scale(exponent):
    x, scale = points(120), 2.0**exponent
    labels, centers, _ = kmeans(x, 4)
    one, other = (center_positives(x * s, labels, centers * s, neighbors=20, count=5) for s in (1.0, scale))
    assert torch.equal(one, other)
