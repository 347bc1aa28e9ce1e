"""sdf: closed forms, coverage of its intervals for both targets, and the slow loop for everything it reports."""

from __future__ import annotations

import gc
import math
import sys
import weakref

import numpy as np
import PIL.Image
import pytest
import torch
from scipy import integrate, special
from torch import nn
from torch.utils.data import Dataset
from torchvision.transforms import v2

from jointaug import (
    AddressedDataset,
    Addresses,
    JointBlur,
    JointCrop,
    JointTransform,
    MultiView,
    PerView,
    Shared,
    UncroppedView,
    Views,
    fuse,
)
from jointaug.difficulty import Comparison, PolicySDF, sdf
from jointaug.difficulty._sdf import Moments
from jointaug.distributions import FixedRatioPair, IndependentPair, JointPair
from jointaug.testing import assert_rate

GENERATOR = torch.Generator().manual_seed(0)
COLORS = torch.rand(12, 3, 20, 24, generator=GENERATOR)
CERTAIN = 1 - 1e-6  # level of the intervals that are held against closed forms


def mean_color(views):
    return views.double().mean((2, 3))


# A linear ramp, from 0 to slope * 7 radians, in gray. A crop of a quarter of 8 x 8 pixels starts in one of 5 columns,
# each as likely as another, and its mean says which; the encoder puts it on a circle, as an angle.
SIDE, STARTS = 8, 5
QUARTER = JointCrop(SIDE // 2, scale=(0.25, 0.25), ratio=(1.0, 1.0))


def ramps(slopes):
    """[N, 1, 8, 8]"""
    return (slopes[:, None] * torch.arange(SIDE))[:, None, None, :].expand(-1, -1, SIDE, -1).float()


def on_a_circle(views):
    angle = views.double().mean((1, 2, 3))
    return torch.stack([angle.cos(), angle.sin()], 1)


def expected_cosine(slope):
    """E cos(slope (i - j)) for independent i, j uniform on 0, ..., 4: the squared length of E exp(1j slope i)."""
    return np.abs(np.exp(1j * np.multiply.outer(slope, np.arange(STARTS))).mean(-1)) ** 2


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


# Coverage -----------------------------------------------------------------------------------------------------------

REPETITIONS, IMAGES, DRAWS = 2000, 30, 2


@pytest.fixture(scope="module")
def repeated():
    """For each target: similarities of two policies [repetitions, images, draws, policies] and true values."""
    slopes = torch.linspace(0.0, 1.2, IMAGES, dtype=torch.float64)
    fresh = 1.2 * torch.rand(REPETITIONS * IMAGES, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    whole = MultiView(QUARTER_VIEW, UncroppedView(SIDE))
    found = {}
    for target, all_slopes in (("dataset", slopes.repeat(REPETITIONS)), ("population", fresh)):
        results = sdf(
            on_a_circle,
            ramps(all_slopes),
            {"pair": QUARTER, "whole": whole},
            draws=DRAWS,
            target=target,
            batch_size=8192,
        )
        values = torch.stack([results[name].pairs["similarity"] for name in ("pair", "whole")], -1)
        found[target] = values.view(REPETITIONS, IMAGES, DRAWS, 2)
    against_whole = lambda slope: np.cos(np.multiply.outer(slope, np.arange(STARTS) - 2)).mean(-1)  # noqa: E731
    truths = {"dataset": [f(slopes.numpy()).mean() for f in (expected_cosine, against_whole)]}
    nodes, weights = special.roots_legendre(60)
    truths["population"] = [(f(0.6 * (nodes + 1)) * weights).sum() / 2 for f in (expected_cosine, against_whole)]
    return {target: (found[target], truths[target]) for target in found}


QUARTER_VIEW = v2.RandomResizedCrop(SIDE // 2, scale=(0.25, 0.25), ratio=(1.0, 1.0))


def covers(estimates, truth):
    intervals = [estimate.interval for estimate in estimates]
    return torch.tensor([bool(low <= truth <= high) for low, high in intervals])


def estimates_of(values, target, draws):
    """Of each repetition, by sdf's own statistics: [repetitions, images, draws] to a list."""
    found = []
    for repetition in values:
        moments = Moments(draws)
        moments.add(repetition[..., None])
        found += moments.estimates(target, 0.95)
    return found


@pytest.mark.parametrize("target", ["dataset", "population"])
def test_95_percent_intervals_hold_the_truth_in_95_percent_of_2000_repetitions(repeated, target):
    values, (pair, whole) = repeated[target]
    assert_rate(covers(estimates_of(values[..., 0], target, DRAWS), pair), 0.95)
    assert_rate(covers(estimates_of(values[..., 0] - values[..., 1], target, DRAWS), pair - whole), 0.95)


@pytest.mark.parametrize("target", ["dataset", "population"])
def test_intervals_of_bins_cover_too(repeated, target):
    """Pairs in which both crops start in one column are alike; the others' mean is what is left."""
    values, _ = repeated[target]
    shown = values[..., 0]
    inside = shown < 1 - 1e-9
    truth = (
        float(shown[inside].mean())
        if target == "population"
        else float((shown * inside).mean(0).sum() / inside.double().mean(0).sum())
    )  # over 120,000 pairs, its error is a fiftieth of an interval's
    hits = []
    for repetition in shown:
        flat = repetition.flatten()
        result = PolicySDF(0.0, 0.95, target, IMAGES, DRAWS, 0.0, 1.0, pairs={"similarity": flat})
        low, high = result.by(flat, [-1.0, 1 - 1e-9])[0].estimate.interval
        hits.append(low <= truth <= high)
    rate = sum(hits) / len(hits)
    assert 0.92 < rate < 0.98, rate  # linearized: 95 % in the limit only


def test_the_coverage_test_can_fail(repeated):
    """The two intervals that offer themselves: pooled draws are too sure of the population, images of the data set."""
    values, (pair, _) = repeated["population"]
    pooled = estimates_of(values[..., 0].flatten(1)[..., None], "population", 1)
    with pytest.raises(AssertionError, match="the rate is"):
        assert_rate(covers(pooled, pair), 0.95)
    values, (pair, _) = repeated["dataset"]
    over_images = estimates_of(values[..., 0], "population", DRAWS)
    with pytest.raises(AssertionError, match="the rate is"):
        assert_rate(covers(over_images, pair), 0.95)


# What is reported, against the slow way -----------------------------------------------------------------------------

FLOAT = v2.ToDtype(torch.float32, scale=True)
POLICIES = {
    "joint": v2.Compose([JointCrop(8, beta=2.0), PerView(v2.RandomHorizontalFlip())]),
    "blurred": v2.Compose([JointCrop(8, beta=-2.0), JointBlur(), PerView(v2.RandomGrayscale(0.3))]),
    "classic": MultiView(v2.RandomResizedCrop(8, scale=(0.1, 0.3)), v2.RandomResizedCrop(8, scale=(0.5, 1.0))),
}


@pytest.fixture(scope="module")
def results():
    return sdf(mean_color, COLORS, POLICIES, seed=5, draws=3)


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


@pytest.mark.parametrize("target", ["dataset", "population"])
def test_errors_are_those_of_textbook_formulas(target):
    results = sdf(mean_color, COLORS, POLICIES, seed=5, draws=3, target=target)
    table = {name: result.pairs["similarity"].view(-1, 3).numpy() for name, result in results.items()}
    table["difference"] = table["joint"] - table["blurred"]
    for name, values in table.items():
        estimate = results.difference("joint", "blurred") if name == "difference" else results[name]
        n = len(values)
        if target == "dataset":
            error = math.sqrt((values.var(1, ddof=1) / 3).sum()) / n
        else:
            error = values.mean(1).std(ddof=1) / math.sqrt(n)
            low, high = estimate.interval
            assert high - low == pytest.approx(2 * special.stdtrit(n - 1, 0.975) * error)
        assert estimate.mean == pytest.approx(values.mean())
        assert estimate.standard_error == pytest.approx(error)
    there, back = results.difference("joint", "blurred"), results.difference("blurred", "joint")
    assert (there.mean, there.standard_error) == (-back.mean, back.standard_error)


def test_equal_variances_give_the_degrees_of_freedom_of_the_pooled_variance():
    values = torch.randn(20_000, 4, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moments = Moments(4)
    moments.add(values)
    (estimate,) = moments.estimates("dataset", 0.95)
    assert estimate._freedom == pytest.approx(20_000 * 3, rel=0.03)


def coordinates(height=48, width=72):
    """An image whose pixels say where they are: x and y of their centres, in pixels."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)])[None].double()


def crop_to(size, scale=(0.2, 1.0)):
    """Without antialiasing a resized ramp is a ramp, but for its border."""
    return v2.RandomResizedCrop(size, scale=scale, antialias=False)


JOINT = JointCrop(12, antialias=False)
GEOMETRIC = {
    "crop": JOINT,
    "flipped": v2.Compose([JOINT, PerView(v2.RandomHorizontalFlip(), v2.RandomVerticalFlip())]),
    "crop of a crop": v2.Compose([JOINT, PerView(v2.Compose([v2.RandomHorizontalFlip(), crop_to(6)]))]),
    "both flips, then a crop": v2.Compose(
        [JOINT, PerView(v2.Compose([v2.RandomVerticalFlip(1.0), v2.RandomHorizontalFlip(), v2.RandomCrop(7)]))]
    ),
    "before and after": v2.Compose([v2.CenterCrop((40, 60)), JOINT]),
    "whole": MultiView(UncroppedView(12, antialias=False), crop_to(12)),
    "uncropped": MultiView(v2.Identity(), v2.Identity()),
}


@pytest.mark.parametrize("name", GEOMETRIC)
def test_columns_say_what_the_pixels_show(name):
    shown: list[torch.Tensor] = []

    def encoder(views):
        """Notes centre and size of what a view shows, from its pixels but for the outermost."""
        x, y = views[:, 0, 3], views[:, 1, :, 3]  # along a row, along a column
        middle = torch.stack([side[:, 1:-1].mean(1) for side in (x, y)], 1)
        extent = torch.stack(
            [(side[:, -2] - side[:, 1]).abs() * side.shape[1] / (side.shape[1] - 3) for side in (x, y)], 1
        )
        shown.append(torch.cat([middle, extent], 1) / torch.tensor([72, 48, 72, 48]))
        return torch.ones(len(views), 2)

    pairs = sdf(encoder, coordinates(), GEOMETRIC[name], draws=40).pairs
    first, second = torch.cat(shown).view(2, -1, 4)
    close = {"atol": 1e-5, "rtol": 0}
    torch.testing.assert_close(pairs["area1"], first[:, 2] * first[:, 3], **close)
    torch.testing.assert_close(pairs["area2"], second[:, 2] * second[:, 3], **close)
    torch.testing.assert_close(pairs["center_distance"], (first - second)[:, :2].norm(dim=1), **close)
    corners = [box[:, :2] - box[:, 2:] / 2 for box in (first, second)]
    torch.testing.assert_close(pairs["corner_distance"], (corners[0] - corners[1]).norm(dim=1), **close)


def test_draws_are_labelled_with_their_view():
    per_view = PerView(v2.RandomSolarize(0.5, p=1.0), v2.Compose([v2.RandomInvert(p=1.0), v2.RandomGrayscale(p=0.0)]))
    policy = v2.Compose([v2.RandomHorizontalFlip(1.0), JointCrop(8), JointBlur(), JointBlur(p=1.0), per_view])
    pairs = sdf(mean_color, COLORS + 0.1, policy).pairs
    named = {name: column for name, column in pairs.items() if "." in name}
    assert set(named) == {
        "RandomHorizontalFlip.applied1", "RandomHorizontalFlip.applied2", "JointCrop.area1", "JointCrop.area2",
        "JointBlur.sigma1", "JointBlur.sigma2", "JointBlur.applied1", "JointBlur.applied2",
        "JointBlur#2.sigma1", "JointBlur#2.sigma2", "JointBlur#2.applied1", "JointBlur#2.applied2",
        "RandomSolarize.applied1", "RandomInvert.applied2", "RandomGrayscale.applied2",
    }  # fmt: skip
    assert named["JointBlur#2.applied1"].all()
    assert not torch.equal(named["JointBlur.sigma1"], named["JointBlur#2.sigma1"])
    assert named["RandomInvert.applied2"].all()
    assert not named["RandomGrayscale.applied2"].any()
    shared = v2.Compose([JointCrop(8), Shared(v2.ColorJitter(0.4)), PerView(v2.ColorJitter(0.4))])
    pairs = sdf(mean_color, COLORS, shared).pairs
    assert torch.equal(pairs["ColorJitter.brightness1"], pairs["ColorJitter.brightness2"])
    assert not torch.equal(pairs["ColorJitter#2.brightness1"], pairs["ColorJitter#2.brightness2"])


def test_an_unknown_place_leaves_the_geometry_out():
    policy = v2.Compose([JointCrop(16), PerView(v2.Compose([v2.RandomEqualize(0.5), v2.RandomCrop(8)]))])
    pairs = sdf(mean_color, (COLORS * 255).to(torch.uint8), policy).pairs
    assert "iou" not in pairs
    assert "JointCrop.area1" in pairs


def test_bins_hold_the_pairs_that_they_say(results):
    result = results["joint"]
    values, similarity = result.pairs["iou"].numpy(), result.pairs["similarity"].numpy()
    bins = result.by("iou", 4)
    assert sum(b.pairs for b in bins) == len(values)
    assert bins[-1].high == values.max()
    for b in bins:
        inside = (values >= b.low) & ((values < b.high) | (b is bins[-1]))
        assert b.pairs == inside.sum()
        assert b.estimate.mean == pytest.approx(similarity[inside].mean())
    everything = result.by(torch.zeros(len(values)), 1)[0].estimate
    assert (everything.mean, everything.standard_error) == pytest.approx((result.mean, result.standard_error))
    halves = result.by(torch.where(result.pairs["draw"] == 0, math.nan, result.pairs["log_ratio"]), [-2.0, 0.0, 2.0])
    assert sum(b.pairs for b in halves) == int((result.pairs["draw"] > 0).sum())


# Execution ----------------------------------------------------------------------------------------------------------


def sizes_differ():
    return [image[:, : 20 - i % 3, : 24 - i % 2] for i, image in enumerate(COLORS)]


class OnDisk(Dataset):
    """PIL images with labels, made anew at each access."""

    def __len__(self):
        return len(COLORS)

    def __getitem__(self, index):
        return PIL.Image.fromarray((COLORS[index].permute(1, 2, 0).numpy() * 255).astype(np.uint8)), index


@pytest.mark.parametrize("images", [COLORS, sizes_differ(), OnDisk()], ids=["tensor", "sizes differ", "data set"])
def test_the_batch_size_changes_nothing(images):
    whole = sdf(mean_color, images, POLICIES, draws=2)
    for batch_size in (1, 5):
        split = sdf(mean_color, images, POLICIES, draws=2, batch_size=batch_size)
        for name in POLICIES:
            assert split[name].mean == whole[name].mean
            assert split[name].interval == whole[name].interval
            for column in whole[name].pairs:
                assert torch.equal(split[name].pairs[column], whole[name].pairs[column])


def test_statistics_do_not_depend_on_how_values_come_in():
    values = torch.rand(2500, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = []
    for step in (1, 300, 1024, 2500):
        moments = Moments(2)
        for part in values.split(step):
            moments.add(part)
        found.append([vars(e) for e in moments.estimates("dataset", 0.9)])
    assert found[0] == found[1] == found[2] == found[3]


def test_workers_read_the_same_images():
    alone = sdf(mean_color, OnDisk(), POLICIES["joint"], batch_size=4)
    assert torch.equal(
        sdf(mean_color, OnDisk(), POLICIES["joint"], batch_size=4, workers=1).pairs["similarity"],
        alone.pairs["similarity"],
    )
    listed = sdf(mean_color, [OnDisk()[i] for i in range(len(COLORS))], POLICIES["joint"])
    assert torch.equal(listed.pairs["similarity"], alone.pairs["similarity"])


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


def test_images_are_let_go():
    """At most the batches in flight are alive, however large the data set is."""
    alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
    most = 0

    class Made(Dataset):
        def __len__(self):
            return 96

        def __getitem__(self, index):
            nonlocal most
            image = torch.rand(3, 12, 12 + index % 2)
            alive.add(image)
            most = max(most, len(alive))
            return image

    gc.collect()
    sdf(mean_color, Made(), POLICIES["joint"], batch_size=4, keep_pairs=False)
    assert most <= 16


def test_without_pairs_the_numbers_are_the_same(results):
    lean = sdf(mean_color, COLORS, POLICIES, seed=5, draws=3, keep_pairs=False)
    assert [r.interval for r in lean.values()] == [r.interval for r in results.values()]
    assert lean["joint"].pairs == {}
    with pytest.raises(ValueError, match="keep_pairs=True"):
        lean["joint"].by("iou")


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


# Bad input ----------------------------------------------------------------------------------------------------------


class Three(JointTransform):
    """Three views a row."""

    views = 3

    def __init__(self):
        super().__init__({})


def broken(at, value):
    """An encoder that returns ``value`` for the views whose mean is that of image ``at``."""

    def encoder(views):
        z = torch.ones(len(views), 4)
        z[views.mean((1, 2, 3)) == at] = value
        return z

    return encoder


NUMBERED = torch.arange(1.0, 13.0)[:, None, None, None].expand(-1, 3, 8, 8)
PLAIN = JointCrop(8)
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
    "no images": (mean_color, COLORS[:0], PLAIN, {}, ValueError, "at least one, got an empty Tensor"),
    "empty set": (mean_color, [], PLAIN, {}, ValueError, "empty list"),
    "one image": (mean_color, COLORS[0], PLAIN, {}, ValueError, r"image\[None\]"),
    "iterable": (mean_color, iter(COLORS), PLAIN, {}, TypeError, "map-style"),
    "views already": (
        mean_color,
        [Views([*COLORS[:2]])],
        PLAIN,
        {},
        TypeError,
        r"images\[0\].*Views.*without its pipeline",
    ),
    "array": (mean_color, [np.zeros((3, 8, 8))], PLAIN, {}, TypeError, "ToImage"),
    "labels": (mean_color, [3, 4], PLAIN, {}, TypeError, r"images\[0\] must be a PIL image or a tensor"),
    "one view": (mean_color, COLORS, UncroppedView(8), {}, ValueError, "got no views.*MultiView"),
    "three views": (
        mean_color,
        COLORS,
        {"a": MultiView(PLAIN, UncroppedView(8))},
        {},
        ValueError,
        r"policies\['a'\].*got 3 views",
    ),
    "three a row": (mean_color, COLORS, Three(), {}, ValueError, "got 3 views"),
    "no policy": (mean_color, COLORS, {}, {}, ValueError, "at least one pipeline"),
    "no pipeline": (mean_color, COLORS, {"a": 3}, {}, TypeError, r"policies\['a'\] must be a pipeline"),
    "one draw": (mean_color, COLORS, PLAIN, {"draws": 1}, ValueError, "at least 2 for target='dataset', got 1"),
    "no draw": (mean_color, COLORS, PLAIN, {"draws": 0}, ValueError, "draws"),
    "percent": (mean_color, COLORS, PLAIN, {"level": 95}, ValueError, r"level must be in \(0, 1\), got 95; write 0.95"),
    "level 1": (mean_color, COLORS, PLAIN, {"level": 1.0}, ValueError, "level"),
    "level 0": (mean_color, COLORS, PLAIN, {"level": 0}, ValueError, "level"),
    "level nan": (mean_color, COLORS, PLAIN, {"level": math.nan}, ValueError, "level"),
    "target": (mean_color, COLORS, PLAIN, {"target": "images"}, ValueError, "'dataset'.*'population'.*got 'images'"),
    "autocast": (mean_color, COLORS, PLAIN, {"autocast": True}, TypeError, "torch.bfloat16"),
    "seed": (mean_color, COLORS, PLAIN, {"seed": -1}, ValueError, "seed"),
    "batch": (mean_color, COLORS, PLAIN, {"batch_size": 0}, ValueError, "batch_size"),
    "workers": (mean_color, COLORS, PLAIN, {"workers": -1}, ValueError, "workers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    encoder, images, policies, options, error, message = BAD[name]
    with pytest.raises(error, match=message):
        sdf(encoder, images, policies, **options)


def test_one_pair_has_no_interval_and_says_so():
    result = sdf(mean_color, COLORS[:1], PLAIN, draws=1, target="population")
    assert not result.has_interval
    assert "no interval" in repr(result)
    for ask in ("interval", "standard_error"):
        with pytest.raises(ValueError, match="at least two images, got 1"):
            getattr(result, ask)
    assert sdf(mean_color, COLORS[:1], PLAIN, draws=2).interval[0] < result.mean + 1


def test_bad_questions_to_a_result(results):
    with pytest.raises(ValueError, match="quantity must be one of similarity, index"):
        results["joint"].by("overlap")
    with pytest.raises(ValueError, match="ascending edges"):
        results["joint"].by("iou", [0.5, 0.2])
    with pytest.raises(ValueError, match="bins"):
        results["joint"].by("iou", 0)
    with pytest.raises(ValueError, match="shape"):
        results["joint"].by(torch.zeros(3))
    with pytest.raises(ValueError, match="nan for every pair"):
        results["joint"].by(torch.full((36,), math.nan))
    with pytest.raises(ValueError, match="two different ones"):
        results.difference("joint", "joint")
    with pytest.raises(ValueError, match="two different ones"):
        results.difference("joint", "Joint")
    assert "joint" in repr(results)
