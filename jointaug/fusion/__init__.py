"""The second executor: a pipeline for whole batches (see `fuse`)."""

from ._module import Fused, children, fuse, leaves, views_made
from ._plan import Call, Cut, Drawn, Draws, Each, Plan, View
from ._rules import register

__all__ = [
    "Call",
    "Cut",
    "Drawn",
    "Draws",
    "Each",
    "Fused",
    "Plan",
    "View",
    "children",
    "fuse",
    "leaves",
    "register",
    "views_made",
]
