"""Views of one image from numbers: those of `crop_and_finish` from tensors, on both backends and for every kernel."""

import itertools

import pytest
import torch
from torchvision.transforms import InterpolationMode

from jointaug._native import _library as native
from jointaug.functional import (
    Step,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    color_jitter,
    crop_and_finish,
    gaussian_blur,
    horizontal_flip,
    invert,
    normalize,
    own_parameters,
    posterize,
    rgb_to_grayscale,
    solarize,
    vertical_flip,
    views_of_one,
)
from jointaug.functional._table import KERNELS

GENERATOR = torch.Generator().manual_seed(0)
LEVELS = torch.randint(0, 256, (3, 20, 28), dtype=torch.uint8, generator=GENERATOR)
BOXES = [(0, 0, 20, 28), (3, 5, 10, 12), (19, 27, 1, 1)]
PARAMETERS = {  # of each of three views
    adjust_brightness: [(0.5,), (1.0,), (1.7,)],
    adjust_contrast: [(0.5,), (0.5,), (1.7,)],
    adjust_saturation: [(0.0,), (1.0,), (2.0,)],
    adjust_hue: [(-0.3,), (0.0,), (0.4,)],
    color_jitter: [
        (0.5, 1.5, 1.0, 0.1, (0, 1, 2, 3)),
        (1.2, 1.0, 0.3, 0.0, (3, 1, 0, 2)),
        (1.0, 1.0, 1.0, 0.0, (2, 0, 1, 3)),
    ],
    solarize: [(0.2,), (0.5,), (0.9,)],
    posterize: [(1,), (4,), (4,)],
    gaussian_blur: [(0.0, (5, 3), 2.0), (0.7, (5, 3), 2.0), (2.0, (5, 3), 2.0)],
    normalize: [([0.4, 0.5, 0.6], [0.2, 0.3, 0.4])] * 3,
    rgb_to_grayscale: [()] * 3,
    invert: [()] * 3,
    horizontal_flip: [()] * 3,
    vertical_flip: [()] * 3,
}
WHERES = [None, (True, True, True), (True, False, True)]
BACKENDS = ["torch"] if native.library is None else ["native", "torch"]


def in_tensors(steps):
    """A step of three views as `crop_and_finish` takes it."""
    own = own_parameters(steps[0].kernel)
    columns = zip(*(step.parameters for step in steps), strict=True)
    parameters = [torch.tensor([values]) if k < own else values[0] for k, values in enumerate(columns)]
    return Step(
        steps[0].kernel, parameters, None if steps[0].where is None else torch.tensor([[s.where for s in steps]])
    )


def test_every_kernel_is_tried():
    assert PARAMETERS.keys() == KERNELS.keys()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("image", [LEVELS, LEVELS / 255, (LEVELS / 255).double()], ids=["uint8", "float32", "float64"])
@pytest.mark.parametrize("kernel", PARAMETERS, ids=lambda kernel: kernel.__name__)
def test_views_are_those_of_tensors(kernel, image, backend, monkeypatch):
    if backend == "torch":
        monkeypatch.setattr(native, "library", None)
    for where, flip in itertools.product(WHERES, (None, (True, False, True))):
        acts = [None] * 3 if where is None else where
        steps = [
            [Step(kernel, own, act) for own, act in zip(PARAMETERS[kernel], acts, strict=True)],
            [Step(invert, (), v == 1) for v in range(3)],
        ]
        dtype = torch.float64 if image.dtype is torch.float64 else torch.float32
        ours = views_of_one(image, BOXES, (8, 9), steps, flip=flip, dtype=dtype)
        theirs = crop_and_finish(
            image[None],
            torch.tensor([BOXES]),
            (8, 9),
            [in_tensors(views) for views in steps],
            flip=None if flip is None else torch.tensor([flip]),
            dtype=dtype,
        )[0]
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("mode", [InterpolationMode.NEAREST, InterpolationMode.BICUBIC])
@pytest.mark.parametrize("clip", [None, True])
def test_filters_and_bytes(mode, clip):
    ours = views_of_one(LEVELS, BOXES, 8, interpolation=mode, antialias=False, clip=clip)
    theirs = crop_and_finish(LEVELS[None], torch.tensor([BOXES]), 8, interpolation=mode, antialias=False, clip=clip)[0]
    assert torch.equal(ours, theirs)


