"""Every kernel on a pretended GPU, where torch does the work: no mixed devices, the CPU's values, no waiting host."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms import InterpolationMode as Mode

from jointaug import functional as K
from jointaug.functional import Step, _table

from ..pretend import NEEDS_CUDA, here, pretending, there

pytestmark = NEEDS_CUDA

G = torch.Generator().manual_seed(0)
BYTES = torch.randint(0, 256, (6, 3, 20, 24), dtype=torch.uint8, generator=G)
FLOATS = torch.rand(6, 3, 20, 24, generator=G)
U, MASK = torch.rand(6, generator=G), torch.rand(6, generator=G) < 0.5
BOXES = torch.tensor([[[2, 3, 9, 8], [0, 0, 20, 24]]]).expand(6, 2, 4).contiguous()
ORDER = torch.stack([torch.randperm(4, generator=G) for _ in range(6)])
CASES = {
    "adjust_brightness": (K.adjust_brightness, FLOATS, U + 0.5, {"where": MASK}),
    "adjust_contrast": (K.adjust_contrast, FLOATS, U + 0.5),
    "adjust_saturation": (K.adjust_saturation, FLOATS, U + 0.5),
    "adjust_hue": (K.adjust_hue, FLOATS, U - 0.5),
    "color_jitter": (K.color_jitter, FLOATS, U + 0.5, U + 0.6, 0.7, U - 0.5, ORDER),
    "gaussian_blur": (K.gaussian_blur, FLOATS, 2 * U + 0.1, 5),
    "gaussian_blur, as wide as sigma": (K.gaussian_blur, FLOATS, 2 * U + 0.1, None, 2.1),
    "horizontal_flip": (K.horizontal_flip, BYTES, {"where": MASK}),
    "vertical_flip": (K.vertical_flip, BYTES, {"where": MASK}),
    "invert": (K.invert, BYTES, {"where": MASK}),
    "normalize": (K.normalize, FLOATS, [0.5] * 3, [0.25] * 3),
    "posterize": (K.posterize, BYTES, 4, {"where": MASK}),
    "rgb_to_grayscale": (K.rgb_to_grayscale, BYTES, {"where": MASK}),
    "solarize": (K.solarize, BYTES, 255 * U),
    "resized_crop": (K.resized_crop, BYTES, BOXES, (8, 12)),
    "resized_crop, bicubic": (K.resized_crop, FLOATS, BOXES[:, 0], 8, {"interpolation": Mode.BICUBIC, "flip": MASK}),
    "resized_crop, nearest": (K.resized_crop, BYTES, BOXES[:, 0], 8, {"interpolation": Mode.NEAREST}),
    "resized_crop, a list": (K.resized_crop, list(BYTES), BOXES[:, 0], 8),
    "cutmix": (K.cutmix, FLOATS, FLOATS.flip(0), BOXES[:, 0]),
    "cutmix_boxes": (K.cutmix_boxes, U, torch.arange(6), torch.arange(6) + 9, 20, 24),
    "finish": (K.finish, BYTES, [Step(K.gaussian_blur, (2 * U + 0.1, 5), MASK)], {"dtype": torch.float32}),
    "crop_and_finish": (K.crop_and_finish, BYTES, BOXES[:, 0], 8, [Step(K.invert, (), MASK)], {"dtype": torch.float32}),
}
OF_ONE = {"views_of_one"}
"""What takes numbers and runs where one image lies in the CPU's memory."""


def test_every_kernel_has_a_case():
    named = {name.split(",")[0] for name in CASES}
    functions = {name for name in K.__all__ if name[0].islower()}
    assert functions - OF_ONE - {"backend", "own_parameters"} == named
    assert {kernel.__name__ for kernel in _table.KERNELS} <= named


@pytest.mark.parametrize("name", CASES)
def test_is_the_cpus_result_and_the_host_does_not_wait(name):
    function, *arguments = CASES[name]

    def call(arguments):
        options = arguments[-1] if isinstance(arguments[-1], dict) else {}
        return function(*arguments[: len(arguments) - bool(options)], **options)

    expected = call(arguments)
    with pretending() as waits:
        found = call(there(arguments))
        assert all(result.is_cuda for result in (found if isinstance(found, tuple) else (found,)))
    assert waits.total() == (name == "resized_crop, a list"), waits  # where the boxes are read
    for a, b in zip(*((x if isinstance(x, tuple) else (x,)) for x in (here(found), expected)), strict=True):
        torch.testing.assert_close(a, b, atol=1 if b.dtype is torch.uint8 else 1e-5, rtol=0)
