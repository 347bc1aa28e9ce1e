"""Of v2's erasing and RandAugment."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from ..chance import Row
from ._crop import tries
from ._numbers import offset, stacked
from ._registry import draws


@draws(v2.RandomErasing, width=23)
def _erase(transform: Any, row: Row, seen: Any) -> dict[str, Any]:
    """Ten tries for a box that leaves a rim, else nothing; v2's aspect ratio here is height over width."""
    if len(transform.value) not in (1, seen.channels):
        raise ValueError(
            f"{transform!r} needs a value of one number or one for each of {seen.channels} channels, got "
            f"{transform.value!r}"
        )
    found, w, h = tries(transform.scale, transform.ratio, row, seen, _leaves_a_rim)
    value = torch.tensor(transform.value)[:, None, None]
    if isinstance(found, Tensor):
        h, w = h * found, w * found
        value = value.to(found.device).expand(len(found), -1, 1, 1)
    place = offset(seen.height - h, row[20]), offset(seen.width - w, row[21])
    return {"applied": (row[22] < transform.p) & found, "i": place[0], "j": place[1], "h": h, "w": w, "v": value}


def _leaves_a_rim(w: Any, h: Any, height: Any, width: Any) -> Any:
    return (h < height) & (w < width)


def _augmented(transform: Any, inpt: Any, params: dict[str, Any]) -> Any:
    """An image after the operations that were drawn, one after another; v2 knows them of images alone."""
    if isinstance(inpt, (tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints)):
        raise TypeError(f"Inputs of type {type(inpt).__name__} are not supported by {type(transform).__name__}()")
    names = list(transform._AUGMENTATION_SPACE)  # noqa: SLF001
    for operation, negative in zip(params["operation"], params["negative"], strict=True):
        inpt = augmented(transform, inpt, names[operation], negative=bool(negative), fill=transform._fill)  # noqa: SLF001
    return inpt


def augmented(transform: Any, images: Any, name: str, *, negative: bool, fill: Any) -> Any:
    """Images of one size after one of RandAugment's operations."""
    magnitudes, signed = transform._AUGMENTATION_SPACE[name]  # noqa: SLF001
    values = magnitudes(transform.num_magnitude_bins, *F.get_size(images))
    magnitude = 0.0 if values is None else float(values[transform.magnitude])
    return transform._apply_image_or_video_transform(  # noqa: SLF001
        images, name, -magnitude if negative and signed else magnitude, interpolation=transform.interpolation, fill=fill
    )


@draws(v2.RandAugment, width=lambda transform: 2 * transform.num_ops, act=_augmented)
def _rand_augment(transform: Any, row: Row, seen: Any) -> dict[str, Any]:  # noqa: ARG001
    names = list(transform._AUGMENTATION_SPACE)  # noqa: SLF001
    operations = [(u * len(names)).long() if isinstance(u, Tensor) else int(u * len(names)) for u in row[::2]]
    return {"operation": stacked(operations), "negative": stacked([u <= 0.5 for u in row[1::2]])}
