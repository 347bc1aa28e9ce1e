"""Joint, paired and multi-view augmentation for contrastive learning, on top of ``torchvision.transforms.v2``."""

from . import distributions, functional
from .chance import Address, Addresses, views_at
from .dataset import AddressedDataset
from .fusion import fuse
from .transforms import (
    ContrastiveCrop,
    CropBox,
    JointBlur,
    JointColor,
    JointCrop,
    JointTransform,
    MultiResolution,
    UncroppedView,
    crop_box_from_heatmap,
)
from .views import MultiView, PerView, Shared, Views

__all__ = [
    "Address",
    "AddressedDataset",
    "Addresses",
    "ContrastiveCrop",
    "CropBox",
    "JointBlur",
    "JointColor",
    "JointCrop",
    "JointTransform",
    "MultiResolution",
    "MultiView",
    "PerView",
    "Shared",
    "UncroppedView",
    "Views",
    "crop_box_from_heatmap",
    "distributions",
    "functional",
    "fuse",
    "views_at",
]
