"""Masks, boxes and key points go along: as image by image, to the bit."""

import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2

from jointaug import Address, Addresses, JointBlur, JointColor, JointCrop, MultiView, PerView, Shared, fuse, views_at
from jointaug.loading import Loader

from ..versions import OTHER_MASKS

GENERATOR = torch.Generator().manual_seed(0)
SIZES = [(40, 56), (33, 61), (48, 35)]


def sample(i):
    h, w = SIZES[i]
    image = tv_tensors.Image(torch.rand(3, h, w, generator=GENERATOR))
    corner = torch.rand(5, 2, generator=GENERATOR) * torch.tensor([w / 2, h / 2])
    boxes = torch.cat(
        [corner, corner + 2 + torch.rand(5, 2, generator=GENERATOR) * torch.tensor([w / 2 - 3, h / 2 - 3])], 1
    )
    return image, {
        "masks": tv_tensors.Mask(torch.randint(0, 2, (2, h, w), dtype=torch.uint8, generator=GENERATOR)),
        "boxes": tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(h, w)),
        "points": tv_tensors.KeyPoints(corner, canvas_size=(h, w)),
        "labels": torch.arange(5) + i,
        "name": f"{i}.jpg",
    }


SAMPLES = [sample(i) for i in range(3)]
TO_FLOAT = v2.ToDtype(torch.float32, scale=True)
PIPELINES = {
    "pair": v2.Compose([JointCrop(24), PerView(v2.RandomHorizontalFlip())]),
    "colors": v2.Compose(
        [
            MultiView(v2.RandomResizedCrop(24), v2.RandomResizedCrop((16, 30))),
            PerView(v2.Compose([v2.RandomApply([v2.ColorJitter(0.4)], 0.5), v2.RandomVerticalFlip(), TO_FLOAT])),
        ]
    ),
    "joint": v2.Compose([JointCrop(24), JointColor(), JointBlur(), Shared(v2.RandomHorizontalFlip())]),
    "one view": v2.Compose([v2.Resize(30), v2.RandomCrop(40, pad_if_needed=True), v2.RandomGrayscale(0.5)]),
    "choice": v2.Compose(
        [v2.CenterCrop(24), v2.RandomChoice([v2.RandomHorizontalFlip(1.0), v2.RandomVerticalFlip(1.0)], p=[0.5, 0.5])]
    ),
    "order": v2.Compose([v2.RandomResizedCrop(24), v2.RandomOrder([v2.RandomHorizontalFlip(), v2.RandomInvert()])]),
    "sanitized": v2.Compose(
        [v2.RandomResizedCrop(24, (0.1, 0.3)), v2.ClampBoundingBoxes(), v2.SanitizeBoundingBoxes(4)]
    ),
}


def same(ours, theirs):
    """Bit for bit, but for the image's pixels."""
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            same(ours[name], value)
    elif isinstance(theirs, tv_tensors.Image):
        assert type(ours) is Tensor
        torch.testing.assert_close(ours, theirs.as_subclass(Tensor), atol=1e-5, rtol=0)
    elif isinstance(theirs, Tensor):
        assert type(ours) is type(theirs)
        assert torch.equal(ours, theirs)
        assert getattr(ours, "canvas_size", None) == getattr(theirs, "canvas_size", None)
    else:
        assert ours == theirs


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[OTHER_MASKS.mark] if name == "sanitized" else []) for name in PIPELINES]
)
def test_of_one_sample_and_of_many_they_are_those_of_image_by_image(name):
    pipeline = PIPELINES[name]
    fused = fuse(pipeline)
    expected = [views_at(pipeline, Address(3, 1, i), *one) for i, one in enumerate(SAMPLES)]
    for i, one in enumerate(SAMPLES):
        same(views_at(fused, Address(3, 1, i), *one), expected[i])
    same(fused.samples(SAMPLES, addresses=Addresses(3, 1, torch.arange(3))), expected)


def test_collated_boxes_and_points_stay_lists_by_view_and_masks_are_stacked():
    (first, second), targets = fuse(PIPELINES["pair"]).collate(SAMPLES)
    assert first.shape == second.shape == (3, 3, 24, 24)
    assert [sorted(target) for target in targets] == [sorted(SAMPLES[0][1])] * 2
    for target in targets:
        assert target["masks"].shape == (3, 2, 24, 24)
        assert [type(boxes) for boxes in target["boxes"]] == [tv_tensors.BoundingBoxes] * 3
        assert [type(points) for points in target["points"]] == [tv_tensors.KeyPoints] * 3
    assert torch.equal(targets[0]["labels"], torch.stack([one[1]["labels"] for one in SAMPLES]))


