"""Chains: the oracle is the same chain of torchvision's kernels in floats, image by image."""

import os
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as F

from jointaug import functional as K
from jointaug._native import _library as _native
from jointaug.functional import Step, crop_and_finish, finish

examples = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the path is the same for all examples
)
SIDES = st.integers(1, 40)
FACTORS = st.one_of(st.just(1.0), st.floats(0, 2))
# Steps with a threshold are compared on identical input, in test_color.
ORACLES = {
    K.adjust_brightness: (F.adjust_brightness, st.tuples(FACTORS)),
    K.adjust_contrast: (F.adjust_contrast, st.tuples(FACTORS)),
    K.adjust_saturation: (F.adjust_saturation, st.tuples(FACTORS)),
    K.invert: (F.invert, st.tuples()),
    K.rgb_to_grayscale: (lambda x: F.rgb_to_grayscale(x, x.shape[-3]), st.tuples()),
    K.horizontal_flip: (F.horizontal_flip, st.tuples()),
    K.vertical_flip: (F.vertical_flip, st.tuples()),
    K.gaussian_blur: (lambda x, s: blurred(x, s), st.tuples(st.floats(0.1, 3))),
}


def blurred(image, sigma):
    """torchvision reflects once, so the image is reflected first, until it is large enough."""
    height, width = image.shape[-2:]
    for dim, side in ((-2, height), (-1, width)):
        once = torch.cat([image, image.flip(dim).narrow(dim, 1, side - 1).narrow(dim, 0, max(side - 2, 0))], dim)
        image = once.repeat_interleave(1, dim) if side > 1 else once
        period = image.shape[dim]
        index = torch.arange(-40, side + 40) % period
        image = image.index_select(dim, index)
    return F.gaussian_blur(image, [31, 31], [sigma, sigma])[..., 40 : 40 + height, 40 : 40 + width]


@st.composite
def problems(draw):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    count, views = draw(st.integers(1, 3)), draw(st.sampled_from([None, 2]))
    lead = (count,) if views is None else (count, views)
    rows = torch.Size(lead).numel()
    images = torch.randint(
        0, 256, (count, draw(st.sampled_from([1, 3])), draw(SIDES), draw(SIDES)), dtype=torch.uint8, generator=generator
    )
    images = images if draw(st.booleans()) else images / 255
    full = torch.tensor(images.shape[-2:])
    u = torch.rand(*lead, 4, generator=generator, dtype=torch.float64)
    sides = (1 + (u[..., :2] * full).long()).minimum(full)
    boxes = torch.cat([(u[..., 2:] * (full - sides + 1)).long(), sides], -1)
    steps = []
    for kernel in draw(st.lists(st.sampled_from(list(ORACLES)), max_size=6)):
        values = [draw(ORACLES[kernel][1]) for _ in range(rows)]
        parameters = tuple(torch.tensor(column).view(lead) for column in zip(*values, strict=True))
        mask = torch.tensor([draw(st.booleans()) for _ in range(rows)]).view(lead) if draw(st.booleans()) else None
        steps.append(Step(kernel, parameters, mask))
    return images, boxes, draw(st.tuples(SIDES, SIDES)), steps


