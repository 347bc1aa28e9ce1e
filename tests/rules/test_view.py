"""A view before it exists: instructions are added, sizes and kinds are kept, nothing is changed in place."""

import PIL.Image
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode

from jointaug.functional import invert
from jointaug.rules import Draws, View

CPU = torch.device("cpu")
VIEW = View(0, 20, 30, channels=3, dtype=torch.uint8, device=CPU, count=2)


def test_instructions_are_added_to_a_copy():
    after = VIEW.step(invert).cut(VIEW.whole, (8, 9), "bilinear").call(torch.flip, (0,))
    assert VIEW.program == ()
    assert [type(instruction).__name__ for instruction in after.program] == ["Step", "Cut", "Call"]
    assert (after.height, after.width, after.channels) == (8, 9, 3)


def test_the_whole_is_each_images_own():
    sides = View(0, torch.tensor([20, 5]), torch.tensor([30, 7]), 3, torch.uint8, CPU, 2)
    assert sides.whole.tolist() == [[0, 0, 20, 30], [0, 0, 5, 7]]


@pytest.mark.parametrize(
    "value", [0.1, [1 / 3, 2 / 3], [[0.1, 0.2], [0.3, 1e-9]], 3, [1, 2], True, [True, False], torch.rand(2, 3).double()]
)
def test_what_one_image_has_of_its_own_is_what_it_has_in_a_batch(value):
    """To the last bit: numbers of one image are Python's, those of a batch float64."""
    own = VIEW.having(count=1, alone=True).own(value)
    batch = torch.as_tensor(value, dtype=torch.float64 if "." in str(value) or "e-" in str(value) else None)[None]
    assert own.dtype == batch.dtype
    assert torch.equal(own, batch)
    assert VIEW.own(batch) is batch


@pytest.mark.parametrize(
    ("kind", "mode", "antialias", "expected"),
    [
        (torch.Tensor, "nearest", False, (InterpolationMode.NEAREST, False)),
        (torch.Tensor, 2, None, (InterpolationMode.BILINEAR, False)),
        (PIL.Image.Image, "nearest", False, (InterpolationMode.NEAREST_EXACT, True)),
        (PIL.Image.Image, InterpolationMode.BICUBIC, False, (InterpolationMode.BICUBIC, True)),
    ],
)
def test_pil_images_are_resampled_as_pillow_does(kind, mode, antialias, expected):
    (cut,) = View(0, 20, 30, 3, torch.uint8, CPU, 2, kind).cut(VIEW.whole, (8, 8), mode, antialias).program
    assert (cut.interpolation, cut.antialias) == expected


@pytest.mark.parametrize(
    ("dtype", "mode", "clips"),
    [("uint8", "bicubic", True), ("float32", "bicubic", False), ("uint8", "bilinear", False)],
)
def test_bytes_are_clipped_after_a_bicubic_filter(dtype, mode, clips):
    view = View(0, 20, 30, 3, getattr(torch, dtype), CPU, 2)
    (cut,) = view.cut(view.whole, (8, 8), mode).program
    assert cut.clips == clips


def test_options_by_type_fall_back_to_others_and_to_none():
    image = View(0, 20, 30, 3, torch.uint8, CPU, 2, tv_tensors.Image)
    assert image.of_kind({tv_tensors.Image: 1, "others": 2}, "t") == 1
    assert VIEW.of_kind({tv_tensors.Image: 1, "others": 2}, "t") == 2
    assert VIEW.of_kind({tv_tensors.Image: 1}, "t") is None
    with pytest.raises(ValueError, match="asks for the type of an image, which differs by image here"):
        View(0, 20, 30, 3, torch.uint8, CPU, 2, None).of_kind({"others": 1}, "t")


def test_a_transform_without_a_rule_is_expected_to_give_what_it_gets_until_seen_otherwise():
    class Rows:
        def rows(self, n, *, step, view):
            return [torch.full((2,), 0.5, dtype=torch.float64)] * n

    draws = Draws(Rows(), []).step(3)
    after = VIEW.each("transform", lambda image, i: image, draws)
    (each,) = after.program
    assert (after.height, after.width, after.channels, after.dtype, after.kind) == (
        20,
        30,
        3,
        torch.uint8,
        torch.Tensor,
    )
    seen = each.expected._replace(size=(5, 6), channels=1, dtype=torch.float32)
    known = Draws(Rows(), [], {each.place: seen}).step(3)
    after = VIEW.each("transform", lambda image, i: image, known)
    assert (after.height, after.width, after.channels, after.dtype) == (5, 6, 1, torch.float32)
    elsewhere = VIEW.each("transform", lambda image, i: image, known.step(1))
    assert elsewhere.height == 20


def test_sizes_that_overflow_are_refused():
    with pytest.raises(ValueError, match=r"below 2\*\*31, got \(65536, 65536\)"):
        VIEW.cut(VIEW.whole, (2**16, 2**16), "bilinear")
