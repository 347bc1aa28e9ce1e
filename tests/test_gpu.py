"""What only a CUDA device can show: the same views as on the CPU, no waiting for the device, no graph breaks."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms import v2

from jointaug import Addresses, JointBlur, JointColor, JointCrop, MultiView, PerView, fuse
from jointaug.chance import child_step
from jointaug.functional._program import GPU_AT_ONCE

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

NORMALIZE = v2.Normalize([0.5] * 3, [0.25] * 3)
STEPS = [
    v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
    v2.RandomGrayscale(0.2),
    v2.RandomApply([v2.GaussianBlur(9, (0.1, 2.0))], p=0.5),
    v2.RandomHorizontalFlip(),
    v2.ToDtype(torch.float32, scale=True),
    NORMALIZE,
]
MOCO = v2.Compose([JointCrop(64), PerView(v2.Compose(STEPS))])
CLASSIC = v2.Compose(
    [MultiView(*[v2.RandomResizedCrop(64)] * 2), JointColor(), JointBlur(), PerView(v2.Compose(STEPS[3:]))]
)


def batch(count=32, side=96):
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("pipeline", [MOCO, CLASSIC], ids=["moco", "classic"])
def test_views_are_those_of_the_cpu(pipeline):
    images, index = batch(), torch.arange(32)
    fused = fuse(pipeline)
    here = fused(images, addresses=Addresses(0, 1, index))
    there = fused(images.cuda(), addresses=Addresses(0, 1, index.cuda()))
    for a, b in zip(here, there, strict=True):
        assert b.is_cuda
        torch.testing.assert_close(a, b.cpu(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [64, (1, 40), (40, 1)])  # of what is 1 Triton makes a constant
def test_views_lie_in_memory_as_asked(size):
    images, index = batch(), torch.arange(32)
    pipeline = v2.Compose([JointCrop(size), PerView(v2.Compose(STEPS))])
    here = fuse(pipeline)(images, addresses=Addresses(0, 1, index))
    last = fuse(pipeline, memory_format=torch.channels_last)
    there = last(images.cuda(), addresses=Addresses(0, 1, index.cuda()))
    for a, b in zip(here, there, strict=True):
        assert b.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(a, b.cpu(), atol=1e-3, rtol=0)


def test_addresses_give_the_same_bits():
    index = torch.arange(10_000)
    for n, step in ((7, 0), (3, child_step(5, 2))):
        here = Addresses(3, 1, index).rows(n, step=step, view=1)
        there = Addresses(3, 1, index.cuda()).rows(n, step=step, view=1)
        assert all(torch.equal(a, b.cpu()) for a, b in zip(here, there, strict=True))


KIN = [v2.RandAugment(), v2.TrivialAugmentWide(), v2.AutoAugment()]


@pytest.mark.parametrize("step", [v2.Compose(STEPS), *KIN], ids=lambda step: type(step).__name__)
def test_nothing_waits_for_the_device(no_waiting, step):
    images, fused = batch().cuda(), fuse(v2.Compose([JointCrop(64), PerView(step)]))
    generator = torch.Generator("cuda").manual_seed(0)
    fused(images, generator=generator)
    with no_waiting():
        fused(images, generator=generator)


def test_the_work_compiles_in_one_graph():
    images, fused = batch().cuda(), fuse(MOCO)
    plan = fused.make_params(images, generator=torch.Generator("cuda").manual_seed(0))
    compiled = torch.compile(lambda x: fused.transform(x, plan), fullgraph=True)
    for a, b in zip(compiled(images), fused.transform(images, plan), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=0)


def rise(count):
    """Bytes of input and output of a batch, and what is allocated at most while its views are made."""
    images, fused = batch(count, 96).cuda(), fuse(MOCO)
    fused(images)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    views = fused(images)
    return images.nbytes, sum(view.nbytes for view in views), torch.cuda.max_memory_allocated() - before


@pytest.mark.parametrize("count", [256, 4096])
def test_memory_is_the_result_and_eight_times_the_images_at_work(count):
    """A small batch is at work as a whole (`_images_at_once`), so it may peak at more than four times its size."""
    _, written, peak = rise(count)
    assert peak < written + 8 * min(written, max(GPU_AT_ONCE, written // 8))


def test_memory_of_a_large_batch_stays_under_four_times_input_and_output():
    read, written, peak = rise(8 * GPU_AT_ONCE // (2 * 3 * 64 * 64 * 4))
    assert peak < 4 * (read + written)
