"""Steps and crops by the compiled kernels: what they take, and a job packed for them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import torch
from torch import Tensor

from .._native import _library as native
from ._op import Op
from ._resample import Crop

MODES = {"nearest": 1, "nearest-exact": 2, "bilinear": 3, "bicubic": 4}
LEVELS_OFF, LEVELS_TRUNCATED, LEVELS_ROUNDED = 0, 1, 2
GRAIN = 1 << 16
"""Values of the result that are worth a thread of their own: making one costs about 20 us."""
SIDE = 2**31 - 1 - 256
"""Greatest side of an image in pixels: positions along one are counted in 32 bits, offsets in memory in 64."""

# The structures of csrc/jointaug.h.
JOB = struct.Struct("qq Pqqqii q PPP 10i")
OP = struct.Struct("iiPii")
COLUMN = struct.Struct("Pqfi")
IMAGE = struct.Struct("Pqqqii")


def fits(images: Tensor | Sequence[Tensor], ops: Sequence[Op], dtype: torch.dtype) -> bool:
    """Whether the native kernels can take this: CPU, at most single precision, nothing to differentiate or trace."""
    if native.library is None or torch.compiler.is_compiling() or torch.float64 in (dtype, images[0].dtype):
        return False
    differentiable = torch.is_grad_enabled()
    for tensor in (images,) if isinstance(images, Tensor) else images:
        if type(tensor) is not Tensor or not tensor.is_cpu or (differentiable and tensor.requires_grad):
            return False
        if max(tensor.shape[-2:]) > SIDE:
            return False
    return not (differentiable and any(op.differentiable for op in ops))


def run(images: Tensor | list[Tensor], crop: Crop | None, ops: Sequence[Op], dtype: torch.dtype, levels: int) -> Tensor:
    """What ``_program.run`` says, in one call."""
    first = images[0]
    size = (first.shape[1], first.shape[2]) if crop is None else crop.size
    kept: list[Tensor] = []  # what the library reads must outlive the call
    op_bytes: list[bytes] = []
    column_bytes: list[bytes] = []
    for op in ops:
        op_bytes.append(OP.pack(op.kind, len(column_bytes), native.address(op.where, kept), *op.radii))
        for column in op.columns:
            if isinstance(column, Tensor):
                rows = column.float()
                kept.append(rows)
                column_bytes.append(COLUMN.pack(rows.data_ptr(), rows.stride(0), 0.0, 0))
            else:
                column_bytes.append(COLUMN.pack(0, 0, column, 0))
    return submit(
        images,
        len(images) if crop is None else crop.boxes.shape[0],
        size,
        (b"".join(op_bytes), b"".join(column_bytes), len(ops)),
        dtype,
        levels,
        boxes=0 if crop is None else native.address(crop.boxes, kept),
        flip=0 if crop is None else native.address(crop.flip, kept),
        how=(0, 0, 0) if crop is None else (MODES[crop.mode], crop.antialias, crop.clip),
    )


def submit(
    images: Tensor | list[Tensor],
    samples: int,
    size: tuple[int, int],
    program: tuple[bytes, bytes, int],
    dtype: torch.dtype,
    levels: int,
    *,
    boxes: int,
    flip: int,
    how: tuple[int, int, int],
) -> Tensor:
    """Hand a job to the library: ``[samples, C, h, w]``.

    Args:
        images: to work on.
        samples: results, view by view.
        size: height and width of each.
        program: packed ops, packed columns, number of ops.
        dtype: of the results.
        levels: how uint8 images are worked on.
        boxes: address of the boxes, or 0.
        flip: address of the mask of what is mirrored, or 0.
        how: mode of the filter, whether it widens, whether it clips.
    """
    if images[0].dtype in (torch.float16, torch.bfloat16):
        images = images.float() if isinstance(images, Tensor) else [image.float() for image in images]
    first = images[0]
    count, channels = len(images), first.shape[0]
    kind = torch.uint8 if dtype is torch.uint8 else torch.float32
    result = torch.empty((samples, channels, *size), dtype=kind)
    stride = images.stride(0) if isinstance(images, Tensor) else 0
    ops, columns, many = program
    job = JOB.pack(
        *(count, samples // count, *_image(first), stride),
        *(result.data_ptr(), boxes, flip),
        *(first.dtype is not torch.uint8, kind is not torch.uint8, channels, *size),
        *(*how[:2], many, levels, how[2]),
    )
    listed = None if isinstance(images, Tensor) else b"".join(IMAGE.pack(*_image(image)) for image in images)
    threads = min(torch.get_num_threads(), 1 + result.numel() // GRAIN)
    if not native.run(job, ops, columns, listed, threads):
        raise MemoryError(f"no memory for the scratch planes of {tuple(result.shape)} results; make the batch smaller")
    return result if result.dtype is dtype else result.to(dtype)


def _image(image: Tensor) -> tuple[int, ...]:
    return (image.data_ptr(), *image.stride(), *image.shape[1:])
