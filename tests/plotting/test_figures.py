"""What every picture begins with: pixels of every kind of image, matplotlib by its extra."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import PerView
from jointaug.distributions import JointPair
from jointaug.plotting import (
    plot_cluster_sizes,
    plot_joint_density,
    plot_log_ratio_densities,
    plot_log_ratio_histogram,
    plot_neighbors,
    plot_pairs,
)
from jointaug.testing import images

from .cases import a_pair, shown

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_normalized_views_are_shown_as_before():
    image, params, views = a_pair()
    normalized = PerView(v2.Normalize(MEAN, STD))(views)
    figure = plot_pairs([image], [params], [normalized], mean=MEAN, std=STD)
    np.testing.assert_allclose(shown(figure.axes[0]), image.permute(1, 2, 0), atol=1e-6)
    np.testing.assert_allclose(shown(figure.axes[1]), views[0].permute(1, 2, 0), atol=1e-6)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(images(max_side=12))
def test_images_of_every_kind_are_shown(image):
    axes = plot_pairs([image], [[]], [[image]]).axes[0]
    pixels = shown(axes)
    assert list(pixels.shape[:2]) == F.get_size(image)
    assert 0 <= pixels.min() <= pixels.max() <= 1
    if isinstance(image, PIL.Image.Image) and image.mode in ("RGB", "P", "CMYK", "HSV", "YCbCr"):
        np.testing.assert_allclose(pixels * 255, np.asarray(image.convert("RGB")), atol=1e-3)
    if isinstance(image, PIL.Image.Image) and image.mode in ("I;16", "I"):
        np.testing.assert_allclose(pixels * 65535, np.asarray(image), atol=1e-2)
    if isinstance(image, torch.Tensor) and image.dtype == torch.uint8:
        frame = image[0] if isinstance(image, tv_tensors.Video) else image
        np.testing.assert_allclose(pixels.reshape(*frame.shape[1:], -1)[..., 0] * 255, frame[0], atol=1e-3)


def test_a_film_is_shown_by_its_first_frame():
    film = tv_tensors.Video(torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)]))
    assert shown(plot_pairs([film], [[]], [[film]]).axes[0]).max() == 0


gray = torch.zeros(1, 8, 8)


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: plot_pairs([gray], [[]], [[gray - 2]]),
        ValueError,
        "views must lie in .*from -2 to -2; pass the mean and std",
    ),
    (lambda: plot_pairs([gray + math.nan], [[]], [[gray]]), ValueError, r"images must lie in \[0, 1\].*nan"),
    (lambda: plot_pairs([gray[0]], [[]], [[gray]]), TypeError, r"images must hold .*shape \(8, 8\)"),
    (lambda: plot_pairs([gray], [[]], [[np.zeros((8, 8))]]), TypeError, "views must hold .*ndarray"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: plot_pairs([gray], [[]], [[gray]]),
        lambda: plot_joint_density(JointPair(0.0, 0.2, 1.0)),
        lambda: plot_log_ratio_densities(),
        lambda: plot_log_ratio_histogram([0.0], JointPair(0.0, 0.2, 1.0)),
        lambda: plot_neighbors(gray[None], 0, []),
        lambda: plot_cluster_sizes([0, 1]),
    ],
)
def test_a_missing_matplotlib_is_named_with_its_extra(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"jointaug\.plotting needs matplotlib.*pip install 'jointaug\[plot\]'"
    ):
        call()


@pytest.mark.parametrize(("letters", "ground"), [("black", "white"), ("white", "black"), ("0.8", "#131416")])
def test_lines_are_seen_on_the_ground_that_the_letters_are_for(letters, ground):
    """Contrasts of 3 : 1, from the definition of relative luminance (WCAG 2.2), for lines and fills without alpha."""
    import matplotlib as mpl
    from matplotlib.colors import to_rgb

    def luminance(color):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    law = JointPair(0.0, 0.2, 1.0)
    with mpl.rc_context({"text.color": letters}):
        drawn = [
            plot_log_ratio_densities(),
            plot_log_ratio_histogram(law.sample((50,)).log().diff(dim=1)[:, 0], law),
            plot_cluster_sizes(torch.arange(9) % 3),
        ]
    lines = [line for ax in drawn for line in ax.lines]
    assert len(lines) == 8 + 1 + 1
    for line in lines:
        darker, lighter = sorted([luminance(line.get_color()), luminance(ground)])
        assert (lighter + 0.05) / (darker + 0.05) >= 3, line.get_label()
