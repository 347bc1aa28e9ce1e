"""Operations of RandAugment and its kin on an accelerator, or compiled: each image its own, and no host reads a draw.

Every operation is done on all images, at each image's own magnitude, and every image takes the one that it drew. What
moves pixels is one map for each image, sampled once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional as nn
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from .. import functional as K
from .._validate import interpolation_mode
from ..chance import numbers_on
from ._written import written_on

MOVING: Final = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
MIXED: Final = ("Brightness", "Contrast", "Color")
PLAIN: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "AutoContrast": F.autocontrast,
    "Equalize": F.equalize,
    "Invert": F.invert,
}
"""Operations without a magnitude."""


@dataclass
class Round:
    """What each image drew in one round.

    Attributes:
        transform: RandAugment or one of its kin.
        images: ``[B, C, H, W]``.
        names: of operations that may have been drawn.
        drawn: int64 ``[B]``, numbers of operations; -1 stands for none.
        negative: bool ``[B]``, of magnitudes that have a sign.
        levels: numbers of magnitudes that may have been drawn.
        which: int64 ``[B]``, each image's among ``levels``; None: there is one.
        bins: how many magnitudes an operation has.
    """

    transform: Any
    images: Tensor
    names: Sequence[str]
    drawn: Tensor
    negative: Tensor
    levels: Sequence[int]
    which: Tensor | None
    bins: int

    def chosen(self, name: str) -> Tensor:
        """Which images drew an operation: bool ``[B]``."""
        return self.drawn == list(self.transform._AUGMENTATION_SPACE).index(name)  # noqa: SLF001

    def even(self, name: str, function: Callable[[float], float] = float) -> Tensor:
        """A function of the magnitude without its sign: float64 ``[B]``."""
        values = _magnitudes(type(self.transform), name, self.bins, *self.images.shape[-2:])
        table = numbers_on(self.images.device, [function(values[level]) for level in self.levels], torch.float64)
        return table.expand(len(self.images)) if self.which is None else table[self.which]

    def odd(self, name: str, function: Callable[[float], float] = float) -> Tensor:
        """The same with its sign, as of an odd function."""
        found = self.even(name, function)
        return torch.where(self.negative, -found, found)


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _magnitudes(kind: Any, name: str, bins: int, height: int, width: int) -> tuple[float, ...]:
    """All magnitudes of an operation, which torchvision gives as a tensor."""
    return tuple(kind._AUGMENTATION_SPACE[name][0](bins, height, width).tolist())  # noqa: SLF001


def rounds(transform: Any, images: Tensor, params: dict[str, Tensor], fill: Any) -> Tensor:
    """Images after all rounds of what was drawn for them, each ``[B]`` or ``[B, rounds]``."""
    steps: list[tuple[Any, ...]] = []
    names = list(transform._AUGMENTATION_SPACE)  # noqa: SLF001
    if isinstance(transform, v2.RandAugment):
        one = [transform.magnitude], None, transform.num_magnitude_bins
        steps = [
            (names, drawn, negative, *one)
            for drawn, negative in zip(params["operation"].unbind(1), params["negative"].unbind(1), strict=True)
        ]
    elif isinstance(transform, v2.TrivialAugmentWide):
        bins = transform.num_magnitude_bins
        steps = [(names, params["operation"], params["negative"], range(bins), params["level"], bins)]
    else:
        policies = transform._policies  # noqa: SLF001
        pairs = [(names.index(name), level or 0) for policy in policies for name, _, level in policy]
        table = numbers_on(images.device, [number for pair in pairs for number in pair], torch.int64)
        operation, level = table.view(-1, 2, 2)[params["policy"]].unbind(-1)  # [B, 2]
        drawn = torch.where(params["acts"], operation, -1)
        for k in range(2):
            few = list(dict.fromkeys(policy[k][0] for policy in policies))
            steps.append((few, drawn[:, k], params["negative"][:, k], range(10), level[:, k], 10))
    for step in steps:
        images = _done(Round(transform, images, *step), fill)
    return images


def _done(drawn: Round, fill: Any) -> Tensor:
    images, names = drawn.images, drawn.names
    after = images
    with written_on(images.device):
        if any(name in MOVING for name in names):
            after = torch.where(_chosen(drawn, MOVING), _sampled(drawn, fill), after)
        if any(name in MIXED for name in names):
            after = torch.where(_chosen(drawn, MIXED), _mixed(drawn), after)
        for name in names:
            if name not in MOVING + MIXED and name != "Identity":
                after = torch.where(_chosen(drawn, [name]), _recolored(drawn, name), after)
    return after


def _chosen(drawn: Round, names: Sequence[str]) -> Tensor:
    """Which images drew one of these: bool ``[B, 1, 1, 1]``."""
    return _to_pixels(torch.stack([drawn.chosen(name) for name in names if name in drawn.names]).any(0))


def _to_pixels(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _mixed(drawn: Round) -> Tensor:
    """All images mixed with black, their gray or its mean, as torchvision mixes them."""
    images, real = drawn.images, _real(drawn.images.dtype)
    ratio = torch.ones(len(images), dtype=torch.float64, device=images.device)
    other = torch.zeros((), dtype=real, device=images.device)
    gray = F.adjust_saturation(images, 0.0)
    for name in MIXED:
        if name in drawn.names and not (name == "Color" and gray is images):  # without colors
            chosen = drawn.chosen(name)
            ratio = torch.where(chosen, 1 + drawn.odd(name), ratio)
            if name != "Brightness":
                plane = gray[:, :1].to(real)
                plane = plane.mean((1, 2, 3), keepdim=True) if name == "Contrast" else plane
                other = torch.where(_to_pixels(chosen), plane, other)
    first, second = (_to_pixels(each.to(real)) for each in (ratio, 1 - ratio))
    return (images * first + second * other).clamp(0, _white(images.dtype)).to(images.dtype)


def _recolored(drawn: Round, name: str) -> Tensor:
    """All images after another operation that moves no pixel."""
    images, real = drawn.images, _real(drawn.images.dtype)
    if name == "Posterize":
        return K.posterize(images, drawn.even(name, int).long())
    if name == "Solarize":
        threshold = _to_pixels((drawn.even(name) * _white(images.dtype)).to(real))
        return torch.where(images >= threshold, F.invert(images), images)
    if name == "Sharpness":
        softened = F.adjust_sharpness(images, 0.0).to(real)
        # The rim, which is never softened, stays exactly.
        sharpened: Tensor = images - _to_pixels(drawn.odd(name).to(real)) * (softened - images)
        return sharpened.clamp(0, _white(images.dtype)).to(images.dtype)
    return PLAIN[name](images)


def _real(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype.is_floating_point else torch.float32


def _white(dtype: torch.dtype) -> float:
    return 1.0 if dtype.is_floating_point else float(torch.iinfo(dtype).max)


def _sampled(drawn: Round, fill: Any) -> Tensor:
    """All images after the shear, translation or rotation that they drew, as torchvision samples them."""
    images, mode = drawn.images, interpolation_mode(drawn.transform.interpolation).value
    F.rotate(images[:0], 1.0, interpolation=drawn.transform.interpolation, fill=fill)  # what it refuses
    count, _, height, width = images.shape
    real = _real(images.dtype)
    x, y = (torch.linspace((1.0 - n) * 0.5, (n - 1.0) * 0.5, n, device=images.device) for n in (width, height))
    columns = x, y[:, None], torch.ones_like(x)
    places = torch.stack([column.expand(height, width) for column in columns], -1)
    halves = torch.tensor([0.5 * width, 0.5 * height], dtype=real, device=images.device)
    theta = torch.stack(matrix_of(drawn), -1).view(-1, 2, 3).to(real).mT / halves
    grid = places.to(real).view(1, -1, 3).expand(count, -1, -1).bmm(theta).view(count, height, width, 2)
    pixels = images.to(real)
    if fill is not None:
        pixels = torch.cat([pixels, torch.ones_like(pixels[:, :1])], 1)
    pixels = nn.grid_sample(pixels, grid, mode=mode, padding_mode="zeros", align_corners=False)
    if fill is not None:
        pixels, inside = pixels[:, :-1], pixels[:, -1:]
        color = torch.tensor(fill if isinstance(fill, (tuple, list)) else [fill], dtype=real, device=images.device)
        color = color.view(1, -1, 1, 1)
        pixels = torch.where(inside < 0.5, color, pixels) if mode == "nearest" else (pixels - color) * inside + color
    return pixels if real == images.dtype else pixels.round().to(images.dtype)


def matrix_of(drawn: Round) -> list[Tensor]:
    """The six numbers by which torchvision's sampling moves each image, float64 ``[B]``; it rounds as they do."""
    zero = torch.zeros(len(drawn.images), dtype=torch.float64, device=drawn.images.device)
    one = zero + 1
    found = [one, zero, zero, zero, one, zero]
    for name in drawn.names:
        if name in MOVING:
            chosen, entries = drawn.chosen(name), _entries(drawn, name, zero, one)
            found = [torch.where(chosen, yes, no) for yes, no in zip(entries, found, strict=True)]
    return found


def _entries(drawn: Round, name: str, zero: Tensor, one: Tensor) -> tuple[Tensor, ...]:
    """As if all images had drawn this operation; a shear is about the corner, ``x, y`` from the middle."""
    y, x = (-0.5 * side for side in drawn.images.shape[-2:])
    if name == "ShearX":
        slope = drawn.odd(name, _tangent)
        return one, slope, -slope * y, zero, one, zero
    if name == "ShearY":
        slope = drawn.odd(name, _slope)
        return one, zero, zero, slope, one, y - slope * x - y
    if name == "Rotate":
        cosine = drawn.even(name, lambda angle: math.cos(math.radians(angle)))
        sine = drawn.odd(name, lambda angle: math.sin(math.radians(angle)))
        return cosine, -sine, zero, sine, cosine, zero
    shift = drawn.odd(name, math.trunc)
    across = name == "TranslateX"
    return one, zero, -shift if across else zero, zero, one, zero if across else -shift


def _tangent(magnitude: float) -> float:
    return math.tan(math.radians(math.degrees(math.atan(magnitude))))


def _slope(magnitude: float) -> float:
    angle = math.radians(math.degrees(math.atan(magnitude)))
    return math.sin(angle) / math.cos(angle)
