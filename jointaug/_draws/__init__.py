"""What v2's transforms draw: for each, how wide its row is, and v2's parameters as a function of the row.

`jointaug.pipeline` runs v2's own kernels with them, image by image; `jointaug.rules` plans batches with them. So both
make the same views of an address.
"""

from . import _color, _crop, _noise, _nothing, _size, _warp  # noqa: F401 (they register what they hold)
from ._adapt import ToTensor, adapt, adapted
from ._augment import augmented, operations
from ._crop import two_sides
from ._numbers import of_image
from ._registry import DRAWS, Draw, Seen, draw_of, draws

__all__ = [
    "DRAWS",
    "Draw",
    "Seen",
    "ToTensor",
    "adapt",
    "adapted",
    "augmented",
    "draw_of",
    "draws",
    "of_image",
    "operations",
    "two_sides",
]
