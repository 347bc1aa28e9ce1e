"""Images of every kind that v2 takes, drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import PIL.Image
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torchvision import tv_tensors

from .._validate import integer

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
        ... @given(images(modes=COLOR_MODES))
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
    ramps = (s * g for s, g in zip(slopes, np.indices(shape) / max(shape), strict=True))
    gradient: NDArray[np.float64] = sum(ramps) / slopes.sum()
    return gradient


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
