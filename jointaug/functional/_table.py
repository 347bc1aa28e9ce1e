"""The table of kernels: a row for each, of its number in C, the check of its parameters, and its form in torch.

A kernel is a public function with its row above it, which is all that chains, native code and the torch path know of
it. Adding one takes this, a case of the switch in csrc, and a test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from torch import Tensor

from ._batch import Target, as_images, as_mask
from ._op import Op
from ._program import run

Function = TypeVar("Function", bound=Callable[..., Tensor])


Checked: TypeAlias = "tuple[Sequence[Tensor | float], dict[str, Any] | None]"
"""Parameters of a step: what may differ between images, as columns of an `Op`, and keywords of the torch form."""


class Kernel(NamedTuple):
    """A row of the table.

    Attributes:
        kind: its number in csrc/jointaug.h, where it is named as ``form`` is.
        check: ``(target, *parameters) -> Checked``; raises where the public function shall.
        form: the step in torch, ``(x [n, C, H, W], values [n, P], grid, **options) -> [n, C, H, W]``, on floats, with
            the columns side by side as ``values``.
        own: how many of its parameters, the first ones, may differ between images.
    """

    kind: int
    check: Callable[..., Checked]
    form: Callable[..., Tensor]
    own: int = 0


def nothing(target: Target) -> Checked:  # noqa: ARG001 (every check is given it)
    """The check of a kernel without parameters."""
    return (), None


KERNELS: Final[dict[Callable[..., Tensor], Kernel]] = {}
"""The rows, by the public function."""


def kernel(
    kind: int, check: Callable[..., Checked], form: Callable[..., Tensor], own: int = 0
) -> Callable[[Function], Function]:
    """The row of the function below it (see `Kernel`)."""

    def enter(function: Function) -> Function:
        KERNELS[function] = Kernel(kind, check, form, own)
        return function

    return enter


def own_parameters(function: Callable[..., Tensor]) -> int:
    """How many of a kernel's parameters, the first ones, may differ between images."""
    return KERNELS[function].own


def checked_op(function: Callable[..., Tensor], target: Target, *parameters: Any, where: Any = None) -> Op:
    """A kernel with its parameters, for images as ``target`` says."""
    row = KERNELS[function]
    columns, options = row.check(target, *parameters)
    mask = None if where is None else as_mask("where", where, target)
    return Op(row.kind, row.form, columns, mask, options)


def on_images(
    function: Callable[..., Tensor], images: Any, *parameters: Any, where: Any = None, levels: bool = True
) -> Tensor:
    """A kernel alone, on images ``[..., C, H, W]`` of any kind: checked, and dtype kept."""
    images = as_images(images)
    op = checked_op(function, Target.of(images), *parameters, where=where)
    flat = images.reshape(-1, *images.shape[-3:])
    return run(flat, None, [op], images.dtype, levels=levels).view(images.shape)
