"""One file a method; each reads like the algorithm box of its paper."""

from __future__ import annotations

from .byol import BYOL
from .method import Method
from .moco import MoCo
from .simclr import SimCLR
from .simsiam import SimSiam

METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR,
    "moco": MoCo,
    "byol": BYOL,
    "simsiam": SimSiam,
}
"""Every method by the name of the setting ``method``."""
