"""Intra-class similarity against its closed form at known features, and against a loop over all pairs."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional as F
from trainer.evaluation.similarity import intra_class_similarity


def test_is_the_loop_over_pairs():
    g = torch.Generator().manual_seed(0)
    features, labels = torch.randn(40, 6, generator=g) + 0.5, torch.randint(0, 4, (40,), generator=g)
    classes = []
    for label in range(4):
        pairs = itertools.combinations(features[labels == label].double(), 2)
        cosines = [float(F.cosine_similarity(a, b, dim=0)) for a, b in pairs]
        classes.append(sum(cosines) / len(cosines))
    assert intra_class_similarity(features, labels) == pytest.approx(sum(classes) / 4, abs=1e-12)


def test_known_values():
    """One direction 1, orthogonal ones 0, two opposite ones -1, at any length; n on a simplex -1 / (n - 1)."""
    same, lengths = torch.ones(5, 3), torch.arange(1.0, 6.0)[:, None]
    assert intra_class_similarity(lengths * same, torch.zeros(5, dtype=torch.int64)) == pytest.approx(1)
    assert intra_class_similarity(lengths * torch.eye(5), torch.zeros(5, dtype=torch.int64)) == pytest.approx(0)
    assert intra_class_similarity(torch.tensor([[1.0], [-7.0]]), torch.tensor([0, 0])) == pytest.approx(-1)
    simplex = torch.eye(5) - 0.2
    assert intra_class_similarity(simplex, torch.zeros(5, dtype=torch.int64)) == pytest.approx(-1 / 4)


def test_classes_count_alike_and_lone_images_not_at_all():
    """A hundred equal images and two orthogonal ones: (1 + 0) / 2; label 1 does not occur, label 3 occurs once."""
    features = torch.cat([torch.ones(100, 2), torch.eye(2), torch.ones(1, 2)])
    labels = torch.tensor([0] * 100 + [2] * 2 + [3])
    assert intra_class_similarity(features, labels) == pytest.approx(0.5)


def test_without_a_pair_there_is_no_similarity():
    with pytest.raises(ValueError, match="labels must have a class of two images, got 3 images"):
        intra_class_similarity(torch.eye(3), torch.arange(3))


def test_the_cosine_with_a_feature_of_zeros_is_zero():
    """As torch's cosine_similarity has it: a dead encoder is neither spread out nor at one point."""
    features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    assert intra_class_similarity(features, torch.tensor([0, 0, 0])) == pytest.approx(1 / 3)
    assert intra_class_similarity(torch.zeros(30, 4), torch.zeros(30, dtype=torch.int64)) == 0
