"""fuse: the same views as image by image, the same laws as v2's own draws, the same pixels as v2 in float."""

from __future__ import annotations

import inspect
import math
import pickle
import warnings

import numpy as np
import PIL.Image
import pytest
import torch
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import (
    Address,
    Addresses,
    ContrastiveCrop,
    JointBlur,
    JointColor,
    JointCrop,
    JointTransform,
    MultiResolution,
    MultiView,
    PerView,
    Shared,
    UncroppedView,
    fuse,
    views_at,
)
from jointaug.distributions import JointPair
from jointaug.rules import RULES, register

from ..rules.cases import mode

FAILURE_RATE = 1e-6
GENERATOR = torch.Generator().manual_seed(0)
BATCH = torch.rand(6, 3, 40, 56, generator=GENERATOR)
LIST = [torch.rand(3, h, w, generator=GENERATOR) for h, w in ((40, 56), (33, 90), (61, 37), (40, 40))]
TO_FLOAT = v2.ToDtype(torch.float32, scale=True)

OURS = {
    "crop": JointCrop(24),
    "reference": JointCrop(24, geometry="reference"),
    "suppressed": JointCrop(24, alpha=0.6),
    "decoupled": JointCrop(24, law=JointPair(0.0, 0.2, 1.0).decoupled()),
    "contrastive": ContrastiveCrop(24),
    "blur": v2.Compose([JointCrop(24), JointBlur(p=(1.0, 0.3))]),
    "color": v2.Compose([JointCrop(24), JointColor()]),
    "crop, options": JointCrop((24, 16), interpolation="bicubic", antialias=False),
    "contrastive, options": ContrastiveCrop((24, 16), interpolation="nearest", antialias=False),
    "resolution": MultiResolution((24, (16, 20))),
    "resolution, options": MultiResolution((24, (16, 20)), interpolation="bicubic", antialias=False),
    "original, options": MultiView(
        UncroppedView((24, 16), antialias=False), UncroppedView((24, 16), interpolation="nearest")
    ),
    "blur of one width": v2.Compose([JointCrop(24), JointBlur(3, (1.0, 2.0), p=(1.0, 0.3))]),
    "leoclr": MultiView(UncroppedView(24), JointCrop(24)),
    "multi-crop": MultiView(JointCrop(24), *[JointCrop(12, scale=(0.05, 0.4))] * 2),
    "per view": v2.Compose([JointCrop(24), PerView(v2.Identity(), v2.Compose([v2.Identity()])), JointColor()]),
    "two pairs": v2.Compose([MultiView(JointCrop(24), JointCrop(24)), JointColor(), JointBlur(p=1.0)]),
    "apply": v2.Compose([JointCrop(24), v2.RandomApply([JointBlur(p=1.0), JointColor(p=1.0)], 0.5)]),
    "order": v2.Compose([JointCrop(24), v2.RandomOrder([JointBlur(p=1.0), JointColor(p=1.0), JointBlur()])]),
    "choice": v2.RandomChoice([JointCrop(24, beta=2.0), v2.Compose([JointCrop(24), JointBlur(p=1.0)])], p=[0.3, 0.7]),
}


@pytest.mark.parametrize("kind", ["batch", "list"])
@pytest.mark.parametrize("name", OURS)
def test_by_address_both_executors_make_the_same_views(name, kind):
    images = BATCH if kind == "batch" else LIST
    index = torch.arange(len(images)) + 7
    fused = fuse(OURS[name])(images, addresses=Addresses(3, 1, index))
    for i, image in enumerate(images):
        for view, expected in zip(fused, views_at(OURS[name], Address(3, 1, i + 7), image), strict=True):
            torch.testing.assert_close(view[i], expected, atol=1e-5, rtol=0)


def test_addressed_views_do_not_depend_on_the_batch():
    fused = fuse(OURS["color"])
    whole = fused(BATCH, addresses=Addresses(0, 0, torch.arange(6)))
    for pick in ([4, 1], [2]):
        part = fused(BATCH[pick], addresses=Addresses(0, 0, torch.tensor(pick)))
        assert all(torch.equal(a, b[pick]) for a, b in zip(part, whole, strict=True))


def test_a_transform_without_a_rule_runs_as_image_by_image():
    pipeline = v2.Compose([JointCrop(24), PerView(v2.RandomRotation(30))])
    with pytest.warns(UserWarning, match="no rule for RandomRotation and runs it image by image"):
        fused = fuse(pipeline)
    state = torch.get_rng_state()
    views = fused(BATCH, addresses=Addresses(3, 1, torch.arange(6)))
    assert torch.equal(torch.get_rng_state(), state)
    for i, image in enumerate(BATCH):
        for view, expected in zip(views, views_at(pipeline, Address(3, 1, i), image), strict=True):
            torch.testing.assert_close(view[i], expected, atol=1e-5, rtol=0)


