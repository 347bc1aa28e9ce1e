"""check_transform: this library's transforms, v2's, one's own and pipelines keep their promises."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

import jointaug
from jointaug import (
    ContrastiveCrop,
    CropBox,
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
)
from jointaug.testing import check_transform
from jointaug.testing._promises import CHECKS
from jointaug.views import _Coupling

from .cases import fails

TWO = MultiView(v2.Identity(), v2.Identity())
FLOATS = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0))
LEVELS = (255 * FLOATS).to(torch.uint8)
TARGET = {
    "boxes": tv_tensors.BoundingBoxes([[3.0, 4, 20, 18], [10, 2, 30, 22]], format="XYXY", canvas_size=(24, 32)),
    "points": tv_tensors.KeyPoints([[3.0, 4], [20, 18]], canvas_size=(24, 32)),
    "labels": torch.tensor([1, 2]),
}

OURS = {
    ContrastiveCrop: (ContrastiveCrop(16),),
    JointBlur: (JointBlur(), v2.Compose([TWO, JointBlur(3, p=(1.0, 0.5))])),
    JointColor: (JointColor(), v2.Compose([TWO, JointColor(p=1.0)])),
    JointCrop: (JointCrop(16), JointCrop((12, 16), geometry="reference"), JointCrop(16, alpha=0.6)),
    JointTransform: (),  # test_promises.py has one of its own
    MultiResolution: (MultiResolution((16, 12)),),
    MultiView: (MultiView(v2.RandomCrop(12), UncroppedView(12)), MultiView(JointCrop(12), JointCrop(8))),
    PerView: (v2.Compose([TWO, PerView(v2.RandomHorizontalFlip(), v2.ColorJitter(0.4))]),),
    Shared: (v2.Compose([TWO, Shared(v2.RandomVerticalFlip())]),),
    UncroppedView: (UncroppedView(16),),
}

ONE_SIZE = {"without": ("batch", "executors", "record")}  # fuse refuses sizes that differ by chance, and tuples
NO_MASKS = {"without": ("along",)}  # it says so
V2 = {
    "AugMix": ((), NO_MASKS),
    "AutoAugment": ((), NO_MASKS),
    "CenterCrop": ((16,), {}),
    "ClampBoundingBoxes": ((), {}),
    "ClampKeyPoints": ((), {}),
    "ColorJitter": ((0.4, 0.4, 0.4, 0.1), {}),
    "Compose": (([v2.RandomHorizontalFlip(), v2.RandomCrop(12)],), {}),
    "ConvertBoundingBoxFormat": (("XYWH",), {}),
    "ConvertImageDtype": ((torch.float32,), {}),
    "ElasticTransform": ((), {}),
    "FiveCrop": ((16,), {"without": ("along", "batch", "executors", "record")}),
    "GaussianBlur": ((5,), {}),
    "GaussianNoise": ((), {"without": ("params",)}),  # v2 draws it in the kernel
    "Grayscale": ((3,), {}),
    "Identity": ((), {}),
    "JPEG": (((20, 80),), {"sample": (LEVELS,)}),
    "Lambda": ((torch.neg, torch.Tensor), NO_MASKS),
    "LinearTransformation": ((torch.eye(3 * 64), torch.zeros(3 * 64)), {"sample": (FLOATS[:, :8, :8],)}),
    "Normalize": (([0.5] * 3, [0.2] * 3), {}),
    "PILToTensor": ((), {}),
    "Pad": ((3,), {}),
    "RGB": ((), {}),
    "RandAugment": ((), NO_MASKS),
    "RandomAdjustSharpness": ((2,), {}),
    "RandomAffine": ((30,), {}),
    "RandomApply": (([v2.RandomHorizontalFlip()],), {}),
    "RandomAutocontrast": ((), {}),
    "RandomChannelPermutation": ((), {}),
    "RandomChoice": (([v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()],), {}),
    "RandomCrop": ((16,), {}),
    "RandomEqualize": ((), {}),
    "RandomErasing": ((), {}),
    "RandomGrayscale": ((0.5,), {}),
    "RandomHorizontalFlip": ((), {}),
    "RandomInvert": ((), {}),
    "RandomIoUCrop": ((), {"sample": (tv_tensors.Image(FLOATS), TARGET), **ONE_SIZE}),
    "RandomOrder": (([v2.RandomHorizontalFlip(), v2.RandomAffine(30)],), {}),
    "RandomPerspective": ((), {}),
    "RandomPhotometricDistort": ((), {}),
    "RandomPosterize": ((4,), {"sample": (LEVELS,)}),
    "RandomResize": ((10, 30), ONE_SIZE),
    "RandomResizedCrop": ((16,), {}),
    "RandomRotation": ((30,), {}),
    "RandomShortestSize": (((16, 20),), ONE_SIZE),
    "RandomSolarize": ((0.5,), {}),
    "RandomVerticalFlip": ((), {}),
    "RandomZoomOut": ((), ONE_SIZE),
    "Resize": ((16,), {}),
    "SanitizeBoundingBoxes": ((), {"sample": (tv_tensors.Image(FLOATS), TARGET)}),
    "SanitizeKeyPoints": (
        (),
        {"sample": (tv_tensors.Image(FLOATS), TARGET), "without": ("pickle",)},
    ),  # it holds a lambda
    "ScaleJitter": (((30, 30),), ONE_SIZE),
    "SetClampingMode": (("soft",), {}),
    "TenCrop": ((16,), {"without": ("along", "batch", "executors", "record")}),
    "ToDtype": ((torch.float32,), {}),
    "ToImage": ((), {"keeps": ("dtype", "device")}),
    "ToPILImage": ((), {"keeps": ("device",)}),
    "ToPureTensor": ((), NO_MASKS),
    "ToTensor": ((), {}),
    "TrivialAugmentWide": ((), NO_MASKS),
}
NOT_OF_ONE_IMAGE = {"CutMix", "MixUp", "Transform", "UniformTemporalSubsample"}


@pytest.mark.parametrize("transform", [t for several in OURS.values() for t in several], ids=lambda t: type(t).__name__)
def test_ours_keep_all(transform):
    contract = check_transform(transform, LEVELS)
    assert [name for name, promise in contract.items() if promise.held is None and name != "size"] in (
        [],
        ["params"],  # a pipeline's parts draw
        ["memory", "addresses"],  # one view, and no chance
    )


def test_ours_are_all_here():
    kinds = (JointTransform, _Coupling, UncroppedView, MultiResolution)
    public = {v for v in vars(jointaug).values() if inspect.isclass(v) and issubclass(v, kinds)}
    assert public == set(OURS)


@pytest.mark.filterwarnings("ignore:The transform `ToTensor", "ignore:The image decoding and encoding")
@pytest.mark.parametrize("name", [name for name in V2 if hasattr(v2, name)])
def test_v2_keeps_all_but_what_is_said(name):
    arguments, options = V2[name]
    transform = getattr(v2, name)(*arguments)
    (*sample,) = options.get("sample", (FLOATS,))
    contract = check_transform(transform, *sample, **{k: v for k, v in options.items() if k != "sample"})
    checked = {check for check, promise in contract.items() if promise.held}
    assert {"inputs", "seed", "address", "pickle"} - set(options.get("without", ())) <= checked
    assert ONE_SIZE["without"][0] in checked or "without" in options


def test_v2_is_all_here():
    """What a newer torchvision brings is to be added."""
    classes = {name for name, value in vars(v2).items() if inspect.isclass(value) and issubclass(value, v2.Transform)}
    assert classes - set(V2) <= NOT_OF_ONE_IMAGE


def flipped(image):
    return image.flip(-1)


@pytest.mark.parametrize(
    ("transform", "sample", "idle"),
    [
        (flipped, (LEVELS,), {"memory", "params", "addresses", "along", "size"}),
        (fuse(JointCrop(16)), (LEVELS,), {"params", "size"}),
        (JointCrop(16), (tv_tensors.Image(LEVELS), TARGET), {"size"}),
        (JointCrop(16), ({"image": tv_tensors.Image(LEVELS), "label": 3},), {"size"}),
        (JointCrop(16), (LEVELS, 3), {"along", "size"}),
        (ContrastiveCrop(16), (LEVELS, CropBox([0.2, 0.2, 0.9, 0.8])), {"along", "size"}),
    ],
    ids=["function", "fused", "boxes", "dictionary", "label", "crop box"],
)
def test_functions_fused_pipelines_and_whole_samples(transform, sample, idle):
    contract = check_transform(transform, *sample)
    assert {name for name, promise in contract.items() if promise.held is None} == idle


def test_a_recipe_keeps_all():
    moco = v2.Compose(
        [
            JointCrop(16),
            PerView(v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8)),
            PerView(v2.RandomGrayscale(0.2)),
            JointBlur(),
            PerView(v2.RandomHorizontalFlip()),
            PerView(v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.2] * 3)])),
        ]
    )
    message = fails(check_transform, moco)
    assert message.startswith(
        "Compose breaks 1 of 15 promises\ndtype: a view at address 0 has dtype float32, the sample"
    )
    contract = check_transform(moco, keeps=("type", "device"))
    assert contract.broken == []
    assert 0 < contract["executors"].measured < 1e-5
    assert contract["record"].measured <= contract["executors"].measured


def test_the_generators_are_left_as_they_were():
    state = torch.get_rng_state()
    check_transform(v2.RandomCrop(12), LEVELS)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_not_asked_is_said():
    contract = check_transform(v2.RandomHorizontalFlip(), LEVELS, without=["record"], keeps=["size"], tolerance=0)
    assert [name for name, promise in contract.items() if promise.seen == "not asked"] == [
        "type", "dtype", "device", "record",
    ]  # fmt: skip
    assert list(contract) == list(CHECKS)


def test_the_tolerance_is_one():
    blur = v2.GaussianBlur(5)
    largest = check_transform(blur, FLOATS)["executors"].measured
    assert largest > 0
    check_transform(blur, FLOATS, tolerance=largest)
    assert "executors: fuse and views_at make other views" in fails(
        check_transform, blur, FLOATS, tolerance=largest / 2
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check_transform(JointCrop), TypeError, "pipeline must be a callable of a sample, got <class"),
        (lambda: check_transform(JointCrop(8), "a.png"), TypeError, "a sample must hold an image"),
        (
            lambda: check_transform(JointCrop(8), without="batches"),
            ValueError,
            "without must be some of inputs, memory",
        ),
        (
            lambda: check_transform(JointCrop(8), keeps=("mode",)),
            ValueError,
            "keeps must be some of type, dtype, device",
        ),
        (lambda: check_transform(JointCrop(8), tolerance=-1), ValueError, "tolerance must be at least 0, got -1"),
        (lambda: check_transform(JointCrop(8), seed=-1), ValueError, "seed must be an integer of at least 0, got -1"),
        (lambda: check_transform(v2.MixUp(num_classes=2), LEVELS), ValueError, "labels should be index based"),
        (lambda: check_transform(JointCrop(8), np.zeros((8, 8, 3))), TypeError, "a sample must hold an image"),
    ],
    ids=range(8),
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
