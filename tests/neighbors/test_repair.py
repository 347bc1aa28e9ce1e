"""Repair of clusters: small ones are emptied and take halves of the largest."""

from __future__ import annotations

import torch

from jointaug.neighbors import repair_small


def test_small_clusters_are_emptied_and_take_halves():
    """Clusters of 40, 12, 3 and 0: the three rows join the nearest large one; the two emptied get the halves."""
    generator = torch.Generator().manual_seed(0)
    x = torch.cat(
        [
            torch.randn(20, 2, generator=generator) * 0.1 + torch.tensor([0.0, 0.0]),
            torch.randn(20, 2, generator=generator) * 0.1 + torch.tensor([2.0, 0.0]),
            torch.randn(12, 2, generator=generator) * 0.1 + torch.tensor([20.0, 0.0]),
            torch.randn(3, 2, generator=generator) * 0.1 + torch.tensor([17.0, 0.0]),
        ]
    )
    labels = torch.tensor([0] * 40 + [1] * 12 + [2] * 3)
    centers = torch.stack([x[:40].mean(0), x[40:52].mean(0), x[52:].mean(0), torch.zeros(2)])
    new, means = repair_small(x, labels, centers, 5)
    assert new[40:].bincount().tolist() == [0, 15], "the three rows are with the twelve: nothing of them was split yet"
    assert new[:20].unique().numel() == 1 or new[20:40].unique().numel() == 1, (
        "the first split is between the two blobs"
    )
    assert new.bincount(minlength=4).min() > 0
    assert set(new[:40].tolist()) == {0, 2, 3}
    for label in (0, 2, 3):
        torch.testing.assert_close(means[label], x[new == label].mean(0))
    assert torch.equal(means[1], centers[1]), "who takes rows in gets its mean at the next interval"
    assert labels.tolist() == [0] * 40 + [1] * 12 + [2] * 3, "the given labels are not written to"


def test_equal_rows_are_halved_at_random():
    x = torch.ones(64, 3)
    labels, centers = repair_small(x, torch.zeros(64, dtype=torch.int64), torch.ones(2, 3), 1)
    assert labels.bincount().tolist() == [32, 32]
    assert torch.equal(centers, torch.ones(2, 3))
    assert not torch.equal(labels, labels.sort().values), "not simply the second half"


def test_clusters_that_are_large_enough_stay():
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    labels, centers = torch.arange(40) % 4, torch.zeros(4, 3)
    for least in (0, 1, 10):
        new, means = repair_small(x, labels, centers, least)
        assert torch.equal(new, labels)
        assert torch.equal(means, centers)
