"""Pixels of every kind: integers of every width never wrap around, and PIL modes are right or refused."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from jointaug import JointBlur, JointColor, JointCrop, MultiResolution, MultiView, UncroppedView

from ..versions import LANCZOS

INTEGERS = (  # but uint8, which has kernels of its own
    torch.bool,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.uint16,
    torch.uint32,
    torch.uint64,
)
PILLOW = {
    "bilinear": PIL.Image.Resampling.BILINEAR,
    "bicubic": PIL.Image.Resampling.BICUBIC,
    "lanczos": PIL.Image.Resampling.LANCZOS,
}

# numpy 1.26 warns of what overshoots the range of 64 bits, which the tests then find clipped.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")


def limits(dtype):
    return (0, 1) if dtype is torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)


def tensor_of(array, dtype):
    """Integers of Python's or numpy's as a tensor, 64 bits without a sign included."""
    return torch.from_numpy(np.asarray(array, dtype=bool if dtype is torch.bool else str(dtype).removeprefix("torch.")))


def as_image(dtype, height=24, width=20):
    """Black and white blocks and lines, the dtype's greatest value on 0: whatever overshoots leaves its range."""
    rows, columns = np.indices((height, width))
    white = (rows // 5 + columns // 4) % 2 == 1
    greatest = np.array(limits(dtype)[1], dtype=object)  # beyond int64, which numpy 2.5 refuses
    return tensor_of(np.where(np.stack([white, ~white, white & (rows % 3 > 0)]), greatest, 0), dtype)


def close(view, expected, dtype):
    """Within one level and the float32 error of the oracle, as a share of the greatest value; clipped, not wrapped."""
    low, high = limits(dtype)
    got = view.as_subclass(torch.Tensor).to(torch.float64).numpy()
    wanted = np.clip(np.asarray(expected, dtype=np.float64), low, high)
    if dtype is torch.bool:  # all but what lies on the threshold
        return (got == (wanted > 0.5))[abs(wanted - 0.5) > 1e-3].all()
    return abs(got - wanted).max() <= 1.0 + 4e-6 * high


@pytest.mark.parametrize("interpolation", PILLOW)
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_crops_of_integers_are_pillows_in_floats(dtype, interpolation):
    """Pillow resizes mode F, floats, by the same filters: the oracle of every width, clipped to the dtype."""
    image = as_image(dtype)
    crop = JointCrop(37, interpolation=interpolation)
    if interpolation == "lanczos" and LANCZOS.here:
        pytest.skip(LANCZOS.reason)
    torch.manual_seed(0)
    for _ in range(5):
        params = crop.make_params([image])
        for view, (top, left, height, width) in zip(crop.transform(image, params), params["box"], strict=True):
            assert view.dtype is dtype
            expected = [
                PIL.Image.fromarray(channel.to(torch.float32).numpy())
                .crop((left, top, left + width, top + height))
                .resize((37, 37), PILLOW[interpolation])
                for channel in image
            ]
            assert close(view, np.stack(expected), dtype)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_nearest_pixels_keep_their_values(dtype):
    """Row ``i`` of 37 shows row ``(i + 1/2) h / 37`` of the box, rounded down: exact fractions, but for whole ones."""
    low, high = limits(dtype)
    values = [low + (high - low) * k // 126 for k in range(127)]
    image = tensor_of([values[k % 127] for k in range(3 * 24 * 20)], dtype).view(3, 24, 20)
    crop = JointCrop(37, interpolation="nearest-exact")
    torch.manual_seed(0)
    params = crop.make_params([image])
    for view, (top, left, *sides) in zip(crop.transform(image, params), params["box"], strict=True):
        rows, columns = ([(2 * i + 1) * side // 74 for i in range(37)] for side in sides)
        sure = [[(2 * i + 1) * side % 74 > 0 for i in range(37)] for side in sides]
        expected = image.numpy()[:, top:, left:][:, rows][:, :, columns]
        assert (view.numpy() == expected)[:, sure[0]][:, :, sure[1]].all()


@pytest.mark.parametrize("wrap", [lambda x: x, tv_tensors.Image, lambda x: tv_tensors.Video(x[None])])
@pytest.mark.parametrize("dtype", INTEGERS[1:], ids=str)
@pytest.mark.parametrize(
    "maker",
    [
        JointCrop(37, interpolation="bicubic"),
        MultiResolution((30, 50), interpolation="bicubic"),
        MultiView(UncroppedView((30, 50), interpolation="bicubic"), UncroppedView(64, interpolation="bicubic")),
    ],
    ids=lambda maker: type(maker).__name__,
)
def test_bicubic_never_wraps_around(maker, dtype, wrap):
    """White rows above black ones: down a column, levels fall but for the small overshoot, or something wrapped."""
    low, high = limits(dtype)
    column = tensor_of([high] * 12 + [low] * 12, dtype)
    image = wrap(column[None, :, None].expand(3, 24, 20))
    torch.manual_seed(0)
    for view in maker(image):
        assert view.dtype is dtype
        assert type(view) is type(image)
        levels = view.as_subclass(torch.Tensor).to(torch.float64).flatten(0, -3)[0, :, 0]
        assert (levels.diff() <= 0.1 * high).all()  # a wrapped pixel jumps by the whole range


@pytest.mark.parametrize("dtype", [d for d in INTEGERS if d is not torch.bool], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_colors_of_integers_are_v2s_in_floats(dtype, channels):
    """v2's chain on [0, 1] in floats, times the dtype's greatest value: within a level, and within float32."""
    white = limits(dtype)[1]
    image = torch.rand(channels, 12, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.98 * white
    image = image.to(torch.uint64 if dtype is torch.uint64 else torch.int64).to(dtype)
    color = JointColor(0.8, 0.8, 0.8, 0.2, p=1.0)
    adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
    torch.manual_seed(0)
    for _ in range(10):
        params = color.make_params([image])
        for k, view in enumerate(color.transform(image, params)):
            assert view.dtype is dtype
            expected = (image.to(torch.float64) / white).float()
            for operation in params["order"][k]:
                name = ("brightness", "contrast", "saturation", "hue")[operation]
                expected = adjust[operation](expected, params[name][k])
            error = (view.to(torch.float64) - expected.double() * white).abs().max()
            assert error <= 1.0 + 1e-5 * white


@pytest.mark.parametrize("dtype", INTEGERS[1:], ids=str)
@pytest.mark.parametrize("kernel_size", [None, 5])
def test_blurs_of_integers_are_v2s_in_float64(dtype, kernel_size):
    image = as_image(dtype)
    blur = JointBlur(kernel_size, p=1.0)
    torch.manual_seed(0)
    params = blur.make_params([image])
    for view, sigma in zip(blur.transform(image, params), params["sigma"], strict=True):
        assert view.dtype is dtype
        expected = F.gaussian_blur(image.to(torch.float64), [kernel_size or 19] * 2, [sigma] * 2)
        # the default kernel cuts a tail of 7e-6; float32 sums add 1e-6
        assert (view.to(torch.float64) - expected).abs().max() <= 1.0 + 1e-5 * limits(dtype)[1]


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.uint16, torch.int32], ids=str)
def test_integers_are_rounded_to_the_nearest(dtype):
    """Half a level at most, and the float error of v2 in float64, from a blur and from a crop (Pillow in floats)."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, min(limits(dtype)[1], 2000), (3, 24, 20), generator=generator).to(dtype)
    torch.manual_seed(0)
    blur, crop = JointBlur(5, p=1.0), JointCrop(37)
    params, boxes = blur.make_params([image]), crop.make_params([image])
    for view, sigma in zip(blur.transform(image, params), params["sigma"], strict=True):
        exact = F.gaussian_blur(image.to(torch.float64), [5, 5], [sigma] * 2)
        assert (view.to(torch.float64) - exact).abs().max() <= 0.505
    for view, (top, left, height, width) in zip(crop.transform(image, boxes), boxes["box"], strict=True):
        exact = [
            PIL.Image.fromarray(channel.to(torch.float32).numpy())
            .crop((left, top, left + width, top + height))
            .resize((37, 37), PILLOW["bilinear"])
            for channel in image
        ]
        assert np.abs(view.to(torch.float64).numpy() - np.stack(exact)).max() <= 0.505


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint32], ids=str)
@pytest.mark.parametrize(
    "maker",
    [
        JointCrop((24, 20), (1.0, 1.0), (20 / 24, 20 / 24)),
        JointColor(0.0, 0.0, 0.0, 0.0, p=1.0),
        MultiView(UncroppedView((24, 20))),
    ],
    ids=lambda maker: type(maker).__name__,
)
def test_integers_of_32_bits_keep_every_bit_where_nothing_changes(maker, dtype):
    """Neighbors are 2**-31 apart, which float32 cannot tell: a crop of all of it, factors of one."""
    high = limits(dtype)[1]
    image = tensor_of(high - np.arange(24 * 20).reshape(1, 24, 20), dtype)
    for view in maker(image):
        assert view.dtype is dtype
        assert torch.equal(view, image)


def test_masks_keep_the_names_of_their_objects():
    """Identities where float32 and float64 have gaps come out as they went in."""
    names = torch.tensor([2**24 + 1, 2**62 + 7, 5])
    mask = tv_tensors.Mask(names[torch.arange(24 * 20).remainder(3).view(1, 24, 20)])
    for view in JointCrop(16)({"image": tv_tensors.Image(torch.zeros(3, 24, 20)), "mask": mask}):
        assert type(view["mask"]) is tv_tensors.Mask
        assert set(view["mask"].unique().tolist()) <= set(names.tolist())


RGB = PIL.Image.fromarray((np.indices((24, 32)).sum(0)[..., None] * np.array([4, 3, 2])).astype(np.uint8))


def of_mode(mode):
    if mode == "I;16B":
        return PIL.Image.frombytes("I;16B", (32, 24), np.arange(768).astype(">u2").tobytes())
    if mode == "I;16":
        return PIL.Image.fromarray(np.arange(768, dtype=np.uint16).reshape(24, 32) * 80)
    if mode == "LAB":
        from PIL import ImageCms

        profiles = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
        return ImageCms.profileToProfile(RGB, *profiles, outputMode="LAB")
    steps = {"PA": ("P", "PA"), "La": ("LA", "La"), "RGBa": ("RGBA", "RGBa")}.get(mode, (mode,))
    image = RGB
    for step in steps:
        image = image.convert(step)
    return image


MODES = (
    "1",
    "L",
    "LA",
    "La",
    "P",
    "PA",
    "RGB",
    "RGBX",
    "RGBA",
    "RGBa",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "F",
    "I;16",
)
TABLE = {  # of each transform: the modes that it takes
    "blur": (JointBlur(5, sigma=(1.0, 1.0), p=1.0), ("L", "LA", "RGB", "RGBX", "RGBA", "CMYK", "YCbCr", "I", "F")),
    "color": (JointColor(p=1.0), ("L", "LA", "RGB", "RGBX", "RGBA")),
    "crop": (JointCrop(16), [mode for mode in MODES if mode not in ("PA", "HSV")]),
    "nearest": (JointCrop(16, interpolation="nearest"), MODES),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", TABLE)
def test_pil_modes_are_v2s_or_refused_with_a_remedy(name, mode):
    """Taken: v2's own pixels on that mode (within the level that rounding once may differ by)."""
    transform, taken = TABLE[name]
    image = of_mode(mode)
    if mode == "I;16" and PIL.__version__.startswith("10.0."):
        pytest.skip("this Pillow resizes no image of 16 bits")
    torch.manual_seed(0)
    if mode not in taken:
        with pytest.raises(TypeError, match=rf"Joint\w+ .*mode '{mode}'.*convert it first: "):
            transform(image)
        return
    params = transform.make_params([image])
    for k, view in enumerate(transform.transform(image, params)):
        assert view.mode == mode
        if name == "blur":
            expected = F.gaussian_blur(image, [5, 5], [1.0, 1.0])
        elif name == "color":
            expected = image
            for operation in params["order"][k]:
                kind = ("brightness", "contrast", "saturation", "hue")[operation]
                expected = getattr(F, f"adjust_{kind}")(expected, params[kind][k])
        else:
            expected = F.resized_crop(
                image, *params["box"][k], size=[16, 16], interpolation=InterpolationMode(transform.interpolation)
            )
        difference = np.asarray(view).astype(float) - np.asarray(expected).astype(float)
        assert abs(difference).max() <= (1.0 if name == "blur" else 0.0)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode not in TABLE["color"][1]])
def test_the_remedies_work(mode):
    """What the message says makes an image that the transform takes."""
    image = of_mode(mode)
    with pytest.raises(TypeError) as refusal:
        JointColor(p=0.0)(image)  # whether the view would have been jittered or not
    remedy = str(refusal.value).partition("convert it first: ")[2]
    if mode == "LAB":
        assert "profileToProfile" in remedy
        return
    scope = {"image": image, "v2": v2, "white": 65535}
    assert len(JointColor(p=1.0)(eval(remedy.partition(", with")[0], scope))) == 2


def test_big_endian_files_are_cropped_by_value():
    """A 16-bit TIFF of the other byte order: nearest pixels are values that the file holds."""
    file = io.BytesIO()
    of_mode("I;16B").save(file, "TIFF")
    image = PIL.Image.open(file)
    for view in JointCrop(16, interpolation="nearest")(image):
        assert set(np.asarray(view).ravel().tolist()) <= set(range(768))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.float8_e4m3fn], ids=str)
