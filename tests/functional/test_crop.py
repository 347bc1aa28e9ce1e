"""Crop and resize: the oracle is torchvision's tensor kernel on each image and box."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from jointaug.functional import _resample, crop_and_finish, horizontal_flip, resized_crop, vertical_flip
from jointaug.functional._crop import MODES

examples = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the path is the same for all examples
)
SIDES = st.one_of(st.integers(1, 5), st.integers(1, 70), st.sampled_from([97, 128, 300]))
LAYOUTS = {
    "planar": lambda x: x,
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "of more channels": lambda x: torch.cat([x[:, :1], x], 1).contiguous(memory_format=torch.channels_last)[:, 1:],
    "columns first": lambda x: x.mT.contiguous().mT,
    "every other": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "expanded": lambda x: x[:1].expand_as(x),
}


@st.composite
def problems(draw, dtypes=(torch.uint8, torch.float32, torch.float64, torch.float16), modes=tuple(MODES)):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    count, channels = draw(st.integers(1, 3)), draw(st.sampled_from([1, 3, 3, 4]))
    height, width = draw(SIDES), draw(SIDES)
    views = draw(st.sampled_from([None, 1, 2, 3]))
    lead = (count,) if views is None else (count, views)
    images = torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=generator)
    dtype = draw(st.sampled_from(dtypes))
    images = LAYOUTS[draw(st.sampled_from(list(LAYOUTS)))](F.to_dtype(images, dtype, scale=True))
    u = torch.rand(*lead, 4, generator=generator, dtype=torch.float64)
    if draw(st.booleans()):
        u[..., :2] = 1 - 1e-9  # the box is the whole image
    full = torch.tensor([height, width])
    sides = (1 + (u[..., :2] * full).long()).minimum(full)
    corner = (u[..., 2:] * (full - sides + 1)).long()
    flip = torch.rand(lead, generator=generator) < 0.5
    size = draw(st.tuples(SIDES, SIDES))
    return images, torch.cat([corner, sides], -1), size, flip, draw(st.sampled_from(modes)), draw(st.booleans())


def resized(image, size, mode, antialias):
    """torchvision's resize but for single columns, where torch 2.14 is wrong (floats 2x2 to 3x1, bytes 4x1 to 1x2)."""
    if 1 not in (image.shape[-1], size[1]):
        return F.resize(image, list(size), interpolation=mode, antialias=antialias)
    row = image.mT.contiguous() if image.is_floating_point() else image.mT.float()
    result = F.resize(row, [size[1], size[0]], interpolation=mode, antialias=antialias).mT
    return result if image.is_floating_point() else result.round().clamp(0, 255).to(torch.uint8)


def expected(images, boxes, size, flip, mode, antialias):
    """The slow loop: torchvision on each box (its ``resized_crop`` is a slice and ``resize``)."""
    results = []
    for image, per_image, flips in zip(images, boxes.view(len(images), -1, 4), flip.view(len(images), -1), strict=True):
        for box, mirrored in zip(per_image.tolist(), flips.tolist(), strict=True):
            top, left, height, width = box
            part = image[:, top : top + height, left : left + width]
            part = resized(part, size, mode, antialias)
            results.append(part.flip(-1) if mirrored else part)
    return torch.stack(results).view(*boxes.shape[:-1], *results[0].shape)


@examples
@given(problem=problems())
def test_is_torchvisions(path, problem):
    images, boxes, size, flip, mode, antialias = problem
    result = resized_crop(images, boxes, size, flip=flip, interpolation=mode, antialias=antialias)
    oracle = expected(*problem)
    assert result.dtype == images.dtype
    assert result.shape == oracle.shape
    difference = (result.double() - oracle.double()).abs().max().item()
    # One unit in the last place of the half types; 1e-5 and one level as promised.
    assert difference <= {torch.uint8: 1, torch.float16: 2e-3}.get(images.dtype, 1e-5)


