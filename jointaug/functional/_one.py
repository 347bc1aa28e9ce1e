"""Views of one image, every parameter a number: as `crop_and_finish`, without a tensor for each parameter."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode

from .._validate import resized_size
from . import _compiled
from ._batch import Target, as_images, as_size
from ._chain import Step, checked_dtype, checked_parameters, crop_and_finish
from ._crop import checked_mode
from ._op import radii_of
from ._table import KERNELS


def views_of_one(
    image: Tensor,
    boxes: Sequence[tuple[int, int, int, int]],
    size: int | Sequence[int],
    steps: Sequence[Sequence[Step]] = (),
    *,
    flip: Sequence[bool] | None = None,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    antialias: bool = True,
    clip: bool | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Several views cut out of one image and finished, in one pass.

    Args:
        image: ``[C, H, W]``, uint8 or floating point (on [0, 1]).
        boxes: of each view: top, left, height, width in pixels.
        size: of the views, ``(height, width)`` or one side for a square.
        steps: in the order in which they act; each is one `Step` for each view, of the same kernel, its parameters and
            ``where`` numbers (an order: four of them), or tensors of one.
        flip: for each view, whether it is mirrored.
        interpolation: as `crop_and_finish`.
        antialias: as `crop_and_finish`.
        clip: as `crop_and_finish`.
        dtype: as `crop_and_finish`.

    Returns:
        ``[V, C, h, w]``, what `crop_and_finish` gives of the same numbers in tensors.

    Raises:
        ValueError: as `crop_and_finish`; if there is not a step and a flip for each box, or a step's kernel or options
            differ between views.
        TypeError: as `crop_and_finish`.
    """
    image = as_images(image, "image")
    if image.ndim != 3:
        raise ValueError(
            f"image must be one image [C, H, W], got shape {tuple(image.shape)}; a batch goes to crop_and_finish"
        )
    mode = checked_mode(interpolation)
    height, width = as_size(size)
    resized_size(size, image.shape[0], height, width)
    _check_views(len(boxes), steps, flip)
    result = checked_dtype(dtype, image.dtype, [views[0] for views in steps])
    target = Target(torch.Size(()), image.device, image.shape[0])
    batch, places = image[None], _as_integers(boxes)
    in_numbers = places is not None and not _leaves(boxes, image) and not any(map(_has_tensors, chain(*steps)))
    if not in_numbers or not _compiled.fits(batch, (), result):
        return _by_tensors(image, boxes, (height, width), steps, flip, interpolation, antialias, clip, result)
    assert places is not None
    masks = array("B", flip or ())
    program = _Program(target, masks)
    for i, views in enumerate(steps):
        program.add(i, views)
    clips = mode == "bicubic" and (image.dtype is torch.uint8 if clip is None else bool(clip))
    return _compiled.submit(
        batch,
        len(boxes),
        (height, width),
        program.packed(),
        result,
        _compiled.LEVELS_OFF,
        boxes=places.buffer_info()[0],
        flip=masks.buffer_info()[0] if flip is not None else 0,
        how=(_compiled.MODES[mode], bool(antialias) and mode.startswith("bi"), clips),
    )


class _Program:
    """Steps as the library reads them, while they are put together.

    Args:
        target: what their parameters must fit.
        masks: bytes that say where a step acts, which are added to.
    """

    def __init__(self, target: Target, masks: array[int]) -> None:
        self._target, self._masks, self._numbers = target, masks, array("f")
        self._ops: list[tuple[int, int, int | None, tuple[int, int]]] = []  # kind, first column, mask, radii
        self._columns: list[float | tuple[int, int]] = []  # one for all views, or where they begin and how far apart

    def add(self, i: int, views: Sequence[Step]) -> None:
        """Step number ``i``, one for each view."""
        row, (columns, options) = checked_parameters(i, views[0], self._target)
        acts, where = [step.where for step in views], None
        if acts.count(None) < len(acts):
            where = len(self._masks)
            self._masks.extend([act is None or bool(act) for act in acts])
        self._ops.append((row.kind, len(self._columns), where, radii_of(options)))
        others = views[1:] if row.own else ()  # without parameters of their own, all views have the same
        more = [checked_parameters(i, step, self._target)[1][0] for step in others]
        self._columns += [self._column(values) for values in zip(columns, *more, strict=True)]

    def _column(self, values: tuple[Any, ...]) -> float | tuple[int, int]:
        first = values[0]
        if isinstance(first, Tensor):
            place = len(self._numbers), first.numel()
            for value in values:
                self._numbers.extend(value.flatten().tolist())
            return place
        if values.count(first) == len(values):
            return float(first)
        place = len(self._numbers), 1
        self._numbers.extend(values)
        return place

    def packed(self) -> tuple[bytes, bytes, int]:
        """Ops, columns, and how many ops; they point into arrays, which must not grow any more."""
        masks, numbers = self._masks.buffer_info()[0], self._numbers.buffer_info()[0]
        ops = [
            _compiled.OP.pack(kind, first, 0 if where is None else masks + where, *radii)
            for kind, first, where, radii in self._ops
        ]
        columns = [
            _compiled.COLUMN.pack(0, 0, column, 0)
            if isinstance(column, float)
            else _compiled.COLUMN.pack(numbers + 4 * column[0], column[1], 0.0, 0)
            for column in self._columns
        ]
        return b"".join(ops), b"".join(columns), len(ops)


