"""How each transform is planned for a batch: a registry of rules, and those of v2's transforms and ours.

Every rule draws a fixed number of uniforms, whatever they turn out to be, and follows the law of the transform's own
``make_params``, retries and fallbacks included.
"""

from .._draws import adapt
from .._exports import claim as _claim
from . import _augment, _color, _geometry, _kind, _ours  # noqa: F401 (they register their rules)
from ._done import ROWS, Kept, done
from ._map import STILL, Map
from ._places import maps_of
from ._registry import RULES as RULES  # the table itself, for tests
from ._registry import Rule, is_planned, register, rule_of
from ._view import Call, Cut, Drawn, Draws, Each, Known, Rows, Side, View
from ._without import by_image, by_view

__all__ = [
    "ROWS",
    "STILL",
    "Call",
    "Cut",
    "Drawn",
    "Draws",
    "Each",
    "Kept",
    "Known",
    "Map",
    "Rows",
    "Rule",
    "Side",
    "View",
    "adapt",
    "by_image",
    "by_view",
    "done",
    "is_planned",
    "maps_of",
    "register",
    "rule_of",
]

_claim(__name__, globals())
