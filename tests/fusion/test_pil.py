"""Lists of PIL images: what v2 makes of each, as a tensor in the end, or an error that names mode and remedy."""

from __future__ import annotations

import warnings

import numpy as np
import PIL.Image
import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import Addresses, JointCrop, fuse

GRADIENT = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
RED = np.zeros_like(GRADIENT)
RED[..., 0] = 255


def image_of(mode, pixels=GRADIENT):
    """The pixels in a mode, each by Pillow's own conversion."""
    colors = PIL.Image.fromarray(pixels)
    if mode == "I;16":
        return PIL.Image.fromarray(pixels[..., 0].astype(np.uint16) * 256)
    if mode == "LAB":
        from PIL import ImageCms

        profile = ImageCms.createProfile
        return ImageCms.profileToProfile(colors, profile("sRGB"), profile("LAB"), outputMode="LAB")
    if mode == "PA":
        alpha = PIL.Image.fromarray(pixels[..., 1])
        image = colors.convert("P").convert("PA")
        image.putalpha(alpha)
        return image
    return colors.convert(mode)


PLAIN = ("L", "LA", "RGB", "RGBA")
"""A pixel is its channels' values."""
OTHER = ("1", "P", "PA", "CMYK", "YCbCr", "HSV", "LAB", "I;16", "I", "F")
"""Indices, other color spaces, and numbers of no known range."""


@pytest.mark.parametrize("mode", PLAIN)
def test_plain_modes_are_as_v2_makes_them(mode):
    image = image_of(mode)
    pipeline = v2.Compose([v2.RandomHorizontalFlip(1.0), v2.CenterCrop((4, 5)), v2.ToImage()])
    fused = fuse(pipeline)([image, image])
    wanted = pipeline(image)
    assert fused.dtype == wanted.dtype
    assert torch.equal(fused, torch.stack([wanted, wanted]))


@pytest.mark.parametrize("mode", OTHER)
@pytest.mark.parametrize(
    "step", [v2.RandomHorizontalFlip(1.0), v2.ToImage(), JointCrop(4)], ids=["flip", "ToImage", "ours"]
)
def test_other_modes_are_converted_rightly_or_refused(mode, step):
    """As Pillow converts them to RGB (or gray), never as the numbers that they are stored in."""
    image = image_of(mode, RED)
    addresses = Addresses(0, 0, torch.arange(2))
    try:
        views = fuse(step)([image, image], addresses=addresses)
    except (TypeError, ValueError) as error:
        assert repr(mode) in str(error) or f"mode {mode}" in str(error)  # noqa: PT017
        assert "convert" in str(error)  # noqa: PT017
        return
    wanted = [fuse(step)([image.convert(to)] * 2, addresses=addresses) for to in ("RGB", "RGBA", "L")]
    assert any(
        all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(views, want, strict=True)) for want in wanted
    )


@pytest.mark.parametrize(
    "pair", [("RGB", "HSV"), ("RGB", "LAB"), ("RGB", "YCbCr"), ("L", "P"), ("RGBA", "CMYK"), ("LA", "PA")]
)
def test_modes_of_as_many_channels_do_not_mix(pair):
    images = [image_of(mode) for mode in pair]
    step = v2.RandomHorizontalFlip(0.0)
    try:
        batch = fuse(step)(images)
    except (TypeError, ValueError) as error:
        assert pair[1] in str(error)  # noqa: PT017
        assert "convert" in str(error)  # noqa: PT017
    else:
        assert torch.equal(batch[1], F.pil_to_tensor(images[1].convert(pair[0])))


def test_modes_of_other_channels_are_named():
    with pytest.raises(ValueError, match=r"batch\[1\].*convert"):
        fuse(v2.RandomHorizontalFlip())([image_of("RGB"), image_of("L")])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
@pytest.mark.parametrize("crop", [False, True])
def test_to_tensor_scales_what_is_pil(mode, crop):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        step = v2.ToTensor()
    image = image_of(mode)
    pipeline = v2.Compose([v2.CenterCrop(5), step]) if crop else step
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batch = fuse(pipeline)([image, image])
    assert batch.dtype == torch.float32
    torch.testing.assert_close(batch[1], pipeline(image), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "kind", [v2.Normalize([0.5], [0.5]), v2.LinearTransformation(torch.eye(144), torch.zeros(144))]
)
def test_what_refuses_pil_refuses_it(kind):
    with pytest.raises(TypeError, match="does not support PIL images"):
        kind(image_of("RGB"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for pipeline in (kind, v2.Compose([v2.ToDtype(torch.float32, scale=True), kind])):
            with pytest.raises(TypeError):
                fuse(pipeline)([image_of("RGB")] * 2)


@pytest.mark.parametrize("step", [v2.ToPILImage(), v2.FiveCrop(4), v2.TenCrop(4)], ids=lambda step: type(step).__name__)
@pytest.mark.parametrize("form", ["batch", "PIL"])
def test_what_gives_no_image_tensor_is_refused_or_right(step, form):
    images = [image_of("RGB")] * 2
    given = images if form == "PIL" else torch.stack([F.pil_to_tensor(image) for image in images])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            batch = fuse(step)(given)
        except (TypeError, ValueError) as error:
            assert type(step).__name__ in str(error)  # noqa: PT017
        else:
            assert isinstance(step, v2.ToPILImage)
            assert torch.equal(batch[0], F.pil_to_tensor(images[0]))


STEPS = [
    v2.RandomHorizontalFlip(1.0),
    v2.RandomInvert(1.0),
    v2.RandomEqualize(1.0),
    v2.RandomErasing(1.0),
    v2.RandAugment(1, 9),
    v2.RandomRotation((90, 90)),
    v2.RandomAdjustSharpness(2.0, 1.0),
    v2.RandomAutocontrast(1.0),
    v2.Pad(2),
    v2.RandomCrop(5, padding=(1, 2)),
    v2.ColorJitter(0.4),
    v2.GaussianBlur(3),
    v2.Grayscale(1),
    v2.CenterCrop(12),
]


@pytest.mark.parametrize("kind", ["tensor", "PIL"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_images_of_several_sizes_go_through_every_step_that_they_go_through_in_v2(step, kind):
    """Then a resize makes the batch; each is as it is alone."""
    arrays = [np.tile(GRADIENT, (1, k, 1))[:, : 8 + 3 * k] for k in (1, 2, 3)]
    images = [PIL.Image.fromarray(array) for array in arrays]
    images = images if kind == "PIL" else [F.pil_to_tensor(image) for image in images]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fused = fuse(v2.Compose([step, v2.Resize((6, 8)), v2.ToImage()]))
    addresses = Addresses(3, 0, torch.arange(3))
    batch = fused(images, addresses=addresses)
    assert batch.shape[0] == 3
    for i, image in enumerate(images):
        (alone,) = fused([image], addresses=Addresses(3, 0, torch.tensor([i])))
        assert (batch[i].int() - alone.int()).abs().max() <= 1
