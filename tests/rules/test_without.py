"""Transforms without a rule: asked once for each image that drew them, and shown what v2 would show them."""

import numpy as np
import PIL.Image
import pytest
import torch
from torch import nn
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import Address, Addresses, JointCrop, MultiResolution, MultiView, PerView, Shared, fuse, views_at
from jointaug.rules import register

from ..versions import LANCZOS
from .cases import mode

GENERATOR = torch.Generator().manual_seed(0)
LEVELS = torch.randint(0, 256, (6, 3, 20, 28), dtype=torch.uint8, generator=GENERATOR)
SIZES = [
    torch.randint(0, 256, (3, h, w), dtype=torch.uint8, generator=GENERATOR) for h, w in ((20, 28), (17, 31), (25, 25))
]

pytestmark = pytest.mark.filterwarnings("ignore:fuse has no rule")


def by_hand(pipeline, images, seed=3):
    """The views of each image alone, at its address, as tensors."""
    made = [views_at(pipeline, Address(seed, 0, i), image) for i, image in enumerate(images)]
    return [as_tensor(view) for view in made]


def as_tensor(view):
    return F.pil_to_tensor(view) if isinstance(view, PIL.Image.Image) else view.as_subclass(torch.Tensor)


class Counted(v2.Transform):
    """Counts its calls, and keeps what it was shown."""

    def __init__(self, function=lambda image: image):
        super().__init__()
        self.function, self.shown = function, []

    def transform(self, inpt, params):
        self.shown.append(inpt)
        return self.function(inpt)


def test_it_is_asked_once_for_each_image_that_drew_it_and_on_nothing_else():
    """200 images, p = .1: as many calls as images were chosen, none by `make_params`, none on an invented image."""
    images = torch.randint(1, 256, (200, 3, 6, 6), dtype=torch.uint8, generator=GENERATOR)
    counted = Counted(lambda image: 255 - image)
    fused = fuse(v2.RandomApply([counted], p=0.1))
    plan = fused.make_params(images, generator=torch.Generator().manual_seed(0))
    assert not counted.shown
    views = fused.transform(images, plan)
    chosen = plan.drawn[0].params["applied"]
    assert len(counted.shown) == int(chosen.sum())
    assert 5 < len(counted.shown) < 45
    assert torch.equal(torch.stack(counted.shown), images[chosen])
    assert torch.equal(views, torch.where(chosen[:, None, None, None], 255 - images, images))


RESULTS = {
    "as it is": lambda image: image,
    "half the size": lambda image: image[..., ::2, ::2],
    "one channel": lambda image: image[:1],
    "floats": lambda image: image.double() / 255,
    "all of it": lambda image: image[:1, ::2, ::2].float() / 255,
}


@pytest.mark.parametrize("images", [LEVELS, SIZES], ids=["batch", "list"])
@pytest.mark.parametrize("name", RESULTS)
def test_its_results_may_have_another_size_dtype_and_number_of_channels(name, images):
    """What follows is planned for what it gave: the same views as image by image, and no image asked twice."""
    counted = Counted(RESULTS[name])
    pipeline = v2.Compose(
        [counted, v2.ToDtype(torch.float32, scale=True), JointCrop(8), PerView(v2.Normalize([0.5], [0.2]))]
    )
    fused = fuse(pipeline)
    addresses = Addresses(3, 0, torch.arange(len(images)))
    plan = fused.make_params(images, addresses=addresses)
    for _ in range(2):  # the first teaches, the second is planned at once
        views = fused.transform(images, plan)
        assert len(counted.shown) == len(images)
        counted.shown.clear()
        for i, image in enumerate(images):
            for view, expected in zip(views, views_at(pipeline, Address(3, 0, i), image), strict=True):
                torch.testing.assert_close(view[i], expected, atol=1e-5, rtol=0)
        drawn = next(d for d in plan.drawn if isinstance(d.transform, JointCrop)).params["box"][0]
        assert (drawn[:, 0] + drawn[:, 2] <= torch.tensor([RESULTS[name](image).shape[-2] for image in images])).all()
        counted.shown.clear()
        plan = fused.make_params(images, addresses=addresses)


@pytest.mark.parametrize("images", [LEVELS, tv_tensors.Image(LEVELS), list(LEVELS)], ids=["batch", "image", "list"])
def test_what_it_does_in_place_is_done_to_no_input(images):
    before = [image.clone() for image in images]
    views = fuse(MultiView(v2.Lambda(lambda image: image.zero_()), v2.Identity()))(images)
    assert not views[0].any()
    assert torch.equal(views[1], torch.stack(before).as_subclass(torch.Tensor))
    assert all(torch.equal(image, copy) for image, copy in zip(images, before, strict=True))


class OwnResolutions(MultiResolution):
    """Has no rule, as a subclass may act otherwise; its views differ in size."""


