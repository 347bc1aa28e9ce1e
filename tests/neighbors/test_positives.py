"""Positives: the paper's rule by a slow loop, its limits, the law of the draws, and the rivals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from jointaug.neighbors import (
    _positives,
    center_positives,
    center_rule,
    cluster_positives,
    draw_positives,
    kmeans,
    knn,
    knn_positives,
    random_positives,
)

LINE = torch.tensor([0.0, 1, 2, 3, 4, 10, 11, 12])[:, None]  # two clusters, with centers 2 and 11
LABELS, CENTERS = torch.tensor([0] * 5 + [1] * 3), torch.tensor([[2.0], [11.0]])


def cloud(n=400, d=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(8, d, generator=generator)
    return centers[torch.arange(n) % 8] + 0.6 * torch.randn(n, d, generator=generator)


@pytest.mark.parametrize(
    ("anchor", "k", "passed", "rest"),
    [
        (0, 6, [1, 2, 3, 4], [10, 11]),
        (2, 4, [], [1, 3, 0, 4]),
        (4, 5, [3, 2, 1, 0], [10]),
        (5, 4, [11, 12], [4, 3]),
    ],
)
def test_the_rule_on_a_line(anchor, k, passed, rest):
    """Anchors 0, 2 (at its center), 4 and 10; the points are named by their values."""
    table = center_positives(LINE, LABELS, CENTERS, neighbors=k, count=k)
    assert [int(LINE[i]) for i in table[anchor]] == passed + rest
    near = knn(LINE, k).indices
    distance = (LINE - CENTERS[LABELS])[:, 0].abs()
    assert center_rule(near, LABELS, distance)[anchor].sum() == len(passed)


def slow(x, labels, centers, neighbors):
    """Eq. 2 word by word: for each row the neighbors that pass, and the others, by distance."""
    x, centers = x.double(), centers.double()
    for i in range(len(x)):
        near = [j for j in (x - x[i]).norm(dim=1).argsort(stable=True).tolist() if j != i][:neighbors]
        own = (x[i] - centers[labels[i]]).norm()
        passed = [j for j in near if labels[j] == labels[i] and (x[j] - centers[labels[i]]).norm() <= own]
        yield passed, [j for j in near if j not in passed]


@pytest.mark.parametrize("neighbors", [12, 40])
def test_it_is_the_slow_loop(neighbors):
    x = cloud()
    labels, centers, _ = kmeans(x, 8)
    table = center_positives(x, labels, centers, neighbors=neighbors, count=10)
    assert table.shape == (400, 10)
    filled, drawn = 0, 0
    for i, (passed, rest) in enumerate(slow(x, labels, centers, neighbors)):
        row = table[i].tolist()
        assert len(set(row)) == 10
        assert i not in row
        if len(passed) > 10:
            assert set(row) <= set(passed)
            drawn += 1
        else:
            assert row == passed + rest[: 10 - len(passed)]
            filled += 1
    assert filled > 50, "both branches are run"
    assert drawn > 50 or neighbors == 12


def test_the_draw_is_uniform_among_those_that_passed():
    """Forty groups far apart, each of an anchor and 30 that pass; each of these, and each pair, equally often.

    Failure rate 1e-6 (chi-square for the singles; six standard deviations for the 435 pairs).
    """
    groups, epochs = 40, 40
    x = torch.zeros(groups, 31, 2)
    x[:, 0, 0] = 9.0
    x[:, 1:, 0] = torch.arange(30) / 10
    x[:, :, 1] = 500.0 * torch.arange(groups)[:, None]
    labels = torch.arange(groups).repeat_interleave(31)
    centers = torch.stack([torch.zeros(groups), 500.0 * torch.arange(groups)], 1)
    single, pair = np.zeros(31), np.zeros((31, 31))
    for epoch in range(epochs):
        table = center_positives(x.view(-1, 2), labels, centers, neighbors=30, count=10, epoch=epoch)
        for group, row in enumerate(table[::31].numpy() - 31 * np.arange(groups)[:, None]):
            assert len(set(row)) == 10, group
            single[row] += 1
            pair[np.ix_(row, row)] += 1
    draws = groups * epochs
    assert single[0] == 0
    share = draws / 3
    # Without replacement: the covariance of the counts is share (1 - 1/3) on the simplex, up to 30 / 29.
    assert ((single[1:] - share) ** 2).sum() / (share * (2 / 3) * (30 / 29)) < chi2.isf(1e-6, 29)
    pairs, expected = pair[1:, 1:][np.triu_indices(30, 1)], draws * 90 / 870
    assert np.abs(pairs - expected).max() < 6 * np.sqrt(expected)


def test_order_and_place_of_the_draws():
    """The rows that pass are drawn by lot, whatever their distance: not always the nearest."""
    x = cloud()
    labels, centers, _ = kmeans(x, 2)
    first, second = (center_positives(x, labels, centers, neighbors=60, epoch=e) for e in (0, 1))
    assert not torch.equal(first, second)
    assert torch.equal(first, center_positives(x, labels, centers, neighbors=60, epoch=0))
    assert not torch.equal(first, center_positives(x, labels, centers, neighbors=60, seed=1))


def test_a_row_nearest_its_center_gets_its_nearest_neighbors():
    x = cloud()
    labels, centers, _ = kmeans(x, 8)
    distance = (x - centers[labels]).norm(dim=1)
    nearest = [int(torch.where(labels == c, distance, torch.inf).argmin()) for c in range(8)]
    table = center_positives(x, labels, centers)
    assert torch.equal(table[nearest], knn(x, 10).indices[nearest])


def test_as_many_clusters_as_points_is_plain_knn():
    x = cloud()
    table = center_positives(x, torch.arange(400), x, neighbors=40)
    assert torch.equal(table, knn_positives(x))


def test_one_cluster_compares_all():
    x = cloud(60)
    labels, centers = torch.zeros(60, dtype=torch.int64), x.mean(0, keepdim=True)
    distance = (x - centers).norm(dim=1)
    assert torch.equal(
        center_rule(knn(x, 20).indices, labels, distance), distance[knn(x, 20).indices] <= distance[:, None]
    )


def test_all_others_as_neighbors():
    x = cloud(60)
    labels, centers, _ = kmeans(x, 4)
    table = center_positives(x, labels, centers, neighbors=59, count=59)
    distance = (x - centers[labels]).norm(dim=1)
    for i in range(60):
        passed = {j for j in range(60) if j != i and labels[j] == labels[i] and distance[j] <= distance[i]}
        assert set(table[i, : len(passed)].tolist()) == passed
        assert set(table[i].tolist()) == set(range(60)) - {i}


def test_rotation_and_translation_do_not_matter():
    x = cloud()
    labels, centers, _ = kmeans(x, 8)
    rotation, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64))
    shift = torch.tensor([3.0, -2, 0, 1, 5, -4], dtype=torch.float64)

    def moved(value):
        return (value.double() @ rotation + shift).float()

    table = center_positives(x, labels, centers, seed=4)
    assert torch.equal(center_positives(moved(x), labels, moved(centers), seed=4), table)


@pytest.mark.parametrize("chunk", [1, 33, 10_000])
def test_the_chunk_does_not_matter(chunk, monkeypatch):
    x = cloud()
    labels, centers, _ = kmeans(x, 8)
    whole = center_positives(x, labels, centers)
    monkeypatch.setattr(_positives, "_ROWS", chunk)
    assert torch.equal(center_positives(x, labels, centers, chunk=chunk), whole)


def test_knn_positives_are_the_nearest():
    x = cloud()
    assert torch.equal(knn_positives(x, count=7), knn(x, 7).indices)


def test_cluster_positives_are_others_of_the_cluster():
    labels = torch.tensor([0, 1, 1, 2, 2, 2, 2, 2, 2, 4, 1, 2])  # sizes 1, 3, 7, 0, 1
    table = cluster_positives(labels, count=4)
    for i, row in enumerate(table.tolist()):
        others = [j for j in range(12) if labels[j] == labels[i] and j != i]
        found = [j for j in row if j != -1]
        assert len(set(found)) == len(found) == min(4, len(others))
        assert set(found) <= set(others)
        assert row == found + [-1] * (4 - len(found))


@pytest.mark.parametrize("count", [1, 3, 6])
def test_cluster_positives_are_uniform(count):
    """Clusters of seven: each of the six others equally often in each place. Failure rate 1e-6 each (chi-square)."""
    groups = 700
    table = cluster_positives(torch.arange(groups).repeat(7), count=count).numpy()
    assert (table % groups == np.arange(7 * groups)[:, None] % groups).all(), "of the same cluster"
    members = (table // groups).reshape(7, groups, count)
    for i in range(7):
        others = [j for j in range(7) if j != i]
        for place in range(count):
            seen = np.bincount(members[i, :, place], minlength=7)[others]
            assert seen.sum() == groups, "never the row itself"
            assert ((seen - groups / 6) ** 2 / (groups / 6)).sum() < chi2.isf(1e-6, 5)


def test_random_positives_are_any_others():
    table = random_positives(50, count=49)
    for i, row in enumerate(table.tolist()):
        assert sorted(row) == [j for j in range(50) if j != i]
    assert not torch.equal(random_positives(50), random_positives(50, epoch=1))
    assert torch.equal(random_positives(50), random_positives(50))


def test_a_positive_is_drawn_uniformly_from_its_line():
    """Failure rate 1e-6 (chi-square); a short line's -1 is never drawn, an empty line is the row itself."""
    lines = torch.tensor([[1, 2, 3, 4, 5], [0, 3, -1, -1, -1], [-1] * 5, [0, 1, 2, 4, 5]])
    draws = 3000
    drawn = draw_positives(lines.repeat(draws, 1), torch.arange(4 * draws)).view(draws, 4)
    for column, options in ((0, [1, 2, 3, 4, 5]), (1, [0, 3]), (3, [0, 1, 2, 4, 5])):
        counts = drawn[:, column].bincount(minlength=6)[options].double()
        assert counts.sum() == draws
        expected = draws / len(options)
        assert ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-6, len(options) - 1)
    assert torch.equal(drawn[:, 2], torch.arange(2, 4 * draws, 4))


def test_a_draw_depends_on_its_address_alone():
    table = random_positives(100)
    whole = draw_positives(table, torch.arange(100), seed=3, epoch=2)
    index = torch.tensor([70, 3, 99])
    assert torch.equal(draw_positives(table, index, seed=3, epoch=2), whole[index])
    assert not torch.equal(draw_positives(table, torch.arange(100), seed=3, epoch=3), whole)
