"""sdf: closed forms, and the slow loop for everything it reports."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from scipy import integrate
from torch import nn
from torchvision.transforms import v2

from jointaug import AddressedDataset, Addresses, JointBlur, JointCrop, MultiView, UncroppedView, fuse
from jointaug.difficulty import Comparison, PolicySDF, sdf
from jointaug.distributions import FixedRatioPair, IndependentPair, JointPair

from .cases import COLORS, PLAIN, POLICIES, QUARTER, expected_cosine, mean_color, on_a_circle, ramps

CERTAIN = 1 - 1e-6  # level of the intervals that are held against closed forms


def test_the_mean_color_of_crops_of_a_ramp():
    slopes = torch.linspace(0.1, 1.2, 40, dtype=torch.float64)
    result = sdf(on_a_circle, ramps(slopes), QUARTER, draws=200, level=CERTAIN, target="dataset")
    low, high = result.interval
    assert low < expected_cosine(slopes.numpy()).mean() < high
    assert high - low < 0.06
    wider = sdf(on_a_circle, ramps(slopes), QUARTER, draws=200, level=CERTAIN, target="population")
    assert wider.mean == result.mean
    assert wider.standard_error > 2 * result.standard_error


@pytest.mark.parametrize(
    "law",
    [JointPair(2.0, 0.2, 1.0), JointPair(0.0, 0.2, 1.0), JointPair(-2.0, 0.2, 1.0), IndependentPair(0.2, 1.0)],
    ids=str,
)
def test_sdf_is_the_characteristic_function_of_the_log_ratio_where_only_area_counts(law):
    """E cos(u), u = ln(t2 / t1), by quadrature over the law's own density; boxes of 128 px leave u within 3 %."""
    side = torch.arange(128.0)
    image = torch.stack([side.expand(128, -1), side[:, None].expand(-1, 128)])[None] / 128

    def log_area(views):
        extent = [views[:, 0, 4, 6] - views[:, 0, 4, 1], views[:, 1, 6, 4] - views[:, 1, 1, 4]]
        angle = (extent[0] * extent[1]).double().log()
        return torch.stack([angle.cos(), angle.sin()], 1)

    end = math.log(5.0)
    density = law.log_ratio.log_prob
    truth, _ = integrate.quad(
        lambda u: math.cos(u) * density(torch.tensor(u, dtype=torch.float64)).exp().item(), -end, end
    )
    policy = JointCrop(8, law=law, ratio=(1.0, 1.0))
    low, high = sdf(log_area, image, policy, draws=2000, level=CERTAIN).interval
    assert low < truth < high
    assert high - low < 0.12


@pytest.mark.parametrize("name", POLICIES)
def test_each_pair_is_the_one_of_its_address(results, name):
    pairs = results[name].pairs
    fused = fuse(POLICIES[name])
    for row in range(0, len(COLORS) * 3, 5):
        index, draw = int(pairs["index"][row]), int(pairs["draw"][row])
        first, second = fused(COLORS[index : index + 1], addresses=Addresses(5, 0, torch.tensor([index]), draw))
        expected = torch.cosine_similarity(mean_color(first), mean_color(second))
        torch.testing.assert_close(pairs["similarity"][row], expected[0], atol=1e-12, rtol=0)


def test_pairs_of_joint_transforms_are_those_of_an_addressed_data_set():
    policy = v2.Compose([JointCrop(8), JointBlur()])
    pairs = sdf(mean_color, COLORS, policy, seed=5, draws=3).pairs
    data = AddressedDataset(COLORS, policy, seed=5)
    for row in range(0, len(COLORS) * 3, 5):
        first, second = data.views(int(pairs["index"][row]), draw=int(pairs["draw"][row]))
        expected = torch.cosine_similarity(mean_color(first[None]), mean_color(second[None]))
        torch.testing.assert_close(pairs["similarity"][row], expected[0], atol=1e-6, rtol=0)


def test_policies_in_one_pass_are_as_alone(results):
    alone = sdf(mean_color, COLORS, POLICIES["blurred"], seed=5, draws=3)
    assert isinstance(alone, PolicySDF)
    assert isinstance(results, Comparison)
    assert list(results) == list(POLICIES)
    assert torch.equal(alone.pairs["similarity"], results["blurred"].pairs["similarity"])
    assert alone.mean == pytest.approx(results["blurred"].mean, abs=1e-15)
    assert sdf(mean_color, COLORS, POLICIES["blurred"], seed=6, draws=3).mean != alone.mean


def test_common_addresses_share_the_crop():
    with_blur = v2.Compose([JointCrop(8), JointBlur()])
    pairs = sdf(mean_color, COLORS, {"crop": v2.Compose([JointCrop(8)]), "both": with_blur})
    assert torch.equal(pairs["crop"].pairs["area1"], pairs["both"].pairs["area1"])


def test_a_module_is_left_as_it_was():
    encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    encoder[2].eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    state = torch.get_rng_state()
    result = sdf(encoder, COLORS, POLICIES["joint"])
    assert [part.training for part in encoder] == [True, True, False, True, True]
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert result.mean == sdf(encoder.eval(), COLORS, POLICIES["joint"]).mean
    assert all(p.grad is None for p in encoder.parameters())
    with pytest.raises(ValueError, match="floating point"):
        sdf(nn.Sequential(encoder.train(), nn.Unflatten(1, (2, 2))), COLORS, POLICIES["joint"])
    assert encoder[1].training


