"""A record done again gives the same views, bit for bit, of the same sample, and of what belongs to it."""

import pickle

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from jointaug import (
    Address,
    Addresses,
    JointBlur,
    JointColor,
    JointCrop,
    MultiResolution,
    MultiView,
    PerView,
    Record,
    Shared,
    UncroppedView,
    fuse,
    views_at,
)
from jointaug.functional import solarize
from jointaug.rules import RULES, register

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (6, 3, 40, 56), dtype=torch.uint8, generator=GENERATOR)
LIST = [torch.randint(0, 256, (3, h, w), dtype=torch.uint8, generator=GENERATOR) for h, w in ((40, 56), (33, 90))]
MASKS = torch.randint(0, 9, (6, 40, 56), generator=GENERATOR)
JITTER = v2.ColorJitter(0.4, 0.4, 0.4, 0.1)

PIPELINES = {
    "moco": v2.Compose(
        [
            JointCrop(24),
            PerView(v2.RandomApply([JITTER], 0.8)),
            PerView(v2.RandomGrayscale(0.3)),
            PerView(v2.RandomHorizontalFlip()),
            JointBlur(),
            JointColor(),
        ]
    ),
    "multi-crop": MultiView(UncroppedView(24), JointCrop(24), MultiResolution((12, 9))),
    "v2": v2.Compose([v2.Resize(30), v2.RandomCrop(24, padding=3), v2.RandomVerticalFlip(), v2.RandAugment()]),
    "containers": v2.Compose(
        [
            JointCrop(24),
            PerView(v2.RandomOrder([v2.GaussianBlur(3), v2.RandomHorizontalFlip(), v2.RandomInvert()])),
            Shared(v2.RandomChoice([v2.RandomVerticalFlip(1.0), v2.RandomSolarize(100.0)])),
            PerView(v2.RandomApply([v2.RandomHorizontalFlip(), v2.RandomErasing(1.0)], 0.5), v2.Identity()),
        ]
    ),
    "a choice of crops": v2.RandomChoice([JointCrop(24, beta=2.0), v2.Compose([JointCrop(24), JointBlur(p=1.0)])]),
    "to float": v2.Compose(
        [v2.RandomResizedCrop(24), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.2])]
    ),
    "foreign": v2.Compose(
        [
            v2.Lambda(lambda image: image[..., ::2, ::2] + torch.randint(9, ())),
            JointCrop(12),
            PerView(v2.RandomInvert()),
        ]
    ),
    "elastic": v2.Compose([JointCrop(24), PerView(v2.ElasticTransform(sigma=1.0))]),
}

pytestmark = pytest.mark.filterwarnings("ignore:fuse has no rule")


def listed(views):
    return list(views) if isinstance(views, (list, tuple)) else [views]


@pytest.mark.parametrize("through", ["itself", "text"])
@pytest.mark.parametrize("kind", ["batch", "list", "alone", "row"])
@pytest.mark.parametrize("name", PIPELINES)
def test_the_same_views_of_the_same_images(name, kind, through):
    fused = fuse(PIPELINES[name])
    images = {"batch": IMAGES, "list": LIST, "alone": IMAGES[0], "row": IMAGES}[kind]
    addresses = Address(0, 0, 5) if kind == "alone" else Addresses(0, 0, torch.arange(len(images)))
    views, record = fused(images, addresses=addresses, record=True)
    if kind == "row":
        views, record, images = [view[3] for view in listed(views)], record[3], images[3]
    record = Record.from_json(record.to_json()) if through == "text" else record
    state = torch.get_rng_state()
    again = fuse(PIPELINES[name]).replay(record, images)
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in zip(listed(views), listed(again), strict=True):
        assert torch.equal(one, other)


def test_another_image_gets_the_same_steps():
    """Of the negative of an image, the negative of its views, where no step is but geometry."""
    pipeline = v2.Compose([JointCrop(24), PerView(v2.RandomHorizontalFlip())])
    fused = fuse(pipeline)
    floats = IMAGES.double() / 255
    views, record = fused(floats, record=True)
    for view, other in zip(views, fused.replay(record, 1 - floats), strict=True):
        torch.testing.assert_close(other, 1 - view, atol=1e-12, rtol=0)
    gray = fused.replay(record, floats[:, :1])
    assert all(torch.equal(a[:, :1], b) for a, b in zip(views, gray, strict=True))


def test_masks_are_moved_and_keep_their_values():
    """As masks that went along, image by image; steps of color leave them alone."""
    pipeline = PIPELINES["moco"]
    fused = fuse(pipeline)
    addresses = Addresses(3, 0, torch.arange(6))
    _, record = fused(IMAGES, addresses=addresses, record=True)
    batch = fused.replay(record, tv_tensors.Mask(MASKS))
    separate = fused.replay(record, [tv_tensors.Mask(mask) for mask in MASKS])
    for i in range(6):
        _, (first, second) = views_at(
            pipeline, Address(3, 0, i), tv_tensors.Image(IMAGES[i]), tv_tensors.Mask(MASKS[i])
        )
        row = fused.replay(record[i], tv_tensors.Mask(MASKS[i]))
        along = fused.replay(record[i], tv_tensors.Image(IMAGES[i]), tv_tensors.Mask(MASKS[i]))[1]
        for k, expected in enumerate((first, second)):
            assert type(row[k]) is tv_tensors.Mask
            assert torch.equal(row[k], expected)
            assert torch.equal(batch[k][i], expected)
            assert torch.equal(separate[k][i], expected)
            assert torch.equal(along[k], expected)
    assert type(batch[0]) is tv_tensors.Mask