@pytest.mark.parametrize("images", [LEVELS, SIZES], ids=["batch", "list"])
def test_views_of_a_joint_transform_without_a_rule_may_differ_in_size(images):
    """Each is what it is image by image, and of the size that was asked."""
    pipeline = v2.Compose([OwnResolutions((12, (8, 10))), PerView(v2.RandomHorizontalFlip(1.0))])
    fused = fuse(pipeline)
    for _ in range(2):  # the first teaches
        views = fused(images, addresses=Addresses(3, 0, torch.arange(len(images))))
        assert [view.shape[-2:] for view in views] == [(12, 12), (8, 10)]
        for i, image in enumerate(images):
            for view, expected in zip(views, views_at(pipeline, Address(3, 0, i), image), strict=True):
                assert (view[i].int() - expected.int()).abs().max() <= 1


def test_a_random_size_is_planned_for_each_image():
    pipeline = v2.Compose([v2.RandomResize(12, 30), v2.RandomHorizontalFlip(1.0), v2.RandomCrop(10)])
    views = fuse(pipeline)(LEVELS, addresses=Addresses(3, 0, torch.arange(6)))
    assert views.shape == (6, 3, 10, 10)


@pytest.mark.parametrize(
    "steps",
    [
        [v2.RandomRotation(30)],
        [v2.ToPILImage(), v2.RandomRotation(30), v2.ToImage()],
        [v1.Compose([v1.ToPILImage(), v1.RandomRotation(20), v1.PILToTensor()]), v2.RandomInvert(1.0)],
        pytest.param([v2.Resize((12, 12), mode("lanczos")), v2.RandomInvert(1.0)], marks=LANCZOS.mark),
        [v2.Lambda(lambda image: image.clone().mul_(2))],
        [v2.AutoAugment(), v2.TrivialAugmentWide()],
        [v2.RandomOrder([v2.RandomRotation(30), v2.RandomPerspective(), v2.RandomAutocontrast(1.0)])],
        [v2.RandomChoice([v2.RandomRotation(30), v2.RandomPerspective(), v2.Identity()])],
        [
            MultiView(v2.RandomRotation(9), v2.RandomPerspective()),
            Shared(v2.RandomAffine(20)),
            PerView(v2.RandomRotation(9)),
        ],
    ],
    ids=lambda steps: type(steps[0]).__name__,
)
@pytest.mark.parametrize("images", [LEVELS, tv_tensors.Image(LEVELS)], ids=["tensor", "image"])
def test_it_gives_what_it_gives_image_by_image(steps, images):
    pipeline = v2.Compose(steps)
    views = fuse(pipeline)(images, addresses=Addresses(3, 0, torch.arange(6)))
    alone = list(LEVELS) if type(images) is torch.Tensor else [tv_tensors.Image(image) for image in LEVELS]
    expected = [views_at(pipeline, Address(3, 0, i), image) for i, image in enumerate(alone)]
    if isinstance(views, list):
        for k, view in enumerate(views):
            assert torch.equal(view, torch.stack([as_tensor(of_image[k]) for of_image in expected]))
    else:
        assert torch.equal(views, torch.stack([as_tensor(view) for view in expected]))


def test_a_list_of_several_sizes_goes_through_it():
    for step in (v2.RandomRotation(30), v2.Lambda(lambda image: image), v2.RandomAutocontrast(1.0)):
        pipeline = v2.Compose([step, v2.Resize((9, 9))])
        views = fuse(pipeline)(SIZES, addresses=Addresses(3, 0, torch.arange(3)))
        for view, expected in zip(views, by_hand(pipeline, SIZES), strict=True):
            assert (view.int() - expected.int()).abs().max() <= 1


BATCHED = [
    v2.RandomEqualize(1.0),
    v2.Grayscale(1),
    v2.CenterCrop(22),
    v2.RandomCrop(30, padding=(1, 2), pad_if_needed=True, padding_mode="edge"),
    v2.RandomErasing(1.0, ratio=(0.2, 0.4), value=[1, 2, 3]),
    v2.RandAugment(2),
    v2.ToDtype(torch.float32),
    v2.RandomApply([v2.RandomEqualize(0.5)], 0.5),
]


@pytest.mark.parametrize("step", BATCHED, ids=lambda step: type(step).__name__)
def test_a_rule_for_a_batch_takes_images_of_several_sizes_one_by_one(step):
    """Each image of the list is as it is alone, with the same draw."""
    for image_sizes in (SIZES, [image / 255 for image in SIZES]):
        pipeline = v2.Compose([step, v2.Resize((9, 9))])
        addresses = Addresses(3, 0, torch.arange(3))
        views = fuse(pipeline)(image_sizes, addresses=addresses)
        for i, image in enumerate(image_sizes):
            alone = fuse(pipeline)(image[None], addresses=Addresses(3, 0, torch.tensor([i])))[0]
            torch.testing.assert_close(views[i], alone, atol=1 if views.dtype == torch.uint8 else 1e-5 * 255, rtol=0)


