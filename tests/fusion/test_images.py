"""What an image is to v2 decides what a step does to it, in a fused pipeline too: tensors, images, PIL images."""

import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import MultiView, fuse

from ..rules.cases import mode

GENERATOR = torch.Generator().manual_seed(0)
LEVELS = torch.randint(0, 256, (3, 3, 9, 14), dtype=torch.uint8, generator=GENERATOR)
PILS = [F.to_pil_image(image) for image in LEVELS]

KINDS = {"tensor": list(LEVELS), "image": [tv_tensors.Image(image) for image in LEVELS], "pil": PILS}
BY_TYPE = {
    "of images": {tv_tensors.Image: 9, "others": 30},
    "of tensors": {torch.Tensor: 40},
    "of PIL images": {Image.Image: [50, 60, 70], "others": 80},
    "others": {"others": 9},
    "of masks": {tv_tensors.Mask: 9},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fill", BY_TYPE)
def test_a_fill_by_type_is_that_of_what_v2_would_see(kind, fill):
    crop = v2.RandomCrop((15, 18), padding=(1, 2, 3, 4), fill=dict(BY_TYPE[fill]))  # no room: nothing is random
    for before in ([], [v2.ToImage()], [v2.ToPureTensor()], [v2.PILToTensor()]):
        steps = [*before, crop]
        expected = [v2.Compose([*steps, v2.ToImage()])(image) for image in KINDS[kind]]
        assert torch.equal(fuse(v2.Compose(steps))(KINDS[kind]), torch.stack(expected).as_subclass(torch.Tensor))


@pytest.mark.parametrize("first", [v2.ToImage(), v2.Identity()], ids=repr)
def test_a_fill_by_type_after_a_choice_of_types_is_refused(first):
    """Images of two types are one batch, whose pad is either's."""
    choice = v2.RandomChoice([first, v2.Identity() if isinstance(first, v2.ToImage) else v2.ToImage()])
    crop = v2.RandomCrop((15, 18), padding=(1, 2, 3, 4), fill={tv_tensors.Image: 9, torch.Tensor: 30})
    with pytest.raises(ValueError, match=r"asks for the type of an image, which differs by image here; .*v2.ToImage"):
        fuse(v2.Compose([choice, crop]))(LEVELS)
    assert fuse(v2.Compose([choice, v2.ToImage(), crop]))(LEVELS).unique().tolist() == sorted(
        {*LEVELS.unique().tolist(), 9}
    )


@pytest.mark.parametrize("kind", ["tensor", "image"])
def test_a_batch_is_of_the_kind_of_its_images(kind):
    batch = torch.stack(KINDS[kind]) if kind == "tensor" else tv_tensors.Image(torch.stack(KINDS[kind]))
    crop = v2.RandomCrop((15, 18), padding=(1, 2, 3, 4), fill={torch.Tensor: 1, tv_tensors.Image: 2})
    assert torch.equal(fuse(crop)(batch), crop(batch).as_subclass(torch.Tensor))


def test_a_dtype_by_type_is_that_of_what_v2_would_see():
    """torchvision's own idiom, which did nothing when fused."""
    steps = v2.Compose([v2.ToImage(), v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True)])
    for images in KINDS.values():
        views = fuse(steps)(images)
        torch.testing.assert_close(views, LEVELS / 255, atol=1e-6, rtol=0)
    assert fuse(v2.Compose([v2.ToPureTensor(), steps.transforms[1]]))(tv_tensors.Image(LEVELS)).dtype == torch.uint8


@pytest.mark.parametrize("images", [LEVELS, tv_tensors.Image(LEVELS)])
def test_a_dtype_for_other_types_is_refused_as_in_v2(images):
    step = v2.ToDtype({tv_tensors.Mask: torch.int64})
    with pytest.raises(ValueError, match="No dtype was specified for type"):
        step(images)
    with pytest.raises(ValueError, match=r"dtype must name the type of the images, \w+, got ToDtype of Mask; add it"):
        fuse(step)(images)


@pytest.mark.parametrize("dtype", [torch.int16, torch.int64, torch.bool])
@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("images", [LEVELS, LEVELS / 255], ids=["uint8", "float"])
def test_a_dtype_that_no_kernel_takes_is_reached_by_v2s_own_function(dtype, scale, images):
    step = v2.ToDtype(dtype, scale=scale)
    try:
        expected = step(images)
    except (RuntimeError, TypeError) as error:
        with pytest.raises(type(error)):
            fuse(step)(images)
    else:
        assert torch.equal(fuse(step)(images), expected)


@pytest.mark.filterwarnings("ignore:The transform `ToTensor")
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_to_tensor_scales_pil_images_and_passes_tensors(mode):
    images = [image.convert(mode) for image in PILS]
    expected = torch.stack([v2.ToTensor()(image) for image in images])
    torch.testing.assert_close(fuse(v2.ToTensor())(images), expected, atol=1e-6, rtol=0)
    assert torch.equal(fuse(v2.ToTensor())(LEVELS), LEVELS)


