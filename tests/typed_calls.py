"""What type checkers know of the public names: `make types` reads this file, nothing runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torchvision.transforms import v2
from typing_extensions import assert_type

import jointaug
from jointaug import Address, JointCrop, MultiView, PerView, Record, Views, fuse, views_at
from jointaug.fusion import Fused
from jointaug.rules import View


class Dim(v2.Transform):
    """Darker."""


@fuse.register(Dim)
def dim(transform: Dim, view: View, draws: Any) -> View:
    """A rule keeps its own type."""
    return view


assert_type(fuse(JointCrop(8)), Fused)
rule: Callable[[Dim, View, Any], View] = dim
fuse.register(Dim, width="1")  # type: ignore[arg-type]  # if this line is no error, register is not known
fuse.registers  # type: ignore[attr-defined]  # noqa: B018
assert_type(jointaug.__version__, str)

image = torch.rand(3, 8, 8)
assert_type(JointCrop(8)(image), Views)
assert_type(MultiView(JointCrop(8))(image), Views)
assert_type(PerView(v2.RandomHorizontalFlip())(JointCrop(8)(image)), Views)
JointCrop(8)(image, 3)[0][1]  # two arguments: a tuple, of which is known what was given
fuse(JointCrop(8))(image, recod=True)  # type: ignore[call-overload]
assert_type(fuse(JointCrop(8))(image, record=True), tuple[Any, Record])
assert_type(fuse(JointCrop(8)).collate([image], record=True), tuple[Any, Record])
assert_type(views_at(JointCrop(8), Address(0, 0, 0), image, record=True), tuple[Any, Record])
