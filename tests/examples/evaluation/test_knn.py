"""Both rules of k-NN against scikit-learn and against a loop that follows their words."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch.nn import functional as F
from trainer.evaluation import knn
from trainer.evaluation.knn import fair_k, majority, weighted


def blobs(n, classes=5, d=8, spread=1.0, seed=0):
    """Features around one point for each class, so mixed that votes are close."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    return torch.randn(classes, d, generator=g)[labels] + spread * torch.randn(n, d, generator=g), labels


def loop(train, labels, queries, k, tau):
    """Weighted k-NN, a query, a neighbor and a vote at a time."""
    answers = []
    for query in queries.double():
        cosines = [float(query @ row / (query.norm() * row.norm())) for row in train.double()]
        votes = {}
        for i in sorted(range(len(cosines)), key=lambda i: -cosines[i])[:k]:
            label = int(labels[i])
            votes[label] = votes.get(label, 0.0) + math.exp(cosines[i] / tau)
        answers.append(min(votes, key=lambda label: (-votes[label], label)))
    return torch.tensor(answers)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_majority_is_scikit_learns(k):
    (x, y), (q, _) = blobs(600), blobs(200, spread=2.0, seed=1)
    theirs = KNeighborsClassifier(k, algorithm="brute").fit(x.numpy(), y.numpy()).predict(q.numpy())
    assert majority(x, y, q, k).tolist() == theirs.tolist()


@pytest.mark.parametrize("tau", [0.07, 0.1, 1.0])
@pytest.mark.parametrize("k", [1, 5, 60])
def test_weighted_is_the_loop(k, tau):
    (x, y), (q, _) = blobs(150), blobs(60, spread=2.0, seed=1)
    assert torch.equal(weighted(x, y, q, k, tau), loop(x, y, q, k, tau))


def test_weighted_is_scikit_learns_with_these_weights():
    """scikit-learn on normalized features: 1 - d ** 2 / 2 is the cosine of its Euclidean distance d."""
    (x, y), (q, _) = blobs(600), blobs(200, spread=2.0, seed=1)
    model = KNeighborsClassifier(50, algorithm="brute", weights=lambda d: np.exp((1 - d**2 / 2) / 0.1))
    theirs = model.fit(F.normalize(x).numpy(), y.numpy()).predict(F.normalize(q).numpy())
    assert weighted(x, y, q, 50, 0.1).tolist() == theirs.tolist()


def test_the_rules_differ_where_they_should():
    """One neighbor is near in direction and far in space: cosine takes it, Euclidean does not."""
    x, y = torch.tensor([[10.0, 0.0], [0.6, 0.8]]), torch.tensor([0, 1])
    q = torch.tensor([[1.0, 0.1]])
    assert weighted(x, y, q, 1).tolist() == [0]
    assert majority(x, y, q, 1).tolist() == [1]


@pytest.mark.parametrize("labels", [[2, 1, 1, 2], [1, 2, 2, 1], [7, 7, 3, 3]])
def test_ties_go_to_the_smallest_label(labels):
    """Four neighbors at one place: two votes against two, in any order."""
    x, y = torch.ones(4, 3), torch.tensor(labels)
    for answer in (majority(x, y, x[:1], 4), weighted(x, y, x[:1], 4)):
        assert answer.tolist() == [min(labels)]


def test_more_neighbors_than_rows_are_all_rows():
    (x, y), (q, _) = blobs(40), blobs(10, seed=1)
    assert torch.equal(majority(x, y, q, 1000), majority(x, y, q, 40))
    assert torch.equal(weighted(x, y, q, 1000), weighted(x, y, q, 40))


def test_a_small_tau_is_the_nearest_neighbor_and_does_not_overflow():
    (x, y), (q, _) = blobs(200), blobs(50, seed=1)
    assert torch.equal(weighted(x, y, q, 50, 1e-6), weighted(x, y, q, 1))


def test_blocks_of_votes_change_nothing(monkeypatch):
    (x, y), (q, _) = blobs(200), blobs(50, spread=2.0, seed=1)
    whole = weighted(x, y, q, 20), majority(x, y, q, 20)
    monkeypatch.setattr(knn, "_VOTES", 15)  # three queries at a time
    assert torch.equal(weighted(x, y, q, 20), whole[0])
    assert torch.equal(majority(x, y, q, 20), whole[1])


def test_fair_k_is_half_the_smallest_class_that_is_there():
    assert fair_k(torch.tensor([0] * 100 + [2] * 20)) == 10
    assert fair_k(torch.tensor([0] * 100 + [2] * 20), k=5) == 5
    assert fair_k(torch.tensor([0, 1, 1])) == 1


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"train_labels": torch.zeros(3, dtype=torch.int64)}, ValueError, r"one for each of the 4 train_features"),
        ({"train_labels": torch.zeros(4)}, TypeError, "train_labels must be int64, got torch.float32"),
        ({"train_labels": torch.tensor([0, 1, -1, 0])}, ValueError, "train_labels must be 0 or more, got -1"),
        ({"k": 0}, ValueError, "k must be an integer >= 1, got 0"),
        ({"features": torch.full((2, 3), math.nan)}, ValueError, "queries must be finite"),
        ({"features": torch.ones(2, 5)}, ValueError, "queries must be 3 wide"),
    ],
)
def test_bad_arguments(change, error, words):
    arguments = {
        "train_features": torch.eye(4, 3),
        "train_labels": torch.arange(4),
        "features": torch.ones(2, 3),
        "k": 2,
    }
    for rule in (weighted, majority):
        with pytest.raises(error, match=words):
            rule(**{**arguments, **change})


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan])
def test_a_temperature_is_above_zero(tau):
    with pytest.raises(ValueError, match="tau must be above 0"):
        weighted(torch.eye(2), torch.arange(2), torch.eye(2), 1, tau)
