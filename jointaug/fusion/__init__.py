"""The executor for whole batches: a pipeline planned as data, and run in few passes (see `fuse`)."""

from ..pipeline import leaves
from ._module import Fused, fuse
from ._plan import Plan

__all__ = ["Fused", "Plan", "fuse", "leaves"]
