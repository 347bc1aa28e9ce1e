"""Every transform with a rule in every form in which v2 takes its arguments, images in every form that `fuse` takes.

One strategy for each type: the table of `test_differential.py`, whose completeness test fails where a rule has none.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import PIL.Image
import torch
from hypothesis import strategies as st
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from jointaug import ContrastiveCrop, JointBlur, JointColor, JointCrop, MultiResolution, UncroppedView
from jointaug._draws import SANITIZERS, ToTensor


@dataclass(frozen=True)
class Case:
    """A transform as it is written."""

    kind: type
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def make(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.kind(**copy.deepcopy(dict(self.arguments)))  # v2 changes a dict of fills in place

    def __repr__(self) -> str:
        words = ", ".join(f"{name}={_told(value)}" for name, value in self.arguments.items())
        return f"{self.kind.__name__}({words})"


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{getattr(k, '__name__', repr(k))}: {_told(v)}" for k, v in value.items()) + "}"
    return str(value) if isinstance(value, InterpolationMode) else repr(value)


def case(kind: type, **arguments: st.SearchStrategy) -> st.SearchStrategy:
    return st.fixed_dictionaries(arguments).map(lambda drawn: Case(kind, drawn))


def optional(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


def sequences(values: st.SearchStrategy, *lengths: int) -> st.SearchStrategy:
    """Lists and tuples of these lengths."""
    lists = st.one_of(*(st.lists(values, min_size=n, max_size=n) for n in lengths))
    return lists | lists.map(tuple)


def ranges(low: float, high: float) -> st.SearchStrategy:
    """Increasing pairs, those of one point too."""
    ends = st.floats(low, high, allow_subnormal=False)
    pairs = st.tuples(ends, ends).map(sorted)
    return pairs.map(tuple) | pairs | ends.map(lambda x: (x, x))


def by_type(values: st.SearchStrategy) -> st.SearchStrategy:
    """A value for each type of input, or for some, with or without the catch-all."""
    keys = (torch.Tensor, tv_tensors.Image, PIL.Image.Image, tv_tensors.Mask, "others")
    return st.dictionaries(st.sampled_from(keys), values, min_size=1, max_size=3)


SIDES = st.integers(1, 9)


def takes_names():
    """Whether torchvision knows interpolations by their names: from 0.24 on."""
    try:
        F.resize(torch.zeros(1, 2, 2), [1, 1], interpolation="nearest")
    except ValueError:
        return False
    return True


NAMES = takes_names()


def mode(name):
    """An interpolation as users write it."""
    return name if NAMES else InterpolationMode(name)


SIZES = SIDES | sequences(SIDES, 1, 2)
P = st.sampled_from([0.0, 0.5, 1.0])
# Numbers as all types write them; values at rounding's edges are the business of tests/functional.
FILLS = st.sampled_from([0, 1, 9, 0.5])
FILLS = optional(FILLS | sequences(FILLS, 1, 3))
FILLS = FILLS | by_type(FILLS)
INTERPOLATIONS = st.sampled_from(
    [
        *map(mode, ("nearest", "nearest-exact", "bilinear", "bicubic", "lanczos", "box")),
        InterpolationMode.NEAREST,
        InterpolationMode.NEAREST_EXACT,
        InterpolationMode.BILINEAR,
        InterpolationMode.BICUBIC,
        InterpolationMode.HAMMING,
        0,
        2,
        3,
        1,
    ]
)
ANTIALIAS = st.sampled_from([True, False, None])
DTYPES = st.sampled_from([torch.float32, torch.uint8, torch.float64, torch.float16, torch.int32])
PARTS = ranges(0.01, 1.0)
RATIOS = st.sampled_from([(0.75, 4 / 3), (0.2, 0.4), [2.5, 5.0], (1.0, 1.0), (0.1, 10.0)])
FACTORS = optional(st.sampled_from([0, 1, 0.0, 0.4, 1.5]) | ranges(0.0, 2.0) | st.just((1, 1)))
HUES = optional(st.sampled_from([0, 0.0, 0.1, 0.5]) | ranges(-0.5, 0.5))
KERNELS = st.sampled_from([1, 3, 5])
SIGMAS = st.sampled_from([1, 0.5, 2.0])
PADDINGS = st.integers(0, 4) | sequences(st.integers(0, 4), 1, 2, 4) | sequences(st.integers(-1, 1), 2, 4)
STATISTICS = sequences(st.sampled_from([0.5, 0.25, 1]), 1, 3, 2)
DEVIATIONS = STATISTICS | sequences(st.sampled_from([0.5, 0]), 1, 3)

V2: dict[type, st.SearchStrategy] = {
    v2.RandomResizedCrop: case(
        v2.RandomResizedCrop, size=SIZES, scale=PARTS, ratio=RATIOS, interpolation=INTERPOLATIONS, antialias=ANTIALIAS
    ),
    v2.Resize: st.one_of(
        case(v2.Resize, size=SIZES, interpolation=INTERPOLATIONS, antialias=ANTIALIAS),
        case(v2.Resize, size=SIDES | sequences(SIDES, 1), max_size=st.integers(9, 20)),
        case(v2.Resize, size=st.none(), max_size=SIDES),
        case(v2.Resize, size=SIZES, max_size=SIDES),  # often refused, with two sides always
    ),
    v2.CenterCrop: case(v2.CenterCrop, size=SIZES),
    v2.RandomCrop: case(
        v2.RandomCrop,
        size=SIZES,
        padding=optional(
            st.integers(0, 4) | sequences(st.integers(0, 4), 1, 2, 4) | sequences(st.integers(-1, 1), 2, 4)
        ),
        pad_if_needed=st.booleans(),
        fill=FILLS,
        padding_mode=st.sampled_from(["constant", "edge", "reflect", "symmetric"]),
    ),
    v2.RandomHorizontalFlip: case(v2.RandomHorizontalFlip, p=P),
    v2.RandomVerticalFlip: case(v2.RandomVerticalFlip, p=P),
    v2.ColorJitter: case(v2.ColorJitter, brightness=FACTORS, contrast=FACTORS, saturation=FACTORS, hue=HUES),
    v2.RandomGrayscale: case(v2.RandomGrayscale, p=P),
    v2.Grayscale: case(v2.Grayscale, num_output_channels=st.sampled_from([1, 3])),
    v2.GaussianBlur: case(
        v2.GaussianBlur,
        kernel_size=KERNELS | sequences(KERNELS, 1, 2),
        sigma=SIGMAS | sequences(SIGMAS, 1) | ranges(0.1, 3),
    ),
    v2.RandomSolarize: case(v2.RandomSolarize, threshold=st.sampled_from([0, 0.4, 0.5, 1, 1.0, 127.5, 128, 256]), p=P),
    v2.RandomPosterize: case(v2.RandomPosterize, bits=st.integers(0, 8), p=P),
    v2.RandomInvert: case(v2.RandomInvert, p=P),
    v2.RandomEqualize: case(v2.RandomEqualize, p=P),
    v2.Normalize: case(v2.Normalize, mean=STATISTICS, std=DEVIATIONS, inplace=st.booleans()),
    v2.ToDtype: case(v2.ToDtype, dtype=DTYPES | by_type(optional(DTYPES)), scale=st.booleans()),
    v2.ConvertImageDtype: case(v2.ConvertImageDtype, dtype=DTYPES),
    v2.ToImage: case(v2.ToImage),
    v2.ToPureTensor: case(v2.ToPureTensor),
    v2.PILToTensor: case(v2.PILToTensor),
    v2.ToTensor: case(v2.ToTensor),
    v2.Identity: case(v2.Identity),
    v2.RandomErasing: case(
        v2.RandomErasing,
        p=P,
        scale=PARTS,
        ratio=st.sampled_from([(0.3, 3.3), (0.2, 0.4), [2.5, 5.0], (1, 1)]),
        value=st.sampled_from([0, 7, 0.5, 0.0]) | sequences(st.sampled_from([0, 9, 0.5]), 1, 3) | st.just("random"),
        inplace=st.booleans(),
    ),
    v2.RandAugment: case(
        v2.RandAugment,
        num_ops=st.integers(0, 3),
        magnitude=st.sampled_from([0, 9, 30, 35]),
        num_magnitude_bins=st.sampled_from([31, 40]),
        interpolation=st.sampled_from([mode("nearest"), InterpolationMode.BILINEAR, 0]),
        fill=FILLS,
    ),
    v2.TrivialAugmentWide: case(
        v2.TrivialAugmentWide,
        num_magnitude_bins=st.sampled_from([2, 31]),
        interpolation=st.sampled_from([mode("nearest"), InterpolationMode.BILINEAR]),
        fill=FILLS,
    ),
    v2.AutoAugment: case(v2.AutoAugment, policy=st.sampled_from(list(v2.AutoAugmentPolicy)), fill=FILLS),
    v2.Pad: case(
        v2.Pad,
        padding=st.integers(0, 3) | sequences(st.integers(0, 3), 1, 2, 4) | sequences(st.integers(-1, 1), 4),
        fill=FILLS,
        padding_mode=st.sampled_from(["constant", "edge", "reflect", "symmetric"]),
    ),
    v2.RGB: case(v2.RGB),
    v2.RandomAutocontrast: case(v2.RandomAutocontrast, p=P),
    v2.RandomAdjustSharpness: case(v2.RandomAdjustSharpness, sharpness_factor=st.sampled_from([0, 0.5, 1, 2.5]), p=P),
    v2.RandomChannelPermutation: case(v2.RandomChannelPermutation),
    v2.RandomPhotometricDistort: case(v2.RandomPhotometricDistort, hue=ranges(-0.5, 0.5), p=P),
    v2.ClampBoundingBoxes: case(v2.ClampBoundingBoxes),
    v2.ClampKeyPoints: case(v2.ClampKeyPoints),
    v2.ConvertBoundingBoxFormat: case(v2.ConvertBoundingBoxFormat, format=st.just("XYWH")),
    v2.SetClampingMode: case(v2.SetClampingMode, clamping_mode=st.sampled_from([None, "soft", "hard"])),
    v2.SanitizeBoundingBoxes: case(v2.SanitizeBoundingBoxes, labels_getter=st.none()),
    **{kind: case(kind) for kind in SANITIZERS if kind is not v2.SanitizeBoundingBoxes},
    ToTensor: case(ToTensor),
}
"""What has a rule and is torchvision's, or stands for one of v1."""

