"""Kernels: pure functions of images ``[..., C, H, W]`` and per-sample parameters, without chance, on any device."""

from jointaug.functional.blur import gaussian_blur
from jointaug.functional.color import (
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
from jointaug.functional.crop import horizontal_flip, resized_crop, vertical_flip
from jointaug.functional.fused import Step, crop_and_finish, finish
from jointaug.functional.mix import cutmix, cutmix_boxes

__all__ = [
    "Step",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "color_jitter",
    "crop_and_finish",
    "cutmix",
    "cutmix_boxes",
    "finish",
    "gaussian_blur",
    "horizontal_flip",
    "invert",
    "normalize",
    "posterize",
    "resized_crop",
    "rgb_to_grayscale",
    "solarize",
    "vertical_flip",
]
