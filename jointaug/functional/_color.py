"""Color steps on batches, each image with parameters of its own.

Every function takes images ``[..., 3, H, W]`` or ``[..., 1, H, W]``, uint8 or floating point (on [0, 1]), and
parameters that are numbers or tensors of the images' leading shape. ``where`` (a bool tensor of that shape) names the
images to act on; the others come back as they were. dtype and device are kept; floats of half precision are computed in
float32.

Each step agrees with the function of the same name in ``torchvision.transforms.v2.functional`` (1e-5 on floats, one
level on uint8). A neutral parameter (factor 1, hue 0) leaves the image exactly as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor

from ._batch import Target, as_images, fixed_shapes, per_sample
from ._op import Grid
from ._program import select
from ._table import Checked, kernel, nothing, on_images

LUMA = (0.2989, 0.587, 0.114)  # ITU-R BT.601, as torchvision rounds it
FACTOR = "a finite factor of at least 0 (1 changes nothing)"
HUE = "a rotation in [-0.5, 0.5] turns (0 changes nothing)"


# --- checks: (target, parameters) -> Checked -------------------------------------------------------------


def _colors(target: Target, *columns: Tensor | float) -> Checked:
    if target.channels not in (1, 3):  # one channel is gray: hue, saturation and grayscale leave it as it is
        raise ValueError(
            f"images must have 1 or 3 channels [..., C, H, W], got {target.channels}; "
            "permute images [..., H, W, C], and drop an alpha channel"
        )
    return columns, None


def _factor(target: Target, factor: Any) -> Checked:
    return _colors(target, per_sample("factor", factor, target, rule=FACTOR, low=0))


def _turns(target: Target, factor: Any) -> Checked:
    return _colors(target, per_sample("factor", factor, target, rule=HUE, low=-0.5, high=0.5))


def _adjustments(
    target: Target, brightness: Any, contrast: Any, saturation: Any, hue: Any, order: Any = (0, 1, 2, 3)
) -> Checked:
    return _colors(
        target,
        per_sample("brightness", brightness, target, rule=FACTOR, low=0),
        per_sample("contrast", contrast, target, rule=FACTOR, low=0),
        per_sample("saturation", saturation, target, rule=FACTOR, low=0),
        per_sample("hue", hue, target, rule=HUE, low=-0.5, high=0.5),
        _as_order(order, target),
    )


def _threshold(target: Target, threshold: Any) -> Checked:
    return (per_sample("threshold", threshold, target, rule="a finite number"),), None


def _bits(target: Target, bits: Any) -> Checked:
    if isinstance(bits, float) or (isinstance(bits, Tensor) and bits.is_floating_point()):
        raise TypeError(f"bits must be integers in [0, 8], got {bits!r}")
    return (per_sample("bits", bits, target, rule="integers in [0, 8]", low=0, high=8),), None


def _statistics(target: Target, mean: Any, std: Any) -> Checked:
    means, stds = _by_channel("mean", mean, target.channels), _by_channel("std", std, target.channels)
    if min(stds) <= 0:
        raise ValueError(f"std must be positive in every channel, got {std!r}")
    return means + stds, None


def _as_order(order: Any, target: Target) -> Tensor:
    """Orders as floats ``[S, 4]``."""
    rule = "permutations of 0 (brightness), 1 (contrast), 2 (saturation), 3 (hue)"
    if not isinstance(order, Tensor):
        if not isinstance(order, Sequence):
            raise TypeError(f"order must hold {rule}, got {order!r}")
        if sorted(order) != [0, 1, 2, 3]:
            raise ValueError(f"order must hold {rule}, got {order!r}")
        if target.device.type == "cpu":
            row, count = _row_of(tuple(order)), target.lead.numel()
            return row if count == 1 else row.expand(count, 4)
        one = [torch.full((1,), position, dtype=torch.float32, device=target.device) for position in order]
        return torch.stack(one, -1).expand(target.lead.numel(), 4)  # no copy that the host would wait for
    shape = (*target.lead, 4)
    # One by one: Dynamo of torch 2.8 does not find a shape with a symbol in a tuple of shapes.
    if order.shape != shape and order.shape != (4,):
        raise ValueError(
            f"order must be four integers or have shape {shape} (the images' leading shape, then 4), got "
            f"{tuple(order.shape)}"
        )
    if order.is_floating_point() or order.dtype is torch.bool:
        raise TypeError(f"order must hold integers, {rule}, got {order.dtype}")
    if order.device != target.device:
        raise ValueError(f"order must be on the images' device {target.device}, got {order.device}; use .to()")
    rows = order if order.ndim == 2 else order.reshape(-1, 4)
    if not fixed_shapes(order):
        wrong = [row for row in set(map(tuple, rows.tolist())) if sorted(row) != [0, 1, 2, 3]]
        if wrong:
            raise ValueError(f"order must hold {rule}, got {wrong[0]}")
    return rows.float().expand(target.lead.numel(), 4)


@lru_cache(maxsize=24)
def _row_of(order: tuple[int, ...]) -> Tensor:
    """An order as floats ``[1, 4]``, which nobody writes to."""
    return torch.tensor([order], dtype=torch.float32)


def _by_channel(name: str, value: Any, channels: int) -> list[float]:
    numbers = [float(value)] * channels if isinstance(value, (int, float)) else [float(v) for v in value]
    if len(numbers) != channels:
        raise ValueError(f"{name} must be one number or one for each of the {channels} channels, got {value!r}")
    return numbers


# --- the steps in torch --------------------------------------------------------------------------------


def _planes(values: Tensor) -> tuple[Tensor, ...]:
    return values[:, :, None, None, None].unbind(1)


def _luma(x: Tensor, grid: Grid) -> Tensor:
    if x.shape[-3] == 1:
        return x
    red, green, blue = x.unbind(-3)
    gray = (red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]).unsqueeze(-3)
    return gray.floor() if grid.integer else gray


def _blend(x: Tensor, other: Tensor | float, values: Tensor, grid: Grid) -> Tensor:
    (factor,) = _planes(values)
    blended = (x * factor + other * (1 - factor)).clamp(0, grid.bound)
    return torch.where(factor == 1, x, blended)


def _brightness(x: Tensor, values: Tensor, grid: Grid) -> Tensor:
    return _blend(x, 0.0, values, grid)


def _contrast(x: Tensor, values: Tensor, grid: Grid) -> Tensor:
    return _blend(x, _luma(x, grid).mean((-3, -2, -1), keepdim=True), values, grid)


def _saturation(x: Tensor, values: Tensor, grid: Grid) -> Tensor:
    return x if x.shape[-3] == 1 else _blend(x, _luma(x, grid), values, grid)


def _hue(x: Tensor, values: Tensor, grid: Grid) -> Tensor:
    if x.shape[-3] == 1:
        return x
    (turns,) = _planes(values)
    red, green, blue = (channel.unsqueeze(-3) for channel in x.unbind(-3))
    least, most = x.amin(-3, keepdim=True), x.amax(-3, keepdim=True)
    chroma = most - least
    divisor = torch.where(chroma == 0, 1.0, chroma)
    sector = torch.where(
        most == red,
        (green - blue) / divisor,
        torch.where(most == green, (blue - red) / divisor + 2, (red - green) / divisor + 4),
    )
    # A channel falls from `most` by chroma times a trapezoid of its distance from the hue where it peaks: no gather.
    sector = (sector + 6 * turns).remainder(6)
    peak = 5 - 2 * torch.arange(3, dtype=x.dtype, device=x.device).view(3, 1, 1)
    along = (sector + peak).remainder(6)
    turned = most - chroma * torch.minimum(along, 4 - along).clamp(0, 1)
    if grid.integer:
        turned = turned * (255.999 / 255)  # torchvision brings floats to uint8 by floor(255.999 x)
    return torch.where(turns == 0, x, turned)


_ADJUSTMENTS = (_brightness, _contrast, _saturation, _hue)


def _jitter(x: Tensor, values: Tensor, grid: Grid) -> Tensor:
    factors, order = values[:, :4], values[:, 4:]
    for position in order.unbind(-1):
        if fixed_shapes(x):
            x = _any_adjustment(x, factors, position, grid)
            continue
        for kind, adjust in enumerate(_ADJUSTMENTS):
            acts = (position == kind) & (factors[:, kind] != (0 if kind == 3 else 1))
            x = select(x, acts, partial(adjust, grid=grid), factors[:, kind, None])
    return x


def _any_adjustment(x: Tensor, factors: Tensor, kind: Tensor, grid: Grid) -> Tensor:
    """Each image's adjustment of number ``kind``: but for hue they are one blend, with different other images."""
    factor = factors.gather(1, kind.long()[:, None])
    kind = kind.view(-1, 1, 1, 1)
    gray = _luma(x, grid)
    other = torch.where(kind == 2, gray, torch.where(kind == 1, gray.mean((-3, -2, -1), keepdim=True), 0.0))
    return torch.where(kind == 3, _hue(x, factors[:, 3:], grid), _blend(x, other, factor, grid))