@pytest.mark.parametrize("transform", [JointCrop(8), JointBlur(), JointColor(), MultiView(UncroppedView(8))])
def test_other_dtypes_are_refused(transform, dtype):
    with pytest.raises(TypeError, match=rf"takes images of integers, .* got {dtype}; convert them first"):
        transform(torch.zeros(3, 9, 9).to(dtype))


@pytest.mark.parametrize("interpolation", ["box", "hamming"])
def test_pillows_filters_are_pillows(interpolation):
    image = of_mode("RGB")
    assert len(JointCrop(8, interpolation=interpolation)(image)) == 2
    with pytest.raises(ValueError, match=f"got '{interpolation}', which Pillow alone knows"):
        JointCrop(8, interpolation=interpolation)(F.pil_to_tensor(image))


def test_v2s_kernels_are_given_modes_and_no_names(monkeypatch):
    """Names are known to torchvision from 0.24 on."""
    given, call = [], JointCrop._call_kernel

    def seen(transform, kernel, inpt, *args, **keywords):
        given.append(keywords["interpolation"])
        return call(transform, kernel, inpt, *args, **keywords)

    monkeypatch.setattr(JointCrop, "_call_kernel", seen)
    crop = JointCrop(8, interpolation="nearest-exact")
    for image in (of_mode("RGB"), torch.zeros(1, 24, 20, dtype=torch.int16)):
        crop(image)
    assert set(given) == {InterpolationMode.NEAREST_EXACT}
