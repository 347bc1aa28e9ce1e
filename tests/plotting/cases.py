"""What was drawn, read back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import PIL.Image
import torch

from jointaug import JointCrop


def rendered(figure: Any) -> np.ndarray:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    return np.asarray(PIL.Image.open(buffer).convert("RGB"))


def shown(axes: Any) -> np.ndarray:
    (picture,) = axes.images
    return np.asarray(picture.get_array())


def a_pair(seed: int = 0, height: int = 40, width: int = 60) -> tuple[torch.Tensor, dict[str, Any], Any]:
    torch.manual_seed(seed)
    image, crop = torch.rand(3, height, width), JointCrop(16)
    params = crop.make_params([image])
    return image, params, crop.transform(image, params)