def _grayscale(x: Tensor, values: Tensor, grid: Grid) -> Tensor:  # noqa: ARG001 (no parameters)
    return _luma(x, grid).expand_as(x)


def _solarize(x: Tensor, values: Tensor, grid: Grid) -> Tensor:
    (threshold,) = _planes(values)
    return torch.where(x >= threshold, grid.bound - x, x)


def _posterize(x: Tensor, values: Tensor, grid: Grid) -> Tensor:
    (bits,) = _planes(values)
    levels = torch.exp2(bits)
    if grid.integer:
        step = 256 / levels
        return (x / step).floor() * step * (bits > 0)
    return torch.minimum((x * levels).floor().clamp(min=0), levels - 1) / levels


def _invert(x: Tensor, values: Tensor, grid: Grid) -> Tensor:  # noqa: ARG001 (no parameters)
    return grid.bound - x


def _normalize(x: Tensor, values: Tensor, grid: Grid) -> Tensor:  # noqa: ARG001 (the unit is the image's own)
    mean, std = values[:, :, None, None].chunk(2, 1)
    return (x - mean) / std


# --- the kernels ----------------------------------------------------------------------------------------


@kernel(0, _factor, _brightness, own=1)
def adjust_brightness(images: Tensor, factor: float | Tensor, *, where: Tensor | None = None) -> Tensor:
    """Multiply by ``factor`` (0 gives black), clipped to the range of the dtype.

    Raises:
        ValueError: where a factor is negative or not finite, or shapes or devices do not fit.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    return on_images(adjust_brightness, images, factor, where=where)


@kernel(1, _factor, _contrast, own=1)
def adjust_contrast(images: Tensor, factor: float | Tensor, *, where: Tensor | None = None) -> Tensor:
    """Blend each image with the mean of its grayscale version: ``factor * x + (1 - factor) * mean``, clipped.

    Raises:
        ValueError: where a factor is negative or not finite, or shapes or devices do not fit.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    return on_images(adjust_contrast, images, factor, where=where)


