"""Pretend CUDA: tensors that say ``cuda``, compute on the CPU, and tell where the host would wait for a device.

Code takes the branches that it takes on a GPU, with real values: tensors of two devices in one operation are an error
as there, and what a host waits for is counted, each under the name of the operation. It waits for what it reads
(numbers, shapes that depend on values, copies to the CPU) and for what it hands over from memory that is not pinned.
What this cannot see: real times, races, real generators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.autograd.function import BackwardCFunction
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

NEW = hasattr(torch._C, "_ensureCUDADeviceGuardSet")
"""Whether this torch (2.9 or newer) has tensors of a device that is not there."""
NEEDS_CUDA = pytest.mark.skipif(
    torch.version.cuda is None or not NEW, reason="torch was built without CUDA, or is older than 2.9: no such tensors"
)
CUDA = torch.device("cuda", 0)
READS = {
    *("_local_scalar_dense", "nonzero", "_unique2", "unique_dim", "unique_consecutive", "masked_select", "equal"),
    *("bincount", "_linalg_check_errors"),
}
"""Operations after which the host must know a value; of matrices, whether they could be decomposed."""
MAKERS = (torch.tensor, torch.as_tensor, torch.Tensor.new_tensor)
MOVES = ("_to_copy", "copy_")
INDEXED = ("index", "index_put", "index_put_")
JOINED = ("stack", "cat")


class Pretend(torch.Tensor):
    """A tensor on ``cuda`` whose values lie in ``held``, on the CPU."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Pretend:  # noqa: PYI034 (torch's own way of making one)
        strides, offset = held.stride(), held.storage_offset()
        made: Pretend = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=strides, storage_offset=offset, dtype=held.dtype, device=CUDA
        )
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    def __repr__(self, **_: Any) -> str:
        return f"Pretend({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {}, None)


def there(values: Any) -> Any:
    """Tensors (in lists, dicts, ...) on the pretended device; without a wait, as if they had always been there."""
    return tree_map(lambda value: Pretend(value.detach().clone()) if isinstance(value, torch.Tensor) else value, values)


def here(values: Any) -> Any:
    """The values that pretended tensors hold."""
    return tree_map(lambda value: value.held if isinstance(value, Pretend) else value, values)


def moved(module: torch.nn.Module) -> Any:
    """A module, its parameters and buffers put there, without a wait."""
    for part in module.modules():
        for name, tensor in part._buffers.items():
            part._buffers[name] = there(tensor)
        for name, parameter in part._parameters.items():
            if parameter is not None:
                part._parameters[name] = torch.nn.Parameter(there(parameter), parameter.requires_grad)
    return module


@contextmanager
def pretending() -> Iterator[Counter[str]]:
    """A block with a CUDA device, and the waits for it."""
    torch._C._ensureCUDADeviceGuardSet()
    waits: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch, torch.backends.cudnn.flags(enabled=False):
        patch.setattr(torch.cuda, "_lazy_init", lambda: None)
        patch.setattr(torch.__future__, "get_overwrite_module_params_on_conversion", lambda: True)
        with _Host(waits), _Device(waits):
            yield waits


class _Device(TorchDispatchMode):
    """Operations, those that make a tensor on the device of nothing included."""

    def __init__(self, waits: Counter[str]) -> None:
        super().__init__()
        self._waits = waits

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {}, self._waits)


class _Host(TorchFunctionMode):
    """What makes tensors of the host's numbers, and numbers of tensors, below what dispatch sees."""

    def __init__(self, waits: Counter[str]) -> None:
        super().__init__()
        self._waits = waits

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        first = args[0] if args else None
        if func in MAKERS and not (func is torch.as_tensor and isinstance(first, torch.Tensor)):
            on = kwargs.pop("device", None)
            like = func is torch.Tensor.new_tensor and isinstance(first, Pretend)
            made = func(here(first), *args[1:], **kwargs)
            if not like and (on is None or torch.device(on).type != "cuda"):
                return made
            self._waits[func.__name__] += 1
            return Pretend(made)
        if isinstance(first, Pretend):
            if func is torch.Tensor.tolist:
                self._waits["tolist"] += 1
                return first.held.tolist()
            if func is torch.Tensor.data_ptr:
                return first.held.data_ptr()
            if func is torch.Tensor.numpy:
                raise TypeError("can't convert a tensor on cuda to numpy; copy it to the CPU first")
            if func is torch.Tensor.backward:
                return _backward(first)
        return func(*args, **kwargs)


