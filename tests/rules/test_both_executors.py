"""One address, one view: `fuse` on a batch, on one image in numbers, and v2's own kernels image by image.

Boxes, orders, operations and masks agree bit for bit, real parameters to four units in the last place. What `fuse`
makes of an image alone is what it makes of it in a batch, to 1e-6 of [0, 1]. v2's own kernels are 1e-5 away in float;
in uint8, which they truncate after every step, eight levels; on PIL images, whose arithmetic is Pillow's, 31.
"""

from __future__ import annotations

import math
import warnings
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug import Address, Addresses, JointBlur, JointColor, JointCrop, MultiView, PerView, Shared, fuse, views_at
from jointaug._draws import DRAWS, draw_of, of_image

from ..versions import NOISE_OF_BYTES
from .cases import OF_BOXES, mode
from .oracle import as_tensor
from .test_differential import TYPICAL

N = 300
COUNT = 4
FLOATS = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
CLOSE = {"float": 1e-5, "uint8": 8 / 255, "PIL": 31 / 255}

DRAWN = {
    v2.RandomRotation: v2.RandomRotation((-20, 70), mode("bilinear")),
    v2.RandomAffine: v2.RandomAffine(30, (0.2, 0.1), (0.5, 1.5), (5, 10, -3, 8)),
    v2.RandomPerspective: v2.RandomPerspective(0.6, 0.8),
    v2.RandomZoomOut: v2.RandomZoomOut(p=0.7),
    v2.RandomResize: v2.RandomResize(10, 30),
    v2.RandomShortestSize: v2.RandomShortestSize([10, 17, 31], 50),
    v2.ScaleJitter: v2.ScaleJitter((20, 30)),
    v2.JPEG: v2.JPEG((20, 90)),
    v2.ElasticTransform: v2.ElasticTransform(),
    v2.GaussianNoise: v2.GaussianNoise(),
    v2.AugMix: v2.AugMix(),
    v2.LinearTransformation: v2.LinearTransformation(torch.eye(3 * 24 * 36), torch.zeros(3 * 24 * 36)),
    v2.ToPILImage: v2.ToPILImage(),
}
"""What is drawn, and by v2's own kernels runs image by image."""
EACH = {kind: transform for kind, transform in (TYPICAL | DRAWN).items() if kind in DRAWS.keys() - OF_BOXES} | {
    v2.RandomSolarize: v2.RandomSolarize(0.5, 0.7),
    "a pad and a crop": v2.RandomCrop(20, padding=(1, 2), pad_if_needed=True),
    "a perspective of nothing": v2.RandomPerspective(0.0, 0.5),
    "a perspective of 0.58 x 50 pixels": v2.RandomPerspective(0.58, 1.0),  # 28.999..., in single precision 29
    "noise in a box": v2.RandomErasing(0.7, value="random"),
    "affine in one dimension": v2.RandomAffine((10, 40), shear=(3, 4)),
}


REFUSED = {
    v2.GaussianNoise: ("PIL",),
    v2.LinearTransformation: ("PIL",),
    v2.ToPILImage: ("PIL",),
    v2.Normalize: ("PIL", "uint8"),
    v2.JPEG: ("float",),
    v2.RandomErasing: ("PIL",),
    v2.ToDtype: ("PIL",),
    v2.ConvertImageDtype: ("PIL",),
}
"""What v2 refuses, or passes as it is, so that `fuse` refuses it."""


def pixels(dtype):
    generator = torch.Generator().manual_seed(0)
    small = torch.rand(COUNT, 3, 6, 9, generator=generator)
    images = nn.functional.interpolate(small, (24, 36), mode="bicubic").clamp(0, 1)
    return [F.to_dtype(image, dtype, scale=True) for image in images]


def given(form):
    if form == "float":
        return pixels(torch.float32)
    return [F.to_pil_image(image) for image in pixels(torch.uint8)] if form == "PIL" else pixels(torch.uint8)


def fused_of(pipeline):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fuse has no rule")
        return fuse(pipeline)


def compared(pipeline, images, close, seed=5):
    """Fused on the batch, fused alone, and by v2 at the same addresses."""
    fused = fused_of(pipeline)
    batch = fused(images, addresses=Addresses(seed, 0, torch.arange(len(images))))
    for i, image in enumerate(images):
        of_batch = [view[i] for view in batch] if isinstance(batch, list) else [batch[i]]
        alone, by_v2 = (views_at(p, Address(seed, 0, i), image) for p in (fused, pipeline))
        alone, by_v2 = ([*views] if isinstance(views, tuple) else [views] for views in (alone, by_v2))
        for view, one, own in zip(of_batch, alone, by_v2, strict=True):
            torch.testing.assert_close(one, view, atol=1e-6, rtol=0)
            torch.testing.assert_close(as_tensor(own), view, atol=close, rtol=0)


@pytest.mark.filterwarnings("ignore:The image decoding and encoding")
@pytest.mark.parametrize("form", CLOSE)
@pytest.mark.parametrize("kind", EACH, ids=lambda kind: getattr(kind, "__name__", kind))
def test_each_transform_makes_the_same_views(kind, form):
    transform = EACH[kind]
    if form in REFUSED.get(type(transform), ()):
        return
    if isinstance(transform, v2.GaussianNoise) and form == "uint8" and NOISE_OF_BYTES.here:
        pytest.skip(NOISE_OF_BYTES.reason)
    if isinstance(transform, v2.RandomSolarize):
        transform = v2.RandomSolarize(0.5 if form == "float" else 128, 0.7)
    compared(v2.Compose([transform, FLOATS, v2.Resize((12, 15))]), given(form), CLOSE[form])


