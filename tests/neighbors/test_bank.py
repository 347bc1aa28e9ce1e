"""The memory bank: InterCLR's updates one by one, repair, offline labels, checkpoints."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch.nn import functional as F

from jointaug.neighbors import MemoryBank, assign, cluster_means, kmeans, same_label_positives


def filled(n=300, d=8, clusters=10, **options):
    generator = torch.Generator().manual_seed(0)
    bank = MemoryBank(n, d, clusters, **{"min_cluster": 5, **options})
    bank.fill(torch.randn(n, d, generator=generator))
    bank.cluster()
    return bank


def batch(bank, seed=0, size=32):
    generator = torch.Generator().manual_seed(seed)
    index = torch.randperm(len(bank.features), generator=generator)[:size]
    return 3 * torch.randn(size, bank.features.shape[1], generator=generator), index


def test_it_starts_as_normalized_gaussians():
    bank = MemoryBank(5000, 3, 10, seed=1)
    torch.testing.assert_close(bank.features.norm(dim=1), torch.ones(5000))
    # On a sphere in three dimensions every coordinate is uniform on (-1, 1) (Archimedes). DKW, failure rate 1e-6.
    for column in bank.features.T:
        gap = (column.sort().values - torch.linspace(-1, 1, 5000)).abs().max() / 2
        assert gap < np.sqrt(np.log(2e6) / 10_000) + 1e-3
    assert torch.equal(bank.features, MemoryBank(5000, 3, 10, seed=1).features)
    assert not torch.equal(bank.features, MemoryBank(5000, 3, 10, seed=2).features)


def test_a_row_moves_by_omega():
    """Omega .5, old (1, 0), new (0, 1) gives (.707107, .707107); at .25 the old one weighs three times as much."""
    for omega, expected in ((0.5, [0.707107, 0.707107]), (0.25, [0.948683, 0.316228]), (1.0, [0.0, 1.0])):
        bank = MemoryBank(2, 2, 1, omega=omega, min_cluster=0)
        bank.fill(torch.tensor([[1.0, 0], [0, 1]]))
        bank.update(torch.tensor([[0.0, 5.0]]), torch.tensor([0]))
        torch.testing.assert_close(bank.features[0], torch.tensor(expected), atol=1e-6, rtol=0)
        assert bank.features[1].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("omega", [0.5, 1.0])
def test_only_the_batch_is_written(omega):
    bank = filled(omega=omega)
    before = bank.features.clone()
    features, index = batch(bank)
    bank.update(features, index)
    rest = torch.ones(300, dtype=torch.bool)
    rest[index] = False
    assert torch.equal(bank.features[rest], before[rest])
    new = F.normalize((1 - omega) * before[index] + omega * F.normalize(features, dim=1), dim=1)
    torch.testing.assert_close(bank.features[index], new)
    torch.testing.assert_close(bank.features.norm(dim=1), torch.ones(300))


def test_opposite_rows_leave_the_new_one():
    bank = MemoryBank(1, 2, 1, omega=0.5, min_cluster=0)
    bank.fill(torch.tensor([[1.0, 0]]))
    bank.update(torch.tensor([[-1.0, 0]]), torch.tensor([0]))
    assert bank.features.tolist() == [[-1.0, 0.0]]


@pytest.mark.parametrize("metric", ["euclidean", "dot"])
def test_labels_follow_the_features(metric):
    bank = filled(metric=metric, min_cluster=0, omega=0.5)
    labels, centers = bank.labels.clone(), bank.centers.clone()
    features, index = batch(bank)
    bank.update(features, index)
    rest = torch.ones(300, dtype=torch.bool)
    rest[index] = False
    assert torch.equal(bank.labels[rest], labels[rest])
    assert torch.equal(bank.labels[index], assign(bank.features[index], centers, metric=metric))
    assert not torch.equal(bank.labels[index], labels[index])
    assert torch.equal(bank.centers, centers), "not before the interval is over"


def test_centers_follow_every_interval():
    bank = filled(interval=3, min_cluster=0)
    for step in range(1, 7):
        centers = bank.centers.clone()
        bank.update(*batch(bank, seed=step))
        if step % 3:
            assert torch.equal(bank.centers, centers)
        else:
            assert torch.equal(bank.centers, cluster_means(bank.features, bank.labels, centers))
            assert not torch.equal(bank.centers, centers)


def test_offline_labels_wait_for_the_clustering():
    bank = filled(online=False)
    labels, centers = bank.labels.clone(), bank.centers.clone()
    for step in range(12):
        bank.update(*batch(bank, seed=step))
    assert torch.equal(bank.labels, labels)
    assert torch.equal(bank.centers, centers)
    bank.cluster(epoch=1)
    assert not torch.equal(bank.labels, labels)
    expected = kmeans(bank.features, 10, seed=0, epoch=1)
    assert torch.equal(bank.labels, expected.labels)


@pytest.mark.parametrize("metric", ["euclidean", "dot"])
def test_no_cluster_is_ever_small_for_long(metric):
    """Two hundred steps that pull everything together: after each, all labels are there and sum to N."""
    bank = filled(interval=2, metric=metric)
    pull = torch.randn(8, generator=torch.Generator().manual_seed(7))
    for step in range(200):
        features, index = batch(bank, seed=step)
        bank.update(features + step / 10 * pull, index)
        counts = bank.labels.bincount(minlength=10)
        assert counts.min() > 0
        assert counts.sum() == 300
        assert bank.centers.isfinite().all()


def test_a_row_given_twice_takes_its_last_feature():
    bank, reference = filled(), filled()
    features, index = batch(bank, size=4)
    with pytest.warns(UserWarning, match="index holds 2 of 6 rows twice; the last"):
        bank.update(torch.cat([features[[1, 2]] * -1, features]), torch.cat([index[[1, 2]], index]))
    reference.update(features, index)
    assert torch.equal(bank.features, reference.features)


def test_before_the_first_clustering_only_features_move():
    bank = MemoryBank(50, 4, 3, min_cluster=2)
    bank.update(*batch(bank, size=5))
    assert bank.labels.eq(0).all()
    for call in (
        lambda: bank.positives(torch.tensor([0])),
        lambda: bank.negatives(bank.features[:1], torch.tensor([0]), 1),
    ):
        with pytest.raises(RuntimeError, match=r"must have labels .* call fill\(features\) and cluster\(\) first"):
            call()


def test_positives_are_others_of_the_cluster():
    """All others of a cluster equally often, the row itself only if it is alone. Failure rate 1e-6 (chi-square)."""
    pattern, groups = torch.tensor([0] * 6 + [1] * 2 + [2] + [0] * 2), 1200
    labels = (pattern + 3 * torch.arange(groups)[:, None]).flatten()
    drawn = (
        same_label_positives(torch.arange(11 * groups), labels).view(groups, 11) - 11 * torch.arange(groups)[:, None]
    )
    assert drawn[:, 8].eq(8).all()
    assert drawn[:, 6].eq(7).all()
    assert drawn[:, 7].eq(6).all()
    zeros = [0, 1, 2, 3, 4, 5, 9, 10]
    for i in zeros:
        counts = drawn[:, i].bincount(minlength=11)[[j for j in zeros if j != i]].double()
        assert counts.sum() == groups
        assert ((counts - groups / 7) ** 2 / (groups / 7)).sum() < chi2.isf(1e-6, 6)
    some = torch.tensor([9, 2, 2, 11 * 70 + 6])
    whole = same_label_positives(torch.arange(11 * groups), labels, epoch=5)
    assert torch.equal(same_label_positives(some, labels, epoch=5), whole[some])


def test_pairs_are_drawn_with_the_bank_as_it_is():
    bank = filled()
    features, index = batch(bank)
    before = copy.deepcopy(bank.state_dict())
    negatives, positives = bank.negatives(features, index, 20), bank.positives(index)
    assert all(torch.equal(bank.state_dict()[name], value) for name, value in before.items())
    assert not bank.labels[negatives].eq(bank.labels[index][:, None]).any()
    assert torch.equal(bank.labels[positives], bank.labels[index])
    assert not positives.eq(index).any()
    assert not torch.equal(bank.negatives(features, index, 20, epoch=1), negatives)


def test_a_restored_bank_goes_on_to_the_same_numbers():
    bank = filled(interval=4, min_cluster=8)
    for step in range(6):
        bank.update(*batch(bank, seed=step))
    saved = copy.deepcopy(bank.state_dict())
    other = MemoryBank(300, 8, 10, interval=4, min_cluster=8)
    other.load_state_dict(saved)
    for step in range(6, 20):
        bank.update(*batch(bank, seed=step))
        other.update(*batch(other, seed=step))
    for name, value in bank.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
    assert set(saved) == {"features", "labels", "centers", "updates", "clustered"}


@pytest.mark.parametrize("sizes", [(301, 8, 10), (300, 9, 10), (300, 8, 11)])
def test_a_state_of_another_size_is_refused(sizes):
    other = MemoryBank(*sizes, min_cluster=5)
    with pytest.raises(ValueError, match=r"state_dict must be of a bank of this size, .* build the bank with"):
        other.load_state_dict(filled().state_dict())
    model = torch.nn.ModuleDict({"bank": other})
    with pytest.raises(ValueError, match=r"its bank\.\w+ has shape"):
        model.load_state_dict({f"bank.{name}": value for name, value in filled().state_dict().items()})


def test_it_prints_its_settings_and_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "clusters=10, omega=0.5, online=True, metric='euclidean', interval=10" in repr(filled(omega=0.5))