WARPS = {"interpolation": st.sampled_from([mode("nearest"), InterpolationMode.BILINEAR, 0]), "fill": FILLS}
ANGLES = st.sampled_from([0, 30, 200.0]) | ranges(-90, 90)
DRAWN: dict[type, st.SearchStrategy] = {
    v2.RandomRotation: case(v2.RandomRotation, degrees=ANGLES, expand=st.booleans(), **WARPS),
    v2.RandomAffine: case(
        v2.RandomAffine,
        degrees=ANGLES,
        translate=optional(st.sampled_from([(0.2, 0.5), [1.0, 0.0]])),
        scale=optional(ranges(0.5, 2.0)),
        shear=optional(st.sampled_from([10, (-5, 20), [0, 10, -20, 5]])),
        center=optional(st.sampled_from([(0, 0), [3.5, 1]])),
        **WARPS,
    ),
    v2.RandomPerspective: case(v2.RandomPerspective, distortion_scale=st.sampled_from([0, 0.5, 1]), p=P, **WARPS),
    v2.RandomZoomOut: case(v2.RandomZoomOut, fill=FILLS, side_range=st.sampled_from([(1, 1), (1.0, 3.0)]), p=P),
    v2.RandomResize: case(v2.RandomResize, min_size=st.integers(3, 6), max_size=st.integers(7, 9)),
    v2.RandomShortestSize: case(
        v2.RandomShortestSize, min_size=SIDES | sequences(SIDES, 3), max_size=optional(st.integers(9, 30))
    ),
    v2.ScaleJitter: case(v2.ScaleJitter, target_size=st.tuples(SIDES, SIDES), scale_range=ranges(0.5, 2.0)),
    v2.JPEG: case(v2.JPEG, quality=st.integers(1, 100) | st.just((20, 80))),
    v2.ElasticTransform: case(v2.ElasticTransform, alpha=st.just(20.0), sigma=st.sampled_from([0.0, 0.5]), **WARPS),
    v2.GaussianNoise: case(v2.GaussianNoise, mean=st.sampled_from([0.0, 0.2]), sigma=st.just(0.1), clip=st.booleans()),
    v2.AugMix: case(v2.AugMix, severity=st.sampled_from([1, 10]), chain_depth=st.sampled_from([-1, 2]), fill=FILLS),
}
"""What has a draw, and by v2's own kernels runs image by image."""

