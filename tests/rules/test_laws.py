"""What `fuse` draws follows v2's laws: 20,000 images, every random rule, arguments that no symmetry hides.

Each statistic fails once in `1 / FAILURE_RATE` correct runs at most; seeds are fixed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2

from jointaug import fuse
from jointaug.rules import RULES

from .cases import IDENTITIES, OURS

N = 20_000
AT_EDGES = 4_000
"""How often v2 itself draws where its retries make it slow."""
FAILURE_RATE = 1e-6


def drawn_by(transform, shape=(40, 56), seed=0):
    """What a plan for `N` images holds; no pixel is looked at."""
    images = torch.zeros(1, 3, *shape).expand(N, 3, *shape)
    plan = fuse(transform).make_params(images, generator=torch.Generator().manual_seed(seed))
    return next(d.params for d in plan.drawn if d.transform is transform)


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


SOMETIMES = {
    v2.RandomHorizontalFlip: lambda p: v2.RandomHorizontalFlip(p),
    v2.RandomVerticalFlip: lambda p: v2.RandomVerticalFlip(p),
    v2.RandomGrayscale: lambda p: v2.RandomGrayscale(p),
    v2.RandomSolarize: lambda p: v2.RandomSolarize(0.5, p),
    v2.RandomPosterize: lambda p: v2.RandomPosterize(3, p),
    v2.RandomInvert: lambda p: v2.RandomInvert(p),
    v2.RandomEqualize: lambda p: v2.RandomEqualize(p),
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


def test_every_random_rule_has_its_law():
    """What is left draws nothing."""
    here = {v2.RandomResizedCrop, v2.RandomErasing, v2.RandomCrop, v2.ColorJitter, v2.GaussianBlur, v2.RandAugment}
    still = {v2.Resize, v2.CenterCrop, v2.Grayscale, v2.Normalize, v2.ToDtype, v2.ConvertImageDtype} | IDENTITIES
    ruled = {kind for kind in RULES if kind.__module__.startswith("torchvision.")}
    assert ruled - still == here | (SOMETIMES.keys() - {v2.RandomApply})
    assert not OURS.keys() & here  # those are tests/transforms'
