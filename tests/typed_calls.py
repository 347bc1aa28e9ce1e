"""What type checkers know of the public names: `make types` reads this file, nothing runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchvision.transforms import v2
from typing_extensions import assert_type

import jointaug
from jointaug import JointCrop, fuse
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