RESIZED = {v2.RandomRotation, v2.RandomZoomOut, v2.RandomResize, v2.RandomShortestSize, v2.ScaleJitter}
"""What gives images of several sizes, from images of one too."""

OF_BOXES = {
    *(v2.ClampBoundingBoxes, v2.ClampKeyPoints, v2.ConvertBoundingBoxFormat, v2.SetClampingMode),
    *SANITIZERS,
}
"""What does nothing to an image."""

OURS: dict[type, Callable[[], Any]] = {
    JointCrop: lambda: JointCrop((7, 9)),
    ContrastiveCrop: lambda: ContrastiveCrop((7, 9)),
    MultiResolution: lambda: MultiResolution((8, (6, 5))),
    JointBlur: lambda: JointBlur(p=1.0),
    JointColor: lambda: JointColor(p=1.0),
    UncroppedView: lambda: UncroppedView((7, 9)),
}
"""What has a rule and is ours; both executors make the same views of it at an address."""

IDENTITIES = {v2.ToImage, v2.ToPureTensor, v2.PILToTensor, v2.ToTensor, v2.Identity, v2.RGB, ToTensor} | OF_BOXES
"""What may leave every pixel as it is."""


# ---- images --------------------------------------------------------------------------------------------------------

SHAPES = [(1, 1), (1, 6), (7, 1), (5, 7), (8, 8), (3, 21), (17, 4), (11, 9)]
FORMS = ("batch", "image batch", "list", "list of images", "PIL")
PIL_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Images:
    """Pixels by a seed, in one of the forms in which `fuse` takes them."""

    form: str
    dtype: torch.dtype
    channels: int
    shapes: tuple[tuple[int, int], ...]
    seed: int = 0
    levels: int = 256
    """How many gray levels there are: with few, channels are often alike."""

    def pixels(self) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        step = 255 // (self.levels - 1)
        bytes_ = [
            (torch.randint(0, self.levels, (self.channels, *shape), generator=generator) * step).to(torch.uint8)
            for shape in self.shapes
        ]
        return [F.to_dtype(image, self.dtype, scale=True) for image in bytes_]

    def batch(self) -> Any:
        """As `fuse` gets them."""
        if self.form == "batch":
            return torch.stack(self.pixels())
        if self.form == "image batch":
            return tv_tensors.Image(torch.stack(self.pixels()))
        return self.samples()

    def samples(self) -> list[Any]:
        """As v2 gets them."""
        if "image" in self.form:
            return [tv_tensors.Image(image) for image in self.pixels()]
        return [F.to_pil_image(image) for image in self.pixels()] if self.form == "PIL" else self.pixels()


@st.composite
def images(draw: Any, forms: tuple[str, ...] = FORMS, channels: tuple[int, ...] = (3, 1, 4, 2)) -> Images:
    form = draw(st.sampled_from(forms))
    count = draw(st.integers(1, 4))
    shape = st.sampled_from(SHAPES)
    several = form in ("list", "list of images", "PIL") and draw(st.booleans())
    shapes = tuple(draw(shape) for _ in range(count)) if several else (draw(shape),) * count
    dtypes = [torch.uint8] if form == "PIL" else [torch.float32, torch.uint8, torch.float64, torch.float16]
    return Images(
        form,
        draw(st.sampled_from(dtypes)),
        draw(st.sampled_from(channels)),
        shapes,
        draw(st.integers(0, 99)),
        draw(st.sampled_from([256, 3])),
    )
