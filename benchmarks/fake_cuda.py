"""What a pipeline costs on a GPU, counted where there is none: launches, bytes, peak memory, waits of the host.

    python benchmarks/fake_cuda.py             # a table; --write keeps it and puts it into docs/explanation/speed.md

By torch's fake tensors: they say ``cuda`` and hold no numbers. Every operation counts as one launch that reads its
inputs and writes its outputs once (views and allocations are free; what `contrast` changes in place is read, too). What
a count cannot see: caches, the time of a launch, and what a compiler would fuse. Plans are second ones: the first one
learns what a pipeline asks for.
"""

from __future__ import annotations

import argparse
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from gpu import steps, width
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torchvision.transforms import v2

from jointaug import Addresses, JointCrop, PerView, fuse

FREE: Final = {
    *("_unsafe_view", "alias", "detach", "empty", "empty_like", "empty_strided", "expand", "is_same_size"),
    *("lift_fresh", "new_empty", "new_empty_strided", "resize_", "set_", "sym_size", "t"),
}
"""Operations that launch nothing."""
WAITING: Final = {"_local_scalar_dense", "nonzero", "_unique2", "masked_select", "equal", "bincount"}
BLOCK: Final = 512
"""What the caching allocator rounds up to, in bytes."""
SIZES: Final = ((256, 224), (512, 96), (1024, 32))
PAGE: Final = Path(__file__).parents[1] / "docs" / "explanation" / "speed.md"


class Count(TorchDispatchMode):
    """Counts of what runs on ``cuda``.

    Attributes:
        launches: operations, by their names.
        moved: bytes that they read and write.
        live: bytes of tensors.
        peak: of them at most.
        waits: for copies between host and device, and for values, by what they are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.moved, self.live, self.peak = 0, 0, 0
        self.launches: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()
        self._storages: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        given, made = (
            [leaf for leaf in tree_leaves(each) if isinstance(leaf, Tensor)] for each in ((args, kwargs or {}), result)
        )
        devices = {tensor.device.type for tensor in given + made}
        if name in WAITING or (name in ("_to_copy", "copy_") and len(devices & {"cuda", "cpu"}) == 2):
            self.waits[name] += "cuda" in devices
        if func.namespace == "prim" or "cuda" not in devices:
            return result
        for tensor in made:
            self._hold(tensor)
        if not func.is_view and name not in FREE:
            self.launches[name] += 1
            again = [args[1]] if name == "contrast" else []
            self.moved += sum(map(touched, given + made + again))
        return result

    def _hold(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata  # noqa: SLF001 (its identity)
        if tensor.device.type == "cuda" and key not in self._storages:
            self._storages[key] = -(-storage.nbytes() // BLOCK) * BLOCK
            self.live += self._storages[key]
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._release, key)

    def _release(self, key: int) -> None:
        self.live -= self._storages.pop(key, 0)


def touched(tensor: Tensor) -> int:
    """Bytes of a tensor that lie in memory: what is expanded is read once."""
    count = 1
    for side, stride in zip(tensor.shape, tensor.stride(), strict=True):
        count *= side if stride else 1
    return count * tensor.element_size()


class _Places(TorchFunctionMode):
    """Where a fake tensor lies: in its storage, behind what comes before it there. It has no address."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.data_ptr:
            return args[0].untyped_storage()._cdata, args[0].storage_offset()  # noqa: SLF001 (its identity)
        return func(*args, **(kwargs or {}))


@contextmanager
def counting() -> Iterator[Count]:
    """Counts what is done inside, with fake tensors."""
    count = Count()
    with FakeTensorMode(allow_non_fake_inputs=True), _Places(), count:
        yield count


class Cost(NamedTuple):
    """What the work of a pipeline costs, its plan given; bytes and peak as multiples of input + output.

    Attributes:
        orders: of the views in memory.
    """

    launches: Counter[str]
    moved: float
    peak: float
    waits: int
    orders: list[torch.memory_format]


def batch(count: int, side: int) -> Tensor:
    """Images without numbers; inside of `counting`."""
    return torch.empty(count, 3, side, side, dtype=torch.uint8, device="cuda")


def two_views(side: int) -> Any:
    """The MoCo v2 list on two views of `JointCrop`."""
    return fuse(v2.Compose([JointCrop(side), PerView(v2.Compose(steps(width(side))))]))


def planning(fused: Any, count: int, side: int, *, addressed: bool) -> tuple[int, int]:
    """Launches and waits of a plan, the addresses included."""
    for _ in range(2):
        with counting() as counted:
            images, index = batch(count, side), torch.empty(count, dtype=torch.int64, device="cuda")
            fused.make_params(images, addresses=Addresses(0, 0, index) if addressed else None)
    return counted.launches.total(), counted.waits.total()


def work(fused: Any, count: int, side: int) -> Cost:
    """Of a batch, its plan given."""
    with counting() as counted:
        images = batch(count, side)
        plan = fused.make_params(images)
        counted.launches.clear()
        counted.waits.clear()
        counted.moved, counted.peak = 0, counted.live
        views: Any = fused.transform(images, plan)
        both = images.nbytes + sum(view.nbytes for view in views)
        last = [view.is_contiguous(memory_format=torch.channels_last) for view in views]
        orders = [torch.channels_last if one else torch.contiguous_format for one in last]
        return Cost(counted.launches, counted.moved / both, counted.peak / both, counted.waits.total(), orders)


def table() -> str:
    """The counts as the page shows them."""
    heads = ("plan by generator", "plan by addresses", "work", "bytes moved", "peak memory", "waits")
    lines = ["| images, side | " + " | ".join(heads) + " |", "| --- " + "| ---: " * len(heads) + "|"]
    for count, side in SIZES:
        fused = two_views(side)
        plans = [planning(fused, count, side, addressed=addressed) for addressed in (False, True)]
        cost = work(fused, count, side)
        waits = cost.waits + sum(waits for _, waits in plans)
        numbers = [*(f"{n}" for n, _ in plans), f"{cost.launches.total()}", f"{cost.moved:.1f} x", f"{cost.peak:.1f} x"]
        lines.append(f"| {count}, {side} px | " + " | ".join([*numbers, f"{waits}"]) + " |")
    return "\n".join(lines)


def write(name: str, made: str) -> None:
    """Put a table into the page, between the marks of that name."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n\n{made}\n\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Count, print, and write with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/explanation/speed.md")
    arguments = parser.parse_args()
    made = table()
    print(made)
    if arguments.write:
        write("fake_cuda", made)


if __name__ == "__main__":
    main()