@pytest.mark.parametrize("antialias", [True, False])
def test_float_differs_by_rounding_only(path, antialias):
    """Weights are float32 in torch's order of operations: exact ones would miss these 1e-6 by far at such sizes."""
    generator = torch.Generator().manual_seed(11)
    images = torch.rand(1, 3, 701, 997, generator=generator)
    boxes = torch.tensor([[[0, 0, 701, 997], [13, 401, 650, 555], [600, 900, 90, 95]]])
    problem = images, boxes, (224, 223), torch.tensor([[True, False, True]]), InterpolationMode.BILINEAR, antialias
    result = resized_crop(*problem[:3], flip=problem[3], antialias=antialias)
    assert (result - expected(*problem)).abs().max() < 1e-6


@examples
@given(problem=problems(dtypes=(torch.uint8, torch.float32)))
def test_fixed_shapes_give_the_same(problem):
    """The path of accelerators, whose shapes depend on no value, on the CPU."""
    images, boxes, size, flip, mode, antialias = problem
    mode, smooth = MODES[mode], mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    crop = _resample.Crop(boxes.reshape(-1, 4), flip.reshape(-1), size, mode, antialias and smooth)
    result = _resample._fixed(images, crop, torch.float32)
    oracle = expected(images.float(), *problem[1:])
    views = len(result) // len(images)
    result = result.view(views, len(images), *result.shape[1:]).transpose(0, 1).reshape(oracle.shape)
    scale = 255 if images.dtype is torch.uint8 else 1
    assert (result - oracle).abs().max() < 1e-5 * scale


def clipped(image, size, antialias, bound):
    """v2's uint8 bicubic in floats: columns, clipped; then rows, clipped. (torch rounds there too.)"""
    columns = resized(image.float(), (image.shape[-2], size[1]), InterpolationMode.BICUBIC, antialias).clamp(0, bound)
    return resized(columns, size, InterpolationMode.BICUBIC, antialias).clamp(0, bound)


