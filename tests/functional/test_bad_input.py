"""Every guard fires, and names the argument, the value and what to do."""

import numpy as np
import pytest
import torch

from jointaug import functional as K
from jointaug.functional import Step

X = torch.rand(2, 3, 8, 10)
BYTES = torch.zeros(2, 3, 8, 10, dtype=torch.uint8)
BOX = [[0, 0, 8, 10]] * 2
STEPS = [Step(K.gaussian_blur, (1.0,))]
CASES = [
    # images
    (lambda: K.gaussian_blur(np.zeros((3, 4, 4)), 1.0), TypeError, "images must be a tensor", "pil_to_tensor"),
    (lambda: K.gaussian_blur(X[0, 0], 1.0), ValueError, "images must have at least three", "(8, 10)"),
    (lambda: K.gaussian_blur(X.int(), 1.0), TypeError, "images must be uint8 or floating", "torch.int32"),
    (lambda: K.gaussian_blur(X > 0.5, 1.0), TypeError, "images must be uint8 or floating", "torch.bool"),
    (lambda: K.adjust_hue(X[:0], 0.1), ValueError, "images must hold at least one", "(0, 3, 8, 10)"),
    (lambda: K.adjust_hue(X[..., :0], 0.1), ValueError, "images must hold at least one", "(2, 3, 8, 0)"),
    (lambda: K.adjust_hue(X.permute(0, 2, 3, 1), 0.1), ValueError, "1 or 3 channels", "permute"),
    (lambda: K.adjust_brightness(X[:, :2], 0.1), ValueError, "1 or 3 channels", "got 2"),
    (lambda: K.finish(X[:, :2], [Step(K.adjust_hue, (0.1,))]), ValueError, "1 or 3 channels", "got 2"),
    # a list of images
    (lambda: K.resized_crop([X[0], "no image"], BOX, 4), TypeError, "images[1] must be a tensor", "str"),
    (lambda: K.resized_crop([X[0], X], BOX, 4), ValueError, "images[1] must be one image", "(2, 3, 8, 10)"),
    (lambda: K.resized_crop([X[0], BYTES[0]], BOX, 4), ValueError, "images[1] must have the dtype", "torch.uint8"),
    (lambda: K.resized_crop([X[0], X[0, :1]], BOX, 4), ValueError, "images[1] must have the 3 channels", "(1, 8, 10)"),
    (lambda: K.resized_crop([X[0], X[0].to("meta")], BOX, 4), ValueError, "images[1] must have the device", "meta"),
    (lambda: K.resized_crop([], BOX, 4), ValueError, "images must hold at least one", "empty"),
    (lambda: K.resized_crop("abc", BOX, 4), TypeError, "images must be a tensor", "str"),
    # boxes and sizes
    (lambda: K.resized_crop(X, [[0, 0, 8, 11]] * 2, 4), ValueError, "boxes must lie within", "8 x 10"),
    (lambda: K.resized_crop(X, [BOX[0], [1, 0, 8, 10]], 4), ValueError, "box 1 is", "(1, 0, 8, 10)"),
    (lambda: K.resized_crop(X, [[-1, 0, 4, 4]] * 2, 4), ValueError, "boxes must lie within", "(-1, 0, 4, 4)"),
    (lambda: K.resized_crop(X, [[0, 0, 0, 4]] * 2, 4), ValueError, "at least 1", "(0, 0, 0, 4)"),
    (lambda: K.resized_crop(X[0], [[0, 0, 4, 4]] * 30 + [[0, 0, 9, 4]], 4), ValueError, "box 30", "clip"),
    (lambda: K.resized_crop([X[0], X[0, :, :4]], BOX, 4), ValueError, "box 1 is", "4 x 10"),
    (lambda: K.resized_crop(X, [[0.0, 0, 4, 4]] * 2, 4), TypeError, "boxes must hold integer", "round"),
    (lambda: K.resized_crop(X, [[0, 0, 4, 4]] * 3, 4), ValueError, "boxes must have shape (2, 4)", "(3, 4)"),
    (lambda: K.resized_crop(X, [0, 0, 4], 4), ValueError, "boxes must have shape (2, 4)", "(3,)"),
    (lambda: K.resized_crop(X, torch.tensor(BOX, device="meta"), 4), ValueError, "boxes must be on", "meta"),
    (lambda: K.resized_crop(X, BOX, 0), ValueError, "size must be at least 1", "got 0"),
    (lambda: K.resized_crop(X, BOX, (4, -1)), ValueError, "size must be at least 1", "(4, -1)"),
    (lambda: K.resized_crop(X, BOX, 4.0), TypeError, "size must be one integer", "4.0"),
    (lambda: K.resized_crop(X, BOX, (4, 4.0)), TypeError, "size must hold integers", "round"),
    (lambda: K.resized_crop(X, BOX, (4, 4, 4)), TypeError, "size must be one integer or (height", "(4, 4, 4)"),
    (lambda: K.resized_crop(X, BOX, 2**16), ValueError, "below 2**31", "65536"),
    (lambda: K.resized_crop(X, BOX, 4, interpolation="bilinear"), ValueError, "InterpolationMode", "'bilinear'"),
    (lambda: K.resized_crop(X, BOX, 4, flip=torch.tensor([1, 0])), TypeError, "flip must be a bool", "torch.int64"),
    (lambda: K.resized_crop(X, BOX, 4, flip=torch.tensor([True])), ValueError, "flip must be a bool or have", "(1,)"),
    # parameters
    (lambda: K.gaussian_blur(X, -1.0), ValueError, "sigma must be a finite standard deviation", "-1.0"),
    (lambda: K.gaussian_blur(X, float("nan")), ValueError, "sigma must be", "nan"),
    (lambda: K.gaussian_blur(X, "1"), TypeError, "sigma must be a number", "'1'"),
    (lambda: K.gaussian_blur(X, True), TypeError, "sigma must be a number", "True"),
    (lambda: K.gaussian_blur(X, torch.tensor([1.0, -2.0])), ValueError, "sigma must be", "-2.0"),
    (lambda: K.gaussian_blur(X, torch.tensor([1.0, float("inf")])), ValueError, "sigma must be", "inf"),
    (lambda: K.gaussian_blur(X.expand(20, 2, 3, 8, 10), torch.full((20, 2), float("nan"))), ValueError, "sigma", "nan"),
    (lambda: K.gaussian_blur(X, torch.ones(3)), ValueError, "sigma must be a number or have", "(3,)"),
    (lambda: K.gaussian_blur(X, torch.ones(2, device="meta")), ValueError, "sigma must be on", "meta"),
    (lambda: K.gaussian_blur(X, torch.ones(2, dtype=torch.bool)), TypeError, "sigma must hold real", "torch.bool"),
    (lambda: K.gaussian_blur(X, 1.0, 4), ValueError, "kernel_size must be an odd", "got 4"),
    (lambda: K.gaussian_blur(X, 1.0, (3, 0)), ValueError, "kernel_size must be an odd", "(3, 0)"),
    (lambda: K.gaussian_blur(X, 1.0, (3, 3, 3)), ValueError, "kernel_size must be an odd", "(3, 3, 3)"),
    (lambda: K.gaussian_blur(X, 1.0, 3.0), TypeError, "kernel_size must be an odd", "3.0"),
    (lambda: K.gaussian_blur(X, 1.0, max_sigma=-1), ValueError, "max_sigma must be", "-1"),
    (lambda: K.gaussian_blur(X, 1.0, where=torch.ones(2)), TypeError, "where must be a bool", "torch.float32"),
    (lambda: K.gaussian_blur(X, 1.0, where=[True, False]), TypeError, "where must be a bool", "list"),
    (lambda: K.adjust_brightness(X, -0.1), ValueError, "factor must be a finite factor", "-0.1"),
    (lambda: K.adjust_contrast(X, float("inf")), ValueError, "factor must be a finite factor", "inf"),
    (lambda: K.adjust_hue(X, 0.6), ValueError, "[-0.5, 0.5]", "0.6"),
    (lambda: K.color_jitter(X, 1, 1, -1, 0), ValueError, "saturation must be", "-1"),
    (lambda: K.color_jitter(X, 1, 1, 1, 0, (0, 1, 2, 2)), ValueError, "order must hold permutations", "(0, 1, 2, 2)"),
    (lambda: K.color_jitter(X, 1, 1, 1, 0, 3), TypeError, "order must hold permutations", "3"),
    (lambda: K.color_jitter(X, 1, 1, 1, 0, torch.tensor([0, 1, 2, 4])), ValueError, "order must hold", "0, 1, 2, 4"),
    (lambda: K.color_jitter(X, 1, 1, 1, 0, torch.rand(2, 4)), TypeError, "order must hold integers", "torch.float32"),
    (lambda: K.color_jitter(X, 1, 1, 1, 0, torch.zeros(3, 4).long()), ValueError, "(2, 4)", "(3, 4)"),
    (lambda: K.posterize(X, 9), ValueError, "bits must be integers in [0, 8]", "9"),
    (lambda: K.posterize(X, 2.5), TypeError, "bits must be integers", "2.5"),
    (lambda: K.solarize(X, float("nan")), ValueError, "threshold must be a finite", "nan"),
    (lambda: K.rgb_to_grayscale(X, 2), ValueError, "num_output_channels must be 1 or 3", "2"),
    (lambda: K.rgb_to_grayscale(X, 1, where=torch.ones(2) > 0), ValueError, "num_output_channels must be the", "3"),
    (lambda: K.normalize(BYTES, 0.5, 0.5), TypeError, "images must be floating point", "uint8"),
    (lambda: K.normalize(X, [0.5, 0.5], 0.5), ValueError, "mean must be one number or one for each of the 3", "0.5"),
    (lambda: K.normalize(X, 0.5, [1.0, 0.0, 1.0]), ValueError, "std must be positive", "0.0"),
    # chains
    (lambda: K.finish(X, [Step(torch.relu)]), ValueError, "steps[0] must be a kernel out of", "gaussian_blur"),
    (lambda: K.finish(X, [*STEPS, Step(K.gaussian_blur)]), TypeError, "steps[1]", "gaussian_blur"),
    (lambda: K.finish(X, [*STEPS, K.invert]), TypeError, "steps[1] must be a Step", "invert"),
    (lambda: K.finish(BYTES, [Step(K.normalize, (0.5, 0.5))]), TypeError, "dtype must be floating point", "float32"),
    (lambda: K.finish(X, STEPS, memory_format="NHWC"), ValueError, "memory_format must be torch.contig", "'NHWC'"),
    (
        lambda: K.crop_and_finish(X, BOX, 4, memory_format=torch.preserve_format),
        ValueError,
        "memory_format must be torch.contiguous_format or torch.channels_last",
        "torch.preserve_format",
    ),
    (lambda: K.finish(X, STEPS, dtype=torch.int32), TypeError, "dtype must be uint8 or floating", "torch.int32"),
    # mixing
    (lambda: K.cutmix(X, X[:1], torch.zeros(2, 4).long()), ValueError, "images_j must have the shape", "(1, 3, 8, 10)"),
    (lambda: K.cutmix(X, X.double(), torch.zeros(2, 4).long()), ValueError, "images_j must have the dtype", "float64"),
    (lambda: K.cutmix(X, X, torch.tensor(BOX) + 1), ValueError, "boxes must lie within", "clip"),
    (lambda: K.cutmix_boxes(1.5, 1, 1, 8, 8), ValueError, "lam must be a fraction", "1.5"),
    (lambda: K.cutmix_boxes(torch.tensor(float("nan")), 1, 1, 8, 8), ValueError, "lam must be a fraction", "nan"),
    (lambda: K.cutmix_boxes(0.5, 8, 1, 8, 8), ValueError, "cx must be a column", "8"),
    (lambda: K.cutmix_boxes(0.5, 1, -1, 8, 8), ValueError, "cy must be a row", "-1"),
    (lambda: K.cutmix_boxes(0.5, 1.5, 1, 8, 8), TypeError, "cx must be an integer", "1.5"),
    (lambda: K.cutmix_boxes(0.5, 1, 1, 0, 8), ValueError, "height must be", "0"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[2]}-{case[3]}")
def test_says_what_must_hold_and_what_came(case):
    call, error, rule, value = case
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert rule in str(caught.value)
    assert value in str(caught.value)


def test_every_public_kernel_has_a_case():
    source = {name for call, *_ in CASES for name in call.__code__.co_names}
    constants = {"INTERPOLATIONS", "Step", "backend", "own_parameters"}
    alike = {"adjust_saturation", "horizontal_flip", "vertical_flip", "crop_and_finish", "views_of_one"}
    assert set(K.__all__) - constants - alike <= source
