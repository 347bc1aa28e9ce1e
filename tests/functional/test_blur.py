"""Blur: with a kernel size the oracle is torchvision, without one a far wider kernel in double precision (scipy)."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from torchvision.transforms.v2 import functional as F

from jointaug.functional import gaussian_blur
from jointaug.functional._blur import radius_of

examples = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the path is the same for all examples
)
SIGMAS = st.one_of(st.floats(0.01, 4), st.sampled_from([0.1, 0.5, 2.0]))


@st.composite
def images(draw, least=1, dtypes=(torch.uint8, torch.float32, torch.float64, torch.float16)):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    sides = st.one_of(st.integers(least, least + 8), st.integers(least, 80), st.sampled_from([300]))
    shape = draw(st.integers(1, 3)), draw(st.sampled_from([1, 3, 4])), draw(sides), draw(sides)
    x = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return F.to_dtype(x, draw(st.sampled_from(dtypes)), scale=True)


@examples
@given(data=st.data())
def test_a_kernel_size_gives_torchvisions_result(path, data):
    size = data.draw(st.tuples(*[st.sampled_from([1, 3, 5, 9, 23])] * 2))
    x = data.draw(images(least=max(size) // 2 + 1))  # torchvision reflects once
    sigmas = [data.draw(SIGMAS) for _ in x]
    result = gaussian_blur(x, torch.tensor(sigmas), size)
    oracle = torch.stack([F.gaussian_blur(i, list(size), s) for i, s in zip(x.double(), sigmas, strict=True)])
    if x.dtype is torch.uint8:
        oracle = torch.stack([F.gaussian_blur(i, list(size), s) for i, s in zip(x, sigmas, strict=True)]).double()
    assert result.dtype == x.dtype
    assert (result.double() - oracle).abs().max() <= {torch.uint8: 1, torch.float16: 1e-3}.get(x.dtype, 1e-5)


@examples
@given(x=images(dtypes=(torch.float32, torch.float64)), data=st.data())
def test_the_default_kernel_is_the_gaussian_but_for_its_tails(path, x, data):
    """scipy's "mirror" is the same reflection, as often as it takes; its kernel here reaches 12 sigma."""
    sigmas = [data.draw(SIGMAS) for _ in x]
    result = gaussian_blur(x, torch.tensor(sigmas))
    for image, sigma, blurred in zip(x.numpy().astype(np.float64), sigmas, result, strict=True):
        oracle = image
        for axis in (1, 2):
            oracle = gaussian_filter1d(oracle, sigma, axis, mode="mirror", radius=int(12 * sigma) + 2)
        assert np.abs(blurred.numpy() - oracle).max() < 2 * 7e-6 + 1e-6  # the tails of two passes, and rounding


@pytest.mark.parametrize("sigma", [40.0, 300.0, 1e4, 1e9, 3e38])
@pytest.mark.parametrize("shape", [(1, 1), (1, 20), (20, 1), (2, 3), (9, 30)], ids=str)
def test_a_blur_wider_than_the_image_is_its_mean_over_the_reflections(path, sigma, shape):
    """The limit of a wide Gaussian on a periodic line: ends count once in a period of 2 (n - 1), all else twice."""
    x = torch.rand(1, 2, *shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    oracle = x.numpy()
    for axis, n in ((2, shape[0]), (3, shape[1])):
        weights = np.full(n, 2.0)
        weights[[0, -1]] = 1.0
        mean = np.average(oracle, axis, weights, keepdims=True).repeat(n, axis)
        wide = sigma >= 2 * n
        kept = gaussian_filter1d(oracle, min(sigma, 1e3), axis, mode="mirror", radius=int(12 * min(sigma, 1e3)))
        oracle = mean if wide else kept
    for dtype in (torch.float32, torch.float64):
        blurred = gaussian_blur(x.to(dtype), sigma).double()
        assert np.abs(blurred.numpy() - oracle).max() < 2 * 7e-6 + 1e-6


def test_the_tail_that_is_cut_off_is_as_small_as_stated():
    for sigma in np.geomspace(0.01, 100, 500):
        k = np.arange(-int(15 * sigma) - 20, int(15 * sigma) + 21)
        weights = np.exp(-0.5 * (k / sigma) ** 2)
        assert weights[np.abs(k) > radius_of(sigma)].sum() / weights.sum() < 7e-6


@examples
@given(x=images(), data=st.data())
def test_where_zero_and_batches(path, x, data):
    sigmas = torch.tensor([data.draw(st.one_of(st.just(0.0), SIGMAS)) for _ in x])
    mask = torch.tensor([data.draw(st.booleans()) for _ in x])
    everywhere, result = gaussian_blur(x, sigmas), gaussian_blur(x, sigmas, where=mask)
    assert torch.equal(everywhere[sigmas == 0], x[sigmas == 0])
    assert torch.equal(result[~mask], x[~mask])
    assert torch.equal(result[mask], everywhere[mask])
    for image, sigma, blurred in zip(x, sigmas.tolist(), everywhere, strict=True):
        alone = gaussian_blur(image, sigma)
        # torch adds weights in another order for another width of the widest kernel
        atol = {torch.uint8: 1, torch.float16: 1e-3}.get(x.dtype, 1e-6) if path == "torch" else 0
        torch.testing.assert_close(alone, blurred, rtol=0, atol=atol)


def test_the_bound_changes_nothing(path):
    x = torch.rand(2, 3, 30, 31, generator=torch.Generator().manual_seed(1))
    sigma = torch.tensor([0.4, 1.9])
    torch.testing.assert_close(gaussian_blur(x, sigma, max_sigma=3.0), gaussian_blur(x, sigma), rtol=0, atol=1e-6)


def test_constant_images_stay(path):
    x = torch.full((1, 3, 40, 50), 200, dtype=torch.uint8)
    assert torch.equal(gaussian_blur(x, 1.7), x)
    torch.testing.assert_close(gaussian_blur(x / 255, 30.0), x / 255, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kernel_size", [None, 9])
def test_nan_stays_in_its_image(path, kernel_size):
    x = torch.rand(3, 1, 20, 20, generator=torch.Generator().manual_seed(2))
    x[1, 0, 10, 10] = torch.nan
    result = gaussian_blur(x, 1.0, kernel_size)
    assert result[1].isnan().any()
    assert result[[0, 2]].isfinite().all()


def test_tiny_sigma_does_not_divide_by_zero(path):
    x = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(3))
    for sigma in (1e-30, 1e-8):
        for kernel_size in (None, 5):
            assert torch.equal(gaussian_blur(x, sigma, kernel_size), x)
