"""The second executor: a pipeline for whole batches (see `fuse`)."""

from ._module import Fused, fuse, leaves
from ._plan import Cut, Drawn, Draws, Plan, View
from ._rules import register

__all__ = ["Cut", "Drawn", "Draws", "Fused", "Plan", "View", "fuse", "leaves", "register"]