@torch.no_grad()
def _backward(root: torch.Tensor) -> None:
    """Gradients by the graph's own nodes, one after another: torch's engine would ask for a driver."""
    waiting: Counter[Any] = Counter()  # edges into a node that have not been walked
    found, nodes = {root.grad_fn}, [root.grad_fn]
    for node in nodes:
        for after, _ in node.next_functions:
            if after is not None:
                waiting[after] += 1
                if after not in found:
                    found.add(after)
                    nodes.append(after)
    gradients: dict[Any, list[Any]] = {node: [None] * len(node._input_metadata) for node in nodes}
    gradients[root.grad_fn][0] = torch.ones_like(root)
    ready = [root.grad_fn]
    while ready:
        node = ready.pop()
        given = gradients.pop(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            leaf.grad = given[0] if leaf.grad is None else leaf.grad + given[0]
            continue
        made = (node.apply if isinstance(node, BackwardCFunction) else node)(*given)
        for gradient, (after, place) in zip(made if isinstance(made, tuple) else (made,), node.next_functions):  # noqa: B905
            if after is None:
                continue
            if gradient is not None:
                like = after._input_metadata[place]
                gradient = gradient.sum_to_size(like.shape).to(like.dtype)
                before = gradients[after][place]
                gradients[after][place] = gradient if before is None else before + gradient
            waiting[after] -= 1
            if not waiting[after]:
                ready.append(after)


def _run(func: Any, args: Any, kwargs: dict[str, Any], waits: Counter[str] | None) -> Any:
    name = func.overloadpacket.__name__
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    pretended = any(isinstance(tensor, Pretend) for tensor in tensors)
    beside = [tensor for tensor in tensors if not isinstance(tensor, Pretend)]
    ours = [tensor for tensor in beside if tensor.ndim or name in JOINED]  # elsewhere, a number goes along
    if pretended and ours and name not in MOVES and not (name in INDEXED and isinstance(args[0], Pretend)):
        shapes = [tuple(tensor.shape) for tensor in tensors]
        raise RuntimeError(f"{func} got tensors on cuda and on the CPU, of shapes {shapes}")
    device = kwargs.get("device")
    target = pretended if device is None else torch.device(device).type == "cuda"
    if name == "copy_":
        target = isinstance(args[0], Pretend)
    if waits is not None and (target or pretended):
        waits.update(_waits_of(name, args, kwargs, ours, to=target, from_=pretended))
    held = {id(tensor.held): tensor for tensor in tensors if isinstance(tensor, Pretend)}
    on_cpu = {key: value for key, value in kwargs.items() if key != "pin_memory"}
    if device is not None:
        on_cpu["device"] = torch.device("cpu")
    out = func(*here(args), **here(on_cpu))
    if not target:
        return out
    # What an operation changes in place is what it was.
    return tree_map(lambda t: (held[id(t)] if id(t) in held else Pretend(t)) if isinstance(t, torch.Tensor) else t, out)


def _waits_of(
    name: str, args: Any, kwargs: dict[str, Any], ours: list[torch.Tensor], *, to: bool, from_: bool
) -> Iterator[str]:
    """What the host waits for in an operation that reads from, or writes to, the device."""
    if name in MOVES:
        both = from_ and to and (name == "_to_copy" or all(isinstance(tensor, Pretend) for tensor in args[:2]))
        if not (both or (to and kwargs.get("non_blocking", False) and all(tensor.is_pinned() for tensor in ours))):
            yield "copy to the device" if to else "copy to the host"
    elif name in READS or (name == "repeat_interleave" and kwargs.get("output_size") is None):
        yield name
    elif name in INDEXED:
        numbers = name != "index" and not isinstance(args[2], Pretend) and args[2].numel() == 1  # a fill by a mask
        for index in args[1]:
            if isinstance(index, Pretend) and index.dtype in (torch.bool, torch.uint8) and not numbers:
                yield "index by a mask"
            elif isinstance(index, torch.Tensor) and not isinstance(index, Pretend):
                yield "index from the host"
