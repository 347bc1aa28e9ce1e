"""A kernel for tensors, on every kind of image that v2 knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import PIL.Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from ..views import is_bare


def on_pixels(inpt: Any, kernel: Callable[[Tensor], Tensor]) -> Any:
    """``kernel`` of an image's pixels, as an image of the same kind; masks, boxes and key points as they are.

    Args:
        inpt: a PIL image, a plain tensor, a tv_tensor.
        kernel: maps a tensor ``[..., C, H, W]`` to one of the same shape and dtype.
    """
    if isinstance(inpt, PIL.Image.Image):
        return F.to_pil_image(kernel(F.pil_to_tensor(inpt)), mode=inpt.mode)
    if isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)):
        return tv_tensors.wrap(kernel(inpt.as_subclass(Tensor)), like=inpt)
    return kernel(inpt) if is_bare(inpt) else inpt
