"""Pixels of PIL images, where Pillow keeps them: numpy's copy is the oracle."""

import gc

import numpy as np
import PIL.Image
import pytest
import torch
from torchvision.transforms import InterpolationMode, v2

from jointaug import Address, JointCrop, PerView, fuse
from jointaug._pillow import _shown, pixels_of_pil
from jointaug.functional import color_jitter, gaussian_blur, resized_crop
from jointaug.rules import RULES, register

RANDOM = np.random.default_rng(0)


def noise(width, height, mode="RGB"):
    values = RANDOM.integers(0, 256, (height, width, len(mode)), dtype=np.uint8)
    return PIL.Image.fromarray(values[..., 0] if len(mode) == 1 else values, mode)


def agrees(image):
    """Whether the tensor holds what numpy's copy of the image does."""
    copy = np.array(image)
    return np.array_equal(pixels_of_pil(image).numpy(), copy[None] if copy.ndim == 2 else copy.transpose(2, 0, 1))


@pytest.fixture
def from_file(tmp_path):
    noise(31, 17).save(tmp_path / "image.png")
    with PIL.Image.open(tmp_path / "image.png") as image:  # not read yet
        yield image


CASES = {
    "one pixel": lambda: noise(1, 1),
    "wide": lambda: noise(31, 7),
    "high": lambda: noise(3, 500),
    "cut": lambda: noise(31, 17).crop((3, 2, 20, 9)),
    "turned": lambda: noise(31, 17).rotate(90, expand=True),
    "of 24 MB, in several blocks": lambda: noise(3000, 2000),
    "gray": lambda: noise(31, 17, "L"),
    "gray with alpha": lambda: noise(31, 17, "LA"),
    "with alpha": lambda: noise(31, 17, "RGBA"),
}


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize("case", CASES)
def test_pixels_are_the_images(case):
    assert agrees(CASES[case]())


def test_a_file_is_read(from_file):
    assert agrees(from_file)


def test_an_older_pillow_copies(monkeypatch):
    image = noise(31, 17)
    monkeypatch.delattr(PIL.Image.Image, "__arrow_c_array__", raising=False)
    assert _shown(image) is None
    assert agrees(image)


def test_pixels_live_as_long_as_their_tensor():
    copy, image = None, noise(257, 129)
    copy, pixels = np.array(image), pixels_of_pil(image)
    del image
    gc.collect()
    for _ in range(64):  # would take the memory, were it free
        noise(257, 129)
    assert np.array_equal(pixels.permute(1, 2, 0).numpy(), copy)


@pytest.mark.parametrize("size", [8, 48, 200])
def test_views_are_those_of_a_copy(size):
    """Enlarged, reduced a little, and much; sums of taps in another order may round to the next level."""
    image = noise(75, 60)
    steps = [v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4, 0.4, 0.1), v2.ToImage()]
    fused = fuse(v2.Compose([JointCrop(size), PerView(v2.Compose(steps))]))
    planes = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
    for i in range(8):
        ours, theirs = (fused(given, addresses=Address(0, 0, i)) for given in (image, planes))
        for one, other in zip(ours, theirs, strict=True):
            assert one.is_contiguous()
            assert (one.int() - other.int()).abs().max() <= 1


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [True, False])
def test_kernels_skip_the_fourth_byte(mode, antialias):
    image = noise(75, 60)
    planes = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
    for size in ((8, 9), (48, 60), (200, 90)):
        how = {"interpolation": InterpolationMode(mode), "antialias": antialias, "flip": size[0] == 48}
        ours, theirs = (resized_crop(x, [[3, 5, 50, 60]], size, **how)[0] for x in (pixels_of_pil(image), planes))
        assert (ours.int() - theirs.int()).abs().max() <= (0 if "nearest" in mode else 1)
    assert torch.equal(gaussian_blur(pixels_of_pil(image), 1.5), gaussian_blur(planes, 1.5))
    assert torch.equal(color_jitter(pixels_of_pil(image), 0.7, 1.2, 0.6, 0.1), color_jitter(planes, 0.7, 1.2, 0.6, 0.1))


class InPlace(v2.Transform):
    """Black, by a rule whose function writes into what it is given."""

    def transform(self, inpt, params):
        return inpt * 0


@pytest.mark.parametrize(
    "before", [[], [v2.PILToTensor()], [v2.RandomHorizontalFlip(0.0)], [v2.RandomApply([v2.ColorJitter(0.5)], p=0.0)]]
)
def test_a_function_in_place_leaves_the_image_alone(before):
    register(InPlace, width=0, params=lambda transform, row, seen: {})(
        lambda t, view, params: view.call(torch.Tensor.zero_)
    )
    try:
        fused = fuse(v2.Compose([*before, InPlace()]))
        images = [noise(31, 17), noise(20, 9), noise(31, 17)]
        copies = [np.array(image) for image in images]
        assert not fused(images[0]).any()
        assert not fused(images[0], 3)[0].any()
        assert not fused([images[0], images[2]]).any()
        with pytest.raises(ValueError, match="sizes of their own"):
            fused(images)
        assert all(np.array_equal(np.array(image), copy) for image, copy in zip(images, copies, strict=True))
    finally:
        RULES.pop(InPlace)


def test_what_is_done_to_a_view_is_not_done_to_the_image():
    image = noise(31, 17)
    before = np.array(image)
    for pipeline in (v2.ToImage(), v2.Identity(), v2.RandomHorizontalFlip(0.0), v2.Compose([v2.PILToTensor()])):
        fuse(pipeline)(image).zero_()
        for view in fuse(pipeline)([image, image]):
            view.zero_()
        assert np.array_equal(np.array(image), before)
