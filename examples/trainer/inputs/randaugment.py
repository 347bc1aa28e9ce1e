"""RandAugment as InfoMin has it (Tian et al. 2020, https://arxiv.org/abs/2005.10243): its magnitudes are noisy.

Operations and ranges are those of the released code, which are not torchvision's. Its filter is bilinear or bicubic by
chance; here it is bilinear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from jointaug.chance import place, places
from jointaug.functional import (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
    invert,
    posterize,
    solarize,
)
from jointaug.rules import View, register

GREATEST = 10.0  # magnitude
DRAWN = ("operation", "acts", "level", "negative")  # of each round, from one uniform each


class RandAugment(v2.Transform):
    """Rounds of one of fifteen operations each, chosen anew, which acts with probability ``p``.

    Args:
        num_ops: rounds.
        magnitude: mean of an operation's, in [0, 10], before it is clipped to that range.
        fill: of what an operation moves into the image, a gray level for each channel.
        std: deviation of a magnitude.
        p: probability that a chosen operation acts.

    Shape: a uint8 tensor ``[3, H, W]`` is kept.
    """

    def __init__(
        self, num_ops: int, magnitude: float, *, fill: Sequence[float], std: float = 0.5, p: float = 0.5
    ) -> None:
        super().__init__()
        self.num_ops, self.magnitude, self.std, self.p, self.fill = num_ops, magnitude, std, p, list(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:  # noqa: ARG002
        """What `drawn` makes of fresh uniforms."""
        return drawn(self, torch.rand(_width(self), dtype=torch.float64).tolist(), None)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image after the operations that act, one after another."""
        columns = (torch.tensor([params[name]], device=inpt.device) for name in DRAWN)
        return augmented(inpt[None], *columns, fill=self.fill)[0]


def _width(transform: RandAugment) -> int:
    return len(DRAWN) * transform.num_ops


def drawn(transform: RandAugment, row: Sequence[Any], seen: Any) -> dict[str, Any]:  # noqa: ARG001
    """Of each round the operation's number, whether it acts, its magnitude as a share of the greatest, and its sign.

    Args:
        transform: whose.
        row: numbers in (0, 1), or tensors ``[B]``, four for each round.
        seen: is not asked.

    Returns:
        Lists of a number for each round, or tensors ``[B, rounds]``, by the names of `DRAWN`.
    """
    last = len(OPERATIONS) - 1
    found = {
        "operation": [places(last, u) if isinstance(u, Tensor) else place(last, u) for u in row[::4]],
        "acts": [u <= transform.p for u in row[1::4]],
        "level": [_level(transform, u) for u in row[2::4]],
        "negative": [u > 0.5 for u in row[3::4]],
    }
    return {name: torch.stack(of, -1) if isinstance(of[0], Tensor) else of for name, of in found.items()}


def _level(transform: RandAugment, u: Any) -> Any:
    noise = torch.special.ndtri(torch.as_tensor(u, dtype=torch.float64))
    level = ((transform.magnitude + transform.std * noise) / GREATEST).clamp(0, 1).float()  # as tensors have numbers
    return level if isinstance(u, Tensor) else level.item()


@register(RandAugment, width=_width, params=drawn)
def _plan(transform: RandAugment, view: View, params: dict[str, Any]) -> View:
    return view.call(partial(augmented, fill=transform.fill), *(view.own(params[name]) for name in DRAWN))


def augmented(
    images: Tensor, operation: Tensor, acts: Tensor, level: Tensor, negative: Tensor, *, fill: Sequence[float]
) -> Tensor:
    """Uint8 ``[B, 3, H, W]`` after rounds of operations, what was drawn for them ``[B, rounds]`` each.

    On an accelerator every operation is done to all images, and each takes its own, so that the host reads no draw.
    """
    signs = 1.0 - 2.0 * negative
    for which, does, strength, sign in zip(
        *(c.unbind(1) for c in (operation, acts, level.double(), signs)), strict=True
    ):
        for number, change in enumerate(OPERATIONS.values()):
            chosen = does & (which == number)
            if images.device.type != "cpu":
                images = torch.where(chosen[:, None, None, None], change(images, strength, sign, fill), images)
            elif len(rows := chosen.nonzero()[:, 0]):
                changed = change(images[rows], strength[rows], sign[rows], fill)
                images = images.index_copy(0, rows, changed)
    return images


