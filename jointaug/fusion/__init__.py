"""The second executor: a pipeline for whole batches (see `fuse`)."""

from .module import Fused, fuse, leaves
from .plan import Cut, Drawn, Draws, Plan, View
from .rules import register

__all__ = ["Cut", "Drawn", "Draws", "Fused", "Plan", "View", "fuse", "leaves", "register"]
