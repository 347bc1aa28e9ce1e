"""What stands for a transform of v2: torchvision's own v1, and users' blurs on PIL images."""

from __future__ import annotations

import pickle
import random
import warnings

import PIL.Image
import PIL.ImageFilter
import PIL.ImageOps
import pytest
import torch
from torch import nn
from torchvision import transforms as v1
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import Address, AddressedDataset, Addresses, JointCrop, MultiView, PerView, fuse, views_at
from jointaug._draws import adapted
from jointaug.fusion import leaves
from jointaug.rules import adapt

GENERATOR = torch.Generator().manual_seed(0)
SMALL = torch.rand(4, 3, 8, 11, generator=GENERATOR)
LEVELS = [F.to_dtype(image, torch.uint8, scale=True) for image in nn.functional.interpolate(SMALL, (40, 55))]
PIL_IMAGES = [F.to_pil_image(image) for image in LEVELS]

WRITTEN = {
    "CenterCrop": ((20,), {}),
    "ColorJitter": ((0.4, 0.4, 0.4, 0.1), {}),
    "ConvertImageDtype": ((torch.float64,), {}),
    "ElasticTransform": ((), {}),
    "FiveCrop": ((20,), {}),
    "GaussianBlur": ((5, (0.1, 2.0)), {}),
    "Grayscale": ((3,), {}),
    "LinearTransformation": ((torch.eye(3 * 40 * 55), torch.zeros(3 * 40 * 55)), {}),
    "Normalize": (([0.5] * 3, [0.25] * 3), {}),
    "Pad": (((1, 2, 3, 4), 7), {}),
    "RandomAdjustSharpness": ((2.0,), {}),
    "RandomAffine": ((20, (0.1, 0.2), (0.5, 2.0), (1, 5)), {"fill": 3}),
    "RandomCrop": ((20,), {"padding": (1, 2, 3, 4), "pad_if_needed": True, "padding_mode": "edge"}),
    "RandomErasing": ((1.0,), {"value": (1, 2, 3)}),
    "RandomPosterize": ((3,), {}),
    "RandomResizedCrop": (((20, 24), (0.3, 0.6)), {"interpolation": v2.InterpolationMode.BICUBIC}),
    "RandomRotation": ((30,), {"expand": True, "center": (3, 4)}),
    "RandomSolarize": ((100,), {}),
    "Resize": ((20,), {"max_size": 50}),
    "TenCrop": ((20,), {}),
}
"""How v1's classes are written that need arguments."""
ON_TENSORS = ("ConvertImageDtype", "Normalize", "RandomErasing", "LinearTransformation", "ToPILImage")
NO_TRANSFORMS = {"InterpolationMode", "AutoAugmentPolicy"}
NOT_STOOD_FOR = {"Compose", "RandomApply", "RandomChoice", "RandomOrder", "Lambda"}
CLASSES = sorted(
    name for name, kind in vars(v1).items() if isinstance(kind, type) and name not in NO_TRANSFORMS | NOT_STOOD_FOR
)


def written(module, name):
    arguments, options = WRITTEN.get(name, ((), {}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(module, name)(*arguments, **options)


def attributes(transform):
    """Public ones, whatever their form; fills of v1 are numbers where v2 has None for the same."""
    names = sorted(name for name in vars(transform) if name[0] != "_" and name != "fill")
    return {name: plain(getattr(transform, name)) for name in names}


def plain(value):
    if isinstance(value, v2.InterpolationMode):
        return value.value
    if isinstance(value, torch.Tensor):
        return value.tolist()
    return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def tree(value):
    if isinstance(value, PIL.Image.Image):
        return F.pil_to_tensor(value)
    return [tree(part) for part in value] if isinstance(value, tuple) else value.as_subclass(torch.Tensor)


@pytest.mark.parametrize("name", CLASSES)
def test_each_of_v1_stands_for_its_namesake(name):
    """Of the same attributes, and with the same views at an address."""
    first, second = written(v1, name), written(v2, name)
    twin = adapted(first)
    assert type(twin).__name__ == name
    if name != "ToTensor":  # v2's warns, and leaves tensors as they are
        assert type(twin) is type(second)
        assert attributes(twin) == attributes(second)
    for i in range(3):
        image = LEVELS[i] / 255 if name in ON_TENSORS else PIL_IMAGES[i]
        ours, theirs = (views_at(t, Address(0, 0, i), image) for t in (first, second))
        torch.testing.assert_close(tree(ours), tree(theirs), atol=0, rtol=0)


TAIL = {
    "v1": [v1.RandomGrayscale(0.3), v1.RandomHorizontalFlip(), v1.ToTensor(), v1.Normalize([0.5] * 3, [0.25] * 3)],
    "v2": [
        v2.RandomGrayscale(0.3),
        v2.RandomHorizontalFlip(),
        v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.ToPureTensor()]),
        v2.Normalize([0.5] * 3, [0.25] * 3),
    ],
}