def expected(images, boxes, size, steps):
    """The slow loop; boxes None: no crop."""
    units = F.to_dtype(images, torch.float32, scale=True)
    rows = len(images) if boxes is None else boxes.shape[:-1].numel()
    results = []
    for row in range(rows):
        image = units[row * len(images) // rows]
        if boxes is not None:
            image = K.resized_crop(image, boxes.reshape(-1, 4)[row], size)  # tested by itself
        for kernel, parameters, where in steps:
            if where is None or where.reshape(-1)[row]:
                values = [p.reshape(-1)[row].item() for p in parameters]
                neutral = values == [1.0] and "adjust" in kernel.__name__
                image = image if neutral else ORACLES[kernel][0](image, *values)
        results.append(image)
    return torch.stack(results).view(*(images.shape[:1] if boxes is None else boxes.shape[:-1]), *results[0].shape)


@examples
@given(problem=problems())
def test_a_chain_is_torchvisions_chain_in_floats(path, problem):
    images, boxes, size, steps = problem
    result = crop_and_finish(images, boxes, size, steps, dtype=torch.float32)
    oracle = expected(*problem)
    blurs = sum(step.kernel is K.gaussian_blur for step in steps)
    assert (result - oracle).abs().max() < 1e-5 * max(1, len(steps)) + 14e-6 * blurs  # a blur's two tails


@examples
@given(problem=problems())
def test_bytes_are_rounded_once(path, problem):
    images, boxes, size, steps = problem
    result = crop_and_finish(images, boxes, size, steps, dtype=torch.uint8)
    oracle = crop_and_finish(images, boxes, size, steps, dtype=torch.float32).double() * 255
    assert (result - oracle.clamp(0, 255)).abs().max() <= 0.5 + 1e-4


@examples
@given(problem=problems())
def test_without_a_crop(path, problem):
    images, boxes, _, steps = problem
    if boxes.ndim == 3:
        steps = [Step(k, tuple(p[:, 0] for p in ps), None if w is None else w[:, 0]) for k, ps, w in steps]
    steps = [*steps, Step(K.normalize, (0.4, 0.2))]
    result = finish(images, steps, dtype=torch.float32)
    oracle = (expected(images, None, None, steps[:-1]) - 0.4) / 0.2
    assert (result - oracle).abs().max() < 5 * (1e-5 * len(steps) + 14e-6 * len(steps))


@examples
@given(problem=problems())
def test_the_paths_agree(problem, monkeypatch):
    """Every native kernel against torch, to the rounding of floats."""
    images, boxes, size, steps = problem
    native = crop_and_finish(images, boxes, size, steps, dtype=torch.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_native, "library", None)
        torch_only = crop_and_finish(images, boxes, size, steps, dtype=torch.float32)
    torch.testing.assert_close(native, torch_only, rtol=0, atol=3e-6 * (1 + len(steps)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats(path, dtype):
    images = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(1)).to(dtype)
    steps = [Step(K.color_jitter, (0.7, 1.2, 0.6, 0.1)), Step(K.gaussian_blur, (1.1,)), Step(K.normalize, (0.5, 0.2))]
    result = finish(images, steps)
    assert result.dtype == dtype
    oracle = finish(images.float(), steps)
    assert (result.float() - oracle).abs().max() < {torch.float64: 1e-5}.get(dtype, 0.03)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("last", [False, True], ids=["of rows", "of pixels"])
def test_results_lie_in_memory_as_asked(path, order, last):
    images = torch.randint(0, 256, (2, 3, 9, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    boxes, steps = torch.tensor([[[0, 0, 9, 12], [2, 3, 4, 5]]] * 2), [Step(K.adjust_contrast, (0.7,))]
    expected = crop_and_finish(images, boxes, (7, 8), steps), finish(images, steps)
    given = images.contiguous(memory_format=torch.channels_last) if last else images
    views = crop_and_finish(given, boxes, (7, 8), steps, memory_format=order)
    whole = finish(given, steps, memory_format=order)
    assert torch.equal(views, expected[0])
    assert torch.equal(whole, expected[1])
    for batch in (views[:, 0], views[:, 1], whole, finish(given, [], memory_format=order)):
        assert [torch.channels_last, torch.contiguous_format][batch.is_contiguous()] is order
        assert batch.is_contiguous(memory_format=order)
    assert finish(given[0], steps, memory_format=order).stride() == whole[0].stride()


def test_a_tuple_is_a_step_and_true_is_everywhere(path):
    x = torch.rand(2, 3, 5, 5)
    assert torch.equal(finish(x, [(K.invert,), (K.invert, (), True)]), 1 - (1 - x))
    assert torch.equal(finish(x, [Step(K.invert, where=False)]), x)


def test_nan_stays_in_its_image(path):
    x = torch.rand(3, 3, 30, 30)
    x[1, 1, 4, 4] = torch.nan
    steps = [Step(K.color_jitter, (0.7, 1.2, 0.6, 0.1)), Step(K.gaussian_blur, (1.1,))]
    result = crop_and_finish(x, torch.tensor([[0, 0, 20, 20]] * 3), 16, steps)
    assert result[1].isnan().any()
    assert result[[0, 2]].isfinite().all()
    finish(x, steps, dtype=torch.uint8)  # what NaN becomes as a byte is not said, but nothing breaks


def high_water():
    """Greatest resident memory of this process, bytes."""
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures a child's peak as Linux tells it")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12: there may be other threads
def test_memory_is_the_input_the_output_and_a_little():
    """The peak of a fused batch is under 2 x (input + output), the input being there already."""
    if K.backend() == "torch":
        pytest.skip("torch alone keeps an intermediate batch for each step")
    images = torch.full((48, 3, 375, 500), 7, dtype=torch.uint8)
    boxes = torch.tensor([[[10, 10, 300, 400], [50, 80, 200, 200]]] * 48)
    order = torch.tensor([[[3, 1, 2, 0], [0, 1, 2, 3]]] * 48)
    steps = [
        Step(K.color_jitter, (0.8, 1.1, 0.9, 0.05, order)),
        Step(K.gaussian_blur, (1.2,)),
        Step(K.normalize, (0.5, 0.2)),
    ]
    read, write = os.pipe()
    child = os.fork()  # with a peak of its own
    if child == 0:
        signal.alarm(120)  # a child that hangs fails the test
        crop_and_finish(images[:1], boxes[:1], 224, steps[1:], dtype=torch.float32)  # maps the libraries
        before = high_water()
        result = crop_and_finish(images, boxes, 224, steps, dtype=torch.float32)
        os.write(write, f"{high_water() - before} {result.nbytes}".encode())
        os._exit(0)
    os.close(write)
    grown, size = map(int, os.read(read, 100).split())
    os.waitpid(child, 0)
    assert grown < size + (8 << 20)
    assert images.nbytes + grown < 2 * (images.nbytes + size)


def test_torch_alone_works_on_a_part_of_a_large_batch(monkeypatch):
    """It keeps a batch for each step, so it takes an eighth at a time: the same result."""
    monkeypatch.setattr(_native, "library", None)
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (19, 3, 30, 30), dtype=torch.uint8, generator=generator)
    boxes = torch.randint(1, 15, (19, 2, 4), generator=generator)
    sigma, mask = torch.rand(19, 2, generator=generator), torch.rand(19, 2, generator=generator) < 0.5
    order = torch.stack([torch.randperm(4, generator=generator) for _ in range(38)]).view(19, 2, 4)
    steps = [Step(K.color_jitter, (sigma, sigma, sigma, 0.1, order), mask), Step(K.gaussian_blur, (sigma,))]
    whole = crop_and_finish(images, boxes, 200, steps, flip=mask, dtype=torch.float32)  # 36 MiB
    listed = crop_and_finish(list(images), boxes, 200, steps, flip=mask, dtype=torch.float32)
    assert torch.equal(whole, listed)
    for i in (0, 2, 3, 18):
        one = [
            Step(K.color_jitter, (*[sigma[i : i + 1]] * 3, 0.1, order[i : i + 1]), mask[i : i + 1]),
            Step(K.gaussian_blur, (sigma[i : i + 1],)),
        ]
        alone = crop_and_finish(
            images[i : i + 1], boxes[i : i + 1], 200, one, flip=mask[i : i + 1], dtype=torch.float32
        )
        torch.testing.assert_close(whole[i : i + 1], alone, rtol=0, atol=1e-6)
