"""Views of one image, every parameter a number: as `crop_and_finish`, without a tensor for each parameter."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode

from .._validate import resized_size
from . import _compiled
from ._batch import Target, as_images, as_size
from ._chain import Step, checked_dtype, crop_and_finish
from ._crop import MODES
from ._op import Op
from ._table import KERNELS, checked_op


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
        ValueError: as `crop_and_finish`.
        TypeError: as `crop_and_finish`.
    """
    image = as_images(image, "image")
    height, width = as_size(size)
    resized_size(size, image.shape[0], height, width)
    flat = [side for box in boxes for side in box]
    result = checked_dtype(dtype, image.dtype, [views[0] for views in steps])
    drawn_by_itself = any(
        isinstance(value, Tensor) for views in steps for step in views for value in (*step.parameters, step.where)
    )
    if drawn_by_itself or _leaves(boxes, image):
        return _by_tensors(image, flat, (height, width), steps, flip, interpolation, antialias, clip, result)
    target = Target(torch.Size(()), image.device, image.shape[0])
    ops = [[checked_op(step.kernel, target, *step.parameters) for step in views] for views in steps]
    if not _compiled.fits(image[None], [op for views in ops for op in views], result):
        return _by_tensors(image, flat, (height, width), steps, flip, interpolation, antialias, clip, result)
    numbers, masks = array("f"), array("B", flip or ())
    packed: list[tuple[Op, int]] = []
    columns: list[Any] = []
    wheres: list[int | None] = []
    for views, checked in zip(steps, ops, strict=True):
        wheres.append(None if views[0].where is None else len(masks))
        masks.extend(() if views[0].where is None else [bool(step.where) for step in views])
        packed.append((checked[0], len(columns)))
        columns += _columns(checked, numbers)
    mask_address, number_address = masks.buffer_info()[0], numbers.buffer_info()[0]
    op_bytes = [
        _compiled.OP.pack(op.kind, first, 0 if where is None else mask_address + where, *op.radii)
        for (op, first), where in zip(packed, wheres, strict=True)
    ]
    column_bytes = [
        _compiled.COLUMN.pack(0, 0, column, 0)
        if isinstance(column, float)
        else _compiled.COLUMN.pack(number_address + 4 * column[0], column[1], 0.0, 0)
        for column in columns
    ]
    places = array("q", flat)
    mode = MODES[interpolation]
    clips = mode == "bicubic" and (image.dtype is torch.uint8 if clip is None else bool(clip))
    return _compiled.submit(
        image[None],
        len(boxes),
        (height, width),
        (b"".join(op_bytes), b"".join(column_bytes), len(ops)),
        result,
        _compiled.LEVELS_OFF,
        boxes=places.buffer_info()[0],
        flip=mask_address if flip is not None else 0,
        how=(_compiled.MODES[mode], bool(antialias) and mode.startswith("bi"), clips),
    )


def _columns(ops: Sequence[Op], numbers: array[float]) -> list[Any]:
    """For each column a number for all views, or where among ``numbers`` the views' own are, and how far apart."""
    columns: list[Any] = []
    for values in zip(*(op.columns for op in ops), strict=True):
        if isinstance(values[0], Tensor):
            columns.append((len(numbers), values[0].numel()))
            for value in values:
                numbers.extend(value.flatten().tolist())
        elif all(value == values[0] for value in values):
            columns.append(float(values[0]))
        else:
            columns.append((len(numbers), 1))
            numbers.extend(values)
    return columns


def _leaves(boxes: Sequence[tuple[int, int, int, int]], image: Tensor) -> bool:
    """Whether a box leaves the image or is empty, which `crop_and_finish` says."""
    height, width = image.shape[-2:]
    return any(
        top < 0 or left < 0 or h < 1 or w < 1 or top + h > height or left + w > width for top, left, h, w in boxes
    )


def _by_tensors(
    image: Tensor,
    flat: Sequence[int],
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
        torch.tensor(flat).view(1, -1, 4),
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
    kernel, own = steps[0].kernel, KERNELS[steps[0].kernel].own
    columns = enumerate(zip(*(step.parameters for step in steps), strict=True))
    parameters = tuple(_column(values) if k < own else values[0] for k, values in columns)
    where = None if steps[0].where is None else torch.tensor([[bool(step.where) for step in steps]])
    return Step(kernel, parameters, where)


def _column(values: Sequence[Any]) -> Any:
    if isinstance(values[0], Tensor):
        return torch.stack(list(values), 1)
    if all(value == values[0] for value in values):
        return values[0]
    column = torch.tensor([values], dtype=torch.float64)
    return column if isinstance(values[0], float) else column.long()
