"""ScoreWeight: a pair's weight is that of its score maps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from jointaug.difficulty import ScoreNetwork, ScoreWeight
from jointaug.losses import score_weight

from .cases import fresh

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def views():
    return torch.rand(2, 5, 3, 8, 8, generator=torch.Generator().manual_seed(5)).unbind()


def scoring(x):
    return torch.sin(7 * x) * x


def normalized(x):
    return (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


@pytest.mark.parametrize("kind", ["vector", "norm_gap"])
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("normalize", ["batch_mean", None])
def test_a_weight_is_that_of_the_score_maps_with_normalized_views_or_without(kind, p, normalize):
    v1, v2 = views()
    expected = score_weight(scoring(v1), scoring(v2), kind=kind, p=p, normalize=normalize)
    options = {"kind": kind, "p": p, "normalize": normalize}
    torch.testing.assert_close(ScoreWeight(scoring, **options)(v1, v2), expected)
    weigh = ScoreWeight(scoring, **options, mean=MEAN, std=STD)
    torch.testing.assert_close(weigh(normalized(v1), normalized(v2)), expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(weigh(normalized(v2), normalized(v1)), expected, rtol=1e-4, atol=1e-6)


def test_uint8_views_and_floats_weigh_the_same():
    v1, v2 = ((255 * v).to(torch.uint8) for v in views())
    weigh = ScoreWeight(scoring)
    torch.testing.assert_close(weigh(v1, v2), weigh(v1 / 255, v2 / 255))


def test_no_gradient_and_no_precision_is_lost_and_the_network_stays_as_it_was():
    net = fresh()
    nn.init.normal_(net.leave[-1].weight)
    net.train()
    v1, v2 = views()
    weigh = ScoreWeight(net)
    plain = weigh(v1.requires_grad_(), v2)
    assert not plain.requires_grad
    assert plain.mean() == pytest.approx(1)
    assert net.training
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(weigh(v1, v2), plain)


def test_a_conditional_network_is_evaluated_at_one_sigma():
    net = fresh(conditional=True)
    nn.init.normal_(net.leave[-1].weight)
    v1, v2 = views()
    sigma = torch.full((5,), 0.1)
    expected = score_weight(net(v1, sigma), net(v2, sigma))
    torch.testing.assert_close(ScoreWeight(net, sigma=0.1)(v1, v2), expected)


@pytest.mark.parametrize("shape", [(24, 24), (20, 30)])
def test_views_are_shown_to_a_network_of_smaller_images_at_its_size(shape):
    net = fresh()
    nn.init.normal_(net.leave[-1].weight)
    v1, v2 = torch.rand(2, 5, 3, *shape, generator=torch.Generator().manual_seed(5)).unbind()
    small = [torch.nn.functional.interpolate(v, (8, 8), mode="bilinear", antialias=True) for v in (v1, v2)]
    weigh = ScoreWeight(net, size=8, mean=MEAN, std=STD)
    torch.testing.assert_close(weigh(normalized(v1), normalized(v2)), ScoreWeight(net)(*small), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(weigh.scores(v1), net(small[0]).detach())
    exact = views()
    assert torch.equal(ScoreWeight(net, size=8)(*exact), ScoreWeight(net)(*exact))


V1, V2 = views()
BAD = {
    "views of another size": (
        lambda: ScoreWeight(ScoreNetwork(16))(V1, V2),
        ValueError,
        r"x must be \[B, 3, 16, 16\], for which this score network was made, got \(10, 3, 8, 8\)",
    ),
    "sigma for an unconditional network": (lambda: ScoreWeight(fresh(), sigma=0.1), ValueError, "and for no other"),
    "no sigma for a conditional one": (lambda: ScoreWeight(fresh(True)), ValueError, "sigma must be given for a"),
    "sigma beyond the scales": (lambda: ScoreWeight(fresh(True), sigma=2.0), ValueError, r"must be in \[0.01, 1\]"),
    "a size that is not the network's": (
        lambda: ScoreWeight(fresh(), size=16),
        ValueError,
        "size must be the score network's, 8 pixels, got 16",
    ),
    "no pixels": (lambda: ScoreWeight(scoring, size=0), ValueError, "size must be a positive number of pixels, got 0"),
    "half a pixel": (lambda: ScoreWeight(scoring, size=8.5), TypeError, "size must be a positive number of pixels"),
    "a kind": (lambda: ScoreWeight(scoring, kind="cosine"), ValueError, "kind must be"),
    "a norm": (lambda: ScoreWeight(scoring, p=3), ValueError, "p must be 1 or 2"),
    "a normalization": (lambda: ScoreWeight(scoring, normalize="sum"), ValueError, "normalize must be"),
    "no network": (lambda: ScoreWeight(None), TypeError, "net must be a score network"),
    "mean without std": (lambda: ScoreWeight(scoring, mean=MEAN), ValueError, "mean and std must be given together"),
    "std of zero": (lambda: ScoreWeight(scoring, mean=MEAN, std=(1, 0, 1)), ValueError, "std must be positive"),
    "channels": (lambda: ScoreWeight(scoring, mean=[0.5], std=[0.2])(V1, V2), ValueError, "must have 3 numbers"),
    "normalized views, not said": (lambda: ScoreWeight(scoring)(normalized(V1), V2), ValueError, "v1 must be on"),
    "plain views, said normalized": (
        lambda: ScoreWeight(scoring, mean=(0.9,) * 3, std=(0.9,) * 3)(V1, V2),
        ValueError,
        "once un-normalized",
    ),
    "nan in a view": (lambda: ScoreWeight(scoring)(V1, V2 * math.nan), ValueError, "v2 must be on .* finite"),
    "nan in a score": (lambda: ScoreWeight(lambda x: x * math.nan)(V1, V2), ValueError, "finite scores"),
    "scores of another shape": (lambda: ScoreWeight(lambda x: x.mean(1))(V1, V2), ValueError, "of the views' shape"),
    "views of two sizes": (lambda: ScoreWeight(scoring)(V1, V2[..., :4]), ValueError, "must have the shape of v1"),
    "no view": (lambda: ScoreWeight(scoring)(V1[:0], V2[:0]), ValueError, "at least one view"),
    "no tensor": (lambda: ScoreWeight(scoring)([V1], V2), TypeError, "v1 must be a tensor"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
