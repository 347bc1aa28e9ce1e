"""k-means against the slow loop, scipy, and what must hold of any of its results."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.cluster.vq import kmeans2
from scipy.stats import chi2
from torch.nn import functional as F

from jointaug.neighbors import _kmeans, _select, assign, cluster_means, kmeans


def blobs(n=600, d=8, clusters=12, spread=0.3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(clusters, d, generator=generator)
    return centers[torch.arange(n) % clusters] + spread * torch.randn(n, d, generator=generator)


def squared(x, c):
    return torch.cdist(x.double(), c.double()) ** 2


def test_it_is_lloyds_algorithm():
    """Against scipy's, from the same start, round by round."""
    x = blobs(spread=1.0)
    start = x[::50][:12]
    for rounds in (1, 2, 5):
        ours = kmeans(x, 12, rounds=rounds, init=start)
        theirs, _ = kmeans2(x.double().numpy(), start.double().numpy(), iter=rounds, minit="matrix")
        assert len(ours.objective) == rounds + 1, "as many rounds as asked for: none of these converges"
        np.testing.assert_allclose(ours.centers.numpy(), theirs, atol=1e-5)


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_what_must_hold(spherical, init):
    x = blobs(spread=1.5)
    labels, centers, objective = kmeans(x, 40, spherical=spherical, init=init, seed=3)
    assert labels.dtype == torch.int64
    assert labels.bincount(minlength=40).min() > 0
    assert labels.bincount().sum() == len(x)
    if spherical:
        costs = 1 - F.normalize(x.double(), dim=1) @ centers.double().T
        torch.testing.assert_close(centers.norm(dim=1), torch.ones(40))
    else:
        costs = squared(x, centers)
    mine = costs.gather(1, labels[:, None])[:, 0]
    assert (mine <= costs.min(1).values + 1e-5).all()
    assert objective[-1] == pytest.approx(mine.sum().item(), rel=1e-5)
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(objective))
    assert objective[-1] < objective[0]


@pytest.mark.parametrize("spherical", [False, True])
def test_a_converged_result_is_a_fixed_point(spherical):
    x = blobs()
    labels, centers, objective = kmeans(x, 12, rounds=100, spherical=spherical)
    assert len(objective) < 100, "it stops when nothing changes"
    again = kmeans(x, 12, rounds=1, spherical=spherical, init=centers)
    assert torch.equal(again.labels, labels)
    torch.testing.assert_close(again.centers, centers)
    assert again.objective[-1] == pytest.approx(objective[-1], rel=1e-5)


def test_spherical_does_not_feel_the_lengths_of_rows():
    x = blobs(spread=1.0)
    scales = torch.rand(len(x), 1, generator=torch.Generator().manual_seed(1)) + 0.5
    labels, centers, _ = kmeans(x, 9, spherical=True)
    scaled = kmeans(x * scales, 9, spherical=True)
    assert torch.equal(scaled.labels, labels)
    unit = F.normalize(x, dim=1)
    means = F.normalize(cluster_means(unit, labels, centers), dim=1)
    assert (means * centers).sum(1).min() > 0.99, "centers are the directions of the clusters' means"


def test_a_center_without_direction_stays():
    x = torch.tensor([[1.0, 0], [-1, 0], [0, 1]])
    labels, centers, _ = kmeans(x, 2, rounds=3, spherical=True, init=torch.tensor([[1.0, 1e-3], [0.6, 0.8]]))
    assert centers.isfinite().all()
    assert labels.bincount(minlength=2).min() > 0


def test_euclidean_does_not_feel_a_common_offset():
    """The rounding of a product of two numbers near 3,000 would be of the order of the distances."""
    x = blobs(spread=1.0)
    labels, centers, _ = kmeans(x, 12)
    offset = torch.full((8,), 3000.0)
    moved = kmeans(x + offset, 12)
    assert torch.equal(moved.labels, labels)
    torch.testing.assert_close(moved.centers - offset, centers, atol=1e-3, rtol=0)
    assert torch.equal(assign(x + offset, moved.centers), moved.labels)


@pytest.mark.parametrize("chunk", [1, 7, 64, 10_000])
@pytest.mark.parametrize("spherical", [False, True])
def test_the_chunk_does_not_matter(chunk, spherical):
    x = blobs(spread=0.6)
    whole, parts = kmeans(x, 12, spherical=spherical), kmeans(x, 12, spherical=spherical, chunk=chunk)
    assert torch.equal(whole.labels, parts.labels)
    torch.testing.assert_close(whole.centers, parts.centers)
    assert torch.equal(assign(x, whole.centers, chunk=chunk), assign(x, whole.centers))


def test_the_seed_and_the_epoch_decide():
    x = blobs(spread=2.0)
    for init in ("random", "k-means++"):
        first = kmeans(x, 20, init=init, seed=5)
        torch.manual_seed(99)
        assert all(torch.equal(a, b) for a, b in zip(first[:2], kmeans(x, 20, init=init, seed=5)[:2], strict=True))
        for other in ({"seed": 6}, {"seed": 5, "epoch": 1}):
            assert not torch.equal(first.labels, kmeans(x, 20, init=init, **other).labels)


