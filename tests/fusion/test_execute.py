"""fuse at its edges: nested choices, every operation, layouts, dtypes, processes, threads, graphs, memory."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import threading
from pathlib import Path

import pytest
import torch
import torch._dynamo
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import (
    Address,
    Addresses,
    JointBlur,
    JointColor,
    JointCrop,
    JointTransform,
    MultiView,
    PerView,
    Shared,
    fuse,
    views_at,
)
from jointaug._native import _library as _native
from jointaug.distributions import JointPair
from jointaug.functional import backend

GENERATOR = torch.Generator().manual_seed(0)
LEVELS = torch.randint(0, 256, (6, 3, 40, 56), dtype=torch.uint8, generator=GENERATOR)
BATCH = LEVELS / 255
ADDRESSES = Addresses(3, 1, torch.arange(6))
STEPS = [
    v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
    v2.RandomGrayscale(0.2),
    v2.RandomApply([v2.GaussianBlur(5, (0.1, 2.0))], p=0.5),
    v2.RandomHorizontalFlip(),
    v2.ToDtype(torch.float32, scale=True),
]
MOCO = v2.Compose([JointCrop(24), PerView(v2.Compose(STEPS))])

# ---- nested containers ---------------------------------------------------------------------------------------------

LEAVES = st.sampled_from([JointBlur(p=1.0), JointBlur(p=0.5), JointColor(p=1.0), v2.Identity()]).map(
    lambda t: PerView(t) if isinstance(t, v2.Identity) else t
)


def nested(parts):
    some = st.lists(parts, min_size=1, max_size=3)
    return st.one_of(
        some.map(v2.Compose),
        st.tuples(some, st.floats(0, 1)).map(lambda drawn: v2.RandomApply(*drawn)),
        some.map(v2.RandomChoice),
        some.map(v2.RandomOrder),
    )


@given(st.recursive(LEAVES, nested, max_leaves=6), st.integers(0, 2**32 - 1))
@settings(max_examples=40, derandomize=True, deadline=None, database=None)
def test_nested_choices_are_those_of_both_executors(pipeline, seed):
    pipeline = v2.Compose([JointCrop(12), pipeline])
    fused = fuse(pipeline)(BATCH, addresses=Addresses(seed, 0, torch.arange(6)))
    for i, image in enumerate(BATCH):
        for view, expected in zip(fused, views_at(pipeline, Address(seed, 0, i), image), strict=True):
            torch.testing.assert_close(view[i], expected, atol=5e-5, rtol=0)  # up to six steps


# ---- RandAugment ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_rand_augment_runs_each_operation_with_each_sign_as_torchvision(kind, channels):
    images = torch.randint(0, 256, (200, channels, 10, 14), dtype=torch.uint8, generator=GENERATOR)
    images = F.to_dtype(images, kind, scale=True)
    transform = v2.RandAugment(1, 9)
    fused = fuse(transform)
    plan = fused.make_params(images, generator=torch.Generator().manual_seed(0))
    outputs, names = fused.transform(images, plan), list(transform._AUGMENTATION_SPACE)
    (drawn,) = plan.drawn
    seen = set()
    for i, image in enumerate(images):
        name, negative = names[drawn.params["operation"][i]], bool(drawn.params["negative"][i])
        magnitudes, signed = transform._AUGMENTATION_SPACE[name]
        values = magnitudes(transform.num_magnitude_bins, *image.shape[-2:])
        magnitude = 0.0 if values is None else float(values[transform.magnitude]) * (-1 if signed and negative else 1)
        expected = transform._apply_image_or_video_transform(
            image, name, magnitude, interpolation=transform.interpolation, fill=transform._fill
        )
        torch.testing.assert_close(outputs[i], expected, atol=1e-5 if kind.is_floating_point else 1, rtol=0)
        seen.add((name, negative))
    assert len(seen) == 2 * len(names)


# ---- layouts, dtypes, types ----------------------------------------------------------------------------------------

LAYOUTS = {
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "strided": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "part of a larger one": lambda x: torch.nn.functional.pad(x, (3, 2, 1, 4))[..., 1:-4, 3:-2],
    "transposed": lambda x: x.transpose(-1, -2).contiguous().transpose(-1, -2),
    "an image tensor": tv_tensors.Image,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("images", [LEVELS, BATCH], ids=["uint8", "float"])
def test_views_depend_on_values_not_on_their_place_in_memory(layout, images):
    expected = fuse(MOCO)(images, addresses=ADDRESSES)
    views = fuse(MOCO)(LAYOUTS[layout](images), addresses=ADDRESSES)
    assert all(type(a) is torch.Tensor and torch.equal(a, b) for a, b in zip(views, expected, strict=True))


ORDERS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
ENDS = {
    "of one pass": MOCO,
    "of a pass each": v2.Compose([MultiView(JointCrop(24), v2.RandomResizedCrop(12)), PerView(v2.Compose(STEPS))]),
    "that end with a call": v2.Compose([JointCrop(24), PerView(v2.RandomEqualize(1.0))]),
    "that nothing changes": MultiView(v2.Identity(), v2.Identity()),
    "without a rule": v2.Compose([JointCrop(24), PerView(v2.Lambda(lambda x: x.flip(-1)))]),
}


@pytest.mark.filterwarnings("ignore:fuse has no rule")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("pipeline", ENDS)
@pytest.mark.parametrize("path", ["native", "torch"])
def test_views_lie_in_memory_as_asked_with_the_same_values(pipeline, order, path, monkeypatch):
    if path == "torch":
        monkeypatch.setattr(_native, "library", None)
    memory_format, expected = ORDERS[order], fuse(ENDS[pipeline])(LEVELS, addresses=ADDRESSES)
    fused = fuse(ENDS[pipeline], memory_format=memory_format)
    for layout in ("channels last", "strided", "transposed"):
        images = LAYOUTS[layout](LEVELS)
        plan = fused.make_params(images, addresses=ADDRESSES)
        batch, samples = fused.transform(images, plan), fused.samples(list(images), addresses=ADDRESSES)
        for k, view in enumerate(batch):
            assert view.is_contiguous(memory_format=memory_format)
            assert not view.is_contiguous(memory_format=(set(ORDERS.values()) - {memory_format}).pop())
            assert torch.equal(view, expected[k])
            assert torch.equal(view[2], samples[2][k])
            assert samples[2][k].stride() == view[2].stride()
    alone = fused.run((LEVELS[2],), Address(3, 1, 2))
    assert all(a.stride() == b[2].stride() for a, b in zip(alone, batch, strict=True))


def test_an_expanded_batch_is_as_its_copies():
    one = LEVELS[:1].expand(6, -1, -1, -1)
    for a, b in zip(
        fuse(MOCO)(one, addresses=ADDRESSES), fuse(MOCO)(one.contiguous(), addresses=ADDRESSES), strict=True
    ):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2), (torch.float64, 2e-5)])
def test_dtypes_are_kept_and_agree_with_float32(dtype, tolerance):
    """Input and output are rounded to the dtype (half an ulp at 1 each; contrast and saturation add to it)."""
    pipeline = v2.Compose(
        [JointCrop(24), JointColor(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.0), JointBlur()]
    )
    expected = fuse(pipeline)(BATCH, addresses=ADDRESSES)
    for a, b in zip(fuse(pipeline)(BATCH.to(dtype), addresses=ADDRESSES), expected, strict=True):
        assert a.dtype == dtype
        torch.testing.assert_close(a.float(), b, atol=tolerance, rtol=0)


def test_gray_images_go_through_the_whole_list():
    """One channel is as three equal ones, except that hue and saturation have nothing to change."""
    gray = LEVELS[:, :1]
    for view, three in zip(
        fuse(MOCO)(gray, addresses=ADDRESSES), fuse(MOCO)(gray.expand(-1, 3, -1, -1), addresses=ADDRESSES), strict=True
    ):
        assert view.shape == (6, 1, 24, 24)
        torch.testing.assert_close(view.expand(-1, 3, -1, -1), three, atol=5e-4, rtol=0)  # LUMA sums to .9999


class Halve(JointTransform):
    """A joint transform without a rule that changes the size."""

    def __init__(self):
        super().__init__({"t": JointPair(0.0, 0.5, 1.0)})

    def transform_view(self, inpt, params):
        return self._call_kernel(F.resize, inpt, [20, 28])


def test_what_has_no_rule_may_change_size_channels_and_dtype():
    pipeline = v2.Compose(
        [Halve(), PerView(v2.Compose([v2.Lambda(lambda x: x[:1].double()), v2.RandomErasing(value=0)]))]
    )
    with pytest.warns(UserWarning, match="no rule for Halve, Lambda"):
        fused = fuse(pipeline)
    for images in (BATCH, [BATCH[0], BATCH[1, :, :30]]):
        for view in fused(images):
            assert view.shape == (len(images), 1, 20, 28)
            assert view.dtype == torch.float64
    with pytest.warns(UserWarning, match="RandomErasing"):
        noisy = fuse(v2.RandomErasing(1.0, value="random"))
    assert not torch.equal(noisy(BATCH), BATCH)


# ---- copies, processes, threads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_a_copy_gives_the_same_views(copied):
    fused = fuse(MOCO)
    assert not fused.state_dict()
    for a, b in zip(fused(BATCH, addresses=ADDRESSES), copied(fused)(BATCH, addresses=ADDRESSES), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12: there may be other threads
def test_a_fused_pipeline_collates_in_a_worker(method):
    """The worker's generator is seeded from the loader's: the same loader twice, the same views."""
    if method not in torch.multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    fuse(MOCO)(BATCH)
    images = [LEVELS[i, :, : 40 - i] for i in range(6)]
    seen = []
    for _ in range(2):
        loader = DataLoader(
            images,
            3,
            collate_fn=fuse(MOCO),
            num_workers=1,
            multiprocessing_context=method,
            generator=torch.Generator().manual_seed(5),
            timeout=120,
        )
        seen.append([view for views in loader for view in views])
        if method == "spawn":
            break
    assert [view.shape for view in seen[0]] == [(3, 3, 24, 24)] * 4
    assert all(torch.equal(a, b) for a, b in zip(seen[0], seen[-1], strict=True))


def test_threads_share_a_fused_pipeline():
    fused = fuse(MOCO)
    expected = [fused(LEVELS, generator=torch.Generator().manual_seed(seed)) for seed in range(8)]
    results = {}

    def work(seed):
        for _ in range(5):
            results[seed] = fused(LEVELS, generator=torch.Generator().manual_seed(seed))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(8):
        assert all(torch.equal(a, b) for a, b in zip(results[seed], expected[seed], strict=True))


# ---- graphs --------------------------------------------------------------------------------------------------------

OTHERS = v2.Compose(
    [
        MultiView(v2.RandomResizedCrop(24), v2.RandomCrop(24, padding=4)),
        Shared(v2.RandomOrder([v2.RandomEqualize(), v2.RandomInvert()])),
        JointBlur(p=(1.0, 0.1)),
        PerView(v2.RandomChoice([v2.RandomSolarize(0.5), v2.RandomPosterize(3)]), v2.RandomErasing(value=0)),
    ]
)


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")  # of a pure function
@pytest.mark.parametrize("part", ["transform", "forward"])
@torch._dynamo.config.patch(error_on_recompile=True)
def test_compiles_in_one_graph_and_once(part):
    """Neither a graph break nor, for other draws and addresses, another compilation; the same views."""
    torch._dynamo.reset()
    fused = fuse(OTHERS if part == "transform" else v2.Compose([JointCrop(24), PerView(v2.Compose(STEPS[3:]))]))
    compiled = torch.compile(getattr(fused, part), fullgraph=True, backend="eager")
    for seed in range(2):
        addresses = Addresses(seed, 0, torch.arange(6))
        plan = fused.make_params(LEVELS, addresses=addresses)
        views = compiled(LEVELS, plan) if part == "transform" else compiled(LEVELS, addresses=addresses)
        for a, b in zip(views, fused.transform(LEVELS, plan), strict=True):
            torch.testing.assert_close(a, b, atol=1e-5 if a.is_floating_point() else 1, rtol=0)


@pytest.mark.parametrize("pipeline", [MOCO, OTHERS], ids=["moco", "others"])
@pytest.mark.parametrize("images", [LEVELS, [LEVELS[i, :, : 40 - i] for i in range(6)]], ids=["batch", "list"])
def test_torch_alone_makes_the_same_views(pipeline, images, monkeypatch):
    if backend() == "torch":
        pytest.skip("installed without a compiler, or JOINTAUG_NATIVE=0")
    fused = fuse(
        pipeline if isinstance(images, torch.Tensor) or pipeline is MOCO else v2.Compose([v2.Resize((30, 30)), OTHERS])
    )
    plan = fused.make_params(images, addresses=ADDRESSES)
    native = fused.transform(images, plan)
    monkeypatch.setattr(_native, "library", None)
    for a, b in zip(fused.transform(images, plan), native, strict=True):
        close = torch.isclose(a.float(), b.float(), atol=2e-5 if a.is_floating_point() else 1, rtol=0)
        assert close.double().mean() > 0.99  # beside a threshold (solarize, posterize, equalize) a level may tip over
        assert pipeline is OTHERS or close.all()


# ---- memory --------------------------------------------------------------------------------------------------------


def peak(fused, images):
    """Bytes by which a child's resident memory rises at most, and the bytes of the result."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(120)  # a child that hangs fails the test
        torch.set_num_threads(1)  # OpenMP's threads are not here any more, if the parent has used them
        fused(images[:2])
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        status = Path("/proc/self/status")
        before = int(status.read_text().split("VmRSS:")[1].split()[0])
        size = sum(view.nbytes for view in fused(images))
        grown = 1024 * (int(status.read_text().split("VmHWM:")[1].split()[0]) - before)
        os.write(write, f"{grown} {size}".encode())
        os._exit(0)
    os.close(write)
    told = os.read(read, 100).split()
    os.waitpid(child, 0)
    return tuple(map(int, told))


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="measures a peak as Linux tells it")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12: there may be other threads
@pytest.mark.parametrize(("path", "times"), [("native", 1.25), ("torch", 3.0)])
def test_memory_of_a_fused_batch(path, times, monkeypatch):
    """Times (input + output), the input counted; benchmarks/memory.py has the table. The bar is 4, the aim 2."""
    if path == "torch":
        monkeypatch.setattr(_native, "library", None)
    elif backend() == "torch":
        pytest.skip("installed without a compiler, or JOINTAUG_NATIVE=0")
    images = torch.full((96, 3, 160, 160), 7, dtype=torch.uint8)
    fused = fuse(v2.Compose([JointCrop(160), PerView(v2.Compose(STEPS))]))
    grown, size = peak(fused, images)
    assert images.nbytes + grown < times * (images.nbytes + size)


