"""The executor for whole batches: a pipeline planned as data, and run in few passes (see `fuse`)."""

from .._exports import claim as _claim
from ..pipeline import leaves
from ._at import views_at
from ._fuse import Fused, fuse
from ._overlap import Grid, Overlap
from ._plan import Plan
from ._record import Record, RecordedStep

__all__ = ["Fused", "Grid", "Overlap", "Plan", "Record", "RecordedStep", "fuse", "leaves", "views_at"]

_claim(__name__, globals())
