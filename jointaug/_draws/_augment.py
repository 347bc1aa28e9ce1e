"""Of v2's erasing, and of RandAugment and its kin."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from ..chance import Row, numbers_on
from ._crop import tries
from ._noise import seed, seeded
from ._numbers import offset, stacked
from ._registry import draws

GOES_ALONG: Final = (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints, tv_tensors.Mask)
"""What a geometric transform moves with the image."""


def _erased(transform: Any, inpt: Any, params: dict[str, Any]) -> Any:
    """What v2 erases is images."""
    if isinstance(inpt, GOES_ALONG):
        return inpt
    return seeded(transform, inpt, params) if transform.value is None else transform.transform(inpt, params)


@draws(v2.RandomErasing, width=lambda transform: 1 if transform.value is None else 23, act=_erased)
def _erase(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    """Ten tries for a box that leaves a rim, else nothing; v2's aspect ratio is height over width here.

    Noise for every pixel is more than a row holds: its number is then a seed.
    """
    if transform.value is None:
        return seed(row)
    if len(transform.value) not in (1, seen.channels):
        raise ValueError(
            f"{transform!r} needs a value of one number or one for each of {seen.channels} channels, got "
            f"{transform.value!r}"
        )
    found, w, h = tries(transform.scale, transform.ratio, row, seen, _leaves_a_rim)
    value = torch.tensor(transform.value)
    if isinstance(found, Tensor):
        h, w = h * found, w * found
        each = [torch.full((len(found),), n, dtype=value.dtype, device=found.device) for n in transform.value]
        value = torch.stack(each, 1)
    value = value[..., None, None]
    place = offset(seen.height - h, row[20]), offset(seen.width - w, row[21])
    return {"applied": (row[22] < transform.p) & found, "i": place[0], "j": place[1], "h": h, "w": w, "v": value}


def _leaves_a_rim(w: Any, h: Any, height: Any, width: Any) -> Any:
    return (h < height) & (w < width)


def augmented(
    transform: Any, images: Any, name: str, *, level: int | None, bins: int, negative: bool, fill: Any
) -> Any:
    """Images of one size after one operation of RandAugment and its kin.

    Args:
        transform: one of them.
        images: ``[..., C, H, W]``, or a PIL image.
        name: of the operation.
        level: which of ``bins`` magnitudes; None where the operation has none.
        bins: how many there are.
        negative: whether a magnitude with a sign is negative.
        fill: by the type of images.
    """
    magnitude = magnitude_of(transform, name, *F.get_size(images), level=level, bins=bins, negative=negative)
    return transform._apply_image_or_video_transform(  # noqa: SLF001
        images, name, magnitude, interpolation=transform.interpolation, fill=fill
    )


def magnitude_of(
    transform: Any, name: str, height: int, width: int, *, level: int | None, bins: int, negative: bool
) -> float:
    """The magnitude of an operation on an image of this size, with its sign; arguments as of `augmented`."""
    magnitudes, signed = transform._AUGMENTATION_SPACE[name]  # noqa: SLF001
    values = magnitudes(bins, height, width)
    magnitude = 0.0 if values is None else float(values[level])
    return -magnitude if negative and signed else magnitude


def operations(transform: Any, params: dict[str, Any]) -> list[tuple[str, int | None, int, bool]]:
    """What was drawn for one image: of each operation its name, level, number of levels and whether it is negative."""
    names = list(transform._AUGMENTATION_SPACE)  # noqa: SLF001
    if isinstance(transform, v2.AutoAugment):
        policy = transform._policies[params["policy"]]  # noqa: SLF001
        drawn = zip(policy, params["acts"], params["negative"], strict=True)
        return [(name, level, 10, bool(sign)) for (name, _, level), acts, sign in drawn if acts]
    if isinstance(transform, v2.TrivialAugmentWide):
        return [(names[params["operation"]], params["level"], transform.num_magnitude_bins, bool(params["negative"]))]
    return [
        (names[operation], transform.magnitude, transform.num_magnitude_bins, bool(sign))
        for operation, sign in zip(params["operation"], params["negative"], strict=True)
    ]


def _augmented(transform: Any, inpt: Any, params: dict[str, Any]) -> Any:
    """An image after the operations that were drawn, one after another."""
    if isinstance(inpt, GOES_ALONG):
        raise TypeError(
            f"{type(transform).__name__} must not be given {type(inpt).__name__}, which it cannot move; "
            "leave them out, or augment by RandomAffine and ColorJitter"
        )
    for name, level, bins, negative in operations(transform, params):
        inpt = augmented(transform, inpt, name, level=level, bins=bins, negative=negative, fill=transform._fill)  # noqa: SLF001
    return inpt


@draws(v2.RandAugment, width=lambda transform: 2 * transform.num_ops, act=_augmented)
def _rand_augment(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    count = len(transform._AUGMENTATION_SPACE)  # noqa: SLF001
    return {
        "operation": stacked([offset(count - 1, u) for u in row[::2]]),
        "negative": stacked([u <= 0.5 for u in row[1::2]]),
    }


@draws(v2.TrivialAugmentWide, width=3, act=_augmented)
def _trivial_augment(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    return {
        "operation": offset(len(transform._AUGMENTATION_SPACE) - 1, row[0]),  # noqa: SLF001
        "level": offset(transform.num_magnitude_bins - 1, row[1]),
        "negative": row[2] <= 0.5,
    }


@draws(v2.AutoAugment, width=5, act=_augmented)
def _auto_augment(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    """A policy, and of its two operations, which act and which are negative."""
    policies = transform._policies  # noqa: SLF001
    policy = offset(len(policies) - 1, row[0])
    of_policy: Any
    if isinstance(policy, Tensor):
        rates = [rate for pair in policies for _, rate, _ in pair]
        of_policy = numbers_on(policy.device, rates, torch.float64).view(-1, 2)[policy].unbind(-1)
    else:
        of_policy = [rate for _, rate, _ in policies[policy]]
    return {
        "policy": policy,
        "acts": stacked([u <= rate for u, rate in zip(row[1:3], of_policy, strict=True)]),
        "negative": stacked([u <= 0.5 for u in row[3:5]]),
    }
