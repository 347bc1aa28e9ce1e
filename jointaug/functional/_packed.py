"""Steps and crops by the kernels in Triton: what they take, and a row of parameters for each result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .._native import _cuda as cuda
from ._op import Op
from ._resample import Crop

JITTER, POSTERIZE, NORMALIZE, BLUR, FLIP_X, FLIP_Y = 4, 7, 9, 10, 11, 12
CONTRASTS = (1, JITTER)
"""Kinds of steps that need the mean of the gray image."""
VALUED = (0, 1, 2, 3, 6, POSTERIZE, BLUR)
"""Kinds of steps with one value."""
REACH = 2**31 - 1
"""Elements of an image that offsets of 32 bits reach; offsets between images have 64."""
TILES = 65535
"""Tiles of an image, at most: the second dimension of CUDA's grid."""
AT_ONCE = 256 << 20
"""Bytes of scratch memory that need no smaller parts."""


def fits(source: Tensor | list[Tensor], crop: Crop | None, ops: Sequence[Op], dtype: torch.dtype, levels: bool) -> bool:
    """Whether the kernels can take this: three channels on CUDA, one batch, bilinear, nothing to differentiate."""
    if not isinstance(source, Tensor) or not cuda.own(source) or source.shape[1] != 3:
        return False
    if torch.float64 in (source.dtype, dtype) or (levels and ops and source.dtype is torch.uint8):
        return False
    if crop is not None and not (crop.mode == "bilinear" and crop.antialias):
        return False
    if sum(op.kind == NORMALIZE for op in ops) > 1 or len({op.radii for op in ops if op.kind == BLUR}) > 1:
        return False
    if torch.is_grad_enabled() and (source.requires_grad or any(op.differentiable for op in ops)):
        return False
    height, width = source.shape[2:] if crop is None else crop.size
    farthest = sum((n - 1) * stride for n, stride in zip(source.shape[1:], source.stride()[1:], strict=True))
    if max(farthest, 3 * height * width) > REACH or -(-height // 32) * -(-width // 32) > TILES:
        return False
    return bool(cuda.available(source.device))


class Packed(NamedTuple):
    """Ops as the kernels read them.

    Attributes:
        rows: ``[S, 6 + 2 * slots]``: box, mirrored along x, along y, a kind for each slot, a value for each slot.
        slots: of a row.
        stats: means and deviations of the step that normalizes.
        radii: of the blur, along x and y; empty: nothing blurs.
        waits: steps that results may have to wait for, in order: kind, and slots [start, end).
    """

    rows: Tensor
    slots: int
    stats: list[float]
    radii: list[int]
    waits: list[tuple[int, int, int]]


def pack(crop: Crop | None, ops: Sequence[Op], count: int, device: torch.device) -> Packed:
    """The rows of ``count`` results, in few launches: constants once, columns of a step together."""
    constants: dict[float, Tensor] = {}

    def column(value: Tensor | float) -> Tensor:
        """``[count, k]``."""
        if isinstance(value, Tensor):
            return value if value.ndim == 2 else value.reshape(-1, 1).expand(count, 1)
        if value not in constants:
            constants[value] = torch.full((count, 1), value, dtype=torch.float32, device=device)
        return constants[value]

    mirrored: list[Tensor | None] = [None if crop is None else crop.flip, None]
    kinds: list[Tensor] = []
    values: list[Tensor] = []
    stats, radii = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0], []
    waits = []
    slot = 0
    for op in ops:
        if op.kind in (FLIP_X, FLIP_Y):  # they commute with all other steps
            axis = op.kind - FLIP_X
            mirrored[axis] = _mirrored(mirrored[axis], op.where, count, device)
            continue
        start, acts = slot, None if op.where is None else op.where[:, None]
        if op.kind == JITTER:
            order = column(op.columns[4])
            kind = order + 1
            value = torch.cat([column(factor) for factor in op.columns[:4]], 1).float().gather(1, order.long())
            kinds.append(kind if acts is None else kind * acts)
        else:
            value = column(op.columns[0] if op.kind in VALUED else 0.0)
            kinds.append(column(op.kind + 1.0) if acts is None else acts * (op.kind + 1.0))
        if op.kind == NORMALIZE:
            stats = [float(number) for number in op.columns]
        elif op.kind == POSTERIZE:
            value = value.float().exp2()
        elif op.kind == BLUR:
            radii = list(op.radii)
        values.append(value)
        slot += value.shape[1]
        if op.kind in CONTRASTS or op.kind == BLUR:
            waits.append((op.kind, start, slot))
    boxes = [column(0.0)] * 4 if crop is None else [crop.boxes]
    flips = [column(0.0 if flip is None else flip) for flip in mirrored]
    rows = torch.cat([part.float() for part in (*boxes, *flips, *kinds, *values)], 1)
    return Packed(rows, slot, stats, radii, waits)


def _mirrored(flip: Tensor | None, where: Tensor | None, count: int, device: torch.device) -> Tensor:
    """What is mirrored after one more mirror."""
    if where is None:
        return torch.ones(count, dtype=torch.bool, device=device) if flip is None else ~flip
    return where if flip is None else flip ^ where


def run(
    source: Tensor, crop: Crop | None, ops: Sequence[Op], dtype: torch.dtype, memory_format: torch.memory_format
) -> Tensor:
    """What ``_program.run`` says: one pass until results wait for contrast's mean or for blur, then on with those."""
    from . import _triton as kernels  # not on machines without a GPU: importing Triton costs

    images = len(source)
    count = images if crop is None else len(crop.boxes)
    size = source.shape[2:] if crop is None else crop.size
    rows, slots, stats, radii, waits = pack(crop, ops, count, source.device)
    out = torch.empty((count, 3, *size), dtype=dtype, device=source.device, memory_format=memory_format)
    tiles = kernels.tiles_of(*size)
    if tiles == 1:  # its program knows the mean
        waits = [wait for wait in waits if wait[0] == BLUR]
    blurs = any(kind == BLUR for kind, _, _ in waits)
    apart = bool(waits) and dtype is not torch.float32  # else results wait where they end
    # Scratch takes no more than images and results do, but for small batches, which are better worked on at once.
    bytes_of_one = 4 * 3 * size[0] * size[1] * (blurs + apart)
    parts = -(-count * bytes_of_one // max(AT_ONCE, source.nbytes + out.nbytes))
    many = -(-count // max(parts, 1))

    def scratch(*shape: int) -> Tensor:
        order = memory_format if len(shape) == 3 else torch.contiguous_format
        return torch.empty((min(many, count), *shape), dtype=torch.float32, device=source.device, memory_format=order)

    works = scratch(3, *size) if apart else None
    acrosses = scratch(3, *size) if blurs else None
    sums = scratch(slots, tiles) if any(kind != BLUR for kind, _, _ in waits) else None
    for first in range(0, count, many):
        part = out[first : first + many]
        work, across = (None if memory is None else memory[: len(part)] for memory in (works, acrosses))
        place = {"first": first, "images": images, "views": count // images, "slots": slots}
        kernels.begin(source, rows, part, work, sums, stats, **place, crop=crop is not None)
        for kind, start, end in waits:
            if kind != BLUR:
                kernels.contrast(rows, part, work, sums, stats, start, end, **place)
            else:
                kernels.blur_x(rows, part, work, across, radii[0], start, **place)
                kernels.blur_y(rows, across, part, work, sums, stats, radii[1], start, **place)
    return out
