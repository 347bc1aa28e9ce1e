"""What v2 takes, and what this library makes of it, drawn by hypothesis: images, samples, laws, policies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import PIL.Image
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.distributions import Distribution
from torchvision import tv_tensors
from torchvision.transforms import v2

from .._validate import integer, interval
from ..distributions import FixedRatioPair, IndependentLogRatio, IndependentPair, JointLogRatio, JointPair, PairLaw
from ..transforms import ContrastiveCrop, JointBlur, JointColor, JointCrop, MultiResolution, UncroppedView
from ..views import MultiView, PerView, Shared

KINDS: Final = ("PIL", "tensor", "Image", "Video")
"""The kinds of image that v2 knows: PIL images, plain tensors, ``tv_tensors.Image`` and ``tv_tensors.Video``."""
PIL_MODES: Final = ("RGB", "L", "RGBA", "LA", "1", "P", "CMYK", "YCbCr", "HSV", "I", "F", "I;16")
"""Modes of PIL images that v2 crops and resizes."""
DTYPES: Final = (
    torch.uint8, torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int16, torch.uint16,
)  # fmt: skip
"""Types of tensors that v2 crops and resizes."""
COLOR_MODES: Final = ("RGB", "L")
"""Modes of PIL images that v2's color operations take in every version."""
COLOR_DTYPES: Final = (torch.uint8, torch.float32, torch.float64, torch.float16)
"""Types of tensors whose colors v2 adjusts; with 1 or 3 channels."""

_BANDS: Final = {"RGB": 3, "RGBA": 4, "LA": 2, "CMYK": 4, "YCbCr": 3, "HSV": 3}  # other modes have one


def images(
    *,
    kinds: Iterable[str] = KINDS,
    modes: Iterable[str] = PIL_MODES,
    dtypes: Iterable[torch.dtype] = DTYPES,
    channels: Iterable[int] = (3, 1, 4, 2),
    min_side: int = 1,
    max_side: int = 40,
) -> st.SearchStrategy[Any]:
    """Images of every kind that v2 takes, in every size that trips a transform up.

    One pixel, one row or column, odd sides, elongated and square images; noise, gradients, single values and
    extremes; grayscale and alpha; tensors in channels-first and in channels-last memory. Simple failing examples are
    small, plain and of the first kind, mode and type listed.

    ``images(modes=COLOR_MODES, dtypes=COLOR_DTYPES, channels=(1, 3))`` are those whose colors v2 can adjust.

    Args:
        kinds: some of `KINDS`.
        modes: of PIL images.
        dtypes: of tensors. Floats lie in [0, 1], integers in the range that v2 gives the type.
        channels: of tensors.
        min_side: least height and width, in pixels.
        max_side: greatest height and width, in pixels.

    Returns:
        A strategy of PIL images, tensors ``[C, H, W]`` and videos ``[T, C, H, W]`` with T of 1 to 3.

    Raises:
        ValueError: for an unknown kind, for nothing to choose from, unless ``1 <= min_side <= max_side``.

    Example:
        >>> from hypothesis import given, settings
        >>> from torchvision.transforms.v2 import functional as F
        >>> from jointaug import JointCrop
        >>> @settings(max_examples=5)
        ... @given(images())
        ... def test_two_views(image):
        ...     assert [F.get_size(view) for view in JointCrop(8)(image)] == [[8, 8], [8, 8]]
        >>> test_two_views()
    """
    choices: dict[str, list[Any]] = {
        "kinds": list(kinds),
        "modes": list(modes),
        "dtypes": list(dtypes),
        "channels": list(channels),
    }
    for name, chosen in choices.items():
        if not chosen:
            raise ValueError(f"{name} must name at least one, got none; leave it out for all")
    unknown = [kind for kind in choices["kinds"] if kind not in KINDS]
    if unknown:
        raise ValueError(f"kinds must be some of {KINDS}, got {unknown[0]!r}")
    min_side = integer("min_side", min_side, low=1, rule="a positive number of pixels")
    max_side = integer("max_side", max_side, low=min_side, rule=f"at least min_side = {min_side} pixels")
    sizes = _sizes(min_side, max_side)
    contents = st.sampled_from(("constant", "noise", "gradient", "extremes"))
    seeds = st.integers(0, 2**32 - 1)
    pil = st.builds(_pil_image, st.sampled_from(choices["modes"]), sizes, contents, seeds)
    tensors = [
        st.builds(
            _tensor_image,
            st.just(kind),
            st.sampled_from(choices["dtypes"]),
            st.sampled_from(choices["channels"]),
            sizes,
            contents,
            seeds,
        )
        for kind in choices["kinds"]
        if kind != "PIL"
    ]
    return st.one_of(*([pil] if "PIL" in choices["kinds"] else []), *tensors)


