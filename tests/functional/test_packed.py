"""What the kernels in Triton take, and what goes to torch (what they cost: tests/test_fake_cuda.py)."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from jointaug import functional as K
from jointaug.functional import _packed

from ..pretend import NEEDS_CUDA

pytest.importorskip("triton")
pytestmark = NEEDS_CUDA


@pytest.mark.parametrize("shape", [(2, 5, 40, 40), (1, 3, 40000, 40000)], ids=["five channels", "beyond 32 bits"])
def test_torch_does_what_the_kernels_do_not_take(shape):
    with FakeTensorMode():
        images = torch.empty(shape, dtype=torch.uint8, device="cuda")
        assert not _packed.fits(images, None, [], torch.float32, False)
        assert _packed.fits(images[:, :3, :40, :40].contiguous(), None, [], torch.float32, False)


def test_compiles_into_one_graph_of_the_operators():
    def chain(images, boxes, values):
        steps = [K.Step(K.adjust_contrast, (values,)), K.Step(K.gaussian_blur, (values,))]
        return K.crop_and_finish(images, boxes, 40, steps, dtype=torch.float32)

    with FakeTensorMode(allow_non_fake_inputs=True):
        images = torch.empty(4, 3, 50, 50, dtype=torch.uint8, device="cuda")
        boxes = torch.empty(4, 4, dtype=torch.int64, device="cuda")
        seen = torch._dynamo.explain(chain)(images, boxes, torch.empty(4, device="cuda"))
    assert (seen.graph_count, seen.graph_break_count) == (1, 0)
    names = [str(node.target) for node in seen.graphs[0].graph.nodes if "jointaug" in str(node.target)]
    assert names == [f"jointaug.{name}.default" for name in ("begin", "contrast", "blur_x", "blur_y")]