def test_labels_beside_images_are_told_to_go_with_them():
    with pytest.raises(TypeError, match=r"batch\[1\] must be an image .*, got int; .* goes with it, \[\(image, label"):
        fuse(v2.RandomHorizontalFlip())([torch.zeros(3, 8, 8), 3])


class TwoCropsTransform:
    """MoCo's, SimSiam's, lightly's: v1's way to make a pair."""

    def __init__(self, transform, kind=list):
        self.transform, self.kind = transform, kind

    def __call__(self, image):
        return self.kind([self.transform(image), self.transform(image)])


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("given", [LEVELS, F.to_pil_image(LEVELS[0])], ids=["batch", "PIL"])
def test_a_class_that_makes_views_by_itself_is_told_what_to_write(kind, given):
    with pytest.warns(
        UserWarning, match=r"no rule for TwoCropsTransform .* makes views by itself: .*MultiView\(t, t\)"
    ):
        fused = fuse(TwoCropsTransform(v2.RandomResizedCrop(8), kind))
    with pytest.raises(
        TypeError, match=r"TwoCropsTransform must give one image of an image, got a .* of 2: "
    ) as caught:
        fused(given)
    assert "it makes views by itself; write MultiView(t, t) with" in str(caught.value)
    assert " object at 0x" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:fuse has no rule")
def test_a_class_without_a_repr_of_its_own_is_named():
    with pytest.raises(TypeError, match=r"^what TwoCropsTransform gives must be an image .* got str"):
        fuse(TwoCropsTransform(lambda image: "ab", lambda pair: pair[0]))(LEVELS)