@st.composite
def hard_edges(draw):
    """Black and white pixels, where the cubic filter overshoots most, and boxes of all proportions."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    channels, height, width = draw(st.sampled_from([1, 3, 4, 6])), draw(SIDES), draw(SIDES)
    images = torch.randint(0, 2, (2, channels, height, width), generator=generator).mul(255).byte()
    images = LAYOUTS[draw(st.sampled_from(list(LAYOUTS)))](images)
    h, w = draw(st.integers(1, height)), draw(st.integers(1, width))
    top, left = draw(st.integers(0, height - h)), draw(st.integers(0, width - w))
    boxes = torch.tensor([[[top, left, h, w], [0, 0, height, width]]]).expand(2, 2, 4)
    return (
        images,
        boxes,
        draw(st.tuples(SIDES, SIDES)),
        torch.rand(2, 2, generator=generator) < 0.5,
        draw(st.booleans()),
    )


def edges_expected(images, boxes, size, flip, antialias, crop):
    results = []
    for image, per_image, flips in zip(images, boxes.tolist(), flip.tolist(), strict=True):
        for (top, left, height, width), mirrored in zip(per_image, flips, strict=True):
            part = image[:, top : top + height, left : left + width]
            part = part.float() if (height, width) == size else crop(part, size, antialias).float()
            results.append(part.flip(-1) if mirrored else part)
    return torch.stack(results).view(*boxes.shape[:-1], *results[0].shape)


@examples
@given(problem=hard_edges())
def test_bicubic_bytes_are_clipped_between_columns_and_rows_and_after(path, problem):
    """In a chain without rounding: 1e-5 of the same in floats. Alone: rounded once (by torch, before the rows, too)."""
    images, boxes, size, flip, antialias = problem
    mode = InterpolationMode.BICUBIC
    oracle = edges_expected(*problem, lambda *args: clipped(*args, 255))
    chain = crop_and_finish(
        images, boxes, size, flip=flip, interpolation=mode, antialias=antialias, dtype=torch.float32
    )
    assert chain.min() >= 0
    assert chain.max() <= 1
    assert (chain * 255 - oracle).abs().max() < 1e-5 * 255
    alone = resized_crop(images, boxes, size, flip=flip, interpolation=mode, antialias=antialias)
    assert (alone - oracle).abs().max() <= (1.25 if path == "torch" else 0.5 + 1e-5 * 255)


@pytest.mark.skipif("AVX" not in torch.backends.cpu.get_cpu_capability(), reason="torch works on floats here")
@examples
@given(problem=hard_edges())
def test_bicubic_bytes_are_v2s_to_a_level(path, problem):
    """torch rounds between columns and rows: half a level, times the rows' weights, of at most 1.375 in absolute sum.

    So 0.69 before the last rounding, which is a level at most after it, and 1.19 where we do not round. Its 16-bit
    weights add a little.
    """
    images, boxes, size, flip, antialias = problem
    mode = InterpolationMode.BICUBIC
    oracle = edges_expected(*problem, lambda x, size, antialias: resized(x, size, mode, antialias))
    options = {"flip": flip, "interpolation": mode, "antialias": antialias}
    assert (resized_crop(images, boxes, size, **options) - oracle).abs().max() <= 1
    chain = crop_and_finish(images, boxes, size, dtype=torch.float32, **options)
    assert (chain * 255 - oracle).abs().max() <= 1.25


@examples
@given(problem=hard_edges())
def test_bicubic_bytes_are_clipped_where_shapes_are_fixed(problem):
    """The path of accelerators, and of ``torch.compile``."""
    images, boxes, size, flip, antialias = problem
    oracle = edges_expected(*problem, lambda *args: clipped(*args, 255)).transpose(0, 1).flatten(0, 1)
    crop = _resample.Crop(boxes.reshape(-1, 4), flip.reshape(-1), size, "bicubic", antialias, clip=True)
    result = _resample._fixed(images, crop, torch.float32)
    assert (result - oracle).abs().max() < 1e-5 * 255
    assert (_resample._fixed(images, crop, torch.uint8) - oracle).abs().max() <= 0.5 + 1e-5 * 255


def test_compiled_bicubic_bytes_are_clipped():
    images = torch.randint(0, 2, (2, 3, 30, 20), generator=torch.Generator().manual_seed(21)).mul(255).byte()
    boxes = torch.tensor([[0, 0, 30, 20], [3, 4, 10, 16]])

    def crop(images, boxes):
        return crop_and_finish(images, boxes, 24, interpolation=InterpolationMode.BICUBIC, dtype=torch.float32)

    compiled = torch.compile(crop, fullgraph=True, backend="eager")(images, boxes)
    torch.testing.assert_close(compiled, crop(images, boxes), rtol=0, atol=1e-5)
    assert compiled.min() == 0
    assert compiled.max() == 1


@examples
@given(problem=hard_edges())
def test_float_images_are_clipped_where_asked(path, problem):
    """Floats between two crops of a uint8 pipeline: they overshoot as v2's floats do, or are clipped as its bytes."""
    images, boxes, size, flip, antialias = problem
    images = images.float() / 255
    options = {"flip": flip, "interpolation": InterpolationMode.BICUBIC, "antialias": antialias}
    result = crop_and_finish(images, boxes, size, clip=True, **options)
    oracle = edges_expected(images, *problem[1:], lambda *args: clipped(*args, 1))
    assert (result - oracle).abs().max() < 1e-5
    free = edges_expected(images, *problem[1:], lambda x, s, a: resized(x, s, InterpolationMode.BICUBIC, a))
    assert (crop_and_finish(images, boxes, size, **options) - free).abs().max() < 1e-5


def test_floats_beyond_white_are_clipped_at_any_size(path):
    image = torch.tensor([-0.5, 0.5, 1.5]).expand(1, 3, 3)
    for size in (3, 5):
        result = resized_crop(image, [0, 0, 3, 3], size, interpolation=InterpolationMode.BICUBIC, clip=True)
        assert (result.min(), result.max()) == (0, 1)