class JointSolarize(JointTransform):
    def __init__(self, threshold=(0.25, 1.0), *, p=0.5):
        super().__init__({"threshold": JointPair(0.0, *threshold)}, p=p)

    def transform_view(self, inpt, params):
        return self._call_kernel(F.solarize, inpt, threshold=params["threshold"])


def test_an_authors_transform_runs_with_its_draws_and_faster_with_a_rule():
    pipeline = v2.Compose([JointCrop(24), JointSolarize()])
    addresses = Addresses(0, 0, torch.arange(6))
    with pytest.warns(UserWarning, match="JointSolarize"):
        slow = fuse(pipeline)(BATCH, addresses=addresses)
    for i, image in enumerate(BATCH):
        for view, expected in zip(slow, views_at(pipeline, Address(0, 0, i), image), strict=True):
            torch.testing.assert_close(view[i], expected, atol=1e-5, rtol=0)
    from jointaug.functional import solarize

    @register(JointSolarize)
    def rule(transform, view, params):
        return view.step(solarize, params["threshold"], where=params["applied"])

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fast = fuse(pipeline)(BATCH, addresses=addresses)
    finally:
        RULES.pop(JointSolarize)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(slow, fast, strict=True))


V2 = {
    "resized crop": v2.RandomResizedCrop(24, (0.2, 1.0)),
    "narrow resized crop": v2.RandomResizedCrop((24, 16), (0.9, 1.0), (0.2, 0.5)),  # falls back nearly always
    "bicubic": v2.RandomResizedCrop(24, interpolation=v2.InterpolationMode.BICUBIC),
    "resize": v2.Resize((24, 32)),
    "resize shorter": v2.Resize(24),
    "center crop": v2.CenterCrop((20, 31)),
    "center crop padded": v2.CenterCrop((60, 31)),
    "crop": v2.RandomCrop(24),
    "crop padded": v2.RandomCrop(40, padding=4, fill=0.5),
    "crop padded if needed": v2.RandomCrop((50, 30), pad_if_needed=True, padding_mode="reflect"),
    "flip": v2.RandomHorizontalFlip(),
    "flip up": v2.RandomVerticalFlip(0.3),
    "flip twice": v2.Compose([v2.RandomHorizontalFlip(), v2.ColorJitter(0.4), v2.RandomHorizontalFlip(0.6)]),
    "flip, crop, flip": v2.Compose(
        [v2.RandomHorizontalFlip(), v2.RandomResizedCrop(24), v2.RandomVerticalFlip(), v2.RandomHorizontalFlip()]
    ),
    "jitter": v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
    "some jitter": v2.ColorJitter(brightness=(0.5, 1.5), hue=0.2),
    "gray": v2.RandomGrayscale(0.4),
    "always gray": v2.Grayscale(3),
    "one channel": v2.Grayscale(1),
    "blur": v2.GaussianBlur(9, (0.1, 2.0)),
    "solarize": v2.RandomSolarize(0.5),
    "posterize": v2.RandomPosterize(3),
    "invert": v2.RandomInvert(),
    "equalize": v2.RandomEqualize(),
    "erase": v2.RandomErasing(0.7, value=[0.1, 0.2, 0.3]),
    "augment": v2.RandAugment(2, 9),
    "apply": v2.RandomApply([v2.ColorJitter(0.4), v2.RandomHorizontalFlip()], 0.6),
    "apply a crop": v2.RandomApply([v2.RandomResizedCrop((40, 56), (0.2, 0.5))], 0.6),
    "choice": v2.RandomChoice([v2.ColorJitter(0.4), v2.RandomGrayscale(1.0), v2.Identity()], p=[0.5, 0.3, 0.2]),
    "order": v2.RandomOrder([v2.ColorJitter(0.4), v2.RandomSolarize(0.5, 1.0), v2.GaussianBlur(5)]),
    "normalize alike": v2.Normalize([0.4], [0.2]),
    "unscaled": v2.Compose([v2.ToDtype(torch.float64), v2.RandomHorizontalFlip()]),
    "normalize": v2.Compose([TO_FLOAT, v2.Normalize([0.4, 0.5, 0.6], [0.2, 0.3, 0.4])]),
    "as is": v2.Compose([v2.ToImage(), v2.ToPureTensor(), v2.Identity()]),
}