@pytest.mark.parametrize("mode", ["1", "P", "PA", "HSV", "LAB", "YCbCr", "CMYK", "I;16", "I", "F"])
def test_a_pil_image_whose_numbers_are_no_gray_or_rgb_is_refused(mode):
    """A palette's numbers are places in it, and all red would be black."""
    image = Image.new("P" if mode == "PA" else mode, (8, 8)).convert(mode)
    with pytest.raises(
        TypeError, match=rf"batch\[1\] must be a PIL image of mode L, LA, RGB, RGBA, got '{mode}'.*convert"
    ):
        fuse(v2.RandomHorizontalFlip())([Image.new("RGB", (8, 8)), image])


def test_a_list_holds_images_of_one_mode_and_one_type():
    gray = PILS[0].convert("LA")
    for other in (gray, LEVELS[0], tv_tensors.Image(LEVELS[0])):
        with pytest.raises(
            ValueError, match=r"must agree in type, channels.*got batch\[0\], a PIL image of mode RGB, and"
        ):
            fuse(v2.RandomHorizontalFlip())([PILS[0], other])


@pytest.mark.parametrize("other", [LEVELS[1].float() / 255, LEVELS[1].double() / 255, LEVELS[1].half() / 255])
def test_a_list_holds_images_of_one_dtype(other):
    for images in ([LEVELS[0], other], [other, LEVELS[0]]):
        told = [str(image.dtype) for image in images]
        with pytest.raises(
            ValueError, match=rf"must agree in .*dtype.*batch\[0\], a tensor of 3 channels of {told[0]} .*{told[1]}"
        ):
            fuse(v2.RandomHorizontalFlip())(images)


@pytest.mark.parametrize(
    "step", [v2.ToDtype(torch.float32, scale=True), v2.ConvertImageDtype(), v2.Normalize([0.5], [1])]
)
def test_what_v2_does_not_do_to_a_pil_image_says_what_to_put_before(step):
    with pytest.raises(TypeError, match=r"put v2.ToImage\(\)"):
        fuse(step)(PILS)


@pytest.mark.filterwarnings("ignore:Anti-alias option is always applied for PIL")
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [True, False, None])
def test_a_pil_image_is_resized_as_pillow_does_it(interpolation, antialias):
    """Pillow antialiases whatever is asked, and its nearest pixel is the exact one."""
    resize = v2.Resize((5, 4), mode(interpolation), antialias=antialias)
    expected = torch.stack([F.pil_to_tensor(resize(image)) for image in PILS])
    difference = (fuse(resize)(PILS).int() - expected.int()).abs().max()
    assert difference <= (0 if interpolation == "nearest" else 1)


@pytest.mark.parametrize("images", [LEVELS, LEVELS / 255, list(LEVELS), tv_tensors.Image(LEVELS)])
def test_views_have_memory_of_their_own(images):
    """What is done to a view in place is done to nothing else: neither to another view nor to the batch."""
    before = [image.clone() for image in images]
    views = fuse(MultiView(v2.Identity(), v2.Identity()))(images)
    views[0].zero_()
    assert torch.equal(views[1], torch.stack(before))
    assert all(torch.equal(image, copy) for image, copy in zip(images, before, strict=True))
    fuse(v2.Identity())(images).zero_()
    assert all(torch.equal(image, copy) for image, copy in zip(images, before, strict=True))


@pytest.mark.parametrize("cls", [tv_tensors.Mask])
def test_a_batch_of_what_is_no_image_is_refused(cls):
    with pytest.raises(TypeError, match="must be images, got a Mask"):
        fuse(v2.RandomHorizontalFlip())(cls(LEVELS))
    with pytest.raises(TypeError, match=r"batch\[0\] must be an image .* got Mask"):
        fuse(v2.RandomHorizontalFlip())([cls(image) for image in LEVELS])


@pytest.mark.parametrize("images", [LEVELS, list(LEVELS), [LEVELS[0], LEVELS[1][:, :7], LEVELS[2][..., :9]]])
def test_bicubic_filters_are_clipped_where_v2_has_bytes_and_where_it_has_floats_not(images):
    """v2 clips uint8; a chain that is float in v2 overshoots, whatever its source, and so does ours."""
    resize, enlarge = v2.Resize((6, 5), mode("bicubic")), v2.Resize((20, 22), mode("bicubic"))
    to_float = v2.ToDtype(torch.float32, scale=True)
    for steps in ([resize, enlarge], [enlarge], [v2.Resize(8, mode("bicubic")), enlarge]):
        bytes_first = fuse(v2.Compose([*steps, to_float]))(images)
        assert 0 <= bytes_first.min() < bytes_first.max() <= 1
        for view, image in zip(bytes_first, images, strict=True):
            bound = 1.25 * sum(1.375 ** (2 * k) for k in range(len(steps)))  # a filter's taps sum to 1.375 in size
            assert (view * 255 - v2.Compose(steps)(image)).abs().max() <= bound
        floats_first = fuse(v2.Compose([to_float, *steps]))(images)
        for view, image in zip(floats_first, images, strict=True):
            torch.testing.assert_close(view, v2.Compose([to_float, *steps])(image), atol=1e-5, rtol=0)
