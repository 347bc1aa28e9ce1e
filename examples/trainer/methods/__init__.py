"""One file a method; each reads like the algorithm box of its paper."""

from __future__ import annotations

from .byol import BYOL
from .clim import CLIM
from .dino import DINO
from .infomin import InfoMin
from .interclr import InterCLR
from .leoclr import LeOCLR
from .method import Method
from .moco import MoCo
from .mocov3 import MoCoV3
from .npid import NPID
from .simclr import SimCLR
from .simsiam import SimSiam
from .vicreg import VICReg
from .wmse import WMSE

METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR,
    "moco": MoCo,
    "infomin": InfoMin,
    "mocov3": MoCoV3,
    "byol": BYOL,
    "simsiam": SimSiam,
    "dino": DINO,
    "vicreg": VICReg,
    "wmse": WMSE,
    "npid": NPID,
    "leoclr": LeOCLR,
    "interclr": InterCLR,
    "clim": CLIM,
}
"""Every method by the name of the setting ``method``."""
