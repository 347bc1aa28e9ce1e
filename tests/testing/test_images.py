"""Images from hypothesis: such as v2 takes, in every kind and shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import PIL.Image
import pytest
import torch
from hypothesis import given
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import testing

from .cases import kind_of, occurs, pool, quick, type_of

BAD: list[tuple[Callable[[], None], type[Exception], str]] = [
    (lambda: testing.images(kinds=["jpeg"]), ValueError, "kinds must be some of .*got 'jpeg'"),
    (lambda: testing.images(dtypes=[]), ValueError, "dtypes must name at least one"),
    (lambda: testing.images(min_side=0), ValueError, "min_side must be a positive number of pixels, got 0"),
    (lambda: testing.images(min_side=8, max_side=4), ValueError, "max_side must be at least min_side = 8"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_named(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def channels_last(image: Any) -> bool:
    return not isinstance(image, PIL.Image.Image) and image.stride(-3) < image.stride(-1) and image.shape[-3] > 1


@pytest.fixture(scope="module")
def some_images() -> list[Any]:
    return pool(testing.images(), 1000)


@quick
@given(testing.images())
def test_every_image_is_one_that_v2_crops(image):
    view = v2.RandomResizedCrop(5)(image)
    assert F.get_size(view) == [5, 5]
    assert kind_of(view) == kind_of(image)
    assert type_of(view) == type_of(image)
    if isinstance(image, torch.Tensor):
        assert image.ndim == (4 if isinstance(image, tv_tensors.Video) else 3)
        assert image.double().min() >= 0
        assert image.double().max() <= (1 if image.dtype.is_floating_point else torch.iinfo(image.dtype).max)


@quick
@given(testing.images(modes=testing.COLOR_MODES, dtypes=testing.COLOR_DTYPES, channels=(1, 3)))
def test_every_color_image_is_one_that_v2_jitters(image):
    jittered = v2.ColorJitter(0.4, 0.4, 0.4, 0.1)(image)
    assert type_of(jittered) == type_of(image)


WISHES: dict[str, Callable[[Any], bool]] = {
    "one pixel": lambda image: F.get_size(image) == [1, 1],
    "one row": lambda image: F.get_size(image)[0] == 1 and F.get_size(image)[1] > 20,
    "one column": lambda image: F.get_size(image)[1] == 1 and F.get_size(image)[0] > 20,
    "odd": lambda image: all(side % 2 and side > 2 for side in F.get_size(image)),
    "square": lambda image: F.get_size(image)[0] == F.get_size(image)[1] > 20,
    "the greatest": lambda image: 40 in F.get_size(image),
    "channels last": channels_last,
    "contiguous": lambda image: isinstance(image, torch.Tensor) and not channels_last(image) and image.shape[-3] == 3,
    "one value": lambda image: (
        isinstance(image, torch.Tensor) and image.numel() > 50 and len(image.double().unique()) == 1
    ),
    "noise": lambda image: isinstance(image, torch.Tensor) and image.numel() > 50 and len(image.double().unique()) > 30,
    "extremes": lambda image: type_of(image) == torch.uint8 and set(image.double().unique().tolist()) == {0, 255},
    "a film": lambda image: isinstance(image, tv_tensors.Video) and len(image) > 1,
    "gray": lambda image: isinstance(image, torch.Tensor) and image.shape[-3] == 1,
    "alpha": lambda image: isinstance(image, torch.Tensor) and image.shape[-3] == 4,
    **{f"kind {kind}": lambda image, kind=kind: kind_of(image) == kind for kind in testing.KINDS},
    **{f"mode {mode}": lambda image, mode=mode: type_of(image) == mode for mode in testing.PIL_MODES},
    **{f"{dtype}": lambda image, dtype=dtype: type_of(image) == dtype for dtype in testing.DTYPES},
}


@pytest.mark.parametrize("wish", WISHES)
def test_images_come_in_every_kind_and_shape(wish, some_images):
    assert occurs(WISHES[wish], some_images, testing.images())


@quick
@given(testing.images(kinds=["Image"], dtypes=[torch.int16], channels=[2], min_side=3, max_side=5))
def test_images_keep_to_what_is_asked(image):
    assert type(image) is tv_tensors.Image
    assert image.dtype is torch.int16
    assert image.shape[0] == 2
    assert all(3 <= side <= 5 for side in image.shape[1:])
