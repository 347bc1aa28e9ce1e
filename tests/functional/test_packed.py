"""What the kernels in Triton take, what they cost on fake CUDA, and what goes to torch."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms import v2

from jointaug import JointCrop, PerView, fuse
from jointaug import functional as K
from jointaug.functional import _packed

pytest.importorskip("triton")
pytestmark = pytest.mark.skipif(torch.version.cuda is None, reason="torch was built without CUDA: no fake CUDA")
IDLE = {"empty", "detach", "alias", "_unsafe_view"}


class Count(TorchDispatchMode):
    """Launches on CUDA and their bytes; what an operator changes counts twice, read and written."""

    def __init__(self):
        super().__init__()
        self.names, self.bytes = [], 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        assert name not in ("_local_scalar_dense", "nonzero"), "the host waits"
        if not func.is_view and func.namespace != "prim" and name not in IDLE:
            given = [*args, *(kwargs or {}).values(), out]
            flat = [
                t for v in given for t in (v if isinstance(v, (list, tuple)) else [v]) if isinstance(t, torch.Tensor)
            ]
            changed = [a.name for a in func._schema.arguments if a.is_write]
            self.names.append(name)
            self.bytes += sum(t.nbytes for t in flat)
            if name == "contrast":
                self.bytes += args[1].nbytes
            assert name not in ("contrast", "begin") or "out" in changed
        return out


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
@pytest.mark.parametrize(("count", "side", "kernel", "bound"), [(256, 224, 23, 8), (1024, 32, 3, 6)])
def test_two_views_of_the_moco_list(count, side, kernel, bound):
    jitter = v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8)
    blur = v2.RandomApply([v2.GaussianBlur(kernel, (0.1, 2.0))], 0.5)
    steps = [jitter, v2.RandomGrayscale(0.2), blur, v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True)]
    fused = fuse(v2.Compose([JointCrop(side), PerView(v2.Compose([*steps, v2.Normalize([0.5] * 3, [0.25] * 3)]))]))
    with FakeTensorMode(allow_non_fake_inputs=True):
        images = torch.empty(count, 3, side, side, dtype=torch.uint8, device="cuda")
        plan = fused.make_params(images)
        with Count() as seen:
            views = fused.transform(images, plan)
    assert {"begin", "blur_x", "blur_y"} <= set(seen.names)
    assert ("contrast" in seen.names) == (side > 32)
    if torch.__version__.startswith("2.14.1"):  # the pinned torch
        assert len(seen.names) <= 40, seen.names
        assert seen.bytes <= bound * (images.nbytes + sum(view.nbytes for view in views))


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
