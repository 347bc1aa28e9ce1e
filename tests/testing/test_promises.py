"""Each promise of a transform is broken by one that breaks this promise and no other."""

from __future__ import annotations

import random
from typing import Any

import PIL.Image
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import Address, JointTransform, Views, functional
from jointaug.distributions import IndependentPair
from jointaug.pipeline import Addressable
from jointaug.rules import register
from jointaug.testing import check_transform
from jointaug.testing._promises import CHECKS

from .cases import fails


class Correct(JointTransform):
    """Darkens images by a factor in [0.5, 1); masks, boxes and key points pass."""

    def __init__(self):
        super().__init__({"factor": IndependentPair(0.5, 1.0)})

    def transform_view(self, inpt, params):
        return self.darkened(inpt, params["factor"]) if is_image(inpt) else inpt

    def darkened(self, image, factor):
        return F.adjust_brightness(image, factor)


def is_image(inpt: Any) -> bool:
    passes = isinstance(inpt, (tv_tensors.Mask, tv_tensors.BoundingBoxes, tv_tensors.KeyPoints))
    return isinstance(inpt, torch.Tensor) and not passes


class InPlace(Correct):
    def transform_view(self, inpt, params):
        if is_image(inpt):
            inpt.view(-1)[0] = 0
            return self.darkened(inpt, params["factor"])
        return inpt


class OneMemory(JointTransform):
    """Two views that are the image itself, twice."""

    def __init__(self):
        super().__init__({})

    def transform_view(self, inpt, params):
        return inpt

    def run(self, inputs, chance):
        return Views([super().run(inputs, chance)[0]] * 2)


class OtherGenerator(Correct):
    def forward(self, *inputs):
        return self.run(inputs, Address(random.getrandbits(63), 0, 0))


class DrawsLate(Correct):
    """A draw in ``transform``, which neither executor calls."""

    def transform(self, inpt, params):
        return super().transform(inpt, {**params, "factor": (0.5, 1.0 - torch.rand(1).item() / 2)})


class ChangesParams(Correct):
    def transform(self, inpt, params):
        views = super().transform(inpt, params)
        params["factor"] = tuple(factor / 2 for factor in params["factor"])
        return views

    def make_params(self, flat_inputs):
        self.kept = getattr(self, "kept", None) or super().make_params(flat_inputs)
        return self.kept


class Remembers(Correct):
    """Another result where an address comes again; at those that no other check asks for."""

    def __init__(self):
        super().__init__()
        self.known = set()

    def run(self, inputs, chance):
        again = chance.addressed and chance.index >= 8 and chance.index in self.known
        if chance.addressed:
            self.known.add(chance.index)
        return super().run(inputs, Address(99, 0, 0) if again else chance)


class Deaf(v2.Transform, Addressable):
    """One draw for all addresses that differ in a coordinate that it does not look at."""

    def __init__(self, *looks: str):
        super().__init__()
        self.looks = looks

    def run(self, inputs, chance):
        if chance.addressed:
            place = {name: getattr(chance, name) if name in self.looks else 0 for name in ("seed", "epoch", "index")}
            chance = Address(**place, draw=chance.draw if "draw" in self.looks else 0)
        return self.darkened(inputs[0], chance.row(1)[0])

    def forward(self, image):
        return self.darkened(image, torch.rand(1).item())

    def darkened(self, sample, uniform):
        beside = sample if isinstance(sample, dict) else {"image": sample}
        made = {**beside, "image": F.adjust_brightness(beside["image"], 0.5 + uniform / 2)}
        return made if isinstance(sample, dict) else made["image"]


class Constant(v2.Transform):
    """Random, but not where a row says how."""

    def make_params(self, flat_inputs):
        return {"factor": 0.5 + torch.rand(1).item() / 2}

    def transform(self, inpt, params):
        return F.adjust_brightness(inpt, params["factor"]) if is_image(inpt) else inpt


@register(Constant, width=1, params=lambda transform, row, seen: {"factor": 0.75})
def _constant(transform, view, params):
    return view.step(functional.adjust_brightness, params["factor"])


class Closure(Correct):
    def __init__(self):
        super().__init__()
        self.darken = lambda image, factor: F.adjust_brightness(image, factor)

    def darkened(self, image, factor):
        return self.darken(image, factor)