def test_autocast_reaches_the_encoder():
    seen = []

    def encoder(views):
        seen.append(torch.nn.functional.linear(views.flatten(1), torch.ones(4, 192)).dtype)
        return views.mean((2, 3))

    sdf(encoder, COLORS, POLICIES["joint"], autocast=torch.bfloat16)
    sdf(encoder, COLORS, POLICIES["joint"])
    assert seen == [torch.bfloat16, torch.float32]


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1.0, 1e30, 1e200])
def test_the_length_of_embeddings_does_not_matter(scale):
    expected = sdf(mean_color, COLORS, POLICIES["joint"]).pairs["similarity"]
    found = sdf(lambda views: mean_color(views) * scale, COLORS, POLICIES["joint"]).pairs["similarity"]
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


def test_views_of_different_sizes_are_encoded_apart():
    policy = MultiView(UncroppedView(8), UncroppedView((4, 12)))
    result = sdf(mean_color, torch.ones(4, 3, 8, 12), policy)
    assert result.mean == pytest.approx(1.0)
    assert result.interval == (result.mean, result.mean)


def test_a_bar_is_shown_on_demand(capsys, monkeypatch):
    sdf(mean_color, COLORS, POLICIES["joint"], progress=True)
    assert "12/12" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ModuleNotFoundError, match="pip install tqdm"):
        sdf(mean_color, COLORS, POLICIES["joint"], progress=True)


def test_fixed_ratios_and_betas_are_in_order_of_difficulty():
    """On a ramp's mean color nothing counts but place and size; the paper's order holds (its Figs. 2 and 4)."""
    images = (torch.arange(64.0) / 8).expand(200, 1, 64, -1)
    ratios = {f"{r}": JointCrop(8, law=FixedRatioPair(float(r), 0.2, 1.0)) for r in (1, 3, 5)}
    found = sdf(on_a_circle, images, ratios | {"hard": JointCrop(8, beta=-3), "easy": JointCrop(8, beta=3)}, draws=4)
    for easy, hard in (("1", "3"), ("3", "5"), ("easy", "hard")):
        assert found.difference(easy, hard).interval[0] > 0


def broken(at, value):
    """An encoder that returns ``value`` for the views whose mean is that of image ``at``."""

    def encoder(views):
        z = torch.ones(len(views), 4)
        z[views.mean((1, 2, 3)) == at] = value
        return z

    return encoder


NUMBERED = torch.arange(1.0, 13.0)[:, None, None, None].expand(-1, 3, 8, 8)
BAD = {
    "shape": (
        lambda v: v.flatten(2),
        COLORS,
        PLAIN,
        {},
        ValueError,
        r"\[N, D\].*N = 48 views, got torch.float32 of shape",
    ),
    "one row": (lambda v: v.mean((2, 3))[:1], COLORS, PLAIN, {}, ValueError, "one row for each of N = 48"),
    "no width": (lambda v: torch.ones(len(v), 0), COLORS, PLAIN, {}, ValueError, "pool or flatten"),
    "integers": (lambda v: torch.ones(len(v), 2).long(), COLORS, PLAIN, {}, ValueError, "floating point"),
    "tuple": (lambda v: (v.mean((2, 3)), v), COLORS, PLAIN, {}, TypeError, "tensor.*got tuple"),
    "nan": (broken(7.0, math.nan), NUMBERED, PLAIN, {}, ValueError, "not finite for view 1 of image 6 .draw 0"),
    "infinity": (
        broken(9.0, math.inf),
        NUMBERED,
        PLAIN,
        {"batch_size": 3},
        ValueError,
        "not finite for view 1 of image 8",
    ),
    "zero": (broken(3.0, 0.0), NUMBERED, PLAIN, {"batch_size": 2}, ValueError, "a zero vector for view 1 of image 2"),
    "uint8": (nn.Conv2d(3, 2, 8), COLORS.mul(255).byte(), PLAIN, {}, TypeError, r"torch.uint8.*PerView\(v2.ToDtype"),
    "no encoder": (None, COLORS, PLAIN, {}, TypeError, "encoder must be a function"),
    "no policy": (mean_color, COLORS, {}, {}, ValueError, "at least one pipeline"),
    "one draw": (mean_color, COLORS, PLAIN, {"draws": 1}, ValueError, "at least 2 for target='dataset', got 1"),
    "no draw": (mean_color, COLORS, PLAIN, {"draws": 0}, ValueError, "draws"),
    "target": (mean_color, COLORS, PLAIN, {"target": "images"}, ValueError, "'dataset'.*'population'.*got 'images'"),
    "autocast": (mean_color, COLORS, PLAIN, {"autocast": True}, TypeError, "torch.bfloat16"),
    "seed": (mean_color, COLORS, PLAIN, {"seed": -1}, ValueError, "seed"),
    "batch": (mean_color, COLORS, PLAIN, {"batch_size": 0}, ValueError, "batch_size"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    encoder, images, policies, options, error, message = BAD[name]
    with pytest.raises(error, match=message):
        sdf(encoder, images, policies, **options)
