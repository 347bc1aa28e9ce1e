"""t-SNE: its start is scikit-learn's PCA, it keeps clusters apart, and the picture shows the points."""

from __future__ import annotations

import pytest
import torch
from sklearn.decomposition import PCA
from trainer.evaluation.tsne import agreement, embed, picture, principal


def blobs(n, classes=3, spread=0.05):
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % classes
    return torch.eye(classes, 6)[labels] + spread * torch.randn(n, 6, generator=g), labels


def test_starts_at_the_principal_components():
    x = blobs(60, spread=0.5)[0].double()
    theirs = torch.from_numpy(PCA(2).fit_transform(x.numpy()))
    theirs *= theirs.gather(0, theirs.abs().argmax(0, keepdim=True)).sign()
    torch.testing.assert_close(principal(x), 1e-4 * theirs / theirs[:, 0].std())


def test_a_single_dimension_has_a_second_of_zeros():
    assert principal(torch.arange(5.0)[:, None])[:, 1].tolist() == [0] * 5


def test_clusters_stay_apart_and_the_answer_is_the_same_each_time():
    x, labels = blobs(90)
    state = torch.get_rng_state()
    points = embed(x)
    assert points.shape == (90, 2)
    assert agreement(points, labels) == 100
    assert torch.equal(points, embed(x))
    lengths = torch.tensor([1.0, 2.0, 8.0]).repeat(30)[torch.arange(90) // 2, None]
    assert torch.equal(points, embed(lengths * x))  # of directions: lengths do not count (powers of two are exact)
    assert torch.equal(torch.get_rng_state(), state)


def test_few_images_have_fewer_neighbors():
    assert embed(blobs(4)[0]).isfinite().all()
    with pytest.raises(ValueError, match="t-SNE needs at least 4 images, got 3"):
        embed(blobs(3)[0])


def test_a_collapsed_encoder_has_no_picture():
    with pytest.raises(ValueError, match="features must differ, got 20 of one direction: the encoder has collapsed"):
        embed(torch.arange(1.0, 21.0)[:, None] * torch.rand(6, generator=torch.Generator().manual_seed(0)))
    few = torch.ones(20, 6)
    few[3, 0] = 1.001
    assert embed(few).isfinite().all()  # nineteen equal ones and another


def test_agreement_is_that_of_the_nearest_other_point():
    """On a line: 0 and 1 are a pair, 5 and 6 are one, and 9 is nearest to 6."""
    points = torch.tensor([[0.0, 0], [1, 0], [5, 0], [6, 0], [9, 0]])
    assert agreement(points, torch.tensor([0, 0, 1, 2, 2])) == pytest.approx(100 * 3 / 5)


@pytest.mark.parametrize("classes", [3, 15, 25])
def test_the_picture_has_every_point_in_the_color_of_its_class(classes):
    points, labels = torch.randn(100, 2, generator=torch.Generator().manual_seed(0)), torch.arange(100) % classes + 1
    figure = picture(points, labels, [f"class {i}" for i in range(classes + 2)])
    drawn = figure.axes[0].collections
    for label, scatter in zip(range(1, classes + 1), drawn, strict=True):
        torch.testing.assert_close(torch.tensor(scatter.get_offsets().data).float(), points[labels == label])
    assert len({tuple(scatter.get_facecolor()[0]) for scatter in drawn}) == classes
    assert [text.get_text() for text in figure.legends[0].texts] == [f"class {i + 1}" for i in range(classes)]


@pytest.mark.parametrize(("images", "perplexity"), [(120, 30), (31, 10)])
def test_the_perplexity_is_30_or_a_third_of_the_others(images, perplexity, monkeypatch):
    given = {}

    class Spy:
        def __init__(self, components, **settings):
            given.update(settings, components=components)

        def fit_transform(self, x):
            return x[:, :2]

    monkeypatch.setattr("sklearn.manifold.TSNE", Spy)
    embed(blobs(images)[0])
    assert (given["components"], given["perplexity"], given["random_state"]) == (2, perplexity, 0)
