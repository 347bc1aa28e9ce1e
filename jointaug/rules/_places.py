"""Where the pixels of a view come from, by what was drawn for it: v2's geometry from v2's parameters.

Rules that crop, resize and flip say it by their instructions; of the transforms whose rules are functions of
torchvision it is said here, by type.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from .._draws import floored, magnitude_of, operations, two_sides
from ..functional import horizontal_flip, vertical_flip
from ..transforms import JointBlur, JointColor
from ._done import Again, done
from ._map import STILL, Map, after, chosen, either, mirrored, of_cut, real, shifted, stacked, upside_down
from ._registry import rule_of
from ._view import Call, Cut, Drawn, Draws, Each, Side, View

Moved: TypeAlias = "tuple[Map | None, Side, Side]"
"""A map (None: unknown), and height and width of the result."""

STAYS: Final = {
    *(JointBlur, JointColor, v2.ClampBoundingBoxes, v2.ColorJitter, v2.ConvertBoundingBoxFormat),
    *(v2.ConvertImageDtype, v2.GaussianBlur, v2.GaussianNoise, v2.Grayscale, v2.Identity, v2.JPEG),
    *(v2.LinearTransformation, v2.Normalize, v2.PILToTensor, v2.RGB, v2.RandomAdjustSharpness, v2.RandomAutocontrast),
    *(v2.RandomChannelPermutation, v2.RandomEqualize, v2.RandomErasing, v2.RandomGrayscale, v2.RandomInvert),
    *(v2.RandomPhotometricDistort, v2.RandomPosterize, v2.RandomSolarize, v2.SanitizeBoundingBoxes),
    *(v2.ToDtype, v2.ToImage, v2.ToPILImage, v2.ToPureTensor, v2.ToTensor),
    *(getattr(v2, name) for name in ("SanitizeKeyPoints", "ClampKeyPoints") if hasattr(v2, name)),
}
"""Transforms that move no pixel."""

_MOVES: Final[dict[type, Callable[[Any, dict[str, Any], Side, Side], Moved]]] = {}
"""By type, ``(transform, params, height, width)`` to what it does to places."""


def maps_of(views: Sequence[View], sides: Sequence[tuple[Side, Side]]) -> Tensor:
    """From pixel centers of each view to those of its source (see `jointaug.rules.Map`).

    Args:
        views: planned.
        sides: height and width of each view's source.

    Returns:
        float64 ``[B, V, 3, 3]``, or ``[V, 3, 3]`` for views planned for one image alone; nan where some step moved
        pixels in a way that is not known.
    """
    found = [_map_of(view, *pair) for view, pair in zip(views, sides, strict=True)]
    if views[0].alone:
        numbers = [[float(entry) for entry in entries] if lost is False else [math.nan] * 9 for entries, lost in found]
        return torch.tensor(numbers, dtype=torch.float64).view(-1, 3, 3)
    count, device = views[0].count, views[0].device
    maps = []
    for entries, lost in found:
        each = stacked(entries, count, device)
        where = torch.as_tensor(lost, device=device).expand(count)
        maps.append(each if lost is False else each.masked_fill(where[:, None, None], math.nan))
    return torch.stack(maps, 1)


def _map_of(view: View, height: Side, width: Side) -> tuple[Map, Any]:
    """A view's map, and on which images it is not known."""
    total: Map = STILL
    lost: Any = False
    for drawn in view.history:
        if type(drawn.transform) in STAYS or not _may_act(drawn.where):
            continue
        entries, after_height, after_width = _moved(view, drawn, height, width)
        if entries is None:
            lost = lost | _acted(drawn)
            if lost is True:
                break
        else:
            total = after(total, chosen(drawn.where, entries, STILL))
        height, width = either(drawn.where, after_height, height), either(drawn.where, after_width, width)
    return total, lost


def _may_act(where: Any) -> bool:
    return where is not False


def _acted(drawn: Drawn) -> Any:
    """On which images a step acted: True or a tensor ``[B]``."""
    applied = drawn.params.get("applied", True)
    where = True if drawn.where is None else drawn.where
    return applied & where


def _moved(view: View, drawn: Drawn, height: Side, width: Side) -> Moved:
    """What one step did to places, on the images that containers let it act on."""
    transform, params = drawn.transform, drawn.params
    moves = _MOVES.get(type(transform))
    if moves is not None and set(params) != {"seed"}:  # else it drew by itself
        entries, new_height, new_width = moves(transform, params, height, width)
        applied = params.get("applied")
        entries = entries if entries is None else chosen(applied, entries, STILL)
        return entries, either(applied, new_height, height), either(applied, new_width, width)
    if rule_of(transform) is None:
        return None, height, width
    start = view.having(height=height, width=width, program=(), history=())
    made = done(transform, start, params, Draws(Again(()), []))
    total: Map = STILL
    for instruction in made.program:
        entries = _of_instruction(instruction, height, width)
        if entries is None:
            return None, made.height, made.width
        total = after(total, entries)
        if isinstance(instruction, Cut):
            height, width = instruction.size
    return total, made.height, made.width


