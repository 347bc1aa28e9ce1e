"""One crop at several sizes."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from jointaug import MultiResolution, MultiView, Shared
from jointaug.testing import assert_independent

IMAGE = torch.rand(3, 90, 120, generator=torch.Generator().manual_seed(0))


def test_views_are_one_crop():
    resolution = MultiResolution((32, 24, (8, 16)))
    torch.manual_seed(0)
    params = resolution.make_params([IMAGE])
    assert len({params["box"][k] for k in range(3)}) == 1
    views = resolution.transform(IMAGE, params)
    for view, size in zip(views, ([32, 32], [24, 24], [8, 16]), strict=True):
        torch.testing.assert_close(view, F.resized_crop(IMAGE, *params["box"][0], size=size, antialias=True))


@pytest.mark.parametrize("options", [{"interpolation": "bicubic"}, {"interpolation": "nearest"}, {"antialias": False}])
def test_views_are_resampled_as_asked(options):
    resolution = MultiResolution((32, (8, 16)), **options)
    torch.manual_seed(0)
    params = resolution.make_params([IMAGE])
    how = {"antialias": options.get("antialias", True)}
    how["interpolation"] = InterpolationMode(options.get("interpolation", "bilinear"))
    for view, size in zip(resolution.transform(IMAGE, params), ([32, 32], [8, 16]), strict=True):
        torch.testing.assert_close(view, F.resized_crop(IMAGE, *params["box"][0], size=size, **how), atol=1e-5, rtol=0)


def test_area_aspect_ratio_and_place_are_uniform_and_independent():
    """On a square of which at most half is taken every aspect ratio fits, and each has its closed form."""
    resolution, side = MultiResolution((16,), scale=(0.2, 0.5)), 10_000
    rows = torch.rand(4, 100_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    params = resolution.params_from_uniform(list(rows), [(side, side)])
    top, left, height, width = params["box"][0].double().T
    log = math.log(4 / 3)
    quantities = [
        (params["area"][0] - 0.2) / 0.3,
        ((width / height).log() + log) / (2 * log),
        top / (side - height),
        left / (side - width),
    ]
    for i, first in enumerate(quantities):
        assert stats.kstest(first.numpy(), "uniform").statistic < 0.00852 + 1e-3  # DKW at 1e-6, and a pixel of 2,000
        for second in quantities[:i]:
            assert_independent(first, second, 1e-6 / 6)


def test_a_larger_render_scaled_down_resembles_the_smaller():
    """Mean absolute difference of a smooth image's renders, against that of two independent crops."""
    smooth = F.gaussian_blur(IMAGE, [31, 31], [8.0, 8.0])
    torch.manual_seed(0)
    large, small = MultiResolution((64, 32))(smooth)
    other = MultiResolution((32,))(smooth)[0]
    same = (F.resize(large, [32, 32], antialias=True) - small).abs().mean()
    assert same < 0.1 * (other - small).abs().mean()


def test_areas_are_uniform_and_boxes_those_of_the_batch():
    resolution = MultiResolution((16,), scale=(0.2, 1.0))
    rows = torch.rand(4, 100_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    params = resolution.params_from_uniform(list(rows), [(90, 120)])
    assert stats.kstest(params["area"][0].numpy(), stats.uniform(0.2, 0.8).cdf).statistic < 0.00852  # DKW at 1e-6
    for i in range(200):
        one = resolution.params_from_uniform(rows[:, i].tolist(), [(90, 120)])
        assert list(one["box"][0]) == params["box"][0][i].tolist()


def test_clim_views():
    """Two boxes, each at two sizes; color steps alike at every resolution of a box."""
    one = v2.Compose([MultiResolution((32, 24)), Shared(v2.RandomGrayscale(0.5))])
    torch.manual_seed(0)
    for _ in range(10):
        views = MultiView(one, one)(tv_tensors.Image(IMAGE))
        assert [view.shape[-1] for view in views] == [32, 24, 32, 24]
        gray = [bool(torch.equal(view[0], view[1])) for view in views]
        assert gray[0] == gray[1]
        assert gray[2] == gray[3]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: MultiResolution(()), TypeError, "at least one size"),
        (lambda: MultiResolution(224), TypeError, r"write sizes=\(224, 160\)"),
        (lambda: MultiResolution((224, 0)), ValueError, r"sizes\[1\] must be a positive integer"),
        (lambda: MultiResolution((224, 1.5)), TypeError, r"sizes\[1\]"),
        (lambda: MultiResolution(scale=(0.5, 0.2)), ValueError, "scale"),
        (lambda: MultiResolution(ratio=(0, 1)), ValueError, "ratio"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