def _moved(images: Tensor, fill: Sequence[float], x: Sequence[Any], y: Sequence[Any]) -> Tensor:
    """Images whose pixel at (u, v) is the one at ``x[0] u + x[1] v + x[2]``, ``y[0] u + y[1] v + y[2]``, or ``fill``.

    Args:
        images: uint8 ``[B, C, H, W]``.
        fill: of what lies outside, a level for each channel.
        x: three numbers, or tensors ``[B]``; pixels are counted from the upper left corner, their centers at halves.
        y: likewise.
    """
    height, width = images.shape[-2:]
    v = torch.arange(height, device=images.device)[:, None] + 0.5
    u = torch.arange(width, device=images.device) + 0.5
    at = []
    for side, factors in ((width, x), (height, y)):
        p, q, shift = (f[:, None, None] if isinstance(f, Tensor) else f for f in factors)
        at.append(((p * u + q * v + shift) * (2 / side) - 1).float().expand(len(images), height, width))
    inside = (at[0].abs() < 1) & (at[1].abs() < 1)
    found = grid_sample(images.float(), torch.stack(at, -1), padding_mode="border", align_corners=False).round()
    planes = [torch.where(inside, plane, level) for plane, level in zip(found.unbind(1), fill, strict=True)]
    return torch.stack(planes, 1).to(images.dtype)


def _rotated(images: Tensor, radians: Tensor, fill: Sequence[float]) -> Tensor:
    """Turned around the center, counterclockwise."""
    height, width = images.shape[-2:]
    cos, sin, cx, cy = radians.cos(), radians.sin(), width / 2, height / 2
    return _moved(images, fill, (cos, -sin, cx - cos * cx + sin * cy), (sin, cos, cy - sin * cx - cos * cy))


def _sharpened(images: Tensor, factor: Tensor) -> Tensor:
    """Blended with a smoother image by a factor of 0, or away from it above 1; the rim stays, as Pillow's does."""
    x = images.float()
    middle = x[..., 1:-1, 1:-1]
    smooth = ((9 * avg_pool2d(x, 3, 1) + 4 * middle) / 13).round()
    x[..., 1:-1, 1:-1] = smooth + factor[:, None, None, None] * (middle - smooth)
    return x.clamp(0, 255).to(images.dtype)


def _added(images: Tensor, levels: Tensor) -> Tensor:
    """What is dark, below 128, is lighter by so many whole levels, up to white."""
    lighter = (images + levels[:, None, None, None]).clamp(max=255).to(images.dtype)
    return torch.where(images < 128, lighter, images)


def _factor(level: Tensor) -> Tensor:
    """Of a color operation: from .1 to 1.9."""
    return 0.1 + 1.8 * level


Operation: TypeAlias = Callable[[Tensor, Tensor, Tensor, Sequence[float]], Tensor]
"""``(images, levels in [0, 1], signs, fill)`` to the images changed, one level and sign for each."""
OPERATIONS: dict[str, Operation] = {
    "AutoContrast": lambda x, _level, _sign, _fill: F.autocontrast(x),
    "Equalize": lambda x, _level, _sign, _fill: F.equalize(x),
    "Invert": lambda x, _level, _sign, _fill: invert(x),
    "Rotate": lambda x, level, sign, fill: _rotated(x, (sign * 30 * level).deg2rad(), fill),
    "Posterize": lambda x, level, _sign, _fill: posterize(x, (4 * level).long()),
    "Solarize": lambda x, level, _sign, _fill: solarize(x, (256 * level).floor()),
    "SolarizeAdd": lambda x, level, _sign, _fill: _added(x, 110 * level),
    "Color": lambda x, level, _sign, _fill: adjust_saturation(x, _factor(level)),
    "Contrast": lambda x, level, _sign, _fill: adjust_contrast(x, _factor(level)),
    "Brightness": lambda x, level, _sign, _fill: adjust_brightness(x, _factor(level)),
    "Sharpness": lambda x, level, _sign, _fill: _sharpened(x, _factor(level)),
    "ShearX": lambda x, level, sign, fill: _moved(x, fill, (1, sign * 0.3 * level, 0), (0, 1, 0)),
    "ShearY": lambda x, level, sign, fill: _moved(x, fill, (1, 0, 0), (sign * 0.3 * level, 1, 0)),
    "TranslateX": lambda x, level, sign, fill: _moved(x, fill, (1, 0, sign * 0.45 * level * x.shape[-1]), (0, 1, 0)),
    "TranslateY": lambda x, level, sign, fill: _moved(x, fill, (1, 0, 0), (0, 1, sign * 0.45 * level * x.shape[-2])),
}
"""What a round chooses from; the level of the first three means nothing."""
