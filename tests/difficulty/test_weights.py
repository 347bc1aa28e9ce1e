"""Weights of pairs: all behind one call, the plain ones against slow loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jointaug import Addresses
from jointaug.difficulty import LPIPSWeight, PairWeight, PixelWeight, RandomWeight, SaliencyWeight, ScoreWeight
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


BAD = {
    "no generator": (lambda: RandomWeight(0), TypeError, "generator must be a torch.Generator"),
    "addresses of others": (
        lambda: RandomWeight()(V1, V2, addresses=Addresses(0, 0, torch.arange(5))),
        ValueError,
        "addresses must be those of the 6 images",
    ),
    "equal views": (lambda: PixelWeight()(V1, V1), ValueError, "the same picture"),
    "nan": (lambda: PixelWeight()(V1, V2 * torch.nan), ValueError, "v2 must be on"),
    "no distance": (lambda: PairWeight()(V1, V2), NotImplementedError, "must define distance"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