class Forgets(Correct):
    """Its pickle lacks the setting."""

    strength = 1.0

    def __init__(self):
        super().__init__()
        self.strength = 0.5

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "strength"}

    def darkened(self, image, factor):
        return F.adjust_brightness(image, factor * self.strength)


class Plain(Correct):
    """A plain tensor of a `tv_tensors.Image`."""

    def darkened(self, image, factor):
        return super().darkened(image, factor).as_subclass(torch.Tensor)


class Doubles(Correct):
    def darkened(self, image, factor):
        return super().darkened(F.to_dtype(image, torch.float64, scale=True), factor)


class Elsewhere(Correct):
    """On no device that there is."""

    def darkened(self, image, factor):
        return super().darkened(image, factor).to("meta")


class Halves(Correct):
    def transform_view(self, inpt, params):
        return F.resize(super().transform_view(inpt, params), [20, 28])


class OwnMaskDraws(Correct):
    def transform_view(self, inpt, params):
        if isinstance(inpt, tv_tensors.Mask):
            return F.horizontal_flip(inpt) if torch.rand(1) < 0.5 else inpt
        return super().transform_view(inpt, params)


class ForgetsBoxes(Correct):
    """The image is cut; boxes stay where they were."""

    def transform_view(self, inpt, params):
        return inpt if isinstance(inpt, tv_tensors.BoundingBoxes) else F.center_crop(inpt, [20, 20])


class BoxesAsNumbers(Correct):
    def transform_view(self, inpt, params):
        inpt = super().transform_view(inpt, params)
        return inpt.as_subclass(torch.Tensor) if isinstance(inpt, tv_tensors.BoundingBoxes) else inpt


class LooksBeside(Correct):
    """Another draw where a mask is beside the image."""

    def run(self, inputs, chance):
        return super().run(inputs, chance.step(1) if isinstance(inputs[0], dict) else chance)


class Relabels(Correct):
    def run(self, inputs, chance):
        views = super().run(inputs, chance)
        return Views({**view, "label": 0} for view in views) if isinstance(views[0], dict) else views


class LosesLabels(Correct):
    def run(self, inputs, chance):
        views = super().run(inputs, chance)
        one = isinstance(views[0], dict)
        return Views({k: v for k, v in view.items() if k != "label"} for view in views) if one else views


def times(images, factor):
    return images * factor.view(-1, 1, 1, 1).to(images.dtype)


class OneApart(Correct):
    """Its rule has a case of its own for a batch of one."""


@register(OneApart)
def _one_apart(transform, view, params):
    return view.call(lambda images, factor: times(images, factor) + 0.01 * (len(images) == 1), params["factor"])


class OtherRule(Correct):
    """Its rule is for another transform."""


@register(OtherRule)
def _other_rule(transform, view, params):
    return view.call(lambda images, factor: times(images, 1.01 * factor), params["factor"])


class BesideParams(Correct):
    """Its rule takes the strength from the draw's by-product on ``self``."""

    def params_from_uniform(self, row, queries):
        params = super().params_from_uniform(row, queries)
        self.planned = 2 * [1.0]
        return params


@register(BesideParams)
def _beside_params(transform, view, params):
    strength = transform.planned.pop() if transform.planned else 0.9
    return view.call(times, strength * params["factor"])


