"""Joint, paired and multi-view augmentation for contrastive learning, on top of ``torchvision.transforms.v2``."""

from typing import TYPE_CHECKING

from . import distributions, functional, fusion, loading, rules, transforms
from .about import __version__ as __version__
from .about import show_config
from .chance import Address, Addresses
from .fusion import Record, fuse, views_at
from .loading import AddressedDataset, AddressedSampler, AddressedStream
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

if TYPE_CHECKING:
    from . import difficulty, image_files, losses, neighbors, plotting, testing
else:

    def __getattr__(name):  # noqa: ANN001, ANN202
        """A package of this one, imported when it is asked for: none of these is needed to make views."""
        from importlib import import_module

        if name in {"difficulty", "image_files", "losses", "neighbors", "plotting", "testing"}:
            return import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Address",
    "AddressedDataset",
    "AddressedSampler",
    "AddressedStream",
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
    "Record",
    "Shared",
    "UncroppedView",
    "Views",
    "crop_box_from_heatmap",
    "difficulty",
    "distributions",
    "functional",
    "fuse",
    "fusion",
    "image_files",
    "loading",
    "losses",
    "neighbors",
    "plotting",
    "rules",
    "show_config",
    "testing",
    "transforms",
    "views_at",
]
