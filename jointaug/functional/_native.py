"""The native kernels: a shared library of plain C, reached through ctypes.

The library holds a kernel for each instruction set (portable, AVX2 with FMA, AVX-512); the processor is asked once. It
is absent where the package was installed without a C compiler; then, and where ``JOINTAUG_NATIVE=0`` is set in the
environment, everything runs on torch alone. Threads are made for a call and end with it, as many as
``torch.get_num_threads()`` says (which is one inside a DataLoader's worker), so that a process may fork at any time.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jointaug.functional._program import Op
    from jointaug.functional._resample import Crop

INTERFACE = 2  # JA_INTERFACE of csrc/jointaug.h
MODES = {"nearest": 1, "nearest-exact": 2, "bilinear": 3, "bicubic": 4}
LEVELS_OFF, LEVELS_TRUNCATED, LEVELS_ROUNDED = 0, 1, 2
NAMES = ("portable", "avx2", "avx512")
GRAIN = 1 << 16
"""Values of the result that are worth a thread of their own: making one costs about 20 us."""


class _Image(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("channel", ctypes.c_int64),
        ("row", ctypes.c_int64),
        ("column", ctypes.c_int64),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
    )


class _Column(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("stride", ctypes.c_int64), ("constant", ctypes.c_float))


class _Op(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_int32),
        ("columns", ctypes.POINTER(_Column)),
        ("where", ctypes.c_void_p),
        ("radius_x", ctypes.c_int32),
        ("radius_y", ctypes.c_int32),
    )


class _Job(ctypes.Structure):
    _fields_ = (
        ("images", ctypes.c_int64),
        ("views", ctypes.c_int64),
        ("list", ctypes.POINTER(_Image)),
        ("first", _Image),
        ("stride", ctypes.c_int64),
        ("source_type", ctypes.c_int32),
        ("result_type", ctypes.c_int32),
        ("channels", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("mode", ctypes.c_int32),
        ("antialias", ctypes.c_int32),
        ("boxes", ctypes.c_void_p),
        ("flip", ctypes.c_void_p),
        ("ops", ctypes.POINTER(_Op)),
        ("op_count", ctypes.c_int32),
        ("levels", ctypes.c_int32),
        ("result", ctypes.c_void_p),
    )


def _load() -> tuple[Any, int]:
    path = next(
        (p for p in (Path(__file__).with_name("_kernels" + end) for end in (".so", ".dll")) if p.exists()), None
    )
    if path is None or os.environ.get("JOINTAUG_NATIVE") == "0":
        return None, -1
    try:
        library = ctypes.CDLL(str(path))
        found = library.ja_interface()
    except (OSError, AttributeError) as error:
        found = str(error)
    if found != INTERFACE:
        warnings.warn(
            f"{path} does not fit this version of jointaug (interface {found}, not {INTERFACE}), so its kernels run on "
            "torch alone, more slowly; install jointaug again, or build with `python setup.py build_ext --inplace`",
            RuntimeWarning,
            stacklevel=2,
        )
        return None, -1
    return library.ja_run, int(library.ja_level())


_run, level = _load()


def backend() -> str:
    """What the kernels run on for CPU tensors: ``"avx512"``, ``"avx2"``, ``"portable"``, or ``"torch"``."""
    return "torch" if _run is None else NAMES[level]


def fits(images: Tensor | Sequence[Tensor], ops: Sequence[Op], dtype: torch.dtype) -> bool:
    """Whether the native kernels can take this: CPU, at most single precision, nothing to differentiate or trace."""
    if _run is None or torch.compiler.is_compiling() or torch.float64 in (dtype, images[0].dtype):
        return False
    differentiable = torch.is_grad_enabled()
    for tensor in (images,) if isinstance(images, Tensor) else images:
        if type(tensor) is not Tensor or not tensor.is_cpu or (differentiable and tensor.requires_grad):
            return False
    return not differentiable or not any(
        isinstance(column, Tensor) and column.requires_grad for op in ops for column in op.columns
    )


def run(images: Tensor | list[Tensor], crop: Crop | None, ops: Sequence[Op], dtype: torch.dtype, levels: int) -> Tensor:
    """What ``_program.run`` says, in one call."""
    assert _run is not None
    if images[0].dtype in (torch.float16, torch.bfloat16):
        images = images.float() if isinstance(images, Tensor) else [image.float() for image in images]
    first = images[0]
    count, channels = len(images), first.shape[0]
    height, width = first.shape[1:] if crop is None else crop.size
    samples = count if crop is None else crop.boxes.shape[0]
    kind = torch.uint8 if dtype is torch.uint8 else torch.float32
    result = torch.empty((samples, channels, height, width), dtype=kind)
    kept: list[Any] = []  # what the library reads must outlive the call

    def pointer(tensor: Tensor) -> int:
        tensor = tensor.contiguous()
        kept.append(tensor)
        return tensor.data_ptr()

    job = _Job(
        images=count,
        views=samples // count,
        source_type=first.dtype is not torch.uint8,
        result_type=kind is not torch.uint8,
        channels=channels,
        height=height,
        width=width,
        op_count=len(ops),
        levels=levels,
        result=result.data_ptr(),
    )
    if isinstance(images, Tensor):
        job.first = _image(first)
        job.stride = images.stride(0)
    else:
        job.list = (_Image * count)(*map(_image, images))
    if crop is not None:
        job.mode, job.antialias, job.boxes = MODES[crop.mode], crop.antialias, pointer(crop.boxes)
        if crop.flip is not None:
            job.flip = pointer(crop.flip)
    if ops:
        entries = []
        for op in ops:
            columns = (_Column * len(op.columns))()
            for entry, column in zip(columns, op.columns, strict=True):
                if isinstance(column, Tensor):
                    column = column.float()
                    kept.append(column)
                    entry.data, entry.stride = column.data_ptr(), column.stride(0)
                else:
                    entry.constant = column
            kept.append(columns)
            where = None if op.where is None else pointer(op.where)
            entries.append(_Op(op.kind, columns, where, *op.radii))
        job.ops = (_Op * len(ops))(*entries)
    if _run(ctypes.byref(job), min(torch.get_num_threads(), 1 + result.numel() // GRAIN), level):
        raise MemoryError(f"no memory for the scratch planes of {tuple(result.shape)} results; make the batch smaller")
    return result if result.dtype is dtype else result.to(dtype)


def _image(image: Tensor) -> _Image:
    return _Image(image.data_ptr(), *image.stride(), *image.shape[1:])
