"""The torch path on a CUDA device: the CPU's results, no host synchronization, no graph break."""

import pytest
import torch

from jointaug import functional as K
from jointaug.functional import Step

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def chain(images, boxes, flip, factors, order, sigma, mask):
    steps = [
        Step(K.color_jitter, (*factors.unbind(-1), order), mask),
        Step(K.rgb_to_grayscale, (), ~mask),
        Step(K.gaussian_blur, (sigma, None, 2.0)),
        Step(K.horizontal_flip, (), mask),
        Step(K.normalize, ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
    ]
    return K.crop_and_finish(images, boxes, 32, steps, flip=flip, dtype=torch.float32)


@pytest.fixture
def arguments():
    generator = torch.Generator().manual_seed(1)
    count = 16
    images = torch.randint(0, 256, (count, 3, 60, 80), dtype=torch.uint8, generator=generator)
    boxes = torch.randint(1, 30, (count, 2, 4), generator=generator)
    flip, mask = (torch.rand(count, 2, generator=generator) < 0.5 for _ in range(2))
    factors = 0.6 + 0.8 * torch.rand(count, 2, 4, generator=generator)
    factors[..., 3] = 0.2 * torch.rand(count, 2, generator=generator) - 0.1
    order = torch.stack([torch.randperm(4, generator=generator) for _ in range(2 * count)]).view(count, 2, 4)
    return images, boxes, flip, factors, order, 0.1 + 1.9 * torch.rand(count, 2, generator=generator), mask


def test_is_the_cpus_result_without_synchronization(arguments, no_waiting):
    there = [argument.cuda() for argument in arguments]
    chain(*there)
    torch.cuda.synchronize()
    with no_waiting():
        result = chain(*there)
    torch.testing.assert_close(result.cpu(), chain(*arguments), rtol=0, atol=2e-4)  # 1e-5 a step, divided by std


def test_compiles_without_a_graph_break(arguments):
    there = [argument.cuda() for argument in arguments]
    result = torch.compile(chain, fullgraph=True)(*there)
    torch.testing.assert_close(result, chain(*there), rtol=0, atol=2e-4)


def test_reduced_precision_switches_change_nothing(arguments):
    """Sums are written out: no matrix product that TF32 or autocast could round."""
    there = [argument.cuda() for argument in arguments]
    expected = chain(*there)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cuda"):
            assert torch.equal(chain(*there), expected)
    finally:
        torch.set_float32_matmul_precision(before)


def test_memory_stays_below_four_times_input_and_output(arguments):
    images = torch.randint(0, 256, (64, 3, 224, 224), dtype=torch.uint8, device="cuda")
    boxes = torch.tensor([[10, 10, 200, 180]], device="cuda").expand(64, 4)
    steps = [Step(K.color_jitter, (0.8, 1.2, 0.9, 0.1)), Step(K.gaussian_blur, (1.0,)), Step(K.normalize, (0.5, 0.2))]
    torch.cuda.reset_peak_memory_stats()
    result = K.crop_and_finish(images, boxes, 224, steps, dtype=torch.float32)
    assert torch.cuda.max_memory_allocated() < 4 * (images.nbytes + result.nbytes)