# ---- parameters ----------------------------------------------------------------------------------------------------


def same(one, other):
    """Integers and booleans alike, real numbers to four units in the last place."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        one, other = list(one.values()), list(other.values())
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif isinstance(one, float):
        assert abs(one - other) <= 4 * math.ulp(one)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one.flatten(), other.flatten())
    else:
        assert one == other


@pytest.mark.parametrize("sides", [(24, 36), (37, 23), (101, 500)], ids=str)
@pytest.mark.parametrize("kind", [kind for kind, t in EACH.items() if draw_of(t).width(t)], ids=str)
def test_numbers_and_tensors_are_drawn_alike(kind, sides):
    """Of `N` images of one size, and of images of sizes of their own."""
    transform = EACH[kind]
    draw = draw_of(transform)
    addresses = Addresses(3, 1, torch.arange(N))
    rows = addresses.rows(draw.width(transform), step=7, view=1)
    mixed = [torch.where(torch.arange(N) % 2 == 0, side, side + 11) for side in sides]
    for height, width in (sides, mixed):
        batch = draw.params(transform, rows, SimpleNamespace(height=height, width=width, channels=3, count=N))
        for i in range(N):
            own = (int(torch.as_tensor(side).expand(N)[i]) for side in (height, width))
            seen = SimpleNamespace(**dict(zip(("height", "width"), own, strict=True)), channels=3)
            same(draw.params(transform, [float(u[i]) for u in rows], seen), of_image(batch, i))


# ---- chains --------------------------------------------------------------------------------------------------------

STEPS = [
    v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.2, 0.1)], 0.6),
    v2.RandomChoice([v2.RandomGrayscale(0.5), v2.RandomRotation(30), v2.RandomAutocontrast(0.7)], [0.5, 0.3, 0.2]),
    v2.RandomOrder([v2.RandomHorizontalFlip(), v2.GaussianBlur(5), v2.RandomErasing(0.5), v2.RandomAffine(20)]),
    nn.Sequential(v2.RandomVerticalFlip(), v2.RandomApply([v2.RandomPerspective(0.3), v2.RandomInvert()], 0.5)),
]
CHAINS = {
    "one view": v2.Compose([v2.RandomResizedCrop(16), *STEPS]),
    "independent views": v2.Compose([JointCrop(16), PerView(v2.Compose(STEPS))]),
    "views by themselves": v2.Compose([JointCrop(16), PerView(STEPS[0], v2.RandomOrder([*STEPS[2].transforms]))]),
    "shared": v2.Compose([JointCrop(16), Shared(v2.Compose(STEPS))]),
    "branches": v2.Compose([MultiView(v2.RandomResizedCrop(16), JointCrop(16)), PerView(v2.Compose(STEPS))]),
    "joint": v2.Compose([JointCrop(16), JointColor(), PerView(v2.RandomChoice(STEPS)), JointBlur()]),
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("form", ["float", "uint8"])
def test_a_chain_in_all_kinds_of_containers_makes_the_same_views(name, form):
    for seed in range(3):
        pipeline = v2.Compose([CHAINS[name], FLOATS])
        if name != "one view":
            pipeline = v2.Compose([CHAINS[name], PerView(FLOATS)])
        compared(pipeline, given(form), CLOSE[form], seed)


def test_what_goes_along_is_moved_by_the_draw():
    """Masks and boxes of v2's warps, of elastic ones by the same seed, and erased nowhere."""
    steps = [v2.RandomAffine(30, (0.2, 0.1)), v2.ElasticTransform(80.0), v2.RandomPerspective(p=1.0)]
    steps += [v2.RandomErasing(1.0, value="random"), v2.GaussianNoise(), v2.RandomZoomOut(p=1.0), v2.Resize((20, 20))]
    pipeline = v2.Compose([MultiView(*[v2.Identity()] * 2), PerView(v2.Compose(steps))])
    fused = fused_of(pipeline)
    samples = []
    for image in given("float"):
        mask = tv_tensors.Mask((image[:1] > 0.5).to(torch.uint8))
        boxes = tv_tensors.BoundingBoxes([[3.0, 4, 20, 15]], format="XYXY", canvas_size=(24, 36))
        samples.append((tv_tensors.Image(image), {"mask": mask, "boxes": boxes}))
    results = fused.samples(samples, addresses=Addresses(2, 0, torch.arange(COUNT)))
    for i, sample in enumerate(samples):
        by_v2 = views_at(pipeline, Address(2, 0, i), *sample)
        for k in range(2):
            torch.testing.assert_close(results[i][0][k], by_v2[0][k].as_subclass(torch.Tensor), atol=1e-5, rtol=0)
            assert torch.equal(results[i][1][k]["mask"], by_v2[1][k]["mask"])
            assert torch.equal(results[i][1][k]["boxes"], by_v2[1][k]["boxes"])


@pytest.mark.parametrize(
    "transform",
    [v2.GaussianNoise(), v2.ElasticTransform(), v2.AugMix(), v2.RandomErasing(1.0, value="random")],
    ids=str,
)
def test_noise_is_that_of_the_address_and_of_nothing_else(transform):
    """Not of torch's generator, which it leaves as it was; another address has another."""
    image, views = given("float")[0], []
    for pipeline in (transform, fused_of(transform)):
        for number in (0, 1):
            torch.manual_seed(number)
            before = torch.get_rng_state()
            views.append(views_at(pipeline, Address(4, 0, 0), image))
            assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(view, views[0]) for view in views)
    assert not torch.equal(views_at(transform, Address(4, 0, 1), image), views[0])