def _of_instruction(instruction: Any, height: Side, width: Side) -> Map | None:
    if isinstance(instruction, Cut):
        return of_cut(instruction.boxes, instruction.size)
    if isinstance(instruction, Call):
        return None if instruction.map is None else chosen(instruction.where, instruction.map, STILL)
    if isinstance(instruction, Each):
        return None
    if instruction.kernel is horizontal_flip:
        return chosen(instruction.where, mirrored(width), STILL)
    if instruction.kernel is vertical_flip:
        return chosen(instruction.where, upside_down(height), STILL)
    return STILL


# ---- by type -------------------------------------------------------------------------------------------------------


def _moves(kind: type) -> Callable[[Any], Any]:
    def remember(function: Any) -> Any:
        _MOVES[kind] = function
        return function

    return remember


def affine(angle: Any, translate: Any, scale: Any, shear: Any, center: tuple[Any, Any]) -> Map:
    """Of torchvision's ``affine``: the inverse of a shear, a scaling, a rotation about ``center`` and a translation.

    Args:
        angle: in degrees, clockwise as one sees the image.
        translate: x and y, in pixels.
        scale: of lengths.
        shear: x and y, in degrees.
        center: x and y, among centers of pixels.
    """
    rotation, (shear_x, shear_y) = angle * (math.pi / 180), (each * (math.pi / 180) for each in _two(shear))
    lean = _cos(shear_y)
    a, c = _cos(rotation - shear_y) / lean, _sin(rotation - shear_y) / lean
    b, d = -a * _tan(shear_x) - _sin(rotation), _cos(rotation) - c * _tan(shear_x)
    x, y = center
    to_x, to_y = (place + real(move) for place, move in zip(center, _two(translate), strict=True))
    p, q, r, s = d / scale, -b / scale, -c / scale, a / scale  # the determinant of (a, b; c, d) is 1
    return p, q, x - p * to_x - q * to_y, r, s, y - r * to_x - s * to_y, 0.0, 0.0, 1.0


def _center(center: Sequence[float] | None, height: Side, width: Side) -> tuple[Any, Any]:
    """Torchvision's ``center`` (pixel (0, 0) has its corner there), among centers of pixels."""
    if center is None:
        return (real(width) - 1.0) / 2, (real(height) - 1.0) / 2
    return center[0] - 0.5, center[1] - 0.5