def test_a_users_function_of_a_batch_takes_its_values_as_parameters():
    def rule(transform, view, draws):
        (u,) = draws.row(1)
        return view.call(lambda images, share: images * share.float()[:, None, None, None], u)

    class Dim(v2.Transform):
        pass

    class Wrong(v2.Transform):
        pass

    @register(Wrong)
    def wrong(transform, view, draws):
        (u,) = draws.row(1)
        return view.call(lambda images: images * u.float()[:, None, None, None])

    register(Dim)(rule)
    images = [image / 255 for image in SIZES]
    addresses = Addresses(3, 0, torch.arange(3))
    views = fuse(v2.Compose([Dim(), v2.CenterCrop(10)]))(images, addresses=addresses)
    for i, image in enumerate(images):
        u = Address(3, 0, i).step(0).row(1)[0]
        torch.testing.assert_close(views[i], F.center_crop(image * u, [10, 10]))
    with pytest.raises(ValueError, match=r"as many images as it gets, \[1, C, H, W\].*hand it what differs by image"):
        fuse(v2.Compose([Wrong(), v2.CenterCrop(10)]))(images)


# ---- containers of a user's own ------------------------------------------------------------------------------------


class Twice(v2.Compose):
    """Runs its parts twice."""

    def forward(self, *inputs):
        return super().forward(super().forward(*inputs))


class Never(v2.RandomApply):
    def forward(self, *inputs):
        return inputs[0]


class Named(v2.Compose):
    """A container as v2's, with a name."""


class Chain(nn.Sequential):
    pass


@pytest.mark.parametrize(
    ("container", "inverted"),
    [
        (Twice([v2.RandomInvert(1.0)]), False),
        (Never([v2.RandomInvert(1.0)], p=1.0), False),
        (Named([v2.RandomInvert(1.0)]), True),
        (nn.Sequential(v2.RandomInvert(1.0)), True),
        (Chain(v2.RandomInvert(1.0)), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_containers_own_forward_is_what_runs(container, inverted):
    """In both executors; one that has no forward of its own is fused and named in no warning."""
    expected = 255 - LEVELS if inverted else LEVELS
    assert torch.equal(fuse(container)(LEVELS, addresses=Addresses(0, 0, torch.arange(6))), expected)
    assert torch.equal(
        torch.stack([views_at(container, Address(0, 0, i), image) for i, image in enumerate(LEVELS)]), expected
    )


def test_a_container_that_acts_in_its_own_way_is_named():
    with pytest.warns(UserWarning, match="no rule for Twice"):
        fuse(Twice([v2.RandomInvert(1.0)]))


def test_sequential_parts_have_addresses_of_their_own():
    steps = [v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4, 0.4, 0.1), v2.RandomApply([v2.RandomInvert()])]
    for a, b in zip(by_hand(nn.Sequential(*steps), LEVELS), by_hand(v2.Compose(steps), LEVELS), strict=True):
        assert torch.equal(a, b)


# ---- errors --------------------------------------------------------------------------------------------------------

SOMETIMES = v2.RandomApply([v2.Lambda(lambda image: image[..., ::2, ::2])], 0.5)
CHANGING = v2.Lambda(lambda image: image.float() if image[0, 0, 0] > 127 else image)


@pytest.mark.parametrize(
    ("transform", "images", "error", "words"),
    [
        (v2.FiveCrop(5), LEVELS, TypeError, r"FiveCrop\(size=\(5, 5\)\) must give one image .* of 5: .* MultiView"),
        (v2.Lambda(np.asarray), LEVELS, TypeError, "must be an image .* got ndarray"),
        (v2.Lambda(lambda image: None), LEVELS, TypeError, "must be an image .* got NoneType"),
        (v1.Lambda(v1.functional.to_tensor), LEVELS, TypeError, r"failed on image 0, a Tensor .*pic should be PIL"),
        (v2.Lambda(lambda image: image.load()), LEVELS, TypeError, "failed on image 0, a Tensor .*no attribute 'load'"),
        (SOMETIMES, LEVELS, ValueError, "random choice must give images of one size"),
        (CHANGING, LEVELS, ValueError, "several numbers of channels or dtypes: .*float32"),
        (v2.RandomResize(8, 30), LEVELS, ValueError, "sizes of their own, where a batch is wanted"),
        (v2.Compose([v2.ToPILImage("HSV")]), LEVELS, TypeError, "a PIL image of mode L, LA, RGB, RGBA, got 'HSV'"),
    ],
)  # fmt: skip
def test_an_error_says_which_transform_and_why(transform, images, error, words):
    with pytest.raises(error, match=words):
        fuse(transform)(images, addresses=Addresses(3, 0, torch.arange(len(images))))
