"""What a pipeline costs on a GPU, counted where there is none: launches, bytes, peak memory, waits of the host.

    python benchmarks/fake_cuda.py             # a table; --write keeps it and puts it into docs/explanation/speed.md

By torch's fake tensors: they say ``cuda`` and hold no numbers, and every operation is counted as one launch that reads
its inputs and writes its outputs once (views and allocations are free). What a count cannot see: caches, the time of a
launch, and what a compiler would fuse. Under ``FakeTensorMode`` an operation on values that a host would have to know
fails, so the pipelines that are counted here wait for nothing but copies, and these are counted.
"""

from __future__ import annotations

import argparse
import re
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
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
BLOCK: Final = 512
"""What the caching allocator rounds up to, in bytes."""
SIZES: Final = ((256, 224), (512, 96), (1024, 32))
PAGE: Final = Path(__file__).parents[1] / "docs" / "explanation" / "speed.md"


class Count(TorchDispatchMode):
    """Counts of what runs on ``cuda``.

    Attributes:
        launches: operations.
        moved: bytes that they read and write.
        peak: bytes of live tensors at most, those of before included.
        waits: copies between host and device, by what they are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.launches, self.moved, self.live, self.peak = 0, 0, 0, 0
        self.waits: Counter[str] = Counter()
        self.by_operation: Counter[str] = Counter()
        self._storages: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ARG002
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        given, made = (
            [leaf for leaf in tree_leaves(each) if isinstance(leaf, Tensor)] for each in ((args, kwargs or {}), result)
        )
        devices = {tensor.device.type for tensor in given + made}
        if name in ("_to_copy", "copy_") and len(devices & {"cuda", "cpu"}) == 2:
            self.waits[name] += 1
        if func.namespace == "prim" or "cuda" not in devices:
            return result
        for tensor in made:
            self._hold(tensor)
        if not func.is_view and name not in FREE:
            self.launches += 1
            self.by_operation[name] += 1
            self.moved += sum(map(touched, given + made))
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


class _OfHostNumbers(TorchFunctionMode):
    """Tensors made of Python's numbers on a device, which are a copy too: fake tensors do not show it."""

    def __init__(self, count: Count) -> None:
        super().__init__()
        self._count = count

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ARG002
        kwargs = kwargs or {}
        device = kwargs.get("device")
        if func in (torch.tensor, torch.as_tensor) and not isinstance(args[0], Tensor) and device is not None:
            self._count.waits[func.__name__] += torch.device(device).type == "cuda"
        return func(*args, **kwargs)


@contextmanager
def counting() -> Iterator[Count]:
    """Counts what is done inside, with fake tensors."""
    count = Count()
    with FakeTensorMode(allow_non_fake_inputs=True), _OfHostNumbers(count), count:
        yield count


class Cost(NamedTuple):
    """What a part of a pipeline costs; bytes and peak as multiples of input + output."""

    launches: int
    moved: float
    peak: float
    waits: int


def batch(count: int, side: int) -> Tensor:
    """Images without numbers; inside of `counting`."""
    return torch.empty(count, 3, side, side, dtype=torch.uint8, device="cuda")


def two_views(side: int) -> Any:
    """The MoCo v2 list on two views of `JointCrop`."""
    return fuse(v2.Compose([JointCrop(side), PerView(v2.Compose(steps(width(side))))]))


def planning(fused: Any, count: int, side: int, *, addressed: bool) -> tuple[int, int]:
    """Launches and waits of a plan: the second one, since the first fills what is kept on the device."""
    for _ in range(2):
        with counting() as counted:
            images, index = batch(count, side), torch.empty(count, dtype=torch.int64, device="cuda")
            before, waits = counted.launches, counted.waits.total()
            fused.make_params(images, addresses=Addresses(0, 0, index) if addressed else None)
    return counted.launches - before, counted.waits.total() - waits


def work(fused: Any, count: int, side: int) -> Cost:
    """Of a batch, its plan given."""
    with counting() as counted:
        images = batch(count, side)
        plan = fused.make_params(images)
        before = counted.launches, counted.moved, counted.waits.total()
        counted.peak = counted.live
        views: Any = fused.transform(images, plan)
        both = images.nbytes + sum(view.nbytes for view in views)
        return Cost(
            counted.launches - before[0],
            (counted.moved - before[1]) / both,
            counted.peak / both,
            counted.waits.total() - before[2],
        )


def main() -> None:
    """Count, print, and write with ``--write``."""
    from interleaved import save

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="save to results/fake_cuda.json, and into speed.md")
    arguments = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}
    for count, side in SIZES:
        fused = two_views(side)
        plans = {
            name: planning(fused, count, side, addressed=name == "addresses") for name in ("generator", "addresses")
        }
        cost = work(fused, count, side)
        found[f"{count} x {side}"] = {
            **{f"planning by {name}": launches for name, (launches, _) in plans.items()},
            **{name: round(value, 1) for name, value in cost._asdict().items()},
            "waits": cost.waits + sum(waits for _, waits in plans.values()),
        }
    print(table(found))
    if arguments.write:
        save("fake_cuda", {"MoCo v2, two views": found})
        PAGE.write_text(with_table(PAGE.read_text(), table(found)))


def table(found: dict[str, dict[str, Any]]) -> str:
    """The counts as a page shows them."""
    names = ("planning by generator", "planning by addresses", "launches", "moved", "peak", "waits")
    heads = ("plan: generator", "plan: addresses", "work: launches", "bytes", "peak", "waits")
    lines = ["| B x side | " + " | ".join(heads) + " |", "|" + " --- |" * (len(heads) + 1)]
    lines += [f"| {size} | " + " | ".join(str(row[name]) for name in names) + " |" for size, row in found.items()]
    return "\n".join(lines)


def with_table(page: str, made: str) -> str:
    """The page with this table between its marks."""
    marks = "<!-- fake_cuda -->", "<!-- end of fake_cuda -->"
    changed: Callable[[re.Match[str]], str] = lambda _: f"{marks[0]}\n\n{made}\n\n{marks[1]}"
    return re.sub(f"{marks[0]}.*?{marks[1]}", changed, page, flags=re.DOTALL)


if __name__ == "__main__":
    main()
