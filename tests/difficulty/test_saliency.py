"""Saliency: the spectral residual by numpy and scipy, and the weight that rests on it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from jointaug.difficulty import SaliencyWeight, spectral_residual

X, V1, V2 = torch.rand(3, 6, 3, 16, 16, generator=torch.Generator().manual_seed(0)).unbind()


def test_saliency_by_numpy_and_scipy():
    """Hou and Zhang's procedure image by image, in double precision."""
    maps = spectral_residual(X.double())
    for image, found in zip(X.double().numpy(), maps[:, 0].numpy(), strict=True):
        gray = np.tensordot([0.2989, 0.587, 0.114], image, 1)
        spectrum = np.fft.fft2(gray - gray.mean())
        amplitude = np.abs(spectrum)
        log = np.log(np.maximum(amplitude, 1e-4 * amplitude.max()))
        residual = log - ndimage.uniform_filter(log, 3, mode="wrap")
        saliency = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
        expected = ndimage.gaussian_filter(saliency, 2.5, mode="mirror", radius=8)
        np.testing.assert_allclose(found, expected / expected.max(), atol=1e-4)  # below the floor a phase is not 1


def test_what_is_odd_is_salient():
    """Bars in a grid, not quite in line, one of them lying."""
    image = torch.zeros(1, 1, 64, 64)
    shifts = torch.randint(0, 2, (8, 8, 2), generator=torch.Generator().manual_seed(0)).tolist()
    for i in range(8):
        for j in range(8):
            y, x = 8 * i + shifts[i][j][0], 8 * j + shifts[i][j][1]
            if (i, j) == (5, 2):
                image[..., y + 3, x + 1 : x + 6] = 1
            else:
                image[..., y + 1 : y + 6, x + 3] = 1
    place = spectral_residual(image)[0, 0].flatten().argmax().item()
    assert abs(place // 64 - 43) <= 4
    assert abs(place % 64 - 19) <= 4


def test_an_even_image_has_no_saliency():
    assert not spectral_residual(torch.full((2, 3, 16, 16), 0.3)).any()


def test_saliency_of_one_s_own():
    weigh = SaliencyWeight(lambda views: views.amax((2, 3)), normalize=None)
    torch.testing.assert_close(weigh(V1, V2), (V1.amax((2, 3)) - V2.amax((2, 3))).abs().mean(1))


BAD = {
    "no saliency": (lambda: SaliencyWeight(3), TypeError, "saliency must be a function"),
    "one map for all": (lambda: SaliencyWeight(lambda v: v.mean(0))(V1, V2), ValueError, "a map for each of 12 views"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
