"""Pictures of pairs show what they say: pixels, boxes and areas are read back from what was drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torchvision.transforms.v2 import functional as F

from jointaug import JointCrop, fuse
from jointaug.plotting import plot_pairs

from .cases import a_pair, rendered, shown

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def boxes_on(axes: Any) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_sources_and_views_are_shown_as_they_are():
    image, params, views = a_pair()
    figure = plot_pairs([image], [params], [views])
    np.testing.assert_allclose(shown(figure.axes[0]), image.permute(1, 2, 0), atol=1e-6)
    for axes, view in zip(figure.axes[1:], views, strict=True):
        np.testing.assert_allclose(shown(axes), view.permute(1, 2, 0), atol=1e-6)
    assert rendered(figure).std() > 10


def test_boxes_enclose_the_pixels_of_their_crops():
    """Pixel (i, j) is drawn about the point (j, i); those inside the rectangle are the crop."""
    image, params, views = a_pair(1)
    figure = plot_pairs([image], [params["box"]], [views])
    pixels = shown(figure.axes[0])
    rectangles = boxes_on(figure.axes[0])
    assert len(rectangles) == 2
    for rectangle, (top, left, height, width) in zip(rectangles, params["box"], strict=True):
        x0, y0, x1, y1 = (*rectangle.get_xy(), rectangle.get_xy()[0] + rectangle.get_width(), 0)
        y1 = y0 + rectangle.get_height()
        i, j = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
        inside = (x0 < j) & (j < x1) & (y0 < i) & (i < y1)
        crop = F.crop(image, top, left, height, width).permute(1, 2, 0).numpy()
        np.testing.assert_allclose(pixels[inside].reshape(crop.shape), crop, atol=1e-6)


def test_a_view_has_its_boxs_color_number_and_area():
    image, params, views = a_pair(2)
    params = {"box": [(0, 0, 20, 30), (10, 10, 30, 40)]}  # 600 and 1200 of 2400 pixels
    figure = plot_pairs([image], [params], [views], titles=["a bird"])
    source, *others = figure.axes
    assert source.get_title() == "a bird, areas 1 : 2"
    assert [axes.get_title() for axes in others] == ["view 1: 25% of the area", "view 2: 50% of the area"]
    assert [text.get_text() for text in source.texts] == ["1", "2"]
    assert source.get_xlabel() == "60 × 40 px"
    assert others[0].get_xlabel() == "16 × 16 px"
    colors = [rectangle.get_edgecolor() for rectangle in boxes_on(source)]
    assert colors[0] != colors[1]
    assert [axes.spines["left"].get_edgecolor() for axes in others] == colors
    assert plot_pairs([image], [params["box"][::-1]], [views]).axes[0].get_title() == "areas 2 : 1"


def test_rows_may_have_different_numbers_of_views_and_boxes():
    image, params, views = a_pair()
    figure = plot_pairs([image] * 3, [params, [], [params["box"][0]]], [views, [image], [*views, *views]])
    assert len(figure.axes) == 3 * 5
    visible = [sum(axes.axison for axes in figure.axes[5 * row : 5 * row + 5]) for row in range(3)]
    assert visible == [3, 2, 5]
    assert [len(boxes_on(axes)) for axes in figure.axes[::5]] == [2, 0, 1]
    assert figure.axes[6].get_title() == "view 1"
    assert rendered(figure).std() > 10


def test_a_given_figure_is_drawn_on():
    image, params, views = a_pair()
    figure = Figure((8, 3), layout="constrained")
    left, right = figure.subfigures(1, 2)
    assert plot_pairs([image], [params], [views], figure=left) is left
    assert len(left.axes) == 3
    assert not right.axes
    assert rendered(figure).std() > 10


gray = torch.zeros(1, 8, 8)


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: plot_pairs([], [], []), ValueError, "at least one, got .*'images': 0"),
    (lambda: plot_pairs([gray], [], [[gray]]), ValueError, "'boxes': 0"),
    (lambda: plot_pairs([gray], [[]], [[gray]], titles=["a", "b"]), ValueError, "'titles': 2"),
    (
        lambda: plot_pairs([gray], [[(0, 0, 4)]], [[gray]]),
        ValueError,
        r"\(top, left, height, width\).*\[0.0, 0.0, 4.0\]",
    ),
    (lambda: plot_pairs([gray], [[(0, 0, 4, 4)] * 2], [[gray]]), ValueError, "for 1 views"),
    (lambda: plot_pairs([gray], [[]], [[gray]], mean=MEAN), ValueError, "mean and std must come together"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def test_records_are_taken_for_boxes():
    """Of all images, of one; what a record does not know is not drawn."""
    image, *_ = a_pair()
    fused = fuse(JointCrop(16))
    views, record = fused(torch.stack([image, image]), record=True)
    pairs = [[view[i] for view in views] for i in range(2)]
    figure = plot_pairs([image, image], record, pairs)
    one = plot_pairs([image], [record[1]], pairs[1:])
    for axes, row in ((figure.axes[0], 0), (figure.axes[3], 1), (one.axes[0], 1)):
        for rectangle, box in zip(boxes_on(axes), record.boxes[row].tolist(), strict=True):
            top, left, height, width = box
            assert rectangle.get_xy() == (left - 0.5, top - 0.5)
            assert (rectangle.get_height(), rectangle.get_width()) == (height, width)
    record.maps[0, 1] = torch.nan
    figure = plot_pairs([image], [record[0]], pairs[:1])
    assert len(boxes_on(figure.axes[0])) == 1
    assert figure.axes[2].get_title() == "view 2"