def test_steps_after_one_another_have_numbers_of_their_own():
    """Views one by one, a step at a time."""
    steps = [[Step(kernel, PARAMETERS[kernel][k]) for k in range(3)] for kernel in (solarize, adjust_hue, normalize)]
    ours = views_of_one(LEVELS, BOXES, 8, steps, dtype=torch.float32)
    for k, box in enumerate(BOXES):
        view = views_of_one(LEVELS, [box], 8, dtype=torch.float32)
        for views in steps:
            view = views[k].kernel(view, *views[k].parameters)
        torch.testing.assert_close(ours[k : k + 1], view, atol=1e-6, rtol=0)


def test_a_step_that_says_where_beside_one_that_acts_everywhere():
    """None is everywhere, in whichever view it stands."""
    plain = views_of_one(LEVELS, BOXES[:1] * 2, 8)
    for k, wheres in enumerate([(None, False), (False, None)]):
        views = views_of_one(LEVELS, BOXES[:1] * 2, 8, [[Step(invert, (), where) for where in wheres]])
        assert torch.equal(views[k], 255 - plain[k])
        assert torch.equal(views[1 - k], plain[1 - k])


INVERTED = Step(invert)


def blurred(kernel_size):
    return Step(gaussian_blur, (1.0, kernel_size))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: views_of_one(LEVELS, [(0, 0, 21, 4)], 8), ValueError, "within the image, 20 x 28"),
        (lambda: views_of_one(LEVELS, [(0, 0, 0, 4)], 8), ValueError, "sides of at least 1"),
        (lambda: views_of_one(LEVELS, BOXES[:1], 0), ValueError, "at least 1 pixel"),
        (lambda: views_of_one(LEVELS, BOXES[:1], 8, [[Step(adjust_hue, (0.7,))]]), ValueError, "rotation in"),
        (lambda: views_of_one(LEVELS, BOXES[:1], 8, dtype=torch.int32), TypeError, "uint8 or floating point"),
        (lambda: views_of_one("image", BOXES[:1], 8), TypeError, "image must be a tensor"),
        (lambda: views_of_one(LEVELS[None], BOXES[:1], 8), ValueError, "one image .* got shape .1, 3, 20, 28."),
        (lambda: views_of_one(LEVELS, [(0.0, 0.0, 5.0, 5.0)], 8), TypeError, "integer pixels"),
        (lambda: views_of_one(LEVELS, [(0, 0, 5)], 8), ValueError, "boxes must have shape"),
        (lambda: views_of_one(LEVELS, [], 8), ValueError, "one box for each view, got none"),
        (lambda: views_of_one(LEVELS, BOXES, 8, flip=[True]), ValueError, "flip must hold .* each of 3 boxes, got 1"),
        (lambda: views_of_one(LEVELS, BOXES, 8, [[INVERTED]]), ValueError, r"steps\[0\] must hold .* 3 boxes, got 1"),
        (lambda: views_of_one(LEVELS, BOXES[:2], 8, [[INVERTED, Step(solarize, (0.5,))]]), ValueError, "one kernel"),
        (lambda: views_of_one(LEVELS, BOXES[:2], 8, [[blurred(3), blurred(9)]]), ValueError, "the same options"),
        (lambda: views_of_one(LEVELS, BOXES[:1], 8, [[Step(print)]]), ValueError, r"steps\[0\] must be a kernel"),
        (lambda: views_of_one(LEVELS, BOXES[:1], 8, [[(invert,)]]), TypeError, "a Step for each view, got"),
        (lambda: views_of_one(LEVELS, BOXES[:1], 8, interpolation=InterpolationMode.BOX), ValueError, "out of NEAREST"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
