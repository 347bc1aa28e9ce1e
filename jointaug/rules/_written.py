"""Constants of torchvision's kernels, written by the device that they are for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


def written_on(device: torch.device) -> AbstractContextManager[object]:
    """A block for torchvision's kernels: what is compiled has constants in its graph, and a CPU has them at hand."""
    return nullcontext() if device.type == "cpu" or torch.compiler.is_compiling() else _Written()


class _Written(TorchFunctionMode):
    """A block in which ``torch.tensor`` of numbers on an accelerator is filled in there, number by number.

    torchvision's kernels hand over matrices, fills and the like from the host, which waits until the device has taken
    them. They are small: a launch for each number costs less.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        device = torch.device(kwargs.get("device") or "cpu")
        if func is not torch.tensor or device.type == "cpu":
            return func(*args, **kwargs)
        host = torch.tensor(*args, **(kwargs | {"device": "cpu"}))
        numbers = [torch.full((), number, dtype=host.dtype, device=device) for number in host.flatten().tolist()]
        return torch.stack(numbers).view(host.shape)
