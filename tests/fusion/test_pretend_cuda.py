"""Every transform with a rule on a pretended GPU: no mixed devices, the CPU's values, and no waiting host."""

from __future__ import annotations

import warnings

import pytest
import torch
from torchvision.transforms import v2

from jointaug import (
    Addresses,
    ContrastiveCrop,
    JointBlur,
    JointColor,
    JointCrop,
    MultiResolution,
    MultiView,
    PerView,
    Shared,
    UncroppedView,
    fuse,
)
from jointaug._draws import SANITIZERS, ToTensor
from jointaug.distributions import FixedRatioPair, IndependentPair, JointPair
from jointaug.rules import RULES

from ..pretend import NEEDS_CUDA, here, pretending, there

pytestmark = NEEDS_CUDA

IMAGES = torch.randint(0, 256, (6, 3, 24, 30), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
INDEX = torch.arange(6) + 5
FLOATS = v2.ToDtype(torch.float32, scale=True)
OF_BOXES = {
    *(v2.ClampBoundingBoxes, v2.ClampKeyPoints, v2.ConvertBoundingBoxFormat, v2.SetClampingMode),
    *SANITIZERS,
}
"""What does nothing to images."""
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # v2's ToTensor says that it is old
    TRANSFORMS = [
        *(v2.RandomResizedCrop(16), v2.Resize(16), v2.CenterCrop(16), v2.CenterCrop(40), v2.Pad(2), v2.RGB()),
        *(v2.RandomCrop(20, padding=4), v2.RandomCrop(40, pad_if_needed=True), v2.Grayscale(3), v2.ToTensor()),
        *(v2.RandomHorizontalFlip(), v2.RandomVerticalFlip(), v2.ColorJitter(0.4, 0.4, 0.4, 0.1), ToTensor()),
        *(v2.RandomGrayscale(0.5), v2.GaussianBlur(5, (0.1, 2.0)), v2.RandomSolarize(128.0), v2.RandomPosterize(4)),
        *(v2.RandomInvert(), v2.RandomEqualize(), FLOATS, v2.ConvertImageDtype(torch.float32), v2.ToImage()),
        *(v2.Compose([FLOATS, v2.Normalize([0.5] * 3, [0.25] * 3)]), v2.ToPureTensor(), v2.PILToTensor()),
        *(v2.Identity(), v2.RandomErasing(0.5), v2.RandomAutocontrast(), v2.RandomAdjustSharpness(2.0)),
        *(v2.RandomChannelPermutation(), v2.RandomPhotometricDistort(), v2.RandomErasing(0.5, value=(1, 2, 3))),
        *(v2.RandAugment(3, 9), v2.RandAugment(1, 20, fill=9), v2.TrivialAugmentWide(), v2.AutoAugment()),
        *(JointCrop(16), ContrastiveCrop(16), MultiResolution((16, 12)), UncroppedView(16)),
    ]
CASES = {
    **{f"{transform!r}{' of v1' * (type(transform) is ToTensor)}": transform for transform in TRANSFORMS},
    "blur": v2.Compose([JointCrop(16), JointBlur()]),
    "color": v2.Compose([JointCrop(16), JointColor()]),
    "alpha": JointCrop(16, alpha=0.6),
    "reference": JointCrop(16, geometry="reference"),
    "decoupled": JointCrop(16, law=JointPair(0.0, 0.2, 1.0).decoupled()),
    "independent": JointCrop(16, law=IndependentPair(0.2, 1.0)),
    "fixed": JointCrop(16, law=FixedRatioPair(2.0, 0.2, 1.0)),
    "beta 2": JointCrop(16, beta=2.0),
    "beta 0.5": JointCrop(16, beta=0.5),
    "apply": v2.RandomApply([v2.ColorJitter(0.4)], 0.5),
    "choice": v2.RandomChoice([v2.GaussianBlur(5), v2.RandomSolarize(128.0, 1.0)], p=[0.3, 0.7]),
    "order": v2.RandomOrder([v2.RandomInvert(), v2.RandomPosterize(4)]),
    "branches": v2.Compose(
        [
            MultiView(UncroppedView(16), v2.RandomResizedCrop(16)),
            Shared(v2.ColorJitter(0.4)),
            PerView(v2.GaussianBlur(3), v2.RandomGrayscale()),
        ]
    ),
}


def inside(transform):
    """Types of a transform and of those in it."""
    return {type(transform)}.union(*(inside(part) for part in getattr(transform, "transforms", ())))


def test_every_rule_has_a_case():
    ours = {kind for kind in RULES if kind.__module__.partition(".")[0] in ("jointaug", "torchvision")}
    assert ours - OF_BOXES - set().union(*map(inside, CASES.values())) == set()


@pytest.mark.parametrize("name", CASES)
def test_is_the_cpus_result_and_the_host_does_not_wait(name):
    fused = fuse(CASES[name])
    expected = fused(IMAGES, addresses=Addresses(3, 1, INDEX))
    with pretending() as waits:
        images, index = there((IMAGES, INDEX))
        found = fused(images, addresses=Addresses(3, 1, index))
        devices = {view.device.type for view in found}
    assert devices == {"cuda"}
    assert not waits
    for a, b in zip(found, expected, strict=True):
        within = 1 if a.dtype is torch.uint8 else 1e-5 / 0.25  # a level by rounding; normalized, floats are 4 times
        torch.testing.assert_close(here(a), b, atol=within, rtol=0)


@pytest.mark.parametrize("name", ["moco", "alpha"])
def test_so_are_the_draws_of_a_generator(name):
    moco = v2.Compose([JointCrop(16), PerView(v2.Compose([v2.RandomApply([v2.ColorJitter(0.4)]), FLOATS]))])
    fused = fuse({"moco": moco, "alpha": CASES["alpha"]}[name])
    torch.manual_seed(0)
    expected = fused.record(fused.make_params(IMAGES)).maps
    torch.manual_seed(0)
    with pretending() as waits:
        plan = fused.make_params(there(IMAGES))
        assert not waits
        found = fused.record(plan).maps
    torch.testing.assert_close(here(found), expected, rtol=0, atol=1e-12)


def test_a_first_plan_draws_as_the_next_ones(monkeypatch: pytest.MonkeyPatch):
    """On a GPU a generator's numbers depend on how they are asked for: all at once, from the first plan on."""
    calls: list[tuple[int, ...]] = []
    draw = torch.rand
    monkeypatch.setattr(torch, "rand", lambda *size, **how: (calls.append(size), draw(*size, **how))[1])
    fused = fuse(v2.Compose([JointCrop(16), PerView(v2.RandomHorizontalFlip())]))
    with pretending():
        for _ in range(2):
            fused.make_params(there(IMAGES))
    assert calls == [(JointCrop(16).row_width + 2, 6)] * 2
