"""The rivals of the score weight: each against a slow loop, all behind one call."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from jointaug import Addresses
from jointaug.difficulty import (
    LPIPSWeight,
    PairWeight,
    PixelWeight,
    RandomWeight,
    SaliencyWeight,
    ScoreWeight,
    spectral_residual,
)
from jointaug.losses import nt_xent, reduce
from jointaug.testing import assert_follows

X, V1, V2 = torch.rand(3, 6, 3, 16, 16, generator=torch.Generator().manual_seed(0)).unbind()
ADDRESSES = Addresses(3, 1, torch.arange(6))
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def perceived(a, b):
    """A stand-in for LPIPS: images on [-1, 1] to [B, 1, 1, 1]."""
    assert a.min() < -0.5
    return (a - b).square().mean((1, 2, 3), keepdim=True)


WEIGHTS = {
    "random": RandomWeight,
    "pixel": PixelWeight,
    "saliency": SaliencyWeight,
    "LPIPS": lambda **options: LPIPSWeight(perceived, **options),
    "score": lambda **options: ScoreWeight(torch.sin, **options),
}
CONTEXT = {"original": X, "addresses": ADDRESSES}


@pytest.mark.parametrize("name", WEIGHTS)
def test_all_take_one_call_and_one_normalization(name):
    bare = WEIGHTS[name](normalize=None)(V1, V2, **CONTEXT)
    assert bare.shape == (6,)
    assert (bare >= 0).all()
    weight = WEIGHTS[name]()(V1, V2, **CONTEXT)
    torch.testing.assert_close(weight, bare / bare.mean())
    z1, z2 = torch.rand(2, 6, 4).unbind()
    assert reduce(nt_xent(z1, z2, tau=0.5), weight).isfinite()


@pytest.mark.parametrize("name", WEIGHTS)
def test_normalized_images_weigh_as_they_were_before(name):
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    x, v1, v2 = ((image - mean) / std for image in (X, V1, V2))
    weight = WEIGHTS[name](mean=MEAN, std=STD)(v1, v2, original=x, addresses=ADDRESSES)
    torch.testing.assert_close(weight, WEIGHTS[name]()(V1, V2, **CONTEXT), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in WEIGHTS if name != "random"])
def test_a_distance_is_symmetric_and_0_for_one_view_twice(name):
    weigh = WEIGHTS[name](normalize=None)
    torch.testing.assert_close(weigh(V1, V2, **CONTEXT), weigh(V2, V1, **CONTEXT))
    assert not weigh(V1, V1, **CONTEXT).any()


@pytest.mark.parametrize("name", ["pixel", "saliency", "score", "random"])
def test_two_views_are_enough(name):
    assert WEIGHTS[name]()(V1, V2).shape == (6,)


def test_random_weights_belong_to_the_address():
    weigh = RandomWeight(normalize=None)
    whole = weigh(V1, V2, addresses=ADDRESSES)
    assert torch.equal(whole, weigh(V2, V1, addresses=ADDRESSES))
    halves = [weigh(V1[i], V2[i], addresses=Addresses(3, 1, torch.arange(6)[i])) for i in (slice(0, 3), slice(3, 6))]
    assert torch.equal(whole, torch.cat(halves))
    assert not torch.equal(whole, weigh(V1, V2, addresses=Addresses(3, 2, torch.arange(6))))


@pytest.mark.parametrize("by", ["address", "generator"])
def test_random_weights_are_uniform(by):
    """False alarm rate of `assert_follows`: 1e-6."""
    n = 20_000
    view = torch.zeros(n, 1, 1, 1)
    weigh = RandomWeight(torch.Generator().manual_seed(1), normalize=None)
    weight = weigh(view, view, addresses=Addresses(0, 0, torch.arange(n)) if by == "address" else None)
    assert_follows(weight, torch.distributions.Uniform(0.0, 1.0))


def test_a_generator_is_used():
    first, second = (RandomWeight(torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first(V1, V2), second(V1, V2))
    assert not torch.equal(first(V1, V2), RandomWeight(torch.Generator().manual_seed(7))(V1, V2))  # it has moved on


def test_pixels_by_a_loop():
    weight = PixelWeight(normalize=None)(V1, V2)
    for k in range(6):
        assert weight[k].item() == pytest.approx(np.abs(V1[k].numpy() - V2[k].numpy()).mean(), rel=1e-5)


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


# LPIPS. ---------------------------------------------------------------------------------------------------------------
def test_lpips_compares_the_distances_from_the_original():
    weight = LPIPSWeight(perceived, normalize=None)(V1, V2, original=X)
    scaled = [2 * image - 1 for image in (X, V1, V2)]
    for k in range(6):
        d1, d2 = ((scaled[0][k] - view[k]).square().mean() for view in scaled[1:])
        assert weight[k].item() == pytest.approx(abs(d1 - d2).item(), rel=1e-4)


class StandIn(nn.Module):
    """The part of lpips.LPIPS that is called."""

    def __init__(self, pretrained=True, net="alex", pnet_rand=False, verbose=True):
        assert not pretrained
        assert pnet_rand, "the trunk's weights would be downloaded"
        super().__init__()
        self.layer = nn.Conv2d(3, 4 if net == "alex" else 5, 3)

    def forward(self, a, b):
        return (self.layer(a) - self.layer(b)).square().mean((1, 2, 3), keepdim=True)


@pytest.fixture
def package(monkeypatch):
    module = types.ModuleType("lpips")
    module.LPIPS = StandIn
    monkeypatch.setitem(sys.modules, "lpips", module)


def stand_in(net="alex"):
    return StandIn(pretrained=False, pnet_rand=True, net=net)


def test_weights_come_from_the_user_s_file(package, tmp_path):
    metric = stand_in()
    torch.save(metric.state_dict(), tmp_path / "lpips.pt")
    weigh = LPIPSWeight(tmp_path / "lpips.pt")
    assert torch.equal(weigh(V1, V2, original=X), LPIPSWeight(metric)(V1, V2, original=X))
    assert not weigh.metric.training
    with pytest.raises(ValueError, match=r"the whole state of an lpips.LPIPS\(net='vgg'\)"):
        LPIPSWeight(tmp_path / "lpips.pt", trunk="vgg")
    (tmp_path / "short.pt").write_bytes((tmp_path / "lpips.pt").read_bytes()[:200])
    with pytest.raises(ValueError, match=r"the whole state of an lpips\.LPIPS"):
        LPIPSWeight(tmp_path / "short.pt")


@pytest.mark.filterwarnings("ignore:The parameter .pretrained.:UserWarning")  # of the package
@pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning")
def test_the_package_itself_takes_such_a_file(tmp_path):
    lpips = pytest.importorskip("lpips")
    metric = lpips.LPIPS(net="squeeze", pretrained=False, pnet_rand=True, verbose=False)
    torch.save(metric.state_dict(), tmp_path / "lpips.pt")
    weigh = LPIPSWeight(tmp_path / "lpips.pt", trunk="squeeze")
    images = [nn.functional.interpolate(image, scale_factor=4.0) for image in (X, V1, V2)]
    torch.testing.assert_close(
        weigh(*images[1:], original=images[0]), LPIPSWeight(metric)(*images[1:], original=images[0])
    )


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "lpips", None)
    torch.save({}, tmp_path / "lpips.pt")
    with pytest.raises(ModuleNotFoundError, match=r"pip install jointaug\[lpips\]"):
        LPIPSWeight(tmp_path / "lpips.pt")


BAD = {
    "no original": (lambda: LPIPSWeight(perceived)(V1, V2), ValueError, "original must be given for LPIPS"),
    "an original of another size": (
        lambda: LPIPSWeight(perceived)(V1, V2, original=X[..., :8]),
        ValueError,
        "original must have the shape of v1",
    ),
    "a reduced metric": (
        lambda: LPIPSWeight(lambda a, b: (a - b).mean())(V1, V2, original=X),
        ValueError,
        "a distance for each of 6 images",
    ),
    "no file": (lambda: LPIPSWeight("nowhere.pt"), FileNotFoundError, "nothing is downloaded"),
    "a trunk": (lambda: LPIPSWeight("nowhere.pt", trunk="resnet"), ValueError, "trunk must be"),
    "no metric": (lambda: LPIPSWeight(None), TypeError, "metric must be a path"),
    "no generator": (lambda: RandomWeight(0), TypeError, "generator must be a torch.Generator"),
    "addresses of others": (
        lambda: RandomWeight()(V1, V2, addresses=Addresses(0, 0, torch.arange(5))),
        ValueError,
        "addresses must be those of the 6 images",
    ),
    "no saliency": (lambda: SaliencyWeight(3), TypeError, "saliency must be a function"),
    "one map for all": (lambda: SaliencyWeight(lambda v: v.mean(0))(V1, V2), ValueError, "a map for each of 12 views"),
    "equal views": (lambda: PixelWeight()(V1, V1), ValueError, "the same picture"),
    "nan": (lambda: PixelWeight()(V1, V2 * torch.nan), ValueError, "v2 must be on"),
    "no distance": (lambda: PairWeight()(V1, V2), NotImplementedError, "must define distance"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
