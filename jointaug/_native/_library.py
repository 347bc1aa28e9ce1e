"""The compiled library: plain C, reached through ctypes; its loops as functions.

The library holds a kernel for each instruction set (portable, AVX2 with FMA, AVX-512); the processor is asked once. It
holds the inner loops of `jointaug.neighbors`' negative samplers and the hash of `jointaug.chance` too. It is absent
where the package was installed without a C compiler, which is said once, at the first fused call; then, and where
``JOINTAUG_NATIVE=0`` is set in the environment, torch does the kernels' work and the hash's, and numpy the samplers'.
Threads are made for a call of the kernels and end with it, as many as ``torch.get_num_threads()`` says (which is one
inside a DataLoader's worker), so that a process may fork at any time.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

if TYPE_CHECKING:
    import numpy.typing as npt

INTERFACE = 6  # JA_INTERFACE of csrc/jointaug.h
NAMES = ("portable", "avx2", "avx512")
MISSING = "no compiled library was installed with jointaug"
UNWANTED = "JOINTAUG_NATIVE=0 in the environment"


def _load() -> tuple[Any, int, str]:
    if os.environ.get("JOINTAUG_NATIVE") == "0":
        return None, -1, UNWANTED
    path = next(
        (p for p in (Path(__file__).with_name("_kernels" + end) for end in (".so", ".dll")) if p.exists()), None
    )
    if path is None:
        return None, -1, MISSING
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
        return None, -1, f"{path} does not fit this version of jointaug (interface {found}, not {INTERFACE})"
    pointer, size = ctypes.c_void_p, ctypes.c_int64
    library.ja_run.argtypes = (*(pointer,) * 4, ctypes.c_int, ctypes.c_int)
    library.ja_keep_above.argtypes = (pointer, size, size, size, pointer, size, size, pointer, pointer, pointer)
    library.ja_first_in_order.argtypes = (pointer, pointer, size, size, pointer, pointer)
    seed, word = ctypes.c_uint64, ctypes.c_uint32
    library.ja_uniforms.argtypes = (pointer, pointer, size, seed, word, word, pointer, size, pointer)
    library.ja_keep_above.restype = library.ja_first_in_order.restype = library.ja_uniforms.restype = None
    return library, int(library.ja_level()), ""


library, level, absence = _load()
"""The library, the best instruction set it has a kernel for, and why there is no library; then torch and numpy work."""


def backend() -> str:
    """What the kernels run on for CPU tensors: ``"avx512"``, ``"avx2"``, ``"portable"``, or ``"torch"``."""
    return "torch" if library is None else NAMES[level]


def warn_if_missing(image: Tensor) -> None:
    """Say once a process, in the first alone of a loader's workers, that the CPU's work is slow without the library."""
    if absence == MISSING and not torch.compiler.is_compiling() and image.is_cpu:
        worker = get_worker_info()
        if worker is None or worker.id == 0:
            _warn_of_missing()


@lru_cache(maxsize=1)
def _warn_of_missing() -> None:
    warnings.warn(
        f"{MISSING}, so fused pipelines run on torch alone on the CPU, several times as slow; install a wheel for this "
        "platform, or install again where there is a C compiler (`pip install --force-reinstall --no-deps --no-binary "
        "jointaug jointaug`; in a checkout `python setup.py build_ext --inplace`). JOINTAUG_NATIVE=0 in the "
        "environment says that this is as wanted",
        RuntimeWarning,
        stacklevel=2,
    )


def run(job: bytes, ops: bytes, columns: bytes, listed: bytes | None, threads: int) -> bool:
    """Whether the kernels could do a job (see csrc/jointaug.h): false where there is no memory for it."""
    assert library is not None
    return not library.ja_run(job, ops, columns, listed, threads, level)


def plain(*values: Tensor | float) -> bool:
    """Whether tensors among these lie in this process's memory, to be read now: on the CPU, and nothing to trace."""
    if torch.compiler.is_compiling():
        return False
    return all(type(value) is Tensor and value.is_cpu for value in values if isinstance(value, Tensor))


def hashes(index: Tensor, draw: Tensor | int) -> bool:
    """Whether `rows` can take these."""
    return library is not None and plain(index, draw)


def rows(
    index: Tensor, draw: Tensor | int, seed: int, epoch: int, positions: Sequence[tuple[int, int, int]]
) -> list[list[Tensor]]:
    """For each position ``(n, step, view)``, ``n`` float64 tensors ``[B]`` in (0, 1) for ``index`` ``[B]``.

    As `jointaug.Addresses` says.
    """
    assert library is not None
    kept: list[Tensor] = []
    draws, same = (draw, 0) if isinstance(draw, Tensor) else (None, draw)
    places, total = _positions(tuple(positions))
    filled = torch.empty((total, len(index)), dtype=torch.float64)
    library.ja_uniforms(
        *(address(index, kept), address(draws, kept), len(index)),
        *(seed, epoch, same, places, len(positions), filled.data_ptr()),
    )
    return split_rows(list(filled.unbind()), positions)


def row(index: int, draw: int, seed: int, epoch: int, positions: Sequence[tuple[int, int, int]]) -> list[list[float]]:
    """`rows` of one image, in floats: several times faster than through tensors."""
    assert library is not None
    places, total = _positions(tuple(positions))
    filled = (ctypes.c_double * total)()
    where = ctypes.byref(ctypes.c_int64(index))
    library.ja_uniforms(where, None, 1, seed, epoch, draw, places, len(positions), filled)
    return split_rows(filled[:], positions)


@lru_cache(maxsize=4096)
def _positions(positions: tuple[tuple[int, int, int], ...]) -> tuple[Any, int]:
    """The triples as the library reads them, and how many uniforms they take."""
    words = [word for n, step, view in positions for word in (step, view, n)]
    return (ctypes.c_uint64 * len(words))(*words), sum(n for n, _, _ in positions)


def split_rows(values: list[Any], positions: Sequence[tuple[int, int, int]]) -> list[list[Any]]:
    """For each position ``(n, step, view)`` the next ``n`` of the values."""
    rows, start = [], 0
    for n, _, _ in positions:
        rows.append(values[start : start + n])
        start += n
    return rows


def keep_above(
    scores: npt.NDArray[np.float32],
    least: npt.NDArray[np.float32],
    first: int,
    rows: npt.NDArray[np.uint32],
    kept: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int64],
) -> None:
    """Append to each line of ``rows`` and ``kept`` what reaches ``least``, of ``scores`` of rows ``first`` and on."""
    assert library is not None
    library.ja_keep_above(
        *(scores.ctypes.data, scores.strides[0] // scores.itemsize, *scores.shape),
        *(least.ctypes.data, first, rows.shape[1]),
        *(rows.ctypes.data, kept.ctypes.data, counts.ctypes.data),
    )


def first_in_order(
    chosen: npt.NDArray[np.int64], words: npt.NDArray[np.uint32], members: npt.NDArray[np.uint32]
) -> None:
    """Fill ``chosen`` with the members that come first in the random order of the words, as they stand."""
    assert library is not None
    keys = np.empty_like(members)
    library.ja_first_in_order(
        *(words.ctypes.data, members.ctypes.data, len(members), len(chosen), keys.ctypes.data, chosen.ctypes.data)
    )


def address(tensor: Tensor | None, kept: list[Tensor]) -> int:
    """Where a tensor's values lie, in order; ``kept`` holds it, as what the library reads must outlive the call."""
    if tensor is None:
        return 0
    tensor = tensor.contiguous()
    kept.append(tensor)
    return tensor.data_ptr()