def samples(images: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[Any]:
    """Samples as data sets serve them: an image alone, with a label, or with boxes, masks and key points.

    An image; ``(image, label)``; ``(image, target)`` with a detection target; a dictionary with image, target and
    label. Targets hold ``tv_tensors``: boxes in any of the three upright formats (or none at all), a mask, key points.
    A pipeline takes a tuple as several arguments: ``pipeline(*sample) if isinstance(sample, tuple) else
    pipeline(sample)``.

    Args:
        images: of which kinds; by default all.

    Returns:
        A strategy of samples.

    Example:
        >>> from hypothesis import given, settings
        >>> from jointaug import JointCrop
        >>> @settings(max_examples=5)
        ... @given(samples(images(kinds=["PIL"])))
        ... def test_any_sample_will_do(sample):
        ...     crops = JointCrop(8)
        ...     crops(*sample) if isinstance(sample, tuple) else crops(sample)
        >>> test_any_sample_will_do()
    """
    label = st.one_of(st.integers(0, 9), st.integers(0, 9).map(torch.tensor), st.just("tench"))
    return st.builds(
        _sample,
        _all_images() if images is None else images,
        st.sampled_from(("image", "image and label", "image and target", "dictionary")),
        label,
        st.integers(0, 3),
        st.sampled_from(("XYXY", "XYWH", "CXCYWH")),
        st.integers(0, 2**32 - 1),
    )


def betas() -> st.SearchStrategy[float]:
    """Values of beta: the paper's (-3 to 3), 0 and next to it, and up to a million either way."""
    special = [
        sign * size for size in (0.5, 1.0, 2.0, 3.0, 8.0, 1e-8, 1e-3, 0.999, 1.001, 1e2, 1e4, 1e6) for sign in (1, -1)
    ]
    return st.one_of(st.sampled_from([0.0, *special]), st.floats(-8.0, 8.0))


def log_ratio_laws(bounds: tuple[float, float] = (1e-3, 1e3)) -> st.SearchStrategy[Distribution]:
    """Laws of the log ratio of two parameters: JC(beta), and that of independent uniforms.

    Args:
        bounds: of the ranges of the parameters, positive. Ranges of one point (``low == high``) and of the whole
            width occur.

    Returns:
        A strategy of `JointLogRatio` and `IndependentLogRatio`.
    """
    ranges = _ranges(bounds)
    return st.one_of(
        st.builds(lambda beta, range_: JointLogRatio(beta, *range_), betas(), ranges),
        st.builds(lambda range_: IndependentLogRatio(*range_), ranges),
    )


def pair_laws(bounds: tuple[float, float] = (1e-3, 1e3)) -> st.SearchStrategy[PairLaw]:
    """Laws of the two views' parameters: joint, independent, with a fixed ratio, and decoupled.

    Args:
        bounds: of the ranges of the parameters, positive: ``(0.01, 1.0)`` for areas. Ranges of one point and of the
            whole width occur.

    Returns:
        A strategy of `PairLaw`.

    Example:
        >>> from hypothesis import given, settings
        >>> from jointaug import JointCrop
        >>> @settings(max_examples=5)
        ... @given(pair_laws((0.01, 1.0)))
        ... def test_areas_stay_in_range(law):
        ...     areas = JointCrop(8, law=law).make_params([torch.zeros(3, 20, 30)])["area"]
        ...     assert all(0.01 <= area <= 1.0 for area in areas)
        >>> test_areas_stay_in_range()
    """
    ranges = _ranges(bounds)
    joint = st.builds(lambda beta, range_: JointPair(beta, *range_), betas(), ranges)
    return st.one_of(
        joint,
        st.builds(lambda range_: IndependentPair(*range_), ranges),
        st.builds(_fixed_ratio, st.floats(0.0, 1.0), ranges),
        joint.map(lambda law: law.decoupled()),
    )


def laws(bounds: tuple[float, float] = (1e-3, 1e3)) -> st.SearchStrategy[Distribution]:
    """Every law of this library: `log_ratio_laws` and `pair_laws`.

    Args:
        bounds: of the ranges of the parameters, positive.

    Returns:
        A strategy of laws; ``law.event_shape`` tells the two sorts apart.
    """
    return st.one_of(log_ratio_laws(bounds), pair_laws(bounds))


def joint_policies(
    *, size: int = 8, views: int = 2, steps: Iterable[str] = ("crop", "blur", "color")
) -> st.SearchStrategy[v2.Transform]:
    """Pipelines that make views of a sample, with random settings, nested the way people nest them.

    A view maker (`JointCrop`, or `MultiView` of crops and of the uncropped image), then up to three steps out of
    `JointBlur`, `JointColor`, `PerView` and `Shared`, alone, in ``v2.RandomApply``, ``v2.RandomOrder`` or
    ``v2.RandomChoice``; or a choice of two whole pipelines (Zhang et al. 2025, App. F).

    Args:
        size: of a view, in pixels.
        views: how many, an even number.
        steps: which joint transforms occur, of "crop", "blur" and "color". With "color", the images must be such as
            v2 can adjust: ``images(modes=COLOR_MODES, dtypes=COLOR_DTYPES, channels=(1, 3))``.

    Returns:
        A strategy of ``v2`` transforms from one sample to `Views`, all of one size.

    Raises:
        ValueError: for an odd number of views, or an unknown step.

    Example:
        >>> from hypothesis import given, settings
        >>> from jointaug import Views
        >>> @settings(max_examples=5)
        ... @given(images(modes=COLOR_MODES, dtypes=COLOR_DTYPES, channels=(1, 3)), joint_policies())
        ... def test_my_loader_gets_pairs(image, policy):
        ...     assert isinstance(policy(image), Views)
        >>> test_my_loader_gets_pairs()
    """
    size = integer("size", size, low=1, rule="a positive number of pixels")
    views = integer("views", views, low=2, rule="a positive even number")
    steps = list(steps)
    if views % 2:
        raise ValueError(f"views must be a positive even number (steps couple pairs), got {views}")
    unknown = [step for step in steps if step not in ("crop", "blur", "color")]
    if unknown or not steps:
        raise ValueError(f"steps must be some of 'crop', 'blur' and 'color', got {unknown[0] if unknown else steps!r}")
    makers = _view_makers(size, views, joint="crop" in steps)
    step = _joint_steps(steps) | st.sampled_from(
        [PerView(v2.RandomHorizontalFlip()), Shared(v2.RandomVerticalFlip()), PerView(*[v2.Identity()] * views)]
    )
    several = st.lists(step, min_size=1, max_size=2)
    wrapped = (
        step
        | st.builds(v2.RandomApply, several, p=st.sampled_from([0.0, 0.5, 1.0]))
        | several.map(v2.RandomOrder)
        | several.map(v2.RandomChoice)
        | several.map(v2.Compose)
    )
    pipeline = st.builds(lambda maker, rest: v2.Compose([maker, *rest]), makers, st.lists(wrapped, max_size=3))
    return pipeline | st.lists(pipeline, min_size=2, max_size=2).map(v2.RandomChoice)


_all_images: Final = images  # under the name that `samples` has for its argument


def _sizes(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    side = st.integers(low, high)
    thin = st.integers(low, min(low + 2, high))
    return st.one_of(
        st.just((low, low)),
        side.map(lambda s: (s, s)),
        st.tuples(side, side),
        st.tuples(thin, side),
        st.tuples(side, thin),
    )


def _tensor_image(kind: str, dtype: torch.dtype, channels: int, size: tuple[int, int], content: str, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(1, 4)) if kind == "Video" else 1
    pixels = torch.from_numpy(_pattern(content, (frames, *size, channels), rng)).permute(0, 3, 1, 2)
    if not dtype.is_floating_point:
        pixels = pixels * torch.iinfo(dtype).max
    tensor = pixels.to(dtype)  # channels-last in memory, as decoders and arrays have it
    if rng.integers(2):
        tensor = tensor.contiguous()
    if kind == "Video":
        return tv_tensors.Video(tensor)
    return tv_tensors.Image(tensor[0]) if kind == "Image" else tensor[0]


def _pattern(content: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Pixels in [0, 1]."""
    if content == "constant":
        return np.full(shape, rng.choice([0.0, 0.5, 1.0]))
    if content == "noise":
        return rng.random(shape)
    if content == "extremes":
        return rng.integers(0, 2, shape).astype(np.float64)
    slopes = rng.random(len(shape))
    return sum(s * g for s, g in zip(slopes, np.indices(shape) / max(shape), strict=True)) / slopes.sum()  # type: ignore[no-any-return]


def _pil_image(mode: str, size: tuple[int, int], content: str, seed: int) -> PIL.Image.Image:
    bands = _BANDS.get(mode, 1)
    pixels = _pattern(content, (*size, bands), np.random.default_rng(seed))
    if mode in ("I", "I;16"):
        return PIL.Image.fromarray((pixels[..., 0] * 65535).astype(np.int32 if mode == "I" else np.uint16))
    if mode == "F":
        return PIL.Image.fromarray(pixels[..., 0].astype(np.float32))
    levels = (pixels * 255).astype(np.uint8)
    if mode in ("1", "P"):
        return PIL.Image.fromarray(levels[..., 0]).convert(mode)
    return PIL.Image.merge(mode, [PIL.Image.fromarray(levels[..., band]) for band in range(bands)])


def _sample(image: Any, form: str, label: Any, objects: int, box_format: str, seed: int) -> Any:
    if form == "image":
        return image
    if form == "image and label":
        return image, label
    height, width = v2.functional.get_size(image)
    target = _target((height, width), objects, box_format, seed)
    return (image, target) if form == "image and target" else {"image": image, "label": label, **target}


def _target(size: tuple[int, int], objects: int, box_format: str, seed: int) -> dict[str, Any]:
    height, width = size
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.random((objects, 2, 2)), axis=1) * [width, height]  # object, corner, (x, y)
    boxes = tv_tensors.BoundingBoxes(
        torch.from_numpy(corners.reshape(objects, 4)).float(), format="XYXY", canvas_size=size
    )
    return {
        "boxes": v2.functional.convert_bounding_box_format(boxes, new_format=tv_tensors.BoundingBoxFormat[box_format]),
        "mask": tv_tensors.Mask(torch.from_numpy(rng.integers(0, 2, size))),
        "keypoints": tv_tensors.KeyPoints(torch.from_numpy(corners[:, 0]).float(), canvas_size=size),
        "labels": torch.from_numpy(rng.integers(0, 10, objects)),
    }


def _ranges(bounds: tuple[float, float]) -> st.SearchStrategy[tuple[float, float]]:
    low, high = interval("bounds", bounds, rule="0 < low <= high", remedy="a log ratio must be finite")
    inside = st.floats(math.log(low), math.log(high)).map(lambda x: min(max(math.exp(x), low), high))
    some = st.tuples(inside, inside).map(lambda pair: (min(pair), max(pair)))
    return st.one_of(some, st.just((low, high)), inside.map(lambda x: (x, x)))


def _fixed_ratio(part: float, range_: tuple[float, float]) -> FixedRatioPair:
    low, high = range_
    return FixedRatioPair(min(max((high / low) ** part, 1.0), high / low), low, high)


def _view_makers(size: int, views: int, *, joint: bool) -> st.SearchStrategy[v2.Transform]:
    crop = v2.RandomResizedCrop(size)
    several = [
        MultiView(*[crop] * views),
        MultiView(UncroppedView(size), *[crop] * (views - 1)),
        MultiResolution([size] * views),
    ]
    if not joint:
        return st.sampled_from(several)
    pair = st.one_of(
        st.builds(lambda law: JointCrop(size, law=law), pair_laws((0.01, 1.0))),
        st.builds(
            lambda beta, alpha: JointCrop(size, beta=beta, alpha=alpha), betas(), st.sampled_from([0.1, 0.6, 1.0])
        ),
        st.sampled_from([JointCrop(size, geometry="reference"), ContrastiveCrop(size)]),
    )
    crops = (
        pair if views == 2 else st.lists(pair, min_size=views // 2, max_size=views // 2).map(lambda p: MultiView(*p))
    )
    return crops | st.sampled_from(several)


def _joint_steps(steps: Sequence[str]) -> st.SearchStrategy[v2.Transform]:
    p = st.sampled_from([1.0, 0.5, 0.0, (1.0, 0.1)])
    made: list[st.SearchStrategy[v2.Transform]] = []
    if "blur" in steps:
        made.append(
            st.builds(
                lambda kernel, law, p: JointBlur(kernel, law=law, p=p),
                st.sampled_from([None, 3, 5]),
                pair_laws((0.1, 2.0)),
                p,
            )
        )
    if "color" in steps:
        strength = st.sampled_from([0.4, 0.0, 0.8])
        joint = st.sampled_from([("brightness", "contrast"), ("brightness", "contrast", "saturation"), ()])
        made.append(
            st.builds(
                lambda b, c, s, beta, joint, p: JointColor(b, c, s, 0.1, beta=beta, joint=joint, p=p),
                strength,
                strength,
                strength,
                betas(),
                joint,
                p,
            )
        )
    return st.one_of(made) if made else st.nothing()