def _check_views(count: int, steps: Sequence[Sequence[Step]], flip: Sequence[bool] | None) -> None:
    """What there is for each view must be there for all, and differ in numbers alone."""
    if not count:
        raise ValueError("boxes must hold one box for each view, got none; give at least one")
    given = [(f"steps[{i}]", views) for i, views in enumerate(steps)]
    for name, values in given if flip is None else [("flip", flip), *given]:
        if len(values) != count:
            raise ValueError(f"{name} must hold one entry for each of {count} boxes, got {len(values)}; repeat it")
    for name, views in given:
        for step in views:
            if not isinstance(step, Step):
                raise TypeError(f"{name} must hold a Step for each view, got {step!r}; write Step(kernel, parameters)")
        first, own = views[0], _own(views[0])
        for step in views[1:]:
            if step.kernel is not first.kernel or step.parameters[own:] != first.parameters[own:]:
                raise ValueError(
                    f"{name} must be one kernel with the same options in all views, got {list(views)!r}; call "
                    "views_of_one for each view"
                )


def _own(step: Step) -> int:
    """How many of a step's parameters may differ between views."""
    row = KERNELS.get(step.kernel)
    return 0 if row is None else row.own


def _as_integers(boxes: Sequence[tuple[int, int, int, int]]) -> array[int] | None:
    """Boxes of four integers in a row, or None where they are something else."""
    try:
        return array("q", [side for top, left, height, width in boxes for side in (top, left, height, width)])
    except (TypeError, ValueError):
        return None


def _has_tensors(step: Step) -> bool:
    if isinstance(step.where, Tensor):
        return True
    for value in step.parameters:  # noqa: SIM110 (one image has no time for a generator)
        if isinstance(value, Tensor):
            return True
    return False


def _leaves(boxes: Sequence[tuple[int, int, int, int]], image: Tensor) -> bool:
    """Whether a box leaves the image or is empty, which `crop_and_finish` says."""
    height, width = image.shape[-2:]
    return any(
        top < 0 or left < 0 or h < 1 or w < 1 or top + h > height or left + w > width for top, left, h, w in boxes
    )


def _by_tensors(
    image: Tensor,
    boxes: Sequence[tuple[int, int, int, int]],
    size: tuple[int, int],
    steps: Sequence[Sequence[Step]],
    flip: Sequence[bool] | None,
    interpolation: InterpolationMode,
    antialias: bool,
    clip: bool | None,
    dtype: torch.dtype,
) -> Tensor:
    return crop_and_finish(
        image[None],
        [list(boxes)],
        size,
        [_joined(views) for views in steps],
        flip=None if flip is None else torch.tensor([list(flip)]),
        interpolation=interpolation,
        antialias=antialias,
        clip=clip,
        dtype=dtype,
    )[0]


def _joined(steps: Sequence[Step]) -> Step:
    """A step of several views, their parameters as tensors ``[1, V, ...]``."""
    kernel, own = steps[0].kernel, _own(steps[0])
    columns = enumerate(zip(*(step.parameters for step in steps), strict=True))
    parameters = tuple(_column(values) if k < own else values[0] for k, values in columns)
    acts = _acts(steps)
    return Step(kernel, parameters, None if acts is None else torch.tensor([acts]))


def _acts(steps: Sequence[Step]) -> list[bool] | None:
    """For each view, whether a step acts; None: in all."""
    if all(step.where is None for step in steps):
        return None
    return [step.where is None or bool(step.where) for step in steps]


def _column(values: Sequence[Any]) -> Any:
    if isinstance(values[0], Tensor):
        return torch.stack(list(values), 1)
    if all(value == values[0] for value in values):
        return values[0]
    column = torch.tensor([values], dtype=torch.float64)
    return column if isinstance(values[0], float) else column.long()
