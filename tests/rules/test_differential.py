"""Three ways to the same views: `fuse` on both backends, this library image by image, and torchvision's own transforms.

Hypothesis draws transforms in all forms of their arguments, and images in all forms that `fuse` takes (`cases.py`). The
plan's parameters go into v2's own ``transform``, image by image (`oracle.py`): one step alone agrees to one level for
uint8, to 1e-5 for floats on [0, 1], to the last place of half precision, and bit by bit where nothing is computed. What
v2 refuses is refused.

`CASES` examples for each of 65 tests, 6,500 by default, always the same; the longer form::

    JOINTAUG_DIFFERENTIAL_CASES=3000 pytest tests/rules/test_differential.py
"""

from __future__ import annotations

import copy
import os
import warnings
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F
from torchvision.transforms.v2._transform import _RandomApplyTransform

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
from jointaug._draws import DRAWS, SANITIZERS
from jointaug.chance import child_step
from jointaug.rules import RULES, rule_of

from .cases import DRAWN, FORMS, IDENTITIES, OURS, RESIZED, V2, Case, Images, images, mode
from .oracle import BACKENDS, EXACT, FACTORS, OF_PIL, as_on_pil, as_tensor, by_v2, drawn_for, running_on

CASES = int(os.environ.get("JOINTAUG_DIFFERENTIAL_CASES", "100"))
examples = settings(
    max_examples=CASES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
HALF = 2.0**-11
"""Rounding to float16 on [0.5, 1)."""


def name(kind):
    return kind.__name__


def in_order(kinds):
    """The same order in every process: the processes of a parallel run must find the same tests."""
    return sorted(kinds, key=lambda kind: (kind.__name__, kind.__module__))


# ---- one transform -------------------------------------------------------------------------------------------------


def fused_of(transform):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fuse has no rule")
        return fuse(transform)


BICUBIC = (mode("bicubic"), InterpolationMode.BICUBIC, 3)
GATHER = v2.Resize((5, 6), mode("nearest-exact"))
"""It makes a batch of images of several sizes, and computes nothing."""
TO_FLOAT = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
LENIENT = {v2.GaussianBlur, *SANITIZERS}
"""A blur of an image smaller than its kernel is refused by v2 alone (see `jointaug.functional.gaussian_blur`), and so
is an image without boxes to look through, as in a batch."""


def tried(call):
    """What it returns, or the error; v2 warns of arguments that have no effect."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except Exception as error:
        return error


def as_good(error, theirs):
    """Errors of ours are of these types; what torch raises may pass where v2 lets it pass, too."""
    return isinstance(error, (TypeError, ValueError)) or type(error) is type(theirs)


def for_tensor_kernels(transform, sample):
    """Transform and image such that v2 runs its tensor kernels, which are those of `fuse` where it has a rule."""
    if isinstance(sample, torch.Tensor) or type(transform) in OF_PIL or rule_of(transform) is None:
        return transform, sample
    return as_on_pil(transform), F.to_image(sample)


def acting(transform, sample):
    """v2's result or error where the transform acts, whatever its probability."""
    if isinstance(transform, _RandomApplyTransform):
        transform = copy.copy(transform)
        transform.p = 1.0
    transform(sample)
    transform, sample = for_tensor_kernels(transform, sample)
    return transform(sample)


def expected(transform, sample, drawn, given, tail):
    """v2's results for one image (in half precision: and that of float32), its dtype, and how far it may be."""
    transform, sample = for_tensor_kernels(transform, sample)
    finish = TO_FLOAT if tail else lambda result: result
    raw = by_v2(transform, sample, drawn)
    kind, results = type(transform), [as_tensor(finish(raw))]
    wanted, chain = results[0].dtype, {given.dtype, as_tensor(raw).dtype}
    if kind in EXACT or drawn.get("applied") is False or rule_of(transform) is None:
        return results, wanted, 0.0
    active = [factor for factor in FACTORS if getattr(transform, factor, None) is not None]
    jitter = kind is v2.ColorJitter and (len(active) > 1 or given.dtype is torch.uint8)
    if jitter or kind is v2.RandomPhotometricDistort:  # a chain, which is one in floats
        results = [as_tensor(by_v2(transform, F.to_dtype(sample, torch.float32, scale=True), drawn))]
        if wanted is torch.uint8:
            results[0] = results[0] * 255
    elif given.dtype is torch.float16:
        single = tried(lambda: as_tensor(finish(by_v2(transform, F.to_dtype(sample, torch.float32), drawn))))
        results += [] if isinstance(single, Exception) else [single]
    close = 1e-5
    if torch.float16 in chain:
        close += HALF * (4 if kind in (v2.Resize, v2.RandomResizedCrop, v2.RandAugment) else 1)  # it overshoots 1
    if torch.uint8 in chain:
        close = 1.0 if wanted is torch.uint8 else 1.001 / 255
        if wanted is not torch.uint8 and getattr(transform, "interpolation", None) in BICUBIC:
            close = 1.126 / 255  # v2 rounds between the passes, too, and weights add up to 1.25 without their signs
    if kind is v2.Normalize:  # to be compared before it
        close = (close + (8 * HALF if torch.float16 in chain else 0)) / min(transform.std)
    return results, wanted, close


def stricter(transform, given):
    """Where `fuse` refuses what v2 takes."""
    if isinstance(transform, v2.Normalize):  # v2 broadcasts one channel to as many as there are statistics
        return max(len(transform.mean), len(transform.std)) > given.channels
    if isinstance(transform, v2.RandomPhotometricDistort):  # v2 if it draws a change of color
        return given.channels not in (1, 3)
    if isinstance(transform, (v2.ToDtype, v2.ConvertImageDtype)) and given.form == "PIL":
        return True  # v2 leaves a PIL image as it is
    dtype = getattr(transform, "dtype", None)
    if torch.int32 in (dtype.values() if isinstance(dtype, dict) else [dtype]):
        return True  # which no kernel takes on
    interpolation = getattr(transform, "interpolation", None)
    return interpolation in ("box", InterpolationMode.HAMMING)  # v2 has them for PIL, and for no resize at all


def check(case, given, seed, tail=False, head=None):
    """``case`` on ``given`` by `fuse` and by v2, with what was drawn; with ``tail``, floats in the end."""
    transform = tried(case.make)
    assume(not isinstance(transform, Exception))  # refused before fuse sees it
    apart = len(set(given.shapes)) > 1 or case.kind in RESIZED
    ends = (TO_FLOAT if tail else None, GATHER if apart else None)
    steps = [step for step in (head, transform, *ends) if step is not None]
    fused = fused_of(v2.Compose(steps) if len(steps) > 1 else transform)
    batch, samples = given.batch(), [sample if head is None else head(sample) for sample in given.samples()]
    plan = tried(lambda: fused.make_params(batch, generator=torch.Generator().manual_seed(seed)))
    wants, outputs = [], [plan]
    if not isinstance(plan, Exception):
        rows = [next((drawn_for(d.params, i) for d in plan.drawn), {}) for i in range(len(samples))]
        wants = [
            tried(lambda s=s, row=row: expected(transform, s, row, given, tail))
            for s, row in zip(samples, rows, strict=True)
        ]
        outputs = []
        for backend in BACKENDS:
            with running_on(backend):
                outputs.append(tried(lambda: fused.transform(batch, plan)))
    ours = next((output for output in outputs if isinstance(output, Exception)), None)
    theirs = next((want for want in wants if isinstance(want, Exception)), None)
    if ours is not None:
        if theirs is None:
            errors = [tried(lambda s=s: acting(transform, s)) for s in samples]
            theirs = next((error for error in errors if isinstance(error, Exception)), None)
        assert theirs is not None or stricter(transform, given), f"fuse refuses, v2 does not: {ours!r}"
        assert as_good(ours, theirs), f"{ours!r} is not as good as {theirs!r}"
        return
    if theirs is not None:
        assert type(transform) in LENIENT, f"v2 refuses, fuse does not: {theirs!r}"
        return
    for before, after in zip(given.pixels(), batch, strict=True):
        assert torch.equal(before, as_tensor(after)), "the input was changed"
    for backend, output in zip(BACKENDS, outputs, strict=True):
        for i, (got, (results, dtype, close)) in enumerate(zip(output, wants, strict=True)):
            where = f"{backend}, image {i}, drawn {rows[i]}"
            results = [GATHER(result) if apart else result for result in results]
            assert got.shape == results[0].shape, f"{tuple(got.shape)}, v2: {tuple(results[0].shape)}; {where}"
            assert got.dtype == dtype, f"{got.dtype}, v2: {dtype}; {where}"
            if not got.numel():  # cropped to nothing by a negative padding
                continue
            distance = torch.stack([(got.double() - result.double()).abs() for result in results]).amin(0).max().item()
            assert distance <= close, f"{distance:.3g} from v2, allowed {close:.3g}; {where}"


@examples
@given(data=st.data())
@pytest.mark.parametrize("kind", V2 | DRAWN, ids=name)
def test_each_transform_with_what_was_drawn_is_v2s(kind, data):
    check(data.draw((V2 | DRAWN)[kind]), data.draw(images()), data.draw(st.integers(0, 9)), data.draw(st.booleans()))


@examples
@given(data=st.data())
@pytest.mark.parametrize(
    "kind",
    [v2.RandomCrop, v2.ToDtype, v2.ConvertImageDtype, v2.Normalize, v2.RandAugment, v2.AutoAugment, v2.Pad],
    ids=name,
)
def test_what_goes_by_type_goes_by_the_type_at_its_place(kind, data):
    head = data.draw(st.sampled_from([v2.ToImage(), v2.ToPureTensor(), v2.PILToTensor()]))
    check(data.draw(V2[kind]), data.draw(images()), data.draw(st.integers(0, 9)), data.draw(st.booleans()), head)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("head", [v2.Identity(), v2.ToImage(), v2.ToPureTensor(), v2.PILToTensor()], ids=repr)
def test_a_transform_without_a_rule_sees_the_type_that_v2_shows_it_and_each_image_once(form, head):
    seen = []

    def look(image):
        seen.append((type(image), as_tensor(image).float().mean().item()))
        return image

    given = Images(form, torch.uint8, 3, ((5, 7),) * 3)
    pipeline = v2.Compose([head, v2.Lambda(look)])
    fused = fused_of(pipeline)
    fused(given.batch())
    by_fuse, seen = seen, []
    for sample in given.samples():
        pipeline(sample)
    assert by_fuse == seen


# ---- containers ----------------------------------------------------------------------------------------------------


class Twice(v2.Compose):
    """What a subclass may do."""

    def forward(self, *inputs):
        return super().forward(super().forward(*inputs))


class Backwards(nn.Sequential):
    def forward(self, x):
        for part in reversed(self):
            x = part(x)
        return x


class Unless(v2.RandomApply):
    def forward(self, *inputs):
        return inputs[0] if torch.rand(1) < self.p else v2.Compose(list(self.transforms))(*inputs)


class Last(v2.RandomChoice):
    def forward(self, *inputs):
        return self.transforms[-1](*inputs)


class AsWritten(v2.RandomOrder):
    def forward(self, *inputs):
        return v2.Compose(list(self.transforms))(*inputs)


class Renamed(v2.Compose):
    """A subclass that changes nothing."""


class UpsideDown(v2.RandomHorizontalFlip):
    def transform(self, inpt, params):
        return F.vertical_flip(inpt)


class Darker(v2.ColorJitter):
    def make_params(self, flat_inputs):
        return super().make_params(flat_inputs) | {"brightness_factor": 0.25}


class ByHalves(v2.GaussianBlur):
    """Forward itself is another."""

    def forward(self, *inputs):
        return inputs[0] / 2


# Continuous in their input and their parameters, so that rounding stays rounding.
STEPS = [
    v2.ColorJitter(0.4, (0.5, 1.5), 0.3),
    v2.RandomHorizontalFlip(),
    v2.RandomVerticalFlip(),
    v2.RandomGrayscale(0.5),
    v2.GaussianBlur(3, (0.1, 2.0)),
    v2.RandomInvert(),
    v2.RandomErasing(0.5, (0.1, 0.4), (0.2, 0.4), value=[0.1, 0.2, 0.3]),
    v2.Identity(),
    v2.ToImage(),
    UpsideDown(),
    Darker(0.4, 0.4),
    ByHalves(3),
]
BY_ADDRESS = [t for t in STEPS if isinstance(t, (v2.Identity, v2.ToImage, ByHalves))] + [
    v2.RandomHorizontalFlip(1.0),
    v2.RandomInvert(1.0),
    v2.ColorJitter((0.5, 0.5)),
    v2.RandomGrayscale(0.0),
]
WALKED = (v2.Compose, nn.Sequential, v2.RandomApply, v2.RandomChoice, v2.RandomOrder)


def containers(parts):
    some = st.lists(parts, min_size=1, max_size=3)
    chances = st.sampled_from([0.0, 0.3, 1.0])
    weights = st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=3, max_size=3).filter(any)
    return st.one_of(
        some.map(v2.Compose),
        some.map(lambda parts: nn.Sequential(*parts)),
        st.builds(v2.RandomApply, some | some.map(nn.ModuleList), chances),
        st.lists(parts, min_size=1, max_size=3).map(v2.RandomChoice),
        st.builds(v2.RandomChoice, st.lists(parts, min_size=3, max_size=3), weights),
        some.map(v2.RandomOrder),
        some.map(Twice),
        some.map(Renamed),
        some.map(lambda parts: Backwards(*parts)),
        st.builds(Unless, some, chances),
        some.map(Last),
        some.map(AsWritten),
    )


