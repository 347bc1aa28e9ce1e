"""What v2's transforms draw: for each, how wide its row is, and v2's parameters as a function of the row.

`jointaug.pipeline` runs v2's own kernels with them, image by image; `jointaug.rules` plans batches with them. So both
make the same views of an address.
"""

from . import _color, _crop, _noise, _nothing, _size, _warp  # noqa: F401 (they register what they hold)
from ._adapt import ToTensor, adapt, adapted
from ._augment import GOES_ALONG, augmented, magnitude_of, operations
from ._crop import two_sides
from ._noise import any_draw_of
from ._nothing import SANITIZERS
from ._numbers import any_order, filled, floored, of_image
from ._registry import DRAWS, Draw, Seen, draw_of, draws
from ._seed import generator_kept, seed_of

__all__ = [
    "DRAWS",
    "GOES_ALONG",
    "SANITIZERS",
    "Draw",
    "Seen",
    "ToTensor",
    "adapt",
    "adapted",
    "any_draw_of",
    "any_order",
    "augmented",
    "draw_of",
    "draws",
    "filled",
    "floored",
    "generator_kept",
    "magnitude_of",
    "of_image",
    "operations",
    "seed_of",
    "two_sides",
]