def test_boxes_and_depth_go_as_they_did_beside_the_image():
    pipeline = PIPELINES["moco"]
    fused = fuse(pipeline)
    boxes = tv_tensors.BoundingBoxes([[1, 2, 30, 39]], format="XYXY", canvas_size=(40, 56))
    depth = tv_tensors.Mask(torch.rand(40, 56, generator=GENERATOR))
    (_, targets), record = fused(IMAGES[0], {"boxes": boxes, "depth": depth}, record=True)
    for again in (
        fused.replay(record, {"boxes": boxes, "depth": depth}),
        fused.replay(record, IMAGES[0], {"boxes": boxes, "depth": depth})[1],
    ):
        for one, other in zip(targets, again, strict=True):
            assert torch.equal(one["boxes"], other["boxes"])
            assert torch.equal(one["depth"], other["depth"])
    samples = [(image, {"mask": tv_tensors.Mask(mask)}) for image, mask in zip(IMAGES, MASKS, strict=True)]
    (views, masks), record = fused(samples, record=True)
    again_views, again_masks = fused.replay(record, samples)
    for k in range(2):
        assert torch.equal(views[k], again_views[k])
        for a, b in zip(masks[k]["mask"], again_masks[k]["mask"], strict=True):
            assert torch.equal(a, b)


class Veiled(v2.Transform):
    pass


def test_a_rule_that_draws_by_itself_is_done_again():
    @register(Veiled)
    def rule(transform, view, draws):
        (u,) = draws.row(1)
        return view.step(solarize, u, where=draws.step(0).row(1)[0] < 0.5)

    try:
        fused = fuse(v2.Compose([JointCrop(24), PerView(Veiled())]))
        for images in (IMAGES, IMAGES[0]):
            views, record = fused(images, record=True)
            again = fused.replay(Record.from_json(record.to_json()), images)
            assert all(torch.equal(a, b) for a, b in zip(views, again, strict=True))
    finally:
        RULES.pop(Veiled)


def test_views_that_were_given():
    fused = fuse(PerView(v2.RandomResizedCrop(9), v2.RandomHorizontalFlip()))
    given = [IMAGES, IMAGES[..., :30]]
    views, record = fused(given, record=True)
    assert all(torch.equal(a, b) for a, b in zip(views, fused.replay(record, given), strict=True))
    with pytest.raises(ValueError, match="got images for a record made of views"):
        fused.replay(record, IMAGES)


def test_a_record_of_one_image_serves_its_mask_years_later():
    """Pickled, and read by a pipeline that was made anew."""
    record = pickle.dumps(fuse(v2.Compose([JointCrop(24)]))(IMAGES[0], record=True)[1])
    masks = fuse(v2.Compose([JointCrop(24)])).replay(pickle.loads(record), tv_tensors.Mask(MASKS[0]))
    assert [mask.shape for mask in masks] == [(24, 24)] * 2


RECORD = fuse(PIPELINES["moco"])(IMAGES, record=True)[1]
BAD = {
    "no record": (lambda f: f.replay({}, IMAGES), TypeError, "record must be a Record, got dict"),
    "another pipeline": (
        lambda f: fuse(v2.Compose([JointCrop(25)])).replay(RECORD, IMAGES),
        ValueError,
        r"record must be of this pipeline \([0-9a-f]{32}\), got one of another \([0-9a-f]{32}\)",
    ),
    "sizes": (
        lambda f: f.replay(RECORD, IMAGES[..., :50]),
        ValueError,
        r"images of the same size, got height and width \[40, 50\] where it has \[40, 56\] \(image 0\)",
    ),
    "size of one": (lambda f: f.replay(RECORD[0], IMAGES[0, :, :9]), ValueError, r"got height and width \[9, 56\]"),
    "size of a mask": (
        lambda f: f.replay(RECORD[0], tv_tensors.Mask(MASKS[0, :9])),
        ValueError,
        r"got height and width \[9, 56\]",
    ),
    "number": (lambda f: f.replay(RECORD, IMAGES[:4]), ValueError, "as many images as are given, got one of 6 for 4"),
    "one for many": (
        lambda f: f.replay(RECORD, IMAGES[0]),
        ValueError,
        r"got one of 6 for 1; record\[i\] is that of one",
    ),
    "many for one": (lambda f: f.replay(RECORD[0], IMAGES), ValueError, "got one of 1 for 6; give one image"),
    "masks": (lambda f: f.replay(RECORD, tv_tensors.Mask(MASKS[:4])), ValueError, "got one of 6 for 4"),
    "nothing": (lambda f: f.replay(RECORD), TypeError, "must be given images, got nothing"),
    "two masks of two sizes": (
        lambda f: f.replay(RECORD[0], {"a": tv_tensors.Mask(MASKS[0]), "b": tv_tensors.Mask(MASKS[0, :9])}),
        ValueError,
        "what belongs to one image must have one size",
    ),
    "no sample": (
        lambda f: f.replay(RECORD, [tv_tensors.Mask(MASKS[0]), 3]),
        TypeError,
        "must hold masks, boxes or key",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words):
        call(fuse(PIPELINES["moco"]))