@kernel(2, _factor, _saturation, own=1)
def adjust_saturation(images: Tensor, factor: float | Tensor, *, where: Tensor | None = None) -> Tensor:
    """Blend each pixel with its gray: ``factor * x + (1 - factor) * gray``, clipped; one channel stays as it is.

    Raises:
        ValueError: where a factor is negative or not finite, or shapes or devices do not fit.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    return on_images(adjust_saturation, images, factor, where=where)


@kernel(3, _turns, _hue, own=1)
def adjust_hue(images: Tensor, factor: float | Tensor, *, where: Tensor | None = None) -> Tensor:
    """Turn the hue by ``factor`` turns, in [-0.5, 0.5]; one channel stays as it is.

    Raises:
        ValueError: where a factor is outside the range, or shapes or devices do not fit.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    return on_images(adjust_hue, images, factor, where=where)


@kernel(4, _adjustments, _jitter, own=5)
def color_jitter(
    images: Tensor,
    brightness: float | Tensor,
    contrast: float | Tensor,
    saturation: float | Tensor,
    hue: float | Tensor,
    order: Sequence[int] | Tensor = (0, 1, 2, 3),
    *,
    where: Tensor | None = None,
) -> Tensor:
    """The four adjustments, each image in an order of its own, rounded once at the end.

    Args:
        images: ``[..., C, H, W]``, C 1 or 3.
        brightness: factor of at least 0; 1 changes nothing.
        contrast: factor of at least 0; 1 changes nothing.
        saturation: factor of at least 0; 1 changes nothing.
        hue: turns in [-0.5, 0.5]; 0 changes nothing.
        order: ``[..., 4]``, for each image a permutation of 0 (brightness), 1 (contrast), 2 (saturation), 3 (hue):
            the step done first stands first, as ``torchvision.transforms.v2.ColorJitter`` draws it. Four integers stand
            for all images.
        where: the images to act on.

    uint8 images are computed in float32 and rounded once: within half a level of the same chain in floats, while
    torchvision's uint8 chain truncates after each of its steps and drifts from that by several levels.

    Raises:
        ValueError: where a parameter is out of range, ``order`` is not a permutation, or shapes or devices do not fit.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    return on_images(color_jitter, images, brightness, contrast, saturation, hue, order, where=where, levels=False)


@kernel(5, _colors, _grayscale)
def rgb_to_grayscale(images: Tensor, num_output_channels: int = 3, *, where: Tensor | None = None) -> Tensor:
    """Luma (ITU-R BT.601), repeated over three channels, or as one channel.

    Raises:
        ValueError: for another number of channels than 1 or 3, or ``where`` with one channel out of three (the images
            that stay in color would have three).
        TypeError: for images that are no tensor of uint8 or floats.
    """
    images = as_images(images)
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels must be 1 or 3, got {num_output_channels!r}")
    if where is not None and num_output_channels != images.shape[-3]:
        raise ValueError(
            f"num_output_channels must be the images' {images.shape[-3]} if `where` is given, got {num_output_channels}"
        )
    gray = on_images(rgb_to_grayscale, images, where=where)
    if num_output_channels > gray.shape[-3]:
        return gray.repeat_interleave(num_output_channels, -3)
    return gray[..., :num_output_channels, :, :]


@kernel(6, _threshold, _solarize, own=1)
def solarize(images: Tensor, threshold: float | Tensor, *, where: Tensor | None = None) -> Tensor:
    """Invert what is at or above ``threshold`` (in units of the images: levels for uint8, [0, 1] for floats).

    Raises:
        ValueError: where a threshold is not finite, or shapes or devices do not fit.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    return on_images(solarize, images, threshold, where=where)