def chains(steps):
    leaves = st.sampled_from(steps)
    return st.recursive(leaves, containers, max_leaves=6)


def replayed(t, sample, records, i, step=0, view=0):
    """``t`` on one image by v2, with what the plan holds for its position."""
    here = records.get((step, view), {})
    params = drawn_for(here, i)
    base = next((kind for kind in WALKED if isinstance(t, kind)), None)
    if base is None or "seed" in params:
        return by_v2(t, sample, params)
    assert type(t).forward is base.forward, f"{t!r} is walked as a {base.__name__}, and acts otherwise"
    parts = list(t) if base is nn.Sequential else list(t.transforms)
    chosen = range(len(parts))
    if base is v2.RandomApply:
        chosen = chosen if params["applied"] else []
    elif base is v2.RandomChoice:
        chosen = [params["choice"]]
    elif base is v2.RandomOrder:
        chosen = params["order"]
    for part in chosen:
        sample = replayed(parts[part], sample, records, i, child_step(step, part), view)
    return sample


FIRST = v2.Resize((7, 9))  # a crop in a random container is refused, unless it is the first step
FORMS_OF_CHAINS = ("batch", "image batch", "list", "list of images")


@examples
@given(chains(STEPS), images(FORMS_OF_CHAINS, (3,)), st.sampled_from([None, PerView, Shared]), st.integers(0, 9))
def test_containers_walk_as_v2s(chain, given, coupling, seed):
    """In floats; the second view of a pair is upside down, so that it differs."""
    dtype = given.dtype if given.dtype in (torch.float32, torch.float64) else torch.float32
    given = replace(given, dtype=dtype)
    pipeline = v2.Compose([FIRST, chain])
    if coupling is not None:
        pipeline = v2.Compose([FIRST, MultiView(v2.Identity(), v2.RandomVerticalFlip(1.0)), coupling(chain)])
    fused, batch = fused_of(pipeline), given.batch()
    plan = fused.make_params(batch, generator=torch.Generator().manual_seed(seed))
    records = {(drawn.step, drawn.view): drawn.params for drawn in plan.drawn}
    for backend in BACKENDS:
        with running_on(backend):
            views = fused.transform(batch, plan)
        views = [views] if coupling is None else views
        for k, view in enumerate(views):
            for i, sample in enumerate(given.samples()):
                start = by_v2(FIRST, sample, {})
                start = start.flip(-2) if k else start
                start = tv_tensors.wrap(start, like=sample) if isinstance(sample, tv_tensors.Image) else start
                at = child_step(0, 1 if coupling is None else 2)
                want = as_tensor(replayed(chain, start, records, i, at, k if coupling is PerView else 0))
                assert view[i].dtype == want.dtype == dtype
                distance = (view[i] - want).abs().max().item()
                assert distance < 1e-4, f"{distance:.3g} from v2; {backend}, view {k}, image {i}"


