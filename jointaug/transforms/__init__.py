"""Joint transforms of two views, and the view makers that go with them."""

from .blur import JointBlur
from .color import JointColor
from .crop import ContrastiveCrop, CropBox, JointCrop, UncroppedView, crop_box_from_heatmap
from .joint import JointTransform
from .resolution import MultiResolution

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
