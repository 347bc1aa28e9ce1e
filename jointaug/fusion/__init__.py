"""The executor for whole batches: a pipeline planned as data, and run in few passes (see `fuse`)."""

from .._exports import claim as _claim
from ..pipeline import leaves
from ._fuse import Fused, fuse
from ._plan import Plan

__all__ = ["Fused", "Plan", "fuse", "leaves"]

_claim(__name__, globals())
