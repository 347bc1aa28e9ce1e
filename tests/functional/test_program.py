"""How many images torch works on together, and what that costs in memory."""

from __future__ import annotations

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from torchvision.transforms import v2

from jointaug import JointCrop, PerView, fuse
from jointaug.functional import _compiled, _program

STEPS = [
    v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
    v2.RandomGrayscale(0.2),
    v2.RandomApply([v2.GaussianBlur(9, (0.1, 2.0))], p=0.5),
    v2.RandomHorizontalFlip(),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize([0.5] * 3, [0.25] * 3),
]


def rise(images, fused):
    """Bytes of the result, and what is allocated at most while it is made, the input not counted."""
    fused(images)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as seen:
        views = fused(images)
    now = peak = 0
    for event in seen.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return sum(view.nbytes for view in views), peak


@pytest.mark.parametrize("at_once", [1 << 20, 4 << 20, 1 << 30])
@pytest.mark.parametrize("count", [32, 256])
def test_memory_is_the_result_and_eight_times_the_images_at_work(at_once, count, monkeypatch):
    """As tests/test_gpu.py has it on a GPU: here the CPU takes its part, with so many bytes at once."""
    monkeypatch.setattr(_compiled, "fits", lambda *_: False)
    monkeypatch.setattr(_program, "CPU_AT_ONCE", at_once)
    images = torch.randint(0, 256, (count, 3, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    written, peak = rise(images, fuse(v2.Compose([JointCrop(64), PerView(v2.Compose(STEPS))])))
    assert written == count * 2 * 3 * 64 * 64 * 4
    assert written < peak < written + 8 * min(written, max(at_once, written // 8))
    if 8 * at_once <= written:
        assert images.nbytes + peak < 4 * (images.nbytes + written)
