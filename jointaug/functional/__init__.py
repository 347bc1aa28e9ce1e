"""Kernels: pure functions of images ``[..., C, H, W]`` and per-sample parameters, without chance, on any device."""

from .._exports import claim as _claim
from .._native._library import backend
from ._blur import gaussian_blur
from ._chain import Step, crop_and_finish, finish
from ._color import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    color_jitter,
    invert,
    normalize,
    posterize,
    rgb_to_grayscale,
    solarize,
)
from ._crop import INTERPOLATIONS, resized_crop
from ._flip import horizontal_flip, vertical_flip
from ._mix import cutmix, cutmix_boxes
from ._one import views_of_one
from ._table import own_parameters

__all__ = [
    "INTERPOLATIONS",
    "Step",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "backend",
    "color_jitter",
    "crop_and_finish",
    "cutmix",
    "cutmix_boxes",
    "finish",
    "gaussian_blur",
    "horizontal_flip",
    "invert",
    "normalize",
    "own_parameters",
    "posterize",
    "resized_crop",
    "rgb_to_grayscale",
    "solarize",
    "vertical_flip",
    "views_of_one",
]

_claim(__name__, globals())
