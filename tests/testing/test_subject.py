"""The calls of a transform on its sample: copies, addresses, floats, and the samples that go with it."""

from __future__ import annotations

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from jointaug import Address, JointCrop, Views, views_at
from jointaug.testing._difference import difference
from jointaug.testing._subject import Subject, an_image, dense, each, image_of, views_in

IMAGE = an_image()


def test_calls_are_those_of_the_transform_on_copies():
    crop = JointCrop(8)
    subject = Subject(crop, (IMAGE,), 0.0, seed=5)
    assert not difference(subject.at(3), views_at(crop, Address(5, 0, 3), IMAGE)).largest
    torch.manual_seed(7)
    assert not difference(crop(IMAGE), subject.fresh(2)).largest
    (given,) = subject.given()
    assert given.data_ptr() != IMAGE.data_ptr()
    assert subject.addresses(1, 2).index.tolist() == [1, 2]


def test_no_mirror_image_of_the_sample_is_itself():
    images = [*Subject(v2.Identity(), (IMAGE,), 0.0, 0).batch(), IMAGE.roll(1, 0) / 255]
    for i, one in enumerate(images):
        for other in images[:i]:
            assert (one - other).abs().mean() > 0.05


@pytest.mark.parametrize("sample", [(IMAGE,), (tv_tensors.Image(IMAGE),), (IMAGE, 3), ({"image": IMAGE},)])
def test_batches_are_in_floating_point(sample):
    for item in Subject(v2.Identity(), sample, 0.0, 0).batch():
        image = image_of(item)
        assert image.dtype == torch.float32
        assert type(image) is type(image_of(sample))
        assert image.max() <= 1


def test_what_takes_levels_alone_is_given_levels():
    def levels(image):
        if image.dtype != torch.uint8:
            raise TypeError("levels")
        return image

    assert Subject(levels, (IMAGE,), 0.0, 0).batch()[0].dtype == torch.uint8


def test_the_image_of_a_sample_is_v2s():
    mask, image = tv_tensors.Mask(IMAGE[0]), tv_tensors.Image(IMAGE)
    assert image_of((torch.tensor(3), {"mask": mask, "image": image})) is image
    assert image_of((IMAGE, torch.tensor(3))) is IMAGE
    with pytest.raises(TypeError, match="a sample must hold an image"):
        image_of((mask, 3))


def test_views_are_taken_apart():
    assert views_in(IMAGE) is None
    assert each(IMAGE) == [IMAGE]
    assert each((Views([1, 2]), 7)) == [(1, 7), (2, 7)]
    assert views_in((Views([1, 2]), 7), beside=False) == [(1,), (2,)]


def test_boxes_masks_and_points_say_the_same():
    sample = dense(IMAGE)
    left, top, right, bottom = sample["boxes"][0].int().tolist()
    rows, columns = sample["mask"].nonzero().unbind(1)
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == [left, top, right, bottom]
    assert sample["keypoints"].tolist() == [[left, top], [right, bottom]]