@pytest.mark.parametrize("seed", [1, 2])  # with the first, RandomApply acts on all six; with the second, on three
@pytest.mark.parametrize("name", [name for name in V2 if name not in ("choice", "order")])
def test_drawn_parameters_give_torchvisions_pixels(name, seed):
    """Each image of the batch, through v2's own functions with what was drawn for it, in float."""
    fused = fuse(V2[name])
    plan = fused.make_params(BATCH, generator=torch.Generator().manual_seed(seed))
    outputs = fused.transform(BATCH, plan)
    for i, image in enumerate(BATCH):
        drawn = iter([{key: pick(value, i) for key, value in d.params.items()} for d in plan.drawn])
        torch.testing.assert_close(outputs[i], replay(V2[name], image, drawn), atol=1e-5, rtol=0)


def pick(value, i):
    if isinstance(value, list):
        return [pick(part, i) for part in value]
    if not isinstance(value, torch.Tensor) or not value.ndim:
        return value
    return value[i] if value.ndim > 2 else value[i].tolist()


DRAWS_NOTHING = (v2.Resize, v2.CenterCrop, v2.Grayscale, v2.Normalize, v2.ToDtype, v2.ToImage, v2.ToPureTensor)


def replay(t, image, drawn):
    """One image through torchvision, with what the plan drew for it: parameters have v2's names."""
    match type(t).__name__:
        case "Compose":
            for part in t.transforms:
                image = replay(part, image, drawn)
            return image
        case "RandomApply":
            applied, out = next(drawn)["applied"], image
            for part in t.transforms:
                out = replay(part, out, drawn)
            return out if applied else image
        case "RandAugment":
            d, names = next(drawn), list(t._AUGMENTATION_SPACE)
            for operation, negative in zip(d["operation"], d["negative"], strict=True):
                magnitudes, signed = t._AUGMENTATION_SPACE[names[operation]]
                values = magnitudes(t.num_magnitude_bins, *image.shape[-2:])
                magnitude = 0.0 if values is None else float(values[t.magnitude])
                image = t._apply_image_or_video_transform(
                    image,
                    names[operation],
                    -magnitude if signed and negative else magnitude,
                    interpolation=t.interpolation,
                    fill=t._fill,
                )
            return image
    if isinstance(t, (*DRAWS_NOTHING, v2.Identity)):
        return t(image)
    params = dict(next(drawn))
    return t.transform(image, params) if params.pop("applied", True) else image