CHANCE = torch.Generator().manual_seed(0)
IMAGE = tv_tensors.Image(torch.randint(1, 256, (3, 40, 56), dtype=torch.uint8, generator=CHANCE))  # none is 0
BROKEN = {
    "inputs": [(InPlace(), "changes the sample: part 0 differs by up to")],
    "memory": [(OneMemory(), "a step in place on view 0 changes another view or the sample")],
    "seed": [(OtherGenerator(), "torch.manual_seed(0) gives other views the second time: part")],
    "params": [
        (DrawsLate(), "draw 0 of make_params gives other views when transform is given it again: part 1 differs"),
        (ChangesParams(), "draw 1 of make_params gives other views"),
        (v2.GaussianNoise(), "draw 0 of make_params gives other views"),  # v2's own: its kernel draws
    ],
    "address": [(Remembers(), "address 8 gives other views the second time")],
    "addresses": [
        (Constant(), "32 addresses that differ in seed give the same views, and 63 of 64 states"),
        (Deaf("seed", "index", "draw"), "differ in epoch give the same views"),
        (Deaf("seed", "epoch", "draw"), "differ in index give the same views"),
        (Deaf("seed", "epoch", "index"), "differ in draw give the same views"),
    ],
    "pickle": [(Closure(), "it cannot be pickled"), (Forgets(), "its pickled copy gives other views at address 0")],
    "type": [(Plain(), "has type torch.Tensor, the sample tv_tensors.Image"), (v2.ToPILImage(), "has type PIL.Image")],
    "dtype": [(Doubles(), "has dtype float64, the sample uint8")],
    "device": [(Elsewhere(), "has device meta, the sample cpu")],
    "size": [(Halves(), "has size 20 x 28, the sample 40 x 56")],
    "along": [
        (OwnMaskDraws(), "has two masks that were equal"),
        (ForgetsBoxes(), "has tv_tensors.BoundingBoxes of a canvas of 40 x 56 beside an image of 20 x 20"),
        (BoxesAsNumbers(), "has a torch.Tensor where the sample has a tv_tensors.BoundingBoxes"),
        (LooksBeside(), "has another image than without masks and boxes beside it"),
        (Relabels(), "has 0 where the sample has 7"),
        (LosesLabels(), "has 5 parts, the sample 6"),
    ],
    "batch": [(OneApart(), "image 0 of a fused batch is not what fuse makes of it alone")],
    "executors": [(OtherRule(), "fuse and views_at make other views of image 0 at its address")],
    "record": [(BesideParams(), "a record, as JSON and back, gives other views")],
}
OPTIONS = {  # what comes with the fault and is not it
    Deaf: {"without": ("executors",)},  # fuse runs it from torch's generator
    Halves: {"keeps": ("type", "dtype", "device", "size")},
    v2.GaussianNoise: {"sample": (torch.rand(3, 40, 56),)},
    v2.ToPILImage: {"keeps": ("type", "device")},
}


def test_a_correct_transform_keeps_all():
    contract = check_transform(Correct(), IMAGE, keeps=("type", "dtype", "device", "size"))
    assert all(promise.held for promise in contract.values())


def test_every_promise_is_broken_by_somebody():
    assert list(BROKEN) == list(CHECKS)


@pytest.mark.parametrize(
    ("name", "transform", "seen"),
    [(name, transform, seen) for name, broken in BROKEN.items() for transform, seen in broken],
    ids=lambda value: value if isinstance(value, str) and value in BROKEN else type(value).__name__,
)
def test_it_breaks_this_promise_and_no_other(name, transform, seen):
    options = {"sample": (IMAGE,), **OPTIONS.get(type(transform), {})}
    message = fails(check_transform, transform, *options.pop("sample"), **options)
    assert message.startswith(f"{type(transform).__name__} breaks 1 of {len(CHECKS)} promises\n{name}: "), message
    assert seen in message
    assert message.count("\n") == 1


def test_what_seldom_acts_is_no_fault_and_no_proof():
    """Of a step at p = 0.01, 32 addresses and 64 states tell nothing."""
    promise = check_transform(v2.RandomHorizontalFlip(0.01))["addresses"]
    assert promise.held is None
    assert "acts too seldom" in promise.seen
    assert "it draws nothing" in check_transform(v2.RandomHorizontalFlip(0.0))["addresses"].seen


def test_an_error_is_what_was_seen():
    message = fails(check_transform, v2.AugMix(), torch.rand(3, 24, 24))
    assert "along: TypeError: Inputs of type Mask are not supported by AugMix()" in message
    assert "if it promises no such thing, say so: without=('along',)" in message


def test_pil_images_are_compared_but_with_fuse():
    image = PIL.Image.fromarray(IMAGE.permute(1, 2, 0).numpy())
    contract = check_transform(v2.Compose([v2.RandomCrop(20), v2.RandomHorizontalFlip()]), image)
    assert contract["type"].seen.startswith("PIL.Image.Image")
    assert contract["dtype"].seen.startswith("RGB")
    assert contract["executors"].held is None
    assert contract["batch"].held
    assert "memory: a step in place on view 0 changes another view" in fails(check_transform, OneMemory(), image)


def test_a_seed_is_named_as_it_is():
    assert "seed: torch.manual_seed(5) gives other views" in fails(check_transform, OtherGenerator(), IMAGE, seed=5)