def moco(v):
    """MoCo v2's list, in one of the two."""
    module = {"v1": v1, "v2": v2}[v]
    return module.Compose(
        [
            module.RandomResizedCrop(24, scale=(0.2, 1.0)),
            module.RandomApply([module.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            module.RandomChoice([module.GaussianBlur(5), module.RandomSolarize(128, 1.0)], p=[0.7, 0.3]),
            module.RandomOrder([module.RandomVerticalFlip(), module.RandomRotation(20)]),
            *TAIL[v],
        ]
    )


@pytest.mark.parametrize("images", [PIL_IMAGES, LEVELS], ids=["PIL", "decoded to tensors"])
def test_a_pipeline_of_v1_makes_the_views_of_its_twin(images):
    """In both executors; its containers are walked at the same positions."""
    ours, theirs = moco("v1"), moco("v2")
    assert [type(a) for a in leaves(ours) if not isinstance(a, v2.Transform)] == []
    batch = []
    for pipeline in (ours, theirs):
        with pytest.warns(UserWarning, match=r"no rule for RandomRotation .* at 3.RandomOrder.1.RandomRotation;"):
            batch.append(fuse(pipeline)(images, addresses=Addresses(1, 2, torch.arange(4))))
    assert torch.equal(*batch)
    for i, image in enumerate(images):
        own, twin = (views_at(pipeline, Address(1, 2, i), image) for pipeline in (ours, theirs))
        torch.testing.assert_close(own, twin, atol=1e-6, rtol=0)  # v1 divides by 255, v2 multiplies
        assert (own * 0.25 - batch[0][i] * 0.25).abs().max() <= 31 / 255


def test_a_tail_of_v1_need_not_be_rewritten():
    """After a joint crop, in a data set, with labels, in workers' pickles."""
    pipeline = v2.Compose([JointCrop(24), PerView(v1.Compose([v1.RandomApply([v1.ColorJitter(0.4)]), *TAIL["v1"]]))])
    samples = [(image, i) for i, image in enumerate(PIL_IMAGES)]
    data = AddressedDataset(PIL_IMAGES, pipeline, seed=3)
    (views, labels) = fuse(pipeline)(samples, addresses=Addresses(3, 0, torch.arange(4)))
    assert labels.tolist() == [0, 1, 2, 3]
    assert views[0].shape == (4, 3, 24, 24)
    for i in range(4):
        for view, own in zip(views, data[i], strict=True):
            assert (view[i] - own).abs().max() * 0.25 <= 31 / 255
    again = pickle.loads(pickle.dumps(fuse(pipeline)))
    for one, other in zip(again(samples, addresses=Addresses(3, 0, torch.arange(4)))[0], views, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    "coupled", [lambda p: MultiView(p, v2.Identity()), lambda p: v2.Compose([p])], ids=["a branch", "a step"]
)
def test_as_it_stands_a_pipeline_of_v1_is_what_it_was(coupled):
    """Its chance is that of torch and of Python, in v1's order."""
    results = []
    for call in (coupled(moco("v1")), moco("v1")):
        torch.manual_seed(0)
        random.seed(0)
        views = call(PIL_IMAGES[0])
        results.append(views[0] if isinstance(views, tuple) else views)
    assert torch.equal(*results)


def test_weights_of_v1s_choice_are_its_odds():
    """v1 takes weights that do not add up to 1, and None."""
    for weights, share in (([3, 1], 0.75), (None, 0.5)):
        choice = v1.RandomChoice([v2.RandomInvert(1.0), v2.Identity()], p=weights)
        images = torch.zeros(4000, 3, 2, 2)
        inverted = fuse(choice)(images, addresses=Addresses(0, 0, torch.arange(4000)))[:, 0, 0, 0]
        assert abs(inverted.mean() - share) < 5 * (share * (1 - share) / 4000) ** 0.5  # fails once in 1.7 million
        alone = [views_at(choice, Address(0, 0, i), images[i])[0, 0, 0] for i in range(200)]
        assert torch.equal(torch.stack(alone), inverted[:200])


class Doubled(v1.Compose):
    def __call__(self, image):
        return super().__call__(super().__call__(image))


class Renamed(v1.Compose):
    """A subclass that changes nothing."""


class Mirrored(v1.RandomHorizontalFlip):
    """A leaf of a user's own."""


def test_a_subclass_may_act_otherwise():
    flip = v1.RandomHorizontalFlip(1.0)
    with pytest.warns(UserWarning, match="no rule for Doubled"):
        fuse(Doubled([flip]))
    with pytest.warns(UserWarning, match="no rule for Mirrored"):
        fuse(Mirrored())
    assert leaves(Renamed([flip])) == [adapted(flip)]
    image = LEVELS[0]
    assert torch.equal(views_at(Doubled([flip]), Address(0, 0, 0), image), image)


# ---- attributes ----------------------------------------------------------------------------------------------------


def test_a_changed_attribute_is_seen():
    """Also in a list that was changed in place; what did not change stays the same transform."""
    flip, jitter = v1.RandomHorizontalFlip(0.0), v1.Normalize([0.0], [1.0])
    assert adapted(flip) is adapted(flip)
    image = torch.rand(1, 2, 3)
    assert torch.equal(views_at(flip, Address(0, 0, 0), image), image)
    flip.p = 1.0
    assert torch.equal(views_at(flip, Address(0, 0, 0), image), image.flip(-1))
    assert torch.equal(views_at(jitter, Address(0, 0, 0), image), image)
    jitter.mean[0] = 1.0
    assert torch.equal(views_at(jitter, Address(0, 0, 0), image), image - 1)


# ---- users' own ----------------------------------------------------------------------------------------------------


class GaussianBlur:
    """As in MoCo's and SimCLR's code: Pillow's filter, of a radius drawn by Python."""

    def __init__(self, sigma=(0.1, 2.0)):
        self.sigma = sigma

    def __call__(self, image):
        return image.filter(PIL.ImageFilter.GaussianBlur(radius=random.uniform(*self.sigma)))


class Solarize:
    """As in BYOL's: no chance in it, and equal to others of its kind."""

    def __call__(self, image):
        return PIL.ImageOps.solarize(image)

    def __eq__(self, other):
        return type(self) is type(other)


@adapt(GaussianBlur)
def blur(transform):
    return v2.GaussianBlur(23, tuple(transform.sigma))


@adapt(Solarize)
def solarize(transform):
    return v2.RandomSolarize(128, 1.0)


def test_a_blur_of_a_users_own_runs_as_the_one_it_stands_for():
    pipeline = v1.Compose([v1.RandomApply([GaussianBlur((0.5, 1.5))], 0.5), Solarize()])
    twin = v2.Compose([v2.RandomApply([v2.GaussianBlur(23, (0.5, 1.5))], 0.5), v2.RandomSolarize(128, 1.0)])
    for i, image in enumerate(PIL_IMAGES):
        own, theirs = (F.pil_to_tensor(views_at(p, Address(0, 0, i), image)) for p in (pipeline, twin))
        assert torch.equal(own, theirs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        views = [fuse(p)(PIL_IMAGES, addresses=Addresses(0, 0, torch.arange(4))) for p in (pipeline, twin)]
    assert torch.equal(*views)


def test_pillows_blur_is_v2s():
    """The adapter's claim: Pillow's extended box filter is a Gaussian to a few levels, on a photograph's edges."""
    image = F.to_pil_image(LEVELS[0])
    for sigma in (0.5, 1.0, 2.0):
        pillows = F.pil_to_tensor(GaussianBlur((sigma, sigma))(image)).float()
        gaussian = F.pil_to_tensor(blur(GaussianBlur((sigma, sigma)))(image)).float()
        assert (pillows - gaussian).abs().mean() < 1.5


@pytest.mark.parametrize("made", [None, v2.Identity, GaussianBlur()], ids=["nothing", "a class", "another of them"])
def test_an_adapter_must_return_a_transform(made):
    class Own(GaussianBlur):
        pass

    adapt(Own)(lambda transform: made)
    with pytest.raises(TypeError, match=r"the adapter of Own must return a transform of torchvision.* got"):
        fuse(Own())


def test_only_types_are_adapted():
    with pytest.raises(TypeError, match=r"adapt takes types of transforms, got .*; write @adapt\(MyTransform\)"):
        adapt(GaussianBlur())