CROP = v2.RandomResizedCrop(24, (0.2, 1.0))
PAIRS = {  # which must not share a pass over memory
    "interpolation": (CROP, v2.RandomResizedCrop(24, (0.2, 1.0), interpolation=mode("nearest"))),
    "antialias": (CROP, v2.RandomResizedCrop(24, (0.2, 1.0), antialias=False)),
    "size": (CROP, v2.RandomResizedCrop((24, 16), (0.2, 1.0))),
    "kernel": (v2.Compose([CROP, v2.GaussianBlur(3, 2.0)]), v2.Compose([CROP, v2.GaussianBlur(9, 2.0)])),
    "mean": (v2.Compose([CROP, v2.Normalize([0.5], [0.2])]), v2.Compose([CROP, v2.Normalize([0.4], [0.2])])),
    "bits": (v2.Compose([CROP, v2.RandomPosterize(1)]), v2.Compose([CROP, v2.RandomPosterize(3)])),
    "step": (v2.Compose([CROP, v2.RandomInvert()]), v2.Compose([CROP, v2.RandomVerticalFlip()])),
    "dtype": (CROP, v2.Compose([CROP, v2.ToDtype(torch.float64, scale=True)])),
    "flip": (CROP, v2.Compose([CROP, v2.RandomHorizontalFlip()])),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("reverse", [False, True])
def test_two_views_that_differ_in_one_option_differ_in_it(name, reverse):
    """Each is torchvision's with its own options."""
    pair = PAIRS[name][::-1] if reverse else PAIRS[name]
    fused = fuse(MultiView(*pair))
    plan = fused.make_params(BATCH, generator=torch.Generator().manual_seed(1))
    views = fused.transform(BATCH, plan)
    for i, image in enumerate(BATCH):
        drawn = iter([{key: pick(value, i) for key, value in d.params.items()} for d in plan.drawn])
        for view, transform in zip(views, pair, strict=True):
            torch.testing.assert_close(view[i], replay(transform, image, drawn), atol=1e-5, rtol=0)


def test_between_crops_nothing_is_lost_of_float64():
    """Cuts compute nothing: to the last bit."""
    images = torch.rand(6, 3, 40, 56, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    pipeline = v2.Compose([v2.CenterCrop(36), v2.RandomHorizontalFlip(), v2.RandomCrop(24), v2.RandomVerticalFlip()])
    fused = fuse(pipeline)
    plan = fused.make_params(images, generator=torch.Generator().manual_seed(1))
    for i, view in enumerate(fused.transform(images, plan)):
        drawn = iter([{key: pick(value, i) for key, value in d.params.items()} for d in plan.drawn])
        assert torch.equal(view, replay(pipeline, images[i], drawn))


def test_a_random_choice_takes_one_part_for_each_image():
    fused = fuse(V2["choice"])
    plan = fused.make_params(BATCH, generator=torch.Generator().manual_seed(0))
    out = fused.transform(BATCH, plan)
    jitter = next(d for d in plan.drawn if type(d.transform) is v2.ColorJitter)
    choice = next(d for d in plan.drawn if type(d.transform) is v2.RandomChoice).params["choice"]
    assert set(choice.tolist()) == {0, 1, 2}
    for i, image in enumerate(BATCH):
        parts = [
            lambda i=i, image=image: replay(
                jitter.transform, image, iter([{k: pick(v, i) for k, v in jitter.params.items()}])
            ),
            lambda image=image: F.rgb_to_grayscale(image, 3),
            lambda image=image: image,
        ]
        torch.testing.assert_close(out[i], parts[int(choice[i])](), atol=1e-5, rtol=0)


def test_a_random_order_runs_every_part_once_in_its_order():
    fused = fuse(V2["order"])
    plan = fused.make_params(BATCH, generator=torch.Generator().manual_seed(4))
    out = fused.transform(BATCH, plan)
    order = next(d for d in plan.drawn if type(d.transform) is v2.RandomOrder).params["order"]
    assert len({tuple(row) for row in order.tolist()}) > 2
    by_kind = {type(d.transform).__name__: d for d in plan.drawn}
    for i, image in enumerate(BATCH):
        expected = image
        for part in order[i].tolist():
            t = V2["order"].transforms[part]
            params = {k: pick(v, i) for k, v in by_kind[type(t).__name__].params.items()}
            expected = replay(t, expected, iter([params]))
        close = torch.isclose(out[i], expected, atol=1e-5, rtol=0)
        assert close.double().mean() > 0.999  # a pixel at solarize's threshold may fall on either side


def draws_of(pipeline, kind, n=20_000, seed=0):
    images = torch.zeros(1, 3, 40, 56).expand(n, 3, 40, 56)
    plan = fuse(pipeline).make_params(images, generator=torch.Generator().manual_seed(seed))
    return [d.params for d in plan.drawn if type(d.transform) is kind]


@pytest.mark.parametrize(
    "crop",
    [v2.RandomResizedCrop(24), v2.RandomResizedCrop(24, (0.8, 1.0)), v2.RandomResizedCrop(24, (0.9, 1.0), (0.2, 0.5))],
    ids=["usual", "large", "falls back"],
)
def test_resized_crops_follow_torchvisions_law(crop):
    """Two samples of 20,000 boxes: each side and offset by KS (DKW for both samples), and the whole image's rate."""
    n = 20_000
    (drawn,) = draws_of(crop, v2.RandomResizedCrop, n)
    torch.manual_seed(1)
    image = torch.zeros(3, 40, 56)
    keys = ("top", "left", "height", "width")
    own = np.array([[params[k] for k in keys] for params in (crop.make_params([image]) for _ in range(n))])
    bound = 2 * math.sqrt(math.log(2 / (FAILURE_RATE / 4)) / (2 * n))
    for i in range(4):
        assert stats.ks_2samp(drawn[keys[i]].numpy(), own[:, i]).statistic < bound
    areas = [(drawn["height"] * drawn["width"]).numpy(), own[:, 2] * own[:, 3]]
    assert stats.ks_2samp(*areas).statistic < bound


def test_erased_boxes_follow_torchvisions_law():
    n, erase = 20_000, v2.RandomErasing(1.0, (0.02, 0.9))
    (drawn,) = draws_of(erase, v2.RandomErasing, n)
    torch.manual_seed(1)
    own = [erase.make_params([torch.zeros(3, 40, 56)]) for _ in range(n)]
    bound = 2 * math.sqrt(math.log(2 / (FAILURE_RATE / 4)) / (2 * n))
    kept = drawn["applied"].numpy()
    fitted = np.array([p["v"] is not None for p in own])
    assert abs(kept.mean() - fitted.mean()) < bound
    for key in "ijhw":
        values = np.array([p[key] for p in own])[fitted]
        assert stats.ks_2samp(drawn[key].numpy()[kept], values).statistic < 1.5 * bound


RATES = {
    "flip": (v2.RandomHorizontalFlip(0.3), 0.3),
    "flip up": (v2.RandomVerticalFlip(0.8), 0.8),
    "gray": (v2.RandomGrayscale(0.2), 0.2),
    "solarize": (v2.RandomSolarize(0.5, p=0.1), 0.1),
    "posterize": (v2.RandomPosterize(3, p=0.6), 0.6),
    "invert": (v2.RandomInvert(0.7), 0.7),
    "equalize": (v2.RandomEqualize(0.15), 0.15),
    "erase": (v2.RandomErasing(0.25, (0.02, 0.1), (0.8, 1.2)), 0.25),
    "apply": (v2.RandomApply([v2.ColorJitter(0.4)], 0.8), 0.8),
}


@pytest.mark.parametrize("name", RATES)
def test_every_random_step_acts_at_its_rate_in_each_view_independently(name):
    """Exact binomial tails of both views' rates and of both acting."""
    n = 50_000
    transform, p = RATES[name]
    pipeline = v2.Compose([MultiView(v2.Identity(), v2.Identity()), PerView(transform)])
    first, second = (d["applied"] for d in draws_of(pipeline, type(transform), n))
    for count, rate in ((first.sum(), p), (second.sum(), p), ((first & second).sum(), p * p)):
        assert stats.binomtest(int(count), n, rate).pvalue > FAILURE_RATE


def test_choices_and_orders_are_drawn_at_their_rates():
    n = 30_000
    (choice,) = draws_of(V2["choice"], v2.RandomChoice, n)
    counts = torch.bincount(choice["choice"], minlength=3)
    assert stats.chisquare(counts.numpy(), n * np.array([0.5, 0.3, 0.2])).pvalue > FAILURE_RATE
    (order,) = draws_of(V2["order"], v2.RandomOrder, n)
    counts = np.unique(order["order"].numpy(), axis=0, return_counts=True)[1]
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > FAILURE_RATE
    (augment,) = draws_of(V2["augment"], v2.RandAugment, n)
    counts = torch.bincount(augment["operation"].flatten())
    assert len(counts) == len(v2.RandAugment._AUGMENTATION_SPACE)
    assert stats.chisquare(counts.numpy()).pvalue > FAILURE_RATE


def test_jitters_follow_their_ranges_and_orders():
    n = 50_000
    (jitter,) = draws_of(V2["jitter"], v2.ColorJitter, n)
    bound = math.sqrt(math.log(2 / FAILURE_RATE) / (2 * n))
    for name, low, high in (
        ("brightness", 0.6, 1.4),
        ("contrast", 0.6, 1.4),
        ("saturation", 0.6, 1.4),
        ("hue", -0.1, 0.1),
    ):
        assert stats.kstest(jitter[f"{name}_factor"].numpy(), stats.uniform(low, high - low).cdf).statistic < bound
    counts = np.unique(jitter["fn_idx"].numpy(), axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > FAILURE_RATE


def test_shared_steps_draw_once_and_per_view_steps_twice():
    twice = MultiView(v2.Identity(), v2.Identity())
    same = fuse(v2.Compose([twice, Shared(v2.ColorJitter(0.4))]))(BATCH)
    other = fuse(v2.Compose([twice, PerView(v2.ColorJitter(0.4))]))(BATCH)
    assert torch.equal(*same)
    assert not any(torch.equal(a, b) for a, b in zip(*other, strict=True))
    assert len({tuple((view / image).mean((1, 2)).tolist()) for view, image in zip(same[0], BATCH, strict=True)}) == 6


MOCO = v2.Compose(
    [
        JointCrop(24),
        PerView(
            v2.Compose(
                [
                    v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
                    v2.RandomGrayscale(0.2),
                    v2.RandomApply([v2.GaussianBlur(5, (0.1, 2.0))], p=0.5),
                    v2.RandomHorizontalFlip(),
                    TO_FLOAT,
                    v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
                ]
            )
        ),
    ]
)


def test_a_chain_on_uint8_is_the_float_chain_of_the_same_bytes():
    levels = (BATCH * 255).round().to(torch.uint8)
    addresses = Addresses(0, 0, torch.arange(6))
    for a, b in zip(
        fuse(MOCO)(levels, addresses=addresses), fuse(MOCO)(levels / 255, addresses=addresses), strict=True
    ):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=0)
        assert a.dtype == torch.float32


def test_parameters_may_be_drawn_first_and_replayed():
    fused = fuse(MOCO)
    plan = fused.make_params(BATCH, generator=torch.Generator().manual_seed(0))
    first, again = fused.transform(BATCH, plan), fused.transform(BATCH, plan)
    at_once = fused(BATCH, generator=torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(first, again, at_once, strict=True))
    assert not torch.equal(first[0], fused(BATCH, generator=torch.Generator().manual_seed(1))[0])


def test_the_global_generator_drives_what_has_no_other():
    fused = fuse(MOCO)
    torch.manual_seed(5)
    first = fused(BATCH)
    torch.manual_seed(5)
    assert all(torch.equal(a, b) for a, b in zip(first, fused(BATCH), strict=True))


def test_a_given_generator_leaves_the_global_one_alone():
    state = torch.get_rng_state()
    fuse(v2.Compose([JointCrop(24), PerView(v2.RandAugment())]))(BATCH, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), state)


def test_collated_views_are_taken_one_by_one():
    views = [BATCH, BATCH.flip(0)]
    rest = PerView(v2.Compose([v2.ColorJitter(0.4), v2.RandomHorizontalFlip()]))
    out = fuse(rest)(views, addresses=Addresses(0, 0, torch.arange(6)))
    assert type(out) is list
    assert [o.shape for o in out] == [BATCH.shape] * 2
    blurred = fuse(JointBlur(p=1.0))(views)
    assert not torch.equal(blurred[0], BATCH)


@pytest.mark.parametrize("images", [LIST, [(255 * image).byte() for image in LIST]], ids=["float", "uint8"])
@pytest.mark.parametrize(
    "resize",
    [
        v2.Resize(30),
        v2.Resize(20, max_size=50),
        v2.RandomApply([v2.Resize(33, max_size=200)], p=1.0),
        v2.Resize((30, 31)),
    ],
    ids=["shorter", "max_size", "sometimes", "both"],
)
def test_a_resize_keeps_each_images_aspect_ratio_before_a_crop_makes_the_batch(images, resize):
    if isinstance(resize, v2.RandomApply):  # a list whose sizes it keeps, or the batch's sizes would be random
        images = [image[..., :33, :] for image in images if min(image.shape[1:]) >= 33]
    pipeline = v2.Compose(
        [v2.RandomHorizontalFlip(1.0), resize, v2.CenterCrop((18, 20)), v2.ToDtype(torch.float32, scale=True)]
    )
    wanted = torch.stack([pipeline(image) for image in images])
    distance = (fuse(pipeline)(images) - wanted).abs().max()
    assert distance <= (1e-5 if images[0].is_floating_point() else 1.001 / 255)
    alone = torch.cat([fuse(pipeline)(image[None]) for image in images])  # whatever the batch
    assert (fuse(pipeline)(images) - alone).abs().max() <= 1e-6


def test_lists_may_hold_pil_images():
    images = [F.to_pil_image(image) for image in LIST]
    fused = fuse(v2.Compose([v2.ToImage(), *MOCO.transforms]))
    addresses = Addresses(0, 0, torch.arange(4))
    tensors = [F.pil_to_tensor(image) for image in images]
    assert torch.equal(fused(images, addresses=addresses)[1], fused(tensors, addresses=addresses)[1])


def test_a_nan_stays_in_its_image():
    broken = BATCH.clone()
    broken[2, 0, 3, 3] = math.nan
    addresses = Addresses(0, 0, torch.arange(6))
    pipeline = v2.Compose(
        [JointCrop(24, scale=(0.9, 1.0)), PerView(v2.Compose(MOCO.transforms[1].transforms[0].transforms))]
    )
    clean, dirty = fuse(pipeline)(BATCH, addresses=addresses), fuse(pipeline)(broken, addresses=addresses)
    for a, b in zip(clean, dirty, strict=True):
        rest = [0, 1, 3, 4, 5]
        assert torch.equal(a[rest], b[rest])
        assert b[2].isnan().any()


def test_views_are_contiguous_batches():
    assert all(view.is_contiguous() for view in fuse(MOCO)(BATCH))
    pillow = [F.to_pil_image(image) for image in (BATCH[:2] * 255).byte()]
    for fused in (fuse(v2.RandomHorizontalFlip(0.0)), fuse(v2.RandomHorizontalFlip()), fuse(v2.RandomAutocontrast())):
        assert fused(pillow).is_contiguous()
        assert fused(pillow[0]).is_contiguous()


@pytest.mark.parametrize("name", V2)
def test_images_do_not_touch_each_other_nor_the_input(name):
    """NaN in one image leaves all others as they are, bit for bit; the input stays as it was."""
    broken = BATCH.clone()
    broken[2, 1, 10:30, 10:40] = math.nan
    fused, kept = fuse(V2[name]), broken.clone()
    plan = fused.make_params(BATCH, generator=torch.Generator().manual_seed(2))
    clean, dirty = fused.transform(BATCH, plan), fused.transform(broken, plan)
    rest = [0, 1, 3, 4, 5]
    assert torch.equal(clean[rest], dirty[rest])
    assert torch.equal(broken.nan_to_num(7), kept.nan_to_num(7))


@pytest.mark.parametrize("name", V2)
def test_a_plan_travels_between_processes(name):
    fused = fuse(V2[name])
    plan = fused.make_params(BATCH, generator=torch.Generator().manual_seed(2))
    arrived = pickle.loads(pickle.dumps(plan))
    assert torch.equal(fused.transform(BATCH, plan), fused.transform(BATCH, arrived))


@pytest.mark.parametrize("name", V2)
def test_a_list_of_one_size_is_a_batch(name):
    fused, generator = fuse(V2[name]), torch.Generator()
    batch, listed = (fused(images, generator=generator.manual_seed(3)) for images in (BATCH, list(BATCH)))
    torch.testing.assert_close(listed, batch, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "name", [name for name in [*V2, *OURS] if name not in ("augment", "contrastive", "suppressed")]
)
def test_nothing_looks_at_a_value_on_an_accelerator(name):
    """The meta device has no values: to look at one, as would make a GPU's host wait, is an error there."""
    pipeline = {**V2, **OURS}[name]
    views, there = (fuse(pipeline)(batch) for batch in (BATCH, BATCH.to("meta")))
    if isinstance(views, torch.Tensor):
        views, there = [views], [there]
    assert [(v.shape, v.dtype) for v in views] == [(t.shape, t.dtype) for t in there]


def test_a_fused_module_prints_its_pipeline():
    assert repr(fuse(JointCrop(24))).startswith("Fused(")
    assert "JointCrop(size=(24, 24)" in repr(fuse(JointCrop(24)))
    assert "memory_format" not in repr(fuse(JointCrop(24)))
    assert "), memory_format=torch.channels_last" in repr(fuse(JointCrop(24), memory_format=torch.channels_last))


def test_what_is_fused_keeps_its_memory_format_or_takes_another():
    first = fuse(MOCO, memory_format=torch.channels_last)
    assert fuse(first) is fuse(first, memory_format=torch.channels_last) is first
    other = fuse(first, memory_format=torch.contiguous_format)
    assert (other.memory_format, other.pipeline) == (torch.contiguous_format, MOCO)
    assert pickle.loads(pickle.dumps(first)).memory_format is torch.channels_last


WRONG = [
    (lambda: fuse(3), TypeError, "pipeline must be a transform, got 3"),
    (lambda: fuse(v2.ColorJitter), TypeError, "pipeline must be a transform"),
    (lambda: fuse(MOCO, memory_format=3), ValueError, "memory_format must be torch.contiguous_format or .*, got 3"),
    (lambda: fuse(fuse(MOCO), memory_format=torch.channels_last_3d), ValueError, "memory_format must be"),
    (lambda: register(3), TypeError, "register takes types"),
    (lambda: fuse(v2.RandomApply([JointCrop(8)])), ValueError, "number of views must not be random"),
    (lambda: fuse(v2.RandomChoice([JointCrop(8), MultiView(*[JointCrop(8)] * 2)])), ValueError, "must not be random"),
    (lambda: fuse(v2.RandomOrder([JointCrop(8), v2.Identity()])), ValueError, "must not be random"),
    (lambda: fuse(MOCO)(BATCH[0, 0]), ValueError, r"shape \[B, C, H, W\], got \(40, 56\); stack images to"),
    (lambda: fuse(MOCO)(BATCH[:0]), ValueError, "must hold images with pixels"),
    (lambda: fuse(MOCO)([]), ValueError, "at least one image"),
    (lambda: fuse(MOCO)(BATCH.int()), TypeError, "must be uint8 or floating point, got torch.int32"),
    (lambda: fuse(MOCO)("images"), TypeError, "batch must be a tensor"),
    (lambda: fuse(MOCO)([LIST[0], 3]), TypeError, r"batch\[1\] must be an image .* got int"),
    (lambda: fuse(MOCO)([LIST[0], LIST[1][0]]), TypeError, r"batch\[1\] must be an image .* shape \(33, 90\)"),
    (lambda: fuse(MOCO)([LIST[0], LIST[1][:1]]), ValueError, r"batch\[1\], a tensor of 1 channels"),
    (lambda: fuse(MOCO)([LIST[0], PIL.Image.new("RGB", (9, 9))]), ValueError, "agree in type, channels, dtype"),
    (lambda: fuse(JointBlur())([BATCH, BATCH[:2]]), ValueError, "same images on one device"),
    (lambda: fuse(JointBlur())([BATCH] * 3), ValueError, "couples every 2 consecutive views, got 3"),
    (lambda: fuse(PerView(v2.Identity()))(BATCH), TypeError, "takes views, got one batch"),
    (lambda: fuse(v2.Compose([JointCrop(8), v2.ColorJitter(0.1)]))(BATCH), TypeError, r"PerView\(ColorJitter"),
    (lambda: fuse(PerView(JointCrop(8)))([BATCH, BATCH]), TypeError, "made views of a view"),
    (lambda: fuse(v2.Resize(20))(LIST), ValueError, "sizes of their own, where a batch is wanted"),
    (lambda: fuse(v2.RandomApply([v2.Resize(20)]))(LIST), ValueError, "random choice must give images of one size"),
    (lambda: fuse(v2.RandomHorizontalFlip())(LIST), ValueError, "sizes of their own, where a batch is wanted"),
    (
        lambda: fuse(v2.RandomChoice([v2.Resize((8, 8)), v2.Resize((9, 9))]))(BATCH),
        ValueError,
        "images of one size, dtype and number",
    ),
    (lambda: fuse(v2.Normalize([0.5], [0.5]))((BATCH * 255).byte()), TypeError, r"put v2.ToDtype\(torch.float32"),
    (
        lambda: fuse(MOCO)(BATCH, generator=torch.Generator(), addresses=Addresses(0, 0, torch.arange(6))),
        ValueError,
        "both",
    ),
    (lambda: fuse(MOCO)(BATCH, addresses=Addresses(0, 0, torch.arange(5))), ValueError, "got 5 for 6 images"),
    (lambda: fuse(MOCO).transform(BATCH[:3], fuse(MOCO).make_params(BATCH)), ValueError, "made for another batch"),
    (lambda: fuse(MOCO).transform(BATCH, {}), TypeError, "must come from make_params, got dict"),
    (lambda: fuse(MOCO)(BATCH, generator=3), TypeError, "generator must be a torch.Generator, got 3"),
    (lambda: fuse(MOCO)(BATCH.to("meta"), generator=torch.Generator()), ValueError, "on the images' device meta"),
    (lambda: fuse(MOCO)(BATCH, addresses=Address(0, 0, 1)), TypeError, r"got Address\(.*write Addresses"),
    (lambda: fuse(MOCO)(BATCH, addresses=[0] * 6), TypeError, "addresses must be jointaug.Addresses"),
    (lambda: fuse(MOCO)([LIST[0], None]), TypeError, r"batch\[1\] must be an image"),
    (lambda: fuse(MOCO)([LIST[0], LIST[1][:, :0]]), TypeError, r"batch\[1\] must be an image .* \(3, 0, 90\)"),
    (lambda: fuse(v2.CenterCrop(10**6))(BATCH), ValueError, r"below 2\*\*31, got \(1000000, 1000000\)"),
    (lambda: fuse(v2.RandomCrop(9, padding=10**6))(BATCH), ValueError, r"below 2\*\*31"),
    (lambda: fuse(v2.Resize((60_000, 60_000)))(BATCH), ValueError, r"below 2\*\*31"),
    (lambda: fuse(v2.RandomCrop(50))(BATCH), ValueError, r"at least 50 x 50, got 40 x 56 \(image 0\)"),
    (lambda: fuse(v2.RandomCrop(40))(LIST), ValueError, r"at least 40 x 40, got 33 x 90 \(image 1\)"),
    (lambda: fuse(v2.RandomCrop(42, padding=4))(LIST), ValueError, r"at least 42 x 42 once padded, got 41 x 98"),
    (lambda: fuse(v2.RandomErasing(value=[0, 1]))(BATCH), ValueError, "one for each of 3 channels"),
    (
        lambda: fuse(v2.RandomChoice([v2.RandomResizedCrop(8), v2.RandomCrop(8)]))(BATCH),
        ValueError,
        r"got \[\(\(8, 8\), 'bilinear'\), \(\(8, 8\), 'nearest'\)\]; crop outside",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), WRONG)
def test_wrong_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_fuse_has_register():
    """A plain function for all that (what type checkers know is in tests/typed_calls.py)."""
    assert fuse.register is register
    assert inspect.isfunction(fuse)
    assert pickle.loads(pickle.dumps(fuse)) is fuse
