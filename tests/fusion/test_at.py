"""The image-by-image executor says what it did: the same record as fuse's, and the same views as without."""

import gc
import weakref

import numpy as np
import PIL.Image
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from jointaug import (
    Address,
    Addresses,
    ContrastiveCrop,
    CropBox,
    JointBlur,
    JointCrop,
    JointTransform,
    PerView,
    Views,
    fuse,
    views_at,
)

IMAGES = torch.randint(0, 256, (4, 3, 40, 56), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

pytestmark = pytest.mark.filterwarnings("ignore:fuse has no rule")


class Halves(JointTransform):
    """Without a rule, and of another size."""

    def __init__(self):
        super().__init__({})

    def transform_view(self, inpt, params):
        return inpt[..., ::2, ::2]


class Counted:
    def __init__(self):
        self.calls = 0

    def __call__(self, image):
        self.calls += 1
        return image[..., 1:, 3:]


PIPELINES = {
    "moco": v2.Compose(
        [
            JointCrop(24),
            PerView(
                v2.RandomApply([v2.ColorJitter(0.4, 0.4)], 0.5),
                v2.RandomOrder([v2.GaussianBlur(3), v2.RandomHorizontalFlip()]),
            ),
            PerView(v2.RandomChoice([v2.RandomVerticalFlip(), v2.RandomGrayscale()])),
            JointBlur(),
        ]
    ),
    "foreign": v2.Compose([v2.Lambda(lambda image: image[..., ::2, 1:]), JointCrop(12), PerView(v2.RandomCrop(9))]),
    "joint, without a rule": v2.Compose([Halves(), PerView(v2.RandomResizedCrop(9))]),
    "one view": v2.RandomResizedCrop(9),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_it_says_what_fuse_says(name):
    """Steps, boxes and orders are equal, numbers to 4 ulp (those of laws, by math and by torch, to 16)."""
    _, record = fuse(PIPELINES[name])(IMAGES, addresses=Addresses(3, 1, torch.arange(4)), record=True)
    for i, image in enumerate(IMAGES):
        views, alone = views_at(PIPELINES[name], Address(3, 1, i), image, record=True)
        plain = views_at(PIPELINES[name], Address(3, 1, i), image)
        for a, b in zip(*(v if isinstance(v, Views) else [v] for v in (views, plain)), strict=True):
            assert torch.equal(a, b)
        assert alone.pipeline == record.pipeline
        assert torch.equal(alone.view_sizes, record[i].view_sizes)
        torch.testing.assert_close(alone.maps, record[i].maps, rtol=0, atol=0, equal_nan=True)
        for one, many in zip(alone.steps, record[i].steps, strict=True):
            assert [(s.path, s.acted) for s in one] == [(s.path, s.acted) for s in many]
            for a, b in zip(one, many, strict=True):
                for key in a.params | b.params:
                    values = (np.array(step.params[key], dtype=float) for step in (a, b))
                    np.testing.assert_array_max_ulp(*values, 16 if a.name.startswith("Joint") else 4)


def test_no_pixel_is_worked_on_twice():
    counted = Counted()
    pipeline = v2.Compose([counted, JointCrop(9)])
    _, record = views_at(pipeline, Address(0, 0, 0), IMAGES[0], record=True)
    assert counted.calls == 1
    left, top = record.steps[0][1].params["box"][1], record.steps[0][1].params["box"][0]
    assert left + record.steps[0][1].params["box"][3] <= 53  # the box lies in what the foreign step gave
    assert top + record.steps[0][1].params["box"][2] <= 39


@pytest.mark.parametrize(
    "image", [IMAGES[0], tv_tensors.Image(IMAGES[0]), PIL.Image.fromarray(IMAGES[0].permute(1, 2, 0).numpy())]
)
def test_any_image_and_what_goes_with_it(image):
    pipeline = v2.Compose([JointCrop(24), PerView(v2.RandomHorizontalFlip())])
    (views, label), record = views_at(pipeline, Address(0, 0, 0), image, 7, record=True)
    assert label == 7
    assert len(views) == 2
    assert record.sizes.tolist() == [40, 56]
    _, other = views_at(pipeline, Address(0, 0, 0), IMAGES[0], record=True)
    assert record.to_json() == other.to_json()


def test_it_is_replayed_by_fuse():
    pipeline = v2.Compose([JointCrop(24, antialias=False), PerView(v2.RandomHorizontalFlip())])
    views, record = views_at(pipeline, Address(0, 0, 3), IMAGES[3], record=True)
    for a, b in zip(views, fuse(pipeline).replay(record, IMAGES[3]), strict=True):
        assert (a.int() - b.int()).abs().max() <= 1


def test_fused_pipelines_and_views_are_served_too():
    pipeline = PIPELINES["moco"]
    _, record = views_at(fuse(pipeline), Address(0, 0, 0), IMAGES[0], record=True)
    assert record.to_json() == views_at(pipeline, Address(0, 0, 0), IMAGES[0], record=True)[1].to_json()
    given = PerView(v2.RandomResizedCrop(9))
    views, record = views_at(given, Address(0, 0, 0), Views([IMAGES[0], IMAGES[1, :, :30]]), record=True)
    assert record.sizes.tolist() == [[40, 56], [30, 56]]
    assert len(views) == 2


def test_a_crop_box_goes_into_the_record():
    pipeline, box = ContrastiveCrop(12), CropBox(torch.tensor([0.5, 0.25, 0.75, 0.5]))
    _, record = views_at(pipeline, Address(0, 0, 0), IMAGES[0], box, record=True)
    _, other = fuse(pipeline)(IMAGES[0], box, addresses=Address(0, 0, 0), record=True)
    _, plain = views_at(pipeline, Address(0, 0, 0), IMAGES[0], record=True)
    assert torch.equal(record.boxes, other.boxes)
    assert not torch.equal(record.boxes, plain.boxes)


def test_a_pipelines_structure_is_looked_up_once():
    pipeline = v2.Compose([JointCrop(24)])
    first, second = (views_at(pipeline, Address(0, 0, i), IMAGES[0], record=True)[1] for i in range(2))
    assert first._origin is second._origin


def test_a_transform_without_a_rule_that_came_later_is_heard():
    pipeline = v2.Compose([JointCrop(24)])
    views_at(pipeline, Address(0, 0, 0), IMAGES[0], record=True)
    pipeline.transforms.insert(0, lambda image: image[:, 4:, 4:])
    _, record = views_at(pipeline, Address(0, 0, 0), IMAGES[0], record=True)
    _, new = views_at(v2.Compose(pipeline.transforms), Address(0, 0, 0), IMAGES[0], record=True)
    assert record.view_sizes.equal(new.view_sizes)
    assert [view.program[-1] for view in record._views] == [view.program[-1] for view in new._views]  # boxes in 36 x 52


def test_no_more_than_a_few_recorded_pipelines_are_kept_alive():
    alive = []
    for i in range(40):
        pipeline = v2.Compose([JointCrop(24)])
        alive.append(weakref.ref(pipeline))
        views_at(pipeline, Address(0, 0, i), IMAGES[0], record=True)
    del pipeline
    gc.collect()
    assert sum(pipeline() is not None for pipeline in alive) <= 16


def test_bad_input():
    with pytest.raises(TypeError, match="address must be an Address, got 3"):
        views_at(JointCrop(24), 3, IMAGES[0], record=True)
    with pytest.raises(TypeError, match="inputs must be a sample, got none"):
        views_at(JointCrop(24), Address(0, 0, 0), record=True)
