"""What torchvision itself makes of one image with the parameters that a plan holds."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import PIL.Image
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from jointaug._draws import ToTensor
from jointaug._native import _library as _native
from jointaug.rules import rule_of

from .cases import OF_BOXES

BACKENDS = ("torch",) if _native.library is None else ("native", "torch")

EXACT = {
    v2.CenterCrop,
    v2.RandomCrop,
    v2.RandomHorizontalFlip,
    v2.RandomVerticalFlip,
    v2.ToImage,
    v2.ToPureTensor,
    v2.PILToTensor,
    v2.Identity,
    v2.RandomErasing,
    v2.Pad,
    v2.RandomChannelPermutation,
    *OF_BOXES,
}
"""Nothing is computed: not a bit may differ."""

OF_PIL = {v2.Normalize, v2.ToDtype, v2.ConvertImageDtype, v2.ToImage, v2.PILToTensor, v2.ToPureTensor, v2.ToTensor}
OF_PIL |= {v2.RGB, ToTensor}
"""What v2 does to a PIL image depends on its being one; anything else is compared with what it does to its tensor."""


@contextmanager
def running_on(backend: str) -> Iterator[None]:
    """The kernels of `jointaug.functional` on one of their backends."""
    with pytest.MonkeyPatch.context() as patch:
        if backend == "torch":
            patch.setattr(_native, "library", None)
        yield


def drawn_for(params: dict[str, Any], i: int) -> dict[str, Any]:
    """What a plan holds for image ``i``."""
    return {name: _of(value, i) for name, value in params.items()}


def _of(value: Any, i: int) -> Any:
    if isinstance(value, (list, tuple)):
        return [_of(part, i) for part in value]
    if not isinstance(value, torch.Tensor) or not value.ndim:
        return value
    return value[i] if value.ndim > 2 else value[i].tolist()


def by_v2(transform: Any, sample: Any, drawn: dict[str, Any]) -> Any:
    """v2's own ``transform`` with the parameters that were drawn, which have the names of its own."""
    if isinstance(sample, torch.Tensor):
        sample = sample.clone()  # there are transforms in place
    if "seed" in drawn:
        torch.manual_seed(drawn["seed"])
        return transform(sample)
    if not drawn.get("applied", True) or not transform._needs_transform_list([sample])[0]:
        return sample
    transform.check_inputs([sample])
    if isinstance(transform, (v2.RandAugment, v2.TrivialAugmentWide, v2.AutoAugment)):
        return _augmented(transform, sample, drawn)
    params = {name: value for name, value in drawn.items() if name != "applied"}
    own = transform.make_params([sample])
    assert not own or own.keys() == params.keys()
    if rule_of(transform) is None:  # v2's own kernel, with its own mistakes
        return transform.transform(sample, params)
    match transform:
        case v2.RandomResizedCrop():
            size = tuple(transform.size)
            if isinstance(sample, torch.Tensor) and _single_column(params["width"], params["height"], size):
                return resized(F.crop(sample, **params), size, transform)
        case v2.Resize() if isinstance(sample, torch.Tensor):
            height, width = sample.shape[-2:]
            size = F.resize(sample.new_empty(1, height, width), transform.size, max_size=transform.max_size).shape[-2:]
            if _single_column(width, height, size):
                return resized(sample, size, transform)
        case v2.RandomPhotometricDistort():
            for factor in ("brightness", "contrast", "saturation", "hue"):
                same = 0.0 if factor == "hue" else 1.0
                if params[f"{factor}_factor"] == same:
                    params[f"{factor}_factor"] = None
        case v2.RandomErasing():
            assert torch.equal(params["v"].flatten(), torch.tensor(transform.value))
    return transform.transform(sample, params)


FACTORS = ("brightness", "contrast", "saturation", "hue")


def _augmented(transform: Any, image: Any, drawn: dict[str, Any]) -> Any:
    names = list(transform._AUGMENTATION_SPACE)
    if isinstance(transform, v2.AutoAugment):
        pair = transform._policies[drawn["policy"]]
        steps = [
            (*step[::2], sign) for step, sign, acts in zip(pair, drawn["negative"], drawn["acts"], strict=True) if acts
        ]
        bins = 10
    else:
        bins = transform.num_magnitude_bins
        if isinstance(transform, v2.TrivialAugmentWide):
            drawn = {"operation": [drawn["operation"]], "negative": [drawn["negative"]], "level": [drawn["level"]]}
        levels = drawn.get("level", [getattr(transform, "magnitude", 0)] * len(drawn.get("operation", [])))
        operations = [names[operation] for operation in drawn.get("operation", [])]
        steps = list(zip(operations, levels, drawn.get("negative", []), strict=True))
    for name, level, negative in steps:
        magnitudes, signed = transform._AUGMENTATION_SPACE[name]
        values = magnitudes(bins, *F.get_size(image))
        magnitude = 0.0 if values is None else float(values[level])
        image = transform._apply_image_or_video_transform(
            image,
            name,
            -magnitude if signed and negative else magnitude,
            interpolation=transform.interpolation,
            fill=transform._fill,
        )
    return image


def _single_column(width: int, height: int, size: Any) -> bool:
    return 1 in (width, size[1]) and (height, width) != tuple(size)


def resized(image: torch.Tensor, size: Any, transform: Any) -> torch.Tensor:
    """v2's resize where a column stands alone, on which torch 2.14 is wrong: each dimension by itself, doubled.

    The repeated column has the values of the single one, and so has its resize.
    """
    how = {"interpolation": transform.interpolation, "antialias": transform.antialias}
    F.resize(image.new_zeros(1, 2, 2), [3, 3], **how)  # refuses what it refuses
    work = image if image.dtype is torch.float64 else image.float()

    def along_rows(x: torch.Tensor, rows: int) -> torch.Tensor:
        return F.resize(torch.cat([x, x], -1), [rows, 2 * x.shape[-1]], **how)[..., : x.shape[-1]]

    out = along_rows(along_rows(work, size[0]).mT, size[1]).mT
    return out.round().clamp(0, 255).to(torch.uint8) if image.dtype is torch.uint8 else out.to(image.dtype)


def as_on_pil(transform: Any) -> Any:
    """The transform such that it does to a tensor what it does to a PIL image, but by v2's tensor kernels.

    Its fill is that of PIL images, and it resizes as Pillow does: always antialiased, and to the exact nearest pixel.
    """
    transform = copy.copy(transform)
    if hasattr(transform, "_fill"):
        transform._fill = {"others": transform._fill.get(PIL.Image.Image, transform._fill.get("others"))}
    if isinstance(transform, (v2.Resize, v2.RandomResizedCrop)):
        transform.antialias = True
        if transform.interpolation in ("nearest", InterpolationMode.NEAREST, 0):
            transform.interpolation = InterpolationMode.NEAREST_EXACT
    return transform


def as_tensor(result: Any) -> torch.Tensor:
    """A plain tensor, from whatever v2 gave."""
    result = F.pil_to_tensor(result) if isinstance(result, PIL.Image.Image) else result
    return result.as_subclass(torch.Tensor) if isinstance(result, tv_tensors.TVTensor) else result
