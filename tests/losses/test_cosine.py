"""BYOL and SimSiam by cosine similarity."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from jointaug import losses as L

from .cases import draw


def test_byol_and_simsiam_by_cosine_similarity():
    p1, p2, z1, z2 = (draw(7, 4, seed=i) for i in range(4))
    both = F.cosine_similarity(p1, z2) + F.cosine_similarity(p2, z1)
    torch.testing.assert_close(L.simsiam(p1, p2, z1, z2).per_sample, -both / 2)
    torch.testing.assert_close(L.byol(p1, p2, z1, z2).per_sample, 4 - 2 * both)
    squared = (F.normalize(p1) - F.normalize(z2)).square().sum(1) + (F.normalize(p2) - F.normalize(z1)).square().sum(1)
    torch.testing.assert_close(L.byol(p1, p2, z1, z2).per_sample, squared)


def test_equal_vectors_stay_in_the_ranges_that_are_promised():
    z = draw(2000, 7).float()
    assert L.byol(z, z, 3 * z, z / 7).per_sample.min() >= 0
    assert L.byol(z, z, -z, -z).per_sample.max() <= 8
    assert L.simsiam(z, z, 3 * z, z).per_sample.min() >= -1
