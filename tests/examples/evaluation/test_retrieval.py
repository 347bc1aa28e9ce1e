"""Retrieval at known neighbors, against scikit-learn, and what its picture shows."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity
from torchvision.transforms.v2 import functional as F
from trainer.evaluation.retrieval import HIT, MISS, Retrieved, picture, retrieve


def test_is_scikit_learns_cosine():
    g = torch.Generator().manual_seed(0)
    bank, queries = torch.randn(80, 5, generator=g), 3 * torch.randn(20, 5, generator=g)
    y, wanted = torch.arange(80) % 4, torch.arange(20) % 4
    found = retrieve(bank, y, queries, wanted, 6)
    cosines, rows = torch.from_numpy(cosine_similarity(queries, bank)).sort(dim=1, descending=True)
    assert torch.equal(found.rows, rows[:, :6])
    torch.testing.assert_close(found.cosines, cosines[:, :6], rtol=0, atol=1e-6)
    assert torch.equal(found.hits, y[rows[:, :6]] == wanted[:, None])


def test_known_neighbors_and_their_measures():
    """At 0, 60 and 90 degrees from the first query, at 90, 30 and 0 from the second."""
    bank = torch.tensor([[2.0, 0.0], [1.0, 3**0.5], [0.0, 5.0]])
    found = retrieve(bank, torch.tensor([0, 1, 1]), torch.eye(2), torch.tensor([0, 0]), 10)
    assert found.rows.tolist() == [[0, 1, 2], [2, 1, 0]]
    assert found.hits.tolist() == [[True, False, False], [False, False, True]]
    c = 3**0.5 / 2
    torch.testing.assert_close(found.cosines, torch.tensor([[1, 0.5, 0], [1, c, 0]]), rtol=0, atol=1e-6)
    assert found.measures() == {
        "hits at 1, %": 50,
        "hits at 3, %": pytest.approx(100 / 3),
        "cosine at 1": pytest.approx(1),
        "cosine at 3": pytest.approx((2.5 + c) / 6),
    }


def test_the_picture_shows_what_was_found(noise):
    """A query is recognized by its pixels; each neighbor's cosine is its title, in the color of hit or miss."""
    rows = (torch.arange(30)[:, None] + torch.tensor([3, 4])) % 30  # of the query's class, and of another
    cosines = torch.rand(30, 2, generator=torch.Generator().manual_seed(0))
    found = Retrieved(cosines, rows, noise.labels[rows] == noise.labels[:, None])
    axes = picture(found, noise, noise, queries=4).axes
    assert len(axes) == 4 * 3
    queries = set()
    for first, hit, miss in zip(axes[::3], axes[1::3], axes[2::3], strict=True):
        shown = [shown_of(axis) for axis in (first, hit, miss)]
        query = next(i for i in range(30) if torch.equal(shown[0], thumbnail(noise[i])))
        queries.add(query)
        assert first.get_ylabel() == noise.classes[noise.labels[query]]
        for axis, pixels, place, color in ((hit, shown[1], 0, HIT), (miss, shown[2], 1, MISS)):
            assert torch.equal(pixels, thumbnail(noise[int(rows[query, place])]))
            assert axis.get_title() == f"{cosines[query, place]:.3f}"
            assert axis.title.get_color() == color
    assert len(queries) == 4


def shown_of(axis):
    return torch.from_numpy(axis.images[0].get_array().data)


def thumbnail(image):
    return F.center_crop(F.resize(image, [96]), [96]).permute(1, 2, 0)