def test_a_mode_that_tensors_do_not_have_is_refused():
    """As v2 does: Pillow alone has it."""
    with pytest.raises(ValueError, match=r"interpolation must be .* BICUBIC, got .*LANCZOS"):
        resized_crop(torch.zeros(1, 4, 4), [0, 0, 4, 4], 2, interpolation=InterpolationMode.LANCZOS)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1, 1), (1, 1)),
        ((1, 1), (9, 33)),
        ((1, 700), (3, 5)),
        ((700, 1), (31, 2)),
        ((2, 3000), (2, 17)),
        ((600, 9), (1, 64)),
    ],
)
def test_extreme_shapes(path, shape, size, mode):
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(3, *shape, generator=generator)
    box = torch.tensor([0, 0, *shape])
    for antialias in (True, False):
        result = resized_crop(image, box, size, interpolation=mode, antialias=antialias)
        oracle = F.resize(image, list(size), interpolation=mode, antialias=antialias)
        torch.testing.assert_close(result, oracle, rtol=0, atol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_large_images_leave_the_ring_of_rows(path, channels, layout):
    """A photograph of a camera: blocks shrink until their source rows fit into the cache."""
    generator = torch.Generator().manual_seed(2)
    image = torch.randint(0, 256, (1, channels, 300, 2400), dtype=torch.uint8, generator=generator)
    image = LAYOUTS[layout](image)
    box = torch.tensor([[3, 5, 290, 2390], [100, 0, 150, 2400]])
    flip = torch.tensor([False, True])
    oracle = torch.stack([F.resized_crop(image[0].float(), *b, size=[14, 56]) for b in box.tolist()])
    oracle[1] = oracle[1].flip(-1)
    for source in (image[0], LAYOUTS[layout](image.float())[0]):
        result = crop_and_finish(source, box, (14, 56), flip=flip, dtype=torch.float32)
        scale = 255 if source.dtype is torch.uint8 else 1
        assert (result * scale - oracle).abs().max() < 1e-5 * 255
    whole = crop_and_finish(image, [[0, 0, 300, 2400]], (300, 2400), dtype=torch.float32)  # no filter: bit for bit
    assert torch.equal((whole * 255).round().byte(), image)
    assert torch.equal(horizontal_flip(image), image.flip(-1))


def test_a_list_of_images_is_a_batch_of_different_sizes(path):
    generator = torch.Generator().manual_seed(3)
    images = [
        torch.randint(0, 256, (3, h, w), dtype=torch.uint8, generator=generator) for h, w in [(20, 30), (9, 9), (50, 7)]
    ]
    images[1] = images[1].permute(1, 2, 0).contiguous().permute(2, 0, 1)
    boxes = torch.tensor(
        [[[1, 2, 15, 20], [0, 0, 20, 30]], [[0, 0, 9, 9], [8, 8, 1, 1]], [[10, 0, 40, 7], [49, 0, 1, 7]]]
    )
    results = resized_crop(images, boxes, 16)
    assert results.shape == (3, 2, 3, 16, 16)
    for i, image in enumerate(images):
        torch.testing.assert_close(results[i], resized_crop(image[None], boxes[i][None], 16)[0], rtol=0, atol=0)


def test_views_are_the_separate_crops_and_lie_together(path):
    generator = torch.Generator().manual_seed(4)
    images = torch.rand(5, 3, 20, 24, generator=generator)
    boxes = torch.randint(1, 10, (5, 3, 4), generator=generator)
    flip = torch.rand(5, 3, generator=generator) < 0.5
    views = resized_crop(images, boxes, 8, flip=flip)
    for v in range(3):
        assert views[:, v].is_contiguous()
        assert torch.equal(views[:, v], resized_crop(images, boxes[:, v], 8, flip=flip[:, v]))


@pytest.mark.parametrize("lead", [(), (2,), (2, 3), (2, 1, 2)])
def test_any_number_of_leading_dimensions(path, lead):
    generator = torch.Generator().manual_seed(5)
    images = torch.rand(*lead, 3, 12, 14, generator=generator)
    boxes = torch.randint(1, 6, (*lead, 4), generator=generator)
    results = resized_crop(images, boxes, (5, 7))
    flat = resized_crop(images.reshape(-1, 3, 12, 14), boxes.reshape(-1, 4), (5, 7))
    assert torch.equal(results, flat.reshape(*lead, 3, 5, 7))
    two = resized_crop(images, torch.stack([boxes, boxes - 1 + (boxes == 1)], -2), (5, 7))
    assert two.shape == (*lead, 2, 3, 5, 7)
    assert torch.equal(two.select(len(lead), 0), results)


def test_nan_stays_in_its_image(path):
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(6))
    images[1, 0, 3, 3] = torch.nan
    results = resized_crop(images, torch.tensor([[2, 2, 10, 10]]).expand(3, 4), 12)
    assert results[1].isnan().any()
    assert results[[0, 2]].isfinite().all()