def test_a_random_start_is_distinct_points():
    x = torch.arange(50.0)[:, None]
    _, centers, objective = kmeans(x, 50, rounds=1, init="random")
    assert centers.flatten().sort().values.tolist() == x.flatten().tolist()
    assert objective == [0.0, 0.0]


def test_plus_plus_draws_in_proportion_to_the_squared_distance():
    """Of 0, 1, 3 the second center, given the first: 1 : 9, 1 : 4, 9 : 4. Failure rate 1e-6 (chi-square)."""
    x = torch.tensor([[0.0], [1], [3]])
    seen = np.zeros((3, 3))
    draws = 700
    for epoch in range(draws):
        first, second = _kmeans._plus_plus(x, 2, 0, epoch).flatten().tolist()
        seen[[0, 1, 3].index(first), [0, 1, 3].index(second)] += 1
    law = np.array([[0, 1 / 10, 9 / 10], [1 / 5, 0, 4 / 5], [9 / 13, 4 / 13, 0]]) / 3
    assert seen[law == 0].sum() == 0
    expected = draws * law[law > 0]
    assert ((seen[law > 0] - expected) ** 2 / expected).sum() < chi2.isf(1e-6, 5)


def test_plus_plus_looks_at_a_sample_of_many_points():
    x = blobs(n=1200, clusters=4, spread=0.01)
    assert kmeans(x, 4, rounds=1).objective[-1] < 1.0, "one center in every blob"


def test_empty_clusters_are_filled():
    x = blobs(n=100, d=2)
    labels, centers, objective = kmeans(x, 10, init=torch.full((10, 2), 50.0))
    assert labels.bincount(minlength=10).min() > 0
    assert objective[-1] < objective[0]
    torch.testing.assert_close(squared(x, centers).min(1).values.sum().item(), objective[-1], rtol=1e-4, atol=0)


def test_an_empty_cluster_takes_the_farthest_point():
    x = torch.tensor([[0.0], [1], [2], [9]])
    labels, centers, _ = kmeans(x, 2, rounds=1, init=torch.tensor([[1.0], [100.0]]))
    assert labels.tolist() == [0, 0, 0, 1]
    assert centers.flatten().tolist() == [1.0, 9.0]


@pytest.mark.parametrize("spherical", [False, True])
def test_fewer_distinct_points_than_clusters(spherical):
    x = torch.ones(20, 3)
    labels, centers, objective = kmeans(x, 6, spherical=spherical)
    assert labels.bincount(minlength=6).min() > 0
    assert objective[-1] == pytest.approx(0, abs=1e-5)
    assert centers.isfinite().all()


def test_one_cluster_and_a_cluster_for_each_point():
    x = blobs(n=30)
    labels, centers, _ = kmeans(x, 1)
    assert labels.eq(0).all()
    torch.testing.assert_close(centers, x.mean(0, keepdim=True))
    labels, centers, _ = kmeans(x, 30)
    assert sorted(labels.tolist()) == list(range(30))
    torch.testing.assert_close(centers[labels], x)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_every_float_goes_in_and_float32_comes_out(dtype):
    x = blobs().to(dtype)
    labels, centers, _ = kmeans(x, 12)
    assert centers.dtype == torch.float32
    assert torch.equal(labels, kmeans(x.float(), 12).labels)


def test_autocast_does_not_matter():
    x = blobs(spread=1.0).requires_grad_()
    plain = kmeans(x, 12)
    with torch.autocast("cpu", torch.bfloat16):
        cast = kmeans(x, 12)
        labels = assign(x, plain.centers)
    assert torch.equal(plain.labels, cast.labels)
    assert torch.equal(plain.centers, cast.centers)
    assert torch.equal(labels, plain.labels)
    assert not plain.centers.requires_grad


def test_assignment_by_distance_and_by_product():
    """A vector at 40 degrees and two mean centers: the two rules differ (squared distances .431120, .334701)."""
    v = torch.tensor([[math.cos(math.radians(40)), math.sin(math.radians(40))]])
    centers = torch.tensor([[0.9, 0.0], [0.3, 0.3]])
    torch.testing.assert_close(squared(v, centers)[0], torch.tensor([0.431120, 0.334701]).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close((v @ centers.T)[0], torch.tensor([0.689440, 0.422650]), atol=1e-6, rtol=0)
    assert assign(v, centers).item() == 1
    assert assign(v, centers, metric="dot").item() == 0


@pytest.mark.parametrize("by_numpy", [True, False])
def test_ties_go_to_the_lowest_number(by_numpy, monkeypatch):
    monkeypatch.setattr(_select, "by_numpy", lambda scores: by_numpy)
    centers = torch.tensor([[1.0, 0], [0, 1], [1, 0], [-1, 0]])
    for metric in ("euclidean", "dot"):
        assert assign(torch.tensor([[2.0, 0], [0, 0.5], [1, 1]]), centers, metric=metric).tolist() == [0, 1, 0]


def test_means_are_exact_and_empty_clusters_stay():
    x = blobs()
    labels = torch.arange(len(x)) % 5 + 1
    old = torch.arange(7 * 8.0).view(7, 8)
    means = cluster_means(x, labels, old)
    for label in range(7):
        own = x[labels == label].double()
        torch.testing.assert_close(means[label].double(), own.mean(0) if len(own) else old[label].double())
    assert torch.equal(old, torch.arange(7 * 8.0).view(7, 8)), "the given centers are not written to"