SEGMENTED = [
    (image, tv_tensors.Mask(target["masks"][0].long()), {"both": target["masks"], "label": i})
    for i, (image, target) in enumerate(SAMPLES)
]


@pytest.mark.parametrize("name", ["pair", "joint", "colors", "one view"])
def test_collated_masks_are_what_default_collate_makes_of_the_samples_results(name):
    pipeline, addresses = PIPELINES[name], Addresses(3, 1, torch.arange(3))
    expected = default_collate([views_at(pipeline, Address(3, 1, i), *one) for i, one in enumerate(SEGMENTED)])
    images, *along = fuse(pipeline)(SEGMENTED, addresses=addresses)
    torch.testing.assert_close(images, expected[0], atol=1e-5, rtol=0)
    same(along, expected[1:])


def test_a_loader_stacks_masks_as_default_collate_does():
    """Image by image, torch's collate is the oracle; in a worker too."""
    pipeline = PIPELINES["pair"]
    for workers in (0, 1):
        options = {"seed": 5, "num_workers": workers}
        theirs = list(Loader(SEGMENTED, pipeline, 2, **options))
        same(list(fuse(pipeline).loader(SEGMENTED, 2, **options)), theirs)
    assert theirs[0][1][0].shape == (2, 24, 24)


def test_masks_of_as_many_things_as_each_image_has_stay_a_list():
    things = [(image, tv_tensors.Mask(target["masks"][: 1 + i % 2])) for i, (image, target) in enumerate(SAMPLES)]
    _, (first, _) = fuse(PIPELINES["pair"]).collate(things)
    assert [mask.shape for mask in first] == [(1, 24, 24), (2, 24, 24), (1, 24, 24)]


def test_labels_that_some_images_of_a_batch_change():
    """Boxes of one pixel are left out of the images that are drawn for it, with their labels."""
    one = {"boxes": [[0, 0, 1, 1], [2, 3, 20, 22]], "format": "XYXY", "canvas_size": (24, 24)}
    boxes = tv_tensors.BoundingBoxes(one.pop("boxes"), **one)
    samples = [(SAMPLES[0][0][:, :24, :24], {"boxes": boxes, "labels": torch.arange(2)})] * 8
    fused = fuse(v2.RandomApply([v2.SanitizeBoundingBoxes(4)]))
    _, target = fused(samples, addresses=Addresses(3, 1, torch.arange(8)))
    counts = [len(boxes) for boxes in target["boxes"]]
    assert set(counts) == {1, 2}
    assert [labels.tolist() for labels in target["labels"]] == [[1] if n == 1 else [0, 1] for n in counts]


def test_a_mask_follows_the_crop_to_the_pixel():
    """The image's own red channel as its mask, nearest pixel for both."""
    image = torch.randint(0, 256, (3, 40, 56), dtype=torch.uint8, generator=GENERATOR)
    crop = v2.Compose([JointCrop(16, interpolation="nearest"), PerView(v2.RandomHorizontalFlip())])
    views, masks = fuse(crop)(tv_tensors.Image(image), tv_tensors.Mask(image[:1]))
    for view, mask in zip(views, masks, strict=True):
        assert torch.equal(view[:1], mask.as_subclass(Tensor))


@pytest.mark.filterwarnings("ignore:fuse has no rule")
def test_what_moves_a_mask_nobody_knows_where_is_refused():
    image, target = SAMPLES[0]
    fused = fuse(v2.Compose([v2.Lambda(lambda image: image.flip(-1)), JointCrop(8)]))
    with pytest.raises(TypeError, match=r"what Lambda.* draws is not known, so Mask cannot go along .*register"):
        fused(image, target["masks"])
    assert len(fused(image, 3)[0]) == 2
    with pytest.raises(TypeError, match="RandAugment must not be given Mask"):
        fuse(v2.RandAugment())(image, target["masks"])


def test_masks_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"must have the image's size.*Mask.*\(20, 20\).*\(40, 56\)"):
        fuse(JointCrop(8))(SAMPLES[0][0], tv_tensors.Mask(torch.zeros(1, 20, 20)))
    boxes = tv_tensors.BoundingBoxes([[0, 0, 3, 3]], format="XYXY", canvas_size=(9, 9))
    with pytest.raises(ValueError, match=r"must have the image's size.*BoundingBoxes.*\(9, 9\).*\(40, 56\)"):
        fuse(JointCrop(8)).samples([(SAMPLES[0][0], {"boxes": boxes})])
