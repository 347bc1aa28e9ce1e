"""Steps on a batch, each with per-sample parameters, run one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from . import _compiled, _packed
from ._batch import fixed_shapes
from ._op import LEVELS, UNIT, Grid, Op
from ._resample import Crop, by_view_first, resample

CPU_AT_ONCE, GPU_AT_ONCE = 1 << 20, 256 << 20
"""Bytes of floats that torch works on together at least: a cache's worth, and what hides a GPU's launches."""


def run(
    source: Tensor | list[Tensor],
    crop: Crop | None,
    ops: Sequence[Op],
    dtype: torch.dtype,
    *,
    levels: bool = False,
    memory_format: torch.memory_format = torch.contiguous_format,
) -> Tensor:
    """Crop (or not), then the steps, then ``dtype``: ``[V * N, C, h, w]``, view by view.

    Rows of the crop and of the steps' parameters are in the order of ``[N, V]``. Everything is computed in float32
    (float64 images: in float64) on [0, 1] and rounded once, at the end. With ``levels``, uint8 images are worked on in
    levels instead and truncated at the end, as torchvision's steps on uint8 do.
    """
    if _packed.fits(source, crop, ops, dtype, levels):
        assert isinstance(source, Tensor)
        return _packed.run(source, crop, ops, dtype, memory_format)
    return _run_all(source, crop, ops, dtype, levels=levels).contiguous(memory_format=memory_format)


def _run_all(
    source: Tensor | list[Tensor], crop: Crop | None, ops: Sequence[Op], dtype: torch.dtype, *, levels: bool
) -> Tensor:
    """``run`` in native code or in torch."""
    own = source[0].dtype
    if _compiled.fits(source, ops, dtype):
        mode = _compiled.LEVELS_OFF
        if levels and own is torch.uint8:
            mode = _compiled.LEVELS_TRUNCATED if ops else _compiled.LEVELS_ROUNDED
        return _compiled.run(source, crop, ops, dtype, mode)
    count = len(source)
    views = 1 if crop is None else crop.boxes.shape[0] // count
    step = _images_at_once(source, crop, ops, views)
    if step >= count:
        return _run(source, crop, ops, dtype, levels=levels)
    first = source[0]
    size = first.shape[1:] if crop is None else crop.size
    result = torch.empty((views, count, first.shape[0], *size), dtype=dtype, device=first.device)
    for start in range(0, count, step):
        images, rows = slice(start, start + step), slice(start * views, (start + step) * views)
        part = _run(
            source[images],
            None if crop is None else crop.of(rows),
            [op.of(rows) for op in ops],
            dtype,
            levels=levels,
        )
        result[:, images] = part.view(views, -1, *part.shape[1:])
    return result.flatten(0, 1)


def _images_at_once(source: Tensor | list[Tensor], crop: Crop | None, ops: Sequence[Op], views: int) -> int:
    """How many images torch works on together: a step makes a new batch, and a large one would fill the memory.

    An eighth of the batch, but at least as much as keeps the device busy. While steps run, up to eight results of the
    images at work are in memory beside the whole result; so a batch that goes through at once, which on a GPU is one
    whose result has less than 256 MiB, peaks at up to nine times its result, and a large one at about twice.
    """
    first = source[0]
    if torch.compiler.is_compiling() or any(op.differentiable for op in ops) or first.requires_grad:
        return len(source)
    size = first.shape[1:] if crop is None else crop.size
    floats = 4 * views * first.shape[0] * size[0] * size[1]
    enough = CPU_AT_ONCE if first.device.type == "cpu" else GPU_AT_ONCE
    return max(1, -(-len(source) // 8), enough // floats)


def _run(
    source: Tensor | list[Tensor], crop: Crop | None, ops: Sequence[Op], dtype: torch.dtype, *, levels: bool
) -> Tensor:
    """``run`` in torch, all at once."""
    own = source[0].dtype
    whole = levels and own is dtype is torch.uint8 and not ops
    if isinstance(source, Tensor) and crop is None:
        images = source
    else:
        assert crop is not None  # a list comes with a crop
        keep = own is torch.float64 or whole
        images = resample(source, crop, own if keep else torch.float32)
        if own is torch.uint8 and not keep:
            images = images * (1 / 255)
    if images.dtype is torch.uint8:
        if not ops and dtype is torch.uint8:
            return images
        if levels:
            return run_ops(images.float(), ops, 1, LEVELS).to(torch.uint8)
        images = images.float() * (1 / 255)
    elif images.dtype is not torch.float64:
        images = images.float()
    images = run_ops(images, ops, len(images) // len(source), UNIT)
    return (images * 255).round().clamp(0, 255).to(dtype) if dtype is torch.uint8 else images.to(dtype)


def run_ops(x: Tensor, ops: Sequence[Op], views: int, grid: Grid) -> Tensor:
    """The steps on floats."""
    for op in ops:
        columns = [
            by_view_first(column.to(x.dtype), views)
            if isinstance(column, Tensor) and column.ndim
            else _constant(column, x)
            for column in op.columns
        ]
        columns = [column if column.ndim == 2 else column.unsqueeze(-1) for column in columns]
        values = torch.cat(columns, -1) if columns else x.new_empty(len(x), 0)
        where = None if op.where is None else by_view_first(op.where, views)
        x = select(x, where, partial(op.form, grid=grid, **(op.options or {})), values)
    return x


def _constant(value: Tensor | float, x: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(x.dtype).expand(len(x))
    return torch.full((len(x),), value, dtype=x.dtype, device=x.device)  # no copy that the host would wait for


def select(x: Tensor, where: Tensor | None, change: Callable[[Tensor, Tensor], Tensor], values: Tensor) -> Tensor:
    """``change(x, values)`` on the images where ``where`` holds, ``x`` on the others."""
    if where is None:
        return change(x, values)
    if fixed_shapes(x):
        return torch.where(where.view(-1, 1, 1, 1), change(x, values), x)
    (index,) = where.nonzero(as_tuple=True)
    if index.numel() == 0:
        return x
    if index.numel() == where.numel():
        return change(x, values)
    return x.index_copy(0, index, change(x[index], values[index]))


def by_view(results: Tensor, lead: torch.Size, outer: torch.Size) -> Tensor:
    """``[V * N, C, h, w]`` as ``[*lead, V, C, h, w]``, without V where ``outer`` has none."""
    if outer == lead:
        return results.view(*lead, *results.shape[1:])
    return results.view(outer[-1], *lead, *results.shape[1:]).movedim(0, len(lead))