def test_the_same_size_is_a_copy(path):
    image = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(7))
    result = resized_crop(image, torch.tensor([3, 4, 10, 12]), (10, 12))
    assert torch.equal(result, image[:, 3:13, 4:16])
    result.zero_()
    assert image[:, 3:13, 4:16].min() > 0 or image.any()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_flips(path, dtype):
    images = torch.randint(0, 256, (4, 2, 5, 7), generator=torch.Generator().manual_seed(8)).to(dtype)
    images = images if dtype is torch.uint8 else images / 255
    where = torch.tensor([True, False, True, False])
    for kernel, dim in ((horizontal_flip, -1), (vertical_flip, -2)):
        assert torch.equal(kernel(images), images.flip(dim))
        mixed = kernel(images, where=where)
        assert torch.equal(mixed[where], images[where].flip(dim))
        assert torch.equal(mixed[~where], images[~where])


@pytest.mark.parametrize("form", ["one", "batch", "list", "channels last"])
@pytest.mark.parametrize("mode", [InterpolationMode.BILINEAR, InterpolationMode.BICUBIC, InterpolationMode.NEAREST])
def test_sources_of_more_values_than_32_bits_count(path, form, mode):
    """Memory that nobody wrote to takes no room, so only a patch at the far end does."""
    shape = {"one": (1, 46400, 46400), "batch": (3, 1, 30000, 30000), "list": (1, 1, 46400, 46400)}.get(form)
    images = torch.empty(shape, dtype=torch.uint8) if shape else torch.empty(30000, 30000, 3, dtype=torch.uint8)
    images = images if shape else images.permute(2, 0, 1)
    assert images.numel() > 2**31
    patch = torch.randint(0, 256, (images.shape[-3], 40, 50), generator=torch.Generator().manual_seed(9)).byte()
    images.view(-1, *images.shape[-3:])[-1, :, -40:, -50:] = patch
    height, width = images.shape[-2:]
    boxes = torch.tensor([height - 40, width - 50, 40, 50]).expand(*images.shape[:-3], 4)
    result = resized_crop(list(images) if form == "list" else images, boxes, 24, interpolation=mode)
    expected = resized_crop(patch, [0, 0, 40, 50], 24, interpolation=mode)
    assert torch.equal(result.view(-1, *expected.shape)[-1], expected)


@pytest.mark.parametrize("shape", [(1, 1, 2**31), (1, 2**31 + 3, 1), (1, 2, 2**31 - 257)])
def test_sides_of_more_pixels_than_32_bits_count(path, shape):
    """torch does them, whatever the path; the last is the native kernels' greatest."""
    image = torch.tensor([7], dtype=torch.uint8).expand(shape)
    box = [shape[1] - 1, shape[2] - 1, 1, 1]
    assert torch.equal(resized_crop(image, box, 2), torch.full((1, 2, 2), 7, dtype=torch.uint8))
