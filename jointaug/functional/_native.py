"""The native kernels: a shared library of plain C, reached through ctypes.

The library holds a kernel for each instruction set (portable, AVX2 with FMA, AVX-512); the processor is asked once. It
holds the inner loops of `jointaug.neighbors`' negative samplers and the hash of `jointaug.chance` too. It is absent
where the package was installed without a C compiler; then, and where ``JOINTAUG_NATIVE=0`` is set in the environment,
torch does the kernels' work and the hash's, and numpy the samplers'. Threads are made for a call of the kernels and end
with it, as many as ``torch.get_num_threads()`` says (which is one inside a DataLoader's worker), so that a process may
fork at any time.
"""

from __future__ import annotations

import ctypes
import os
import struct
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ._program import Op
    from ._resample import Crop

INTERFACE = 5  # JA_INTERFACE of csrc/jointaug.h
MODES = {"nearest": 1, "nearest-exact": 2, "bilinear": 3, "bicubic": 4}
LEVELS_OFF, LEVELS_TRUNCATED, LEVELS_ROUNDED = 0, 1, 2
NAMES = ("portable", "avx2", "avx512")
GRAIN = 1 << 16
"""Values of the result that are worth a thread of their own: making one costs about 20 us."""
SIDE = 2**31 - 1 - 256
"""Greatest side of an image in pixels: positions along one are counted in 32 bits, offsets in memory in 64."""


# The structures of csrc/jointaug.h.
JOB = struct.Struct("qq Pqqqii q PPP 10i")
OP = struct.Struct("iiPii")
COLUMN = struct.Struct("Pqfi")
IMAGE = struct.Struct("Pqqqii")


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
    pointer, size = ctypes.c_void_p, ctypes.c_int64
    library.ja_run.argtypes = (*(pointer,) * 4, ctypes.c_int, ctypes.c_int)
    library.ja_keep_above.argtypes = (pointer, size, size, size, pointer, size, size, pointer, pointer, pointer)
    library.ja_first_in_order.argtypes = (pointer, pointer, size, size, pointer, pointer)
    seed, word = ctypes.c_uint64, ctypes.c_uint32
    library.ja_uniforms.argtypes = (pointer, pointer, size, seed, word, word, seed, word, size, pointer)
    library.ja_keep_above.restype = library.ja_first_in_order.restype = library.ja_uniforms.restype = None
    return library, int(library.ja_level())


library, level = _load()
"""The library and the best instruction set it has a kernel for; None where torch and numpy do the work."""


def backend() -> str:
    """What the kernels run on for CPU tensors: ``"avx512"``, ``"avx2"``, ``"portable"``, or ``"torch"``."""
    return "torch" if library is None else NAMES[level]


def fits(images: Tensor | Sequence[Tensor], ops: Sequence[Op], dtype: torch.dtype) -> bool:
    """Whether the native kernels can take this: CPU, at most single precision, nothing to differentiate or trace."""
    if library is None or torch.compiler.is_compiling() or torch.float64 in (dtype, images[0].dtype):
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
    assert library is not None
    if images[0].dtype in (torch.float16, torch.bfloat16):
        images = images.float() if isinstance(images, Tensor) else [image.float() for image in images]
    first = images[0]
    count, channels = len(images), first.shape[0]
    height, width = first.shape[1:] if crop is None else crop.size
    samples = count if crop is None else crop.boxes.shape[0]
    kind = torch.uint8 if dtype is torch.uint8 else torch.float32
    result = torch.empty((samples, channels, height, width), dtype=kind)
    kept: list[Tensor] = []  # what the library reads must outlive the call
    op_bytes: list[bytes] = []
    column_bytes: list[bytes] = []
    for op in ops:
        op_bytes.append(OP.pack(op.kind, len(column_bytes), _address(op.where, kept), *op.radii))
        for column in op.columns:
            if isinstance(column, Tensor):
                rows = column.float()
                kept.append(rows)
                column_bytes.append(COLUMN.pack(rows.data_ptr(), rows.stride(0), 0.0, 0))
            else:
                column_bytes.append(COLUMN.pack(0, 0, column, 0))
    stride = images.stride(0) if isinstance(images, Tensor) else 0
    job = JOB.pack(
        *(count, samples // count, *_image(first), stride),
        *(result.data_ptr(), 0 if crop is None else _address(crop.boxes, kept)),
        0 if crop is None else _address(crop.flip, kept),
        *(first.dtype is not torch.uint8, kind is not torch.uint8, channels, height, width),
        *((0, 0) if crop is None else (MODES[crop.mode], crop.antialias)),
        *(len(ops), levels, crop is not None and crop.clip),
    )
    listed = None if isinstance(images, Tensor) else b"".join(IMAGE.pack(*_image(image)) for image in images)
    threads = min(torch.get_num_threads(), 1 + result.numel() // GRAIN)
    if library.ja_run(job, b"".join(op_bytes), b"".join(column_bytes), listed, threads, level):
        raise MemoryError(f"no memory for the scratch planes of {tuple(result.shape)} results; make the batch smaller")
    return result if result.dtype is dtype else result.to(dtype)


def plain(*values: Tensor | float) -> bool:
    """Whether tensors among these lie in this process's memory, to be read now: on the CPU, and nothing to trace."""
    if torch.compiler.is_compiling():
        return False
    return all(type(value) is Tensor and value.is_cpu for value in values if isinstance(value, Tensor))


def hashes(index: Tensor, draw: Tensor | int) -> bool:
    """Whether `uniforms` can take these."""
    return library is not None and plain(index, draw)


def uniforms(index: Tensor, draw: Tensor | int, seed: int, epoch: int, *, step: int, view: int, n: int) -> list[Tensor]:
    """``n`` float64 tensors ``[B]`` in (0, 1) for ``index`` ``[B]``, as `jointaug.Addresses` says."""
    assert library is not None
    kept: list[Tensor] = []
    draws, same = (draw, 0) if isinstance(draw, Tensor) else (None, draw)
    rows = torch.empty((n, len(index)), dtype=torch.float64)
    library.ja_uniforms(
        *(_address(index, kept), _address(draws, kept), len(index)),
        *(seed, epoch, same, step, view, n, rows.data_ptr()),
    )
    return list(rows.unbind())


def uniforms_of_one(index: int, draw: int, seed: int, epoch: int, *, step: int, view: int, n: int) -> list[float]:
    """``n`` floats in (0, 1): `uniforms` of one image, several times faster than through tensors."""
    assert library is not None
    row = (ctypes.c_double * n)()
    where = ctypes.byref(ctypes.c_int64(index))
    library.ja_uniforms(where, None, 1, seed, epoch, draw, step, view, n, row)
    return row[:]


def _address(tensor: Tensor | None, kept: list[Tensor]) -> int:
    if tensor is None:
        return 0
    tensor = tensor.contiguous()
    kept.append(tensor)
    return tensor.data_ptr()


def _image(image: Tensor) -> tuple[int, ...]:
    return (image.data_ptr(), *image.stride(), *image.shape[1:])
