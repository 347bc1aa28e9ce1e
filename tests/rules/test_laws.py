"""What `fuse` draws follows v2's laws: 20,000 images, every random rule, arguments that no symmetry hides.

Each statistic fails once in `1 / FAILURE_RATE` correct runs at most; seeds are fixed.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2

from jointaug import Addresses, fuse
from jointaug._draws import DRAWS, draw_of

from .cases import DRAWN, IDENTITIES, OURS

N = 20_000
AT_EDGES = 4_000
"""How often v2 itself draws where its retries make it slow."""
FAILURE_RATE = 1e-6


def drawn_by(transform, shape=(40, 56), seed=0):
    """What a plan for `N` images holds; no pixel is looked at."""
    images = torch.zeros(1, 3, *shape).expand(N, 3, *shape)
    plan = fuse(transform).make_params(images, generator=torch.Generator().manual_seed(seed))
    return next(d.params for d in plan.drawn if d.transform is transform)


def row_drawn_by(transform, shape=(40, 56)):
    """What `N` rows of a draw alone stand for."""
    seen = SimpleNamespace(height=shape[0], width=shape[1], channels=3)
    draw = draw_of(transform)
    return draw.params(transform, Addresses(0, 0, torch.arange(N)).rows(draw.width(transform)), seen)


def column(value):
    """One for each of `N` images, whatever is the same for all."""
    return torch.as_tensor(value).double().expand(N).numpy()


def params_of(transform, shape=(40, 56), seed=1, n=N):
    """v2's own draws."""
    torch.manual_seed(seed)
    image = torch.zeros(3, *shape)
    return [transform.make_params([image]) for _ in range(n)]


def box_of(drawn):
    """Top, left, height, width as ``[N, 4]``."""
    names = "ijhw" if "i" in drawn else ("top", "left", "height", "width")
    return torch.stack([torch.as_tensor(drawn[name]).expand(N) for name in names], 1)


def same_law(ours, theirs):
    """Two-sample KS by DKW for both (ties make it stricter than it says)."""
    bound = sum(math.sqrt(math.log(4 / FAILURE_RATE) / (2 * len(sample))) for sample in (ours, theirs))
    distance = stats.ks_2samp(np.asarray(ours), np.asarray(theirs)).statistic
    assert distance < bound, f"KS {distance:.4f}, bound {bound:.4f}"


def same_box_law(ours, theirs):
    """Top, left, height, width, and jointly: area, aspect ratio, what remains, which side is the longer."""
    for column in range(4):
        same_law(ours[:, column], theirs[:, column])
    for statistic in (
        lambda b: b[:, 2] * b[:, 3],
        lambda b: (b[:, 2] + 1) / (b[:, 3] + 1),
        lambda b: b[:, 0] + b[:, 2],
        lambda b: b[:, 1] + b[:, 3],
        lambda b: (b[:, 2] > b[:, 3]) * 1.0,
        lambda b: b[:, 0] * 100 + b[:, 1],
    ):
        same_law(statistic(ours), statistic(theirs))


CROPS = {
    "tall": (v2.RandomResizedCrop(8, (0.1, 0.9), (0.2, 0.4)), (40, 56)),
    "wide": (v2.RandomResizedCrop(8, (0.3, 0.6), (2.5, 5.0)), (40, 56)),
    "falls back to the least ratio": (v2.RandomResizedCrop(8, (0.3, 1.0), (0.5, 4.0)), (120, 9)),
    "falls back to the greatest": (v2.RandomResizedCrop(8, (0.5, 1.0), (0.2, 3.0)), (7, 90)),
    "one point": (v2.RandomResizedCrop(8, (0.25, 0.25), (1.5, 1.5)), (41, 57)),
    "one pixel": (v2.RandomResizedCrop(8), (1, 1)),
    "one pixel wide": (v2.RandomResizedCrop(8, (0.05, 0.9)), (30, 1)),
}


@pytest.mark.parametrize("name", CROPS)
def test_resized_crops(name):
    transform, shape = CROPS[name]
    ours = box_of(drawn_by(transform, shape)).numpy()
    theirs = params_of(transform, shape, n=N if name == "tall" else AT_EDGES)
    same_box_law(ours, np.array([[params[key] for key in ("top", "left", "height", "width")] for params in theirs]))