@examples
@given(chains(BY_ADDRESS), images(("batch", "list"), (3,)), st.integers(0, 2**32 - 1))
def test_both_executors_walk_alike_at_an_address(chain, given, seed):
    """Steps that draw nothing, in containers that do: image by image and fused at one address, and as v2 calls them."""
    pipeline, given = v2.Compose([FIRST, chain]), replace(given, dtype=torch.float32)
    views = fused_of(pipeline)(given.batch(), addresses=Addresses(seed, 0, torch.arange(len(given.shapes))))
    for i, sample in enumerate(given.samples()):
        alone = views_at(pipeline, Address(seed, 0, i), sample)
        torch.testing.assert_close(views[i], as_tensor(alone), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", [Twice, Unless, Last, AsWritten], ids=name)
def test_a_container_that_may_act_otherwise_is_named_as_having_no_rule(kind):
    with pytest.warns(UserWarning, match=f"no rule for {kind.__name__}"):
        fuse(kind([v2.RandomHorizontalFlip()]))


@pytest.mark.parametrize("kind", [Renamed, Last, AsWritten], ids=name)
def test_view_makers_in_such_a_container_make_its_views_or_are_refused(kind):
    pipeline, batch = kind([JointCrop(4)]), torch.rand(2, 3, 9, 9)
    try:
        views = fused_of(pipeline)(batch)
    except (TypeError, ValueError) as error:
        assert kind.__name__ in str(error)  # noqa: PT017
    else:
        assert [view.shape for view in views] == [(2, 3, 4, 4)] * 2


# ---- without chance ------------------------------------------------------------------------------------------------

CERTAIN = [
    v2.RandomResizedCrop((8, 6), (1.0, 1.0), (1.25, 1.25)),  # all of a 12 x 15 image
    v2.RandomCrop((12, 15), pad_if_needed=True),
    v2.RandomCrop((14, 18), padding=(1, 1, 2, 1), fill=0.5),
    v2.RandomHorizontalFlip(1.0),
    v2.RandomHorizontalFlip(0.0),
    v2.RandomVerticalFlip(1),
    v2.ColorJitter((0.7, 0.7)),
    v2.ColorJitter(contrast=(1.4, 1.4)),
    v2.ColorJitter(saturation=(0.2, 0.2)),
    v2.ColorJitter(hue=(-0.3, -0.3)),
    v2.RandomGrayscale(1.0),
    v2.GaussianBlur((3, 5), 0.8),
    v2.GaussianBlur([5], [1.5, 1.5]),
    v2.RandomSolarize(0.4, 1.0),
    v2.RandomPosterize(2, 1.0),
    v2.RandomInvert(1.0),
    v2.RandomEqualize(1.0),
    v2.RandAugment(0),
    v2.RandomErasing(0.0),
    v2.RandomApply([v2.RandomInvert(1.0), v2.RandomVerticalFlip(1.0)], 1.0),
    v2.RandomApply([v2.RandomInvert(1.0)], 0.0),
    v2.RandomChoice([v2.RandomInvert(1.0), v2.Grayscale(3)], [0.0, 1.0]),
    v2.RandomOrder([v2.RandomInvert(1.0)]),
    nn.Sequential(v2.CenterCrop(9), v2.RandomInvert(1.0)),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8])
