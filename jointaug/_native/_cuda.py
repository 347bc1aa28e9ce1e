"""Kernels in Triton, for CUDA: whether a device takes them, and two hashes as such."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

OLDEST = (8, 0)
"""Compute capability for which the kernels are compiled in tests: Ampere's."""


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def available(device: torch.device) -> bool:
    """Whether kernels in Triton run on a device; says once why not."""
    if os.environ.get("JOINTAUG_NATIVE") == "0" or torch.version.cuda is None:
        return False
    if device not in _REASONS:
        reason = _REASONS[device] = _reason(device)
        if reason:
            warnings.warn(
                f"the kernels run on torch alone on {device}, more slowly: {reason}", RuntimeWarning, stacklevel=2
            )
    return not _REASONS[device]


_REASONS: dict[torch.device, str] = {}
"""Why kernels in Triton do not run on a device; empty where they do."""


def _reason(device: torch.device) -> str:
    try:
        import triton  # noqa: F401 (not on machines without a GPU: importing Triton costs)
    except ImportError as error:
        return f"Triton cannot be imported ({error}); install the triton of this torch"
    if torch.cuda.is_available():  # else the tensors are fake
        found = torch.cuda.get_device_capability(device)
        if found < OLDEST:
            return (
                f"Triton's kernels need compute capability {OLDEST[0]}.{OLDEST[1]}, this card has {found[0]}.{found[1]}"
            )
    return ""


def own(tensor: Tensor) -> bool:
    """Whether a tensor is one of torch's own on CUDA (or a fake of one): another subclass has ways of its own."""
    return tensor.device.type == "cuda" and (type(tensor) is Tensor or isinstance(tensor, FakeTensor))


def hashes(*values: Tensor | int) -> bool:
    """Whether `rows` or `order_keys` can take these; what is compiled has hashes in torch, which the compiler fuses."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    return not torch.compiler.is_compiling() and all(map(own, tensors)) and bool(available(tensors[0].device))


def rows(
    index: Tensor, draw: Tensor | int, seed: int, epoch: int, positions: Sequence[tuple[int, int, int]]
) -> list[list[Tensor]]:
    """What ``_library.rows`` says, on CUDA: a launch for each step, all of whose views go together."""
    from . import _triton  # late, as above

    draws, same = (draw.contiguous(), 0) if isinstance(draw, Tensor) else (None, draw)
    together: dict[tuple[int, int], list[int]] = {}
    for n, step, view in positions:
        together.setdefault((n, step), []).append(view)
    found: dict[tuple[int, int, int], list[Tensor]] = {}
    for (n, step), views in together.items():
        for first, count in _runs(sorted(set(views))):
            out = torch.empty((count, n, len(index)), dtype=torch.float64, device=index.device)
            words = (seed, seed >> 32, epoch, same, step, step >> 32, first)
            _triton.uniforms(index.contiguous(), draws, out, [_signed(word) for word in words])
            for view, row in enumerate(out.unbind(), first):
                found[n, step, view] = list(row.unbind())
    return [found[position] for position in positions]


def _runs(views: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of consecutive numbers in order: the first of each, and how many."""
    runs: list[tuple[int, int]] = []
    for view in views:
        if runs and view == sum(runs[-1]):
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        else:
            runs.append((view, 1))
    return runs


def _signed(word: int) -> int:
    """The low 32 bits as a signed integer: Triton compiles anew for wider ones."""
    return (word & 0xFFFFFFFF ^ 0x80000000) - 0x80000000


def order_keys(words: Tensor, rows: Tensor) -> Tensor:
    """What ``neighbors/_chance.py`` says, in one launch: of ``[b, 2]`` and ``[n]`` or ``[b, n]``, ``[b, n]``."""
    from . import _triton  # late, as above

    keys = torch.empty((len(words), rows.shape[-1]), dtype=torch.int64, device=rows.device)
    _triton.order_keys(words.contiguous(), rows.contiguous(), keys)
    return keys