ERASURES = {
    "tall": (v2.RandomErasing(1.0, (0.05, 0.5), (2.5, 5.0)), (40, 56)),
    "wide": (v2.RandomErasing(1.0, (0.05, 0.5), (0.2, 0.4)), (40, 56)),
    "often nothing": (v2.RandomErasing(1.0, (0.5, 1.0), (0.3, 3.3)), (13, 60)),
    "one point": (v2.RandomErasing(1.0, (0.25, 0.25), (0.5, 0.5)), (41, 57)),
    "one pixel": (v2.RandomErasing(1.0), (1, 1)),
}


@pytest.mark.parametrize("name", ERASURES)
def test_erased_boxes(name):
    transform, shape = ERASURES[name]
    drawn = drawn_by(transform, shape)
    theirs = params_of(transform, shape, n=N if name == "wide" else AT_EDGES)
    fits = np.array([params["v"] is not None for params in theirs])
    same_law(drawn["applied"].numpy() * 1.0, fits * 1.0)
    if fits.sum() < 100:
        return
    boxes = np.array([[params[key] for key in "ijhw"] for params in theirs])
    same_box_law(box_of(drawn).numpy()[drawn["applied"].numpy()], boxes[fits])


def test_which_boxes_are_erased_is_drawn_apart_from_where_they_are():
    """At any probability, what is erased has the law of all boxes."""
    transform, shape = v2.RandomErasing(0.3, (0.05, 0.5), (2.5, 5.0)), (40, 56)
    drawn = drawn_by(transform, shape)
    theirs = [params for params in params_of(transform, shape, n=AT_EDGES) if params["v"] is not None]
    boxes = np.array([[params[key] for key in "ijhw"] for params in theirs])
    same_box_law(box_of(drawn).numpy()[drawn["applied"].numpy()], boxes)


PADDED = {
    "pair": (v2.RandomCrop((30, 20), padding=(1, 4)), (40, 56)),
    "four": (v2.RandomCrop((30, 20), padding=(0, 1, 2, 5)), (40, 56)),
    "if needed": (v2.RandomCrop((44, 20), pad_if_needed=True), (40, 23)),
    "both": (v2.RandomCrop((44, 30), padding=(0, 1, 2, 0), pad_if_needed=True), (40, 23)),
    "no room": (v2.RandomCrop((40, 20)), (40, 56)),
}


@pytest.mark.parametrize("name", PADDED)
def test_padded_crops(name):
    """Each place as often as any other, and pairs of places too."""
    transform, shape = PADDED[name]
    boxes = box_of(drawn_by(transform, shape)).numpy()
    theirs = np.array([[params["top"], params["left"]] for params in params_of(transform, shape)])
    assert (boxes[:, 2:] == np.array(transform.size)).all()
    for column in (0, 1):
        ours, counts = np.unique(boxes[:, column], return_counts=True)
        assert np.array_equal(ours, np.unique(theirs[:, column]))
        assert len(ours) == 1 or stats.chisquare(counts).pvalue > FAILURE_RATE
    same_law(boxes[:, 0] * 100 + boxes[:, 1], theirs[:, 0] * 100 + theirs[:, 1])


JITTERS = {
    "numbers": v2.ColorJitter(0.3, 0.5, 0.7, 0.2),
    "clipped at zero": v2.ColorJitter(1.5, 2, 3.0, 0.5),
    "pairs": v2.ColorJitter((0.2, 0.5), (1.0, 3.0), (0.1, 0.1), (-0.1, 0.4)),
    "some": v2.ColorJitter(contrast=0.4, hue=(0.1, 0.2)),
}


@pytest.mark.parametrize("name", JITTERS)
def test_jitters(name):
    transform = JITTERS[name]
    drawn, theirs = drawn_by(transform), params_of(transform)
    for factor in ("brightness", "contrast", "saturation", "hue"):
        own = [params[f"{factor}_factor"] for params in theirs]
        if own[0] is None:
            assert drawn[f"{factor}_factor"] is None
        else:
            ours = torch.as_tensor(drawn[f"{factor}_factor"]).double().expand(N).numpy()
            least, greatest = getattr(transform, factor)
            assert ((ours >= least - 1e-6) & (ours <= greatest + 1e-6)).all()
            if least < greatest:  # v2 rounds to float32
                same_law(ours, own)
    orders, counts = np.unique(drawn["fn_idx"].numpy(), axis=0, return_counts=True)
    assert len(orders) == 24
    assert stats.chisquare(counts).pvalue > FAILURE_RATE
    factors = [
        torch.as_tensor(drawn[f"{name}_factor"])
        for name in ("brightness", "contrast", "saturation", "hue")
        if drawn[f"{name}_factor"] is not None
    ]
    free = [column.numpy() for column in factors if column.ndim and column.max() - column.min() > 1e-9]
    for i, first in enumerate(free):  # independent of each other, and of the order
        for second in (*free[:i], drawn["fn_idx"][:, 0].numpy()):
            assert stats.spearmanr(first, second).pvalue > FAILURE_RATE