@_moves(v2.RandomAffine)
def _affine(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:
    center = _center(transform.center, height, width)
    moved = affine(params["angle"], params["translate"], params["scale"], params["shear"], center)
    return moved, height, width


@_moves(v2.RandomRotation)
def _rotation(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:
    angle = params["angle"]
    turned = affine(-angle, (0.0, 0.0), 1.0, (0.0, 0.0), _center(transform.center, height, width))
    if not transform.expand:
        return turned, height, width
    new_height, new_width = _expanded(angle, height, width)
    middle = shifted((real(width) - real(new_width)) / 2, (real(height) - real(new_height)) / 2)
    return after(turned, middle), new_height, new_width


def _expanded(angle: Any, height: Side, width: Side) -> tuple[Side, Side]:
    """Height and width of torchvision's rotated image that holds all corners, by its own arithmetic."""
    many = [value for value in (angle, height, width) if isinstance(value, Tensor)]
    if not many:
        image = torch.empty((1, int(height), int(width)), device="meta")
        size = F.rotate(image, angle, expand=True).shape
        return size[-2], size[-1]
    columns = [torch.as_tensor(value).expand(len(many[0])).tolist() for value in (angle, height, width)]
    sizes = torch.tensor([_expanded(*row) for row in zip(*columns, strict=True)], device=many[0].device)
    return sizes[:, 0], sizes[:, 1]


@_moves(v2.RandomPerspective)
def _perspective(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:  # noqa: ARG001
    """The coefficients are of places counted from the image's corner."""
    given = params["coefficients"]
    entries = tuple(real(each) for each in (given.unbind(-1) if isinstance(given, Tensor) else given))
    return after(after(shifted(-0.5, -0.5), (*entries, 1.0)), shifted(0.5, 0.5)), height, width


@_moves(v2.RandomHorizontalFlip)
def _flip(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:  # noqa: ARG001
    return mirrored(width), height, width


@_moves(v2.RandomVerticalFlip)
def _flip_up(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:  # noqa: ARG001
    return upside_down(height), height, width


@_moves(v2.RandomCrop)
def _crop(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:  # noqa: ARG001
    left, top, _, _ = params["padding"] if params["needs_pad"] else (0, 0, 0, 0)
    return shifted(params["left"] - left, params["top"] - top), params["height"], params["width"]


@_moves(v2.Pad)
def _pad(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:  # noqa: ARG001
    given = transform.padding
    sides = [given] if isinstance(given, int) else list(given)
    left, top, right, bottom = sides * (4 // len(sides))
    return shifted(-left, -top), height + top + bottom, width + left + right


@_moves(v2.RandomZoomOut)
def _zoom_out(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:  # noqa: ARG001
    given = params["padding"]
    left, top, right, bottom = given.unbind(-1) if isinstance(given, Tensor) else given
    return shifted(-left, -top), height + top + bottom, width + left + right


@_moves(v2.RandomShortestSize)
@_moves(v2.ScaleJitter)
def _resized(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:  # noqa: ARG001
    size = params["size"]
    return of_cut((0, 0, height, width), size), size[0], size[1]


@_moves(v2.RandomResize)
def _shorter(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:  # noqa: ARG001
    """The other side is rounded down, as torchvision does it."""
    (least,) = params["size"]
    upright = height >= width
    tall, wide = floored(least * height / width), floored(least * width / height)
    size = either(upright, tall, least), either(upright, least, wide)
    return of_cut((0, 0, height, width), size), *size


@_moves(v2.CenterCrop)
def _center_crop(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:  # noqa: ARG001
    size = two_sides(transform.size)
    y, x = (_central(have, want) for have, want in zip((height, width), size, strict=True))
    return shifted(x, y), *size


def _central(have: Side, want: int) -> Any:
    """Where torchvision's central crop begins: it pads what is missing, then rounds half to even."""
    if isinstance(have, Tensor):
        lacking = (want - have).clamp(min=0)
        return ((have + lacking - want) / 2).round() - lacking // 2
    missing = max(want - have, 0)
    return round((have + missing - want) / 2) - missing // 2


@_moves(v2.RandAugment)
@_moves(v2.TrivialAugmentWide)
@_moves(v2.AutoAugment)
def _operations(transform: Any, params: dict[str, Any], height: Side, width: Side) -> Moved:
    """Image by image; those that drew alike share their map."""
    many = [value for value in params.values() if isinstance(value, Tensor) and value.ndim]
    if not many:
        return _of_operations(transform, params, int(height), int(width)), height, width
    count, device = len(many[0]), many[0].device
    sides = zip(*(torch.as_tensor(side).expand(count).tolist() for side in (height, width)), strict=True)
    names = list(params)
    rows = zip(*(_listed(params[name], count) for name in names), strict=True)
    known: dict[Any, Map] = {}
    maps = []
    for row, size in zip(rows, sides, strict=True):
        key = repr((row, size))
        if key not in known:
            known[key] = _of_operations(transform, dict(zip(names, row, strict=True)), *size)
        maps.append(known[key])
    return tuple(torch.tensor(maps, dtype=torch.float64, device=device).unbind(-1)), height, width


def _of_operations(transform: Any, params: dict[str, Any], height: int, width: int) -> Map:
    """Of what was drawn for one image."""
    total = STILL
    for name, level, bins, negative in operations(transform, params):
        magnitude = magnitude_of(transform, name, height, width, level=level, bins=bins, negative=negative)
        total = after(total, operation_map(name, magnitude, height, width))
    return total


def _listed(value: Any, count: int) -> list[Any]:
    return value.tolist() if isinstance(value, Tensor) and value.ndim else [value] * count


def operation_map(name: str, magnitude: float, height: int, width: int) -> Map:
    """Of one of the operations that RandAugment, AutoAugment and TrivialAugment choose from.

    Args:
        name: as torchvision has it.
        magnitude: with its sign.
        height: of the image, in pixels.
        width: of the image, in pixels.
    """
    if name in ("ShearX", "ShearY"):
        shear = math.degrees(math.atan(magnitude))
        both = (shear, 0.0) if name == "ShearX" else (0.0, shear)
        return affine(0.0, (0.0, 0.0), 1.0, both, _center([0.0, 0.0], height, width))
    if name in ("TranslateX", "TranslateY"):
        return shifted(-int(magnitude), 0) if name == "TranslateX" else shifted(0, -int(magnitude))
    if name == "Rotate":
        return affine(-magnitude, (0.0, 0.0), 1.0, (0.0, 0.0), _center(None, height, width))
    return STILL


def _two(value: Any) -> Any:
    return value.unbind(-1) if isinstance(value, Tensor) else value


def _cos(x: Any) -> Any:
    return x.cos() if isinstance(x, Tensor) else math.cos(x)


def _sin(x: Any) -> Any:
    return x.sin() if isinstance(x, Tensor) else math.sin(x)


def _tan(x: Any) -> Any:
    return x.tan() if isinstance(x, Tensor) else math.tan(x)