@pytest.mark.parametrize("transform", CERTAIN, ids=lambda t: " ".join(repr(t).split()))
def test_what_leaves_nothing_to_chance_is_what_v2_gives(transform, dtype):
    if isinstance(transform, v2.ColorJitter) and dtype is torch.uint8:
        dtype = torch.float16  # in uint8 it is a chain, computed in floats and rounded once
    given = Images("batch", dtype, 3, ((12, 15),) * 2)
    wanted = torch.stack([transform(sample) for sample in given.samples()])
    for backend in BACKENDS:
        with running_on(backend):
            batch = fuse(transform)(given.batch())
        assert batch.dtype == wanted.dtype
        close = {torch.uint8: 1, torch.float16: 4 * HALF}.get(dtype, 1e-5)  # v2 rounds after each operation
        assert (batch.double() - wanted.double()).abs().max() <= close


# ---- the table, and what it must see -------------------------------------------------------------------------------

TYPICAL = {
    v2.RandomResizedCrop: v2.RandomResizedCrop(8, (0.2, 0.5)),
    v2.Resize: v2.Resize((7, 9)),
    v2.CenterCrop: v2.CenterCrop((5, 9)),
    v2.RandomCrop: v2.RandomCrop(8, padding=(1, 2, 3, 0)),
    v2.RandomHorizontalFlip: v2.RandomHorizontalFlip(0.7),
    v2.RandomVerticalFlip: v2.RandomVerticalFlip(0.7),
    v2.ColorJitter: v2.ColorJitter(0.4, 0.4, 0.4, 0.1),
    v2.RandomGrayscale: v2.RandomGrayscale(0.7),
    v2.Grayscale: v2.Grayscale(3),
    v2.GaussianBlur: v2.GaussianBlur(3),
    v2.RandomSolarize: v2.RandomSolarize(0.5, 0.7),
    v2.RandomPosterize: v2.RandomPosterize(3, 0.7),
    v2.RandomInvert: v2.RandomInvert(0.7),
    v2.RandomEqualize: v2.RandomEqualize(0.7),
    v2.Normalize: v2.Normalize([0.4, 0.5, 0.6], [0.2]),
    v2.ToDtype: v2.ToDtype(torch.float64),
    v2.ConvertImageDtype: v2.ConvertImageDtype(torch.float64),
    v2.RandomErasing: v2.RandomErasing(0.9, (0.1, 0.4), (0.2, 0.4)),
    v2.RandAugment: v2.RandAugment(2, 9),
    v2.TrivialAugmentWide: v2.TrivialAugmentWide(),
    v2.AutoAugment: v2.AutoAugment(),
    v2.Pad: v2.Pad((1, 2, 3, 0)),
    v2.RandomAutocontrast: v2.RandomAutocontrast(0.7),
    v2.RandomAdjustSharpness: v2.RandomAdjustSharpness(2, 0.7),
    v2.RandomChannelPermutation: v2.RandomChannelPermutation(),
    v2.RandomPhotometricDistort: v2.RandomPhotometricDistort(),
    v2.ConvertBoundingBoxFormat: v2.ConvertBoundingBoxFormat("XYWH"),
    v2.SetClampingMode: v2.SetClampingMode("hard"),
    **{kind: Case(kind).make() for kind in in_order(IDENTITIES - {v2.ConvertBoundingBoxFormat, v2.SetClampingMode})},
    **{kind: make() for kind, make in OURS.items()},
}