@pytest.mark.parametrize("sigma", [(0.1, 2.0), (1, 5), [0.5, 0.50001]], ids=str)
def test_blurs(sigma):
    transform = v2.GaussianBlur(3, sigma)
    same_law(drawn_by(transform)["sigma"][0].numpy(), [params["sigma"][0] for params in params_of(transform)])


WARPS = {
    "degrees": v2.RandomAffine((-10, 40)),
    "translated": v2.RandomAffine(5, translate=(0.1, 0.4)),
    "scaled": v2.RandomAffine(5, scale=(0.5, 3.0)),
    "sheared": v2.RandomAffine(5, shear=(-3, 20)),
    "sheared twice": v2.RandomAffine(0, (0.3, 0.0), (0.7, 1.9), (-3, 20, 5, 30)),
    "rotated": v2.RandomRotation((-70, 10)),
}


@pytest.mark.parametrize("name", WARPS)
def test_affine_maps(name):
    """Each number of theirs, and which go together: none do."""
    transform = WARPS[name]
    drawn, theirs = row_drawn_by(transform), params_of(transform)
    free = []
    for key, values in theirs[0].items():
        for i in range(len(values) if isinstance(values, tuple) else 1):
            own = [params[key][i] if isinstance(values, tuple) else params[key] for params in theirs]
            ours = column(drawn[key][i] if isinstance(values, tuple) else drawn[key])
            if max(own) - min(own) < 1e-4:  # v2 rounds to float32
                np.testing.assert_allclose(ours, own, rtol=1e-6)
                continue
            same_law(ours, own)
            free.append(ours)
    for i, first in enumerate(free):
        for second in free[:i]:
            assert stats.spearmanr(first, second).pvalue > FAILURE_RATE


@pytest.mark.parametrize(("distortion", "shape"), [(0.5, (40, 56)), (0.6, (13, 60)), (0.05, (41, 57)), (0.0, (8, 9))])
def test_perspectives(distortion, shape):
    """Where each corner of the image comes to lie, by the coefficients; and the rate."""
    transform = v2.RandomPerspective(distortion, p=1.0)
    torch.manual_seed(1)
    ours = row_drawn_by(transform, shape)["coefficients"].double().numpy()
    theirs = np.array([params["coefficients"] for params in params_of(transform, shape, n=AT_EDGES)])
    height, width = shape
    for x, y in ((0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)):
        places = []
        for a, b, c, d, e, f, g, h in (ours.T, theirs.T):
            # the map is of the output to the image; here that of the image to the output, by Cramer's rule
            p, q, r, s = a - g * x, b - h * x, d - g * y, e - h * y
            places.append(
                [((x - c) * s - q * (y - f)) / (p * s - q * r), (p * (y - f) - (x - c) * r) / (p * s - q * r)]
            )
        for one, other in zip(*places, strict=True):
            same_law(one.round(2), other.round(2))
    applied = row_drawn_by(v2.RandomPerspective(distortion, p=0.3), shape)["applied"]
    assert stats.binomtest(int(applied.sum()), N, 0.3).pvalue > FAILURE_RATE


