"""Pictures of SDFs: what is drawn is what was estimated."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jointaug import JointCrop
from jointaug.difficulty import sdf
from jointaug.plotting import plot_sdf

from .cases import rendered

IMAGES = torch.rand(12, 3, 20, 24, generator=torch.Generator().manual_seed(0))
POLICIES = {f"beta {beta}": JointCrop(8, beta=beta) for beta in (-2, 2, 0)}


def mean_color(views):
    return views.double().mean((2, 3))


@pytest.fixture(scope="module")
def results():
    return sdf(mean_color, IMAGES, POLICIES, draws=3)


def read_back(ax):
    """Of each row its name, mean and interval."""
    names = [text.get_text() for text in ax.get_yticklabels()]
    intervals = [collection.get_segments()[0] for collection in ax.collections]
    return {
        name: (*line.get_xdata(), *segment[:, 0])
        for name, line, segment in zip(names, ax.lines, intervals, strict=True)
    }


def test_policies_are_drawn_with_their_intervals_easiest_first(results):
    ax = plot_sdf(results)
    drawn = read_back(ax)
    assert list(drawn) == sorted(results, key=lambda name: -results[name].mean)
    for name, numbers in drawn.items():
        np.testing.assert_allclose(numbers, (results[name].mean, *results[name].interval))
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row is on top"
    assert ax.get_title() == "95 % intervals for these images"
    assert ax.get_xlabel() == "mean cosine similarity, larger is easier"
    assert rendered(ax.figure).std() > 10


def test_differences_are_drawn_too(results):
    differences = {f"{a} - {b}": difference for (a, b), difference in results.differences().items()}
    ax = plot_sdf(differences)
    assert set(read_back(ax)) == set(differences)
    assert ax.get_title() == "98.33 % intervals for these images"
    assert ax.get_xlabel() == "difference of the mean cosine similarities"


def test_one_image_of_a_population_is_a_point():
    ax = plot_sdf(sdf(mean_color, IMAGES[:1], POLICIES, draws=1, target="population"))
    assert len(ax.lines) == 3
    assert not ax.collections
    assert ax.get_title().endswith("images like these")


def test_it_is_drawn_on_the_axes_that_are_given(results):
    ax = plot_sdf(results)
    assert plot_sdf({"one": results["beta 0"]}, ax=ax) is ax


def test_bad_input_is_named(results):
    with pytest.raises(TypeError, match=r"results must be estimates by name, got 0\.\d+.*\{'name': result\}"):
        plot_sdf(results["beta 0"])
    with pytest.raises(TypeError, match="estimates by name"):
        plot_sdf({"a": 0.9})
    with pytest.raises(ValueError, match="must hold a policy, got none"):
        plot_sdf({})