STILL = {v2.LinearTransformation, v2.ToPILImage}
"""What draws nothing, and without a rule runs as it stands."""


def test_every_rule_has_its_cases():
    ruled = {kind for kind in RULES if kind.__module__.split(".")[0] in ("torchvision", "jointaug")}
    assert ruled == V2.keys() | OURS.keys()
    assert ruled == TYPICAL.keys()
    assert {kind for kind in DRAWS if kind.__module__.startswith("torchvision.")} - ruled - STILL == DRAWN.keys()


@pytest.mark.parametrize("kind", TYPICAL, ids=name)
def test_no_rule_does_nothing(kind):
    """Unless v2 does nothing to a tensor either."""
    batch = torch.rand(6, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    result = fuse(TYPICAL[kind])(batch, generator=torch.Generator().manual_seed(0))
    views = [batch] if kind in (JointBlur, JointColor) else []
    if views:
        result = fuse(TYPICAL[kind])([batch, batch], generator=torch.Generator().manual_seed(0))
    for view in result if isinstance(result, list) else [result]:
        same = view.dtype == batch.dtype and torch.equal(view, batch)
        assert same == (kind in IDENTITIES)


@examples
@given(data=st.data())
@pytest.mark.parametrize("kind", OURS, ids=name)
def test_ours_are_the_views_at_their_address(kind, data):
    """Both executors, on both backends; their pixels against torchvision's are the business of tests/transforms."""
    given = data.draw(images(("batch", "list", "image batch"), (3, 1)))
    pipeline, seed = TYPICAL[kind], data.draw(st.integers(0, 2**32 - 1))
    if kind in (JointBlur, JointColor):  # a chain, compared in floats
        pipeline, given = v2.Compose([JointCrop(8), pipeline]), replace(given, dtype=torch.float32)
    fused, addresses = fuse(pipeline), Addresses(seed, 0, torch.arange(len(given.shapes)))
    alone = [views_at(pipeline, Address(seed, 0, i), sample) for i, sample in enumerate(given.samples())]
    for backend in BACKENDS:
        with running_on(backend):
            views = fused(given.batch(), addresses=addresses)
        for i, expected_views in enumerate(alone):
            pairs = zip(views, expected_views, strict=True) if isinstance(views, list) else [(views, expected_views)]
            for view, want in pairs:
                want = as_tensor(want)
                assert view.dtype == want.dtype
                close = {torch.uint8: 1.0, torch.float16: 4 * HALF}.get(given.dtype, 2e-5)
                assert (view[i].double() - want.double()).abs().max() <= close, f"{backend}, image {i}"


# ---- compiled ------------------------------------------------------------------------------------------------------

CHAINS = [
    [v2.RandomResizedCrop, v2.ColorJitter, v2.RandomGrayscale, v2.GaussianBlur, v2.RandomSolarize, v2.Normalize],
    [v2.CenterCrop, v2.RandomHorizontalFlip, v2.RandomVerticalFlip, v2.RandomErasing, v2.ToDtype, v2.ConvertImageDtype],
    [v2.RandomCrop, v2.RandomPosterize, v2.RandomInvert, v2.RandomEqualize, v2.Grayscale, v2.Resize],
    [v2.CenterCrop, v2.Pad, v2.RandomChannelPermutation, v2.RandomPhotometricDistort, *in_order(IDENTITIES)],
    [v2.CenterCrop, v2.RandomAdjustSharpness, v2.RandomAutocontrast],
    [UncroppedView, JointBlur, JointColor],
    [JointCrop],
    [ContrastiveCrop],
    [MultiResolution],
]


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")  # of a pure function
@pytest.mark.parametrize("kinds", CHAINS, ids=lambda kinds: kinds[0].__name__)
def test_a_compiled_epoch_with_its_last_shorter_batch(kinds):
    """As docs/how-to/fuse-a-pipeline.md says: draw outside, run inside, in one graph; the last batch has its own."""
    torch._dynamo.reset()
    images = torch.randint(0, 256, (8, 3, 9, 11), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)) / 255
    first, *rest = (TYPICAL[kind] for kind in kinds)
    views = MultiView(*[first] * 2) if kinds[0] in V2 or kinds[0] is UncroppedView else first
    rest = [transform if isinstance(transform, JointTransform) else PerView(transform) for transform in rest]
    fused, generator = fuse(v2.Compose([views, *rest])), torch.Generator().manual_seed(0)
    work = torch.compile(fused.transform, fullgraph=True, backend="eager")
    for start in (0, 3, 6):
        batch = images[start : start + 3]
        plan = fused.make_params(batch, generator=generator)
        for a, b in zip(work(batch, plan), fused.transform(batch, plan), strict=True):
            assert a.dtype == b.dtype
            close = torch.isclose(a, b, atol=1e-4, rtol=0).double().mean()
            assert (
                close > 0.98 if v2.RandomPosterize in kinds or v2.RandomSolarize in kinds else close == 1
            )  # tips over


def test_every_rule_is_compiled_in_one_of_them():
    """But for RandAugment and its kin, which test_operations.py compiles: their graphs are large."""
    kin = {v2.RandAugment, v2.TrivialAugmentWide, v2.AutoAugment}
    assert {kind for kinds in CHAINS for kind in kinds} == TYPICAL.keys() - kin