SIZES = {
    "resize": (v2.RandomResize(20, 30), (40, 56)),
    "shortest": (v2.RandomShortestSize([20, 31, 50]), (40, 56)),
    "shortest, at most": (v2.RandomShortestSize([20, 31, 50], 60), (56, 30)),
    "jitter": (v2.ScaleJitter((30, 90), (0.3, 1.7)), (40, 56)),
    "zoomed out": (v2.RandomZoomOut(side_range=(1.2, 3.0), p=1.0), (40, 56)),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    transform, shape = SIZES[name]
    (drawn,) = row_drawn_by(transform, shape).values()
    theirs = [next(iter(params.values())) for params in params_of(transform, shape)]
    ours, theirs = np.stack([column(value) for value in drawn], 1), np.array(theirs)
    for i in range(ours.shape[1]):
        same_law(ours[:, i], theirs[:, i])
        same_law(ours[:, 0] + ours[:, i], theirs[:, 0] + theirs[:, i])


def test_an_image_is_zoomed_out_at_its_rate():
    padding = row_drawn_by(v2.RandomZoomOut(side_range=(2.0, 3.0), p=0.3))["padding"]
    zoomed = sum(padding) > 0
    assert stats.binomtest(int(zoomed.sum()), N, 0.3).pvalue > FAILURE_RATE


def test_jpeg_qualities():
    ours = row_drawn_by(v2.JPEG((20, 27)))["quality"].numpy()
    values, counts = np.unique(ours, return_counts=True)
    assert np.array_equal(values, np.unique([params["quality"] for params in params_of(v2.JPEG((20, 27)), n=AT_EDGES)]))
    assert stats.chisquare(counts).pvalue > FAILURE_RATE


def test_channels_are_permuted_to_every_order_alike():
    for orders in (
        row_drawn_by(v2.RandomChannelPermutation())["permutation"],
        row_drawn_by(v2.RandomPhotometricDistort(p=1.0))["channel_permutation"],
    ):
        found, counts = np.unique(orders.numpy(), axis=0, return_counts=True)
        assert len(found) == 6
        assert stats.chisquare(counts).pvalue > FAILURE_RATE


def test_photometric_distortions():
    """Factors where v2 draws one, at its rate; what stands for none of them else."""
    transform = v2.RandomPhotometricDistort((0.2, 0.9), (1.1, 3.0), (0.5, 0.7), (0.1, 0.3), p=0.7)
    drawn, theirs = row_drawn_by(transform), params_of(transform)
    acts = []
    for name in ("brightness", "contrast", "saturation", "hue"):
        ours = drawn[f"{name}_factor"].numpy()
        acts.append(ours != (0.0 if name == "hue" else 1.0))
        assert stats.binomtest(int(acts[-1].sum()), N, 0.7).pvalue > FAILURE_RATE
        same_law(ours[acts[-1]], [p[f"{name}_factor"] for p in theirs if p[f"{name}_factor"] is not None])
    acts.append(drawn["contrast_before"].numpy())
    assert stats.binomtest(int(acts[-1].sum()), N, 0.5).pvalue > FAILURE_RATE
    same = (drawn["channel_permutation"] == torch.arange(3)).all(1)
    assert stats.binomtest(int(same.sum()), N, 0.3 + 0.7 / 6).pvalue > FAILURE_RATE
    for i, first in enumerate(acts):  # independent of each other
        for second in acts[:i]:
            assert stats.spearmanr(first, second).pvalue > FAILURE_RATE


def test_trivial_augment():
    """Operations, magnitudes and signs, each like any other and apart."""
    transform = v2.TrivialAugmentWide(7)
    drawn = row_drawn_by(transform)
    kinds = len(transform._AUGMENTATION_SPACE)
    together = (drawn["operation"] * 7 + drawn["level"]) * 2 + drawn["negative"]
    counts = np.bincount(together.numpy(), minlength=kinds * 14)
    assert len(counts) == kinds * 14
    assert stats.chisquare(counts).pvalue > FAILURE_RATE


@pytest.mark.parametrize("policy", list(v2.AutoAugmentPolicy), ids=lambda policy: policy.value)
def test_auto_augment(policy):
    """Every policy as often as any other; of each, both operations at their rates, and signs."""
    transform = v2.AutoAugment(policy)
    drawn = row_drawn_by(transform)
    counts = np.bincount(drawn["policy"].numpy(), minlength=len(transform._policies))
    assert stats.chisquare(counts).pvalue > FAILURE_RATE
    for number, pair in enumerate(transform._policies):
        own = drawn["policy"] == number
        for k, (_, rate, _) in enumerate(pair):
            acts = int(drawn["acts"][own, k].sum())
            assert (
                stats.binomtest(acts, int(own.sum()), rate).pvalue > FAILURE_RATE
                if rate % 1
                else acts == rate * own.sum()
            )
    for k in range(2):
        assert stats.binomtest(int(drawn["negative"][:, k].sum()), N, 0.5).pvalue > FAILURE_RATE


def test_noise_is_seeded_by_a_number_of_its_own():
    """Words of 32 bits, of which two of `N` images share one in 1 of 20 (by chance)."""
    for transform in (v2.GaussianNoise(), v2.ElasticTransform(), v2.AugMix(), v2.RandomErasing(value="random")):
        seeds = row_drawn_by(transform)["seed"]
        assert len(seeds.unique()) >= N - 2
        same_law(seeds.double().numpy() / 2**32, np.arange(N) / N)


SOMETIMES = {
    v2.RandomHorizontalFlip: lambda p: v2.RandomHorizontalFlip(p),
    v2.RandomVerticalFlip: lambda p: v2.RandomVerticalFlip(p),
    v2.RandomGrayscale: lambda p: v2.RandomGrayscale(p),
    v2.RandomSolarize: lambda p: v2.RandomSolarize(0.5, p),
    v2.RandomPosterize: lambda p: v2.RandomPosterize(3, p),
    v2.RandomInvert: lambda p: v2.RandomInvert(p),
    v2.RandomEqualize: lambda p: v2.RandomEqualize(p),
    v2.RandomAutocontrast: lambda p: v2.RandomAutocontrast(p),
    v2.RandomAdjustSharpness: lambda p: v2.RandomAdjustSharpness(2, p),
    v2.RandomErasing: lambda p: v2.RandomErasing(p, (0.02, 0.1), (0.8, 1.2)),
    v2.RandomApply: lambda p: v2.RandomApply([v2.Identity()], p),
}


@pytest.mark.parametrize("kind", SOMETIMES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("p", [0.0, 0.05, 0.7, 1.0, 1])
def test_what_acts_sometimes_acts_at_its_rate(kind, p):
    """Exact binomial tails; never and always are exact."""
    count = int(drawn_by(SOMETIMES[kind](p))["applied"].sum())
    assert stats.binomtest(count, N, p).pvalue > FAILURE_RATE if 0 < p < 1 else count == p * N


@pytest.mark.parametrize("weights", [None, [3, 1, 1], [0.0, 0.2, 0.0], [0.5, 0.3, 0.2]], ids=str)
def test_choices(weights):
    transform = v2.RandomChoice([v2.Identity()] * 3, weights)
    counts = torch.bincount(drawn_by(transform)["choice"], minlength=3).numpy()
    wanted = N * np.array(transform.p)
    assert (counts[wanted == 0] == 0).all()
    assert len(counts) == 3
    assert stats.chisquare(counts[wanted > 0], wanted[wanted > 0]).pvalue > FAILURE_RATE or (wanted > 0).sum() == 1


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_orders(parts):
    orders, counts = np.unique(
        drawn_by(v2.RandomOrder([v2.Identity()] * parts))["order"].numpy(), axis=0, return_counts=True
    )
    assert len(orders) == math.factorial(parts)
    assert parts == 1 or stats.chisquare(counts).pvalue > FAILURE_RATE


def test_rand_augment():
    """Operations and signs, independent between rounds."""
    transform = v2.RandAugment(3, 9)
    drawn = drawn_by(transform)
    operations, negative = drawn["operation"].numpy(), drawn["negative"].numpy()
    kinds = len(transform._AUGMENTATION_SPACE)
    for i in range(3):
        counts = np.bincount(operations[:, i], minlength=kinds)
        assert len(counts) == kinds
        assert stats.chisquare(counts).pvalue > FAILURE_RATE
        assert stats.binomtest(int(negative[:, i].sum()), N, 0.5).pvalue > FAILURE_RATE
        pairs = np.bincount(operations[:, i] * 2 + negative[:, i], minlength=2 * kinds)
        assert stats.chisquare(pairs).pvalue > FAILURE_RATE
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert stats.chisquare(np.bincount(operations[:, i] * kinds + operations[:, j])).pvalue > FAILURE_RATE


def test_every_random_draw_has_its_law():
    """What is left draws nothing."""
    here = {v2.RandomResizedCrop, v2.RandomErasing, v2.RandomCrop, v2.ColorJitter, v2.GaussianBlur, v2.RandAugment}
    here |= {v2.TrivialAugmentWide, v2.AutoAugment, v2.RandomChannelPermutation, v2.RandomPhotometricDistort}
    here |= DRAWN.keys()
    still = {v2.Resize, v2.CenterCrop, v2.Grayscale, v2.Normalize, v2.ToDtype, v2.ConvertImageDtype, v2.Pad}
    still |= {v2.LinearTransformation, v2.ToPILImage} | IDENTITIES
    drawn = {kind for kind in DRAWS if kind.__module__.startswith("torchvision.")}
    assert drawn - still == here | (SOMETIMES.keys() - {v2.RandomApply})
    assert not OURS.keys() & here  # those are tests/transforms'
