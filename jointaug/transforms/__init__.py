"""Joint transforms of two views, and the view makers that go with them."""

from .._exports import claim as _claim
from ._blur import JointBlur
from ._color import JointColor
from ._contrastive import ContrastiveCrop, CropBox, crop_box_from_heatmap
from ._crop import JointCrop, UncroppedView
from ._joint import JointTransform
from ._resolution import MultiResolution

__all__ = [
    "ContrastiveCrop",
    "CropBox",
    "JointBlur",
    "JointColor",
    "JointCrop",
    "JointTransform",
    "MultiResolution",
    "UncroppedView",
    "crop_box_from_heatmap",
]

_claim(__name__, globals())
