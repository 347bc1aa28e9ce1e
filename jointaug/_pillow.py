"""A PIL image's pixels as a tensor: where Pillow keeps them, if it can show that."""

from __future__ import annotations

import ctypes

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F


class _Array(ctypes.Structure):
    """``ArrowArray`` of Arrow's C data interface, in which Pillow shows its memory from 11.2 on."""


_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
]

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)


def pixels_of_pil(image: PIL.Image.Image) -> Tensor:
    """The pixels ``[C, H, W]`` of an image, which must not be written to: they may lie in the image's own memory."""
    shown = _shown(image) if image.mode == "RGB" else None
    return F.pil_to_tensor(image) if shown is None else shown


def _shown(image: PIL.Image.Image) -> Tensor | None:
    """The three colors of each pixel, in four bytes; None where Pillow does not show them."""
    try:
        _, capsule = image.__arrow_c_array__()
    except (AttributeError, ValueError):  # an older Pillow; or an image so large that it lies in several blocks
        return None
    pixels = _Array.from_address(_pointer(capsule, b"arrow_array"))
    width, height = image.size
    if pixels.n_children != 1 or pixels.length != width * height:
        return None
    values = pixels.children[0].contents
    if values.n_buffers != 2 or values.length != 4 * width * height or pixels.offset or values.offset:
        return None
    memory = (ctypes.c_uint8 * values.length).from_address(values.buffers[1])
    memory.owner = capsule  # as long as the tensor lives, the memory does
    colors = torch.from_numpy(np.frombuffer(memory, np.uint8)).view(height, width, 4)[..., :3]
    return colors.permute(2, 0, 1)