@kernel(7, _bits, _posterize, own=1)
def posterize(images: Tensor, bits: int | Tensor, *, where: Tensor | None = None) -> Tensor:
    """Keep the ``bits`` (0 to 8) highest bits of each value.

    Raises:
        ValueError: where bits are outside 0 to 8 or not whole, or shapes or devices do not fit.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    return on_images(posterize, images, bits, where=where)


@kernel(8, nothing, _invert)
def invert(images: Tensor, *, where: Tensor | None = None) -> Tensor:
    """White minus the image.

    Raises:
        ValueError: where shapes or devices do not fit.
        TypeError: for images that are no tensor of uint8 or floats.
    """
    return on_images(invert, images, where=where)


@kernel(9, _statistics, _normalize)
def normalize(
    images: Tensor, mean: Sequence[float] | float, std: Sequence[float] | float, *, where: Tensor | None = None
) -> Tensor:
    """``(x - mean) / std``, one mean and deviation for each channel; floating point images only.

    Raises:
        ValueError: where ``mean`` or ``std`` have another length than the channels, or ``std`` is not positive.
        TypeError: for uint8 images: normalized values do not fit into them.
    """
    images = as_images(images)
    if images.dtype is torch.uint8:
        raise TypeError("images must be floating point to be normalized, got torch.uint8; convert to [0, 1] first")
    return on_images(normalize, images, mean, std, where=where)
