"""What a kernel is given, brought to one form: parameters, masks, boxes and sizes, or a word about what is wrong."""

from __future__ import annotations

import math

import pytest
import torch
from torchvision import tv_tensors

from jointaug.functional._batch import Target, as_boxes, as_images, as_mask, as_size, per_sample, span

CPU = torch.device("cpu")
TARGET = Target(torch.Size((2, 3)), CPU, 3)


def test_a_target_is_the_leading_shape_of_images():
    assert Target.of(torch.zeros(2, 3, 1, 4, 5)) == Target(torch.Size((2, 3)), CPU, 1)


def test_images_come_as_plain_tensors_that_share_memory():
    image = tv_tensors.Image(torch.rand(3, 4, 5))
    plain = as_images(image)
    assert type(plain) is torch.Tensor
    assert plain.data_ptr() == image.data_ptr()


@pytest.mark.parametrize(("size", "expected"), [(3, (3, 3)), ((3, 4), (3, 4)), ([5, 1], (5, 1))])
def test_sizes(size, expected):
    assert as_size(size) == expected


@pytest.mark.parametrize("value", [2, 2.0, torch.tensor(2.0)])
def test_one_number_is_for_all(value):
    assert per_sample("x", value, TARGET, rule="a number") == 2.0


def test_a_value_for_each_image_is_a_column():
    values = torch.arange(6.0).reshape(2, 3)
    assert per_sample("x", values, TARGET, rule="at least 0", low=0).tolist() == list(range(6))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.5])
@pytest.mark.parametrize("count", [6, 40])
def test_a_bad_value_is_found_wherever_it_lies(bad, count):
    """Few values are looked at one by one, many by torch."""
    target = Target(torch.Size((count,)), CPU, 3)
    for place in (0, count // 2, count - 1):
        values = torch.ones(count)
        values[place] = bad
        with pytest.raises(ValueError, match="x must be at least 0, got values from"):
            per_sample("x", values, target, rule="at least 0", low=0)


@pytest.mark.parametrize("count", [1, 16, 17, 100])
def test_the_span_is_that_of_numpy(count):
    values = torch.randn(count, generator=torch.Generator().manual_seed(count))
    assert span(values) == (values.numpy().min(), values.numpy().max())
    values[count // 2] = math.nan
    assert all(map(math.isnan, span(values)))


def test_masks_say_which_images():
    assert as_mask("where", None, TARGET) is None
    assert as_mask("where", True, TARGET) is None
    assert as_mask("where", False, TARGET).tolist() == [False] * 6
    assert as_mask("where", torch.tensor(True), TARGET).tolist() == [True] * 6
    assert as_mask("where", torch.eye(2, 3, dtype=torch.bool), TARGET).tolist() == [
        True,
        False,
        False,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("count", [4, 40])
def test_the_box_that_leaves_its_image_is_named(count):
    """Few boxes are looked at one by one, many by torch; the sides are those of its own image."""
    sizes = [(10 + i, 20 + i) for i in range(count)]
    boxes = torch.tensor([[1, 2, height - 1, width - 2] for height, width in sizes])
    assert torch.equal(as_boxes(boxes, torch.Size((count,)), CPU, sizes, least=1), boxes)
    wrong = boxes.clone()
    wrong[count - 2, 2] += 1
    with pytest.raises(ValueError, match=rf"image, {8 + count} x {18 + count}, .* box {count - 2} is"):
        as_boxes(wrong, torch.Size((count,)), CPU, sizes, least=1)
