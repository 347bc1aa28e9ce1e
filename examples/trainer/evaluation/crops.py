"""One classifier on center crops and on random crops of the test images (LeOCLR, arXiv:2403.06813, sec. 4).

The paper does not say which areas a random crop has, so there are three kinds, each drawn several times an image. The
center crop is the paper's, bicubic: not quite the one by which a linear probe is tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torchvision.transforms import v2

from .encoder import Encoder
from .images import Images
from .metrics import CENTER, CROP
from .probe import accuracy

DRAWS = 3  # of each random crop


def crops(size: int) -> dict[str, list[Callable[..., Any]]]:
    """The steps of each test: resized to 256 for 224 pixels, in proportion for other sizes."""
    resize = round(size * 256 / 224)
    square = v2.Resize((resize, resize))
    return {
        CENTER: [v2.Resize(resize, v2.InterpolationMode.BICUBIC), v2.CenterCrop(size)],
        CROP: [square, v2.RandomResizedCrop(size, scale=(0.2, 1.0))],
        "RandomResizedCrop(0.08, 1)": [square, v2.RandomResizedCrop(size, scale=(0.08, 1.0))],
        "RandomCrop": [square, v2.RandomCrop(size)],
    }


@torch.no_grad()
def crop_accuracies(encoder: Encoder, head: nn.Module, test: Images, *, seed: int = 0) -> dict[str, list[float]]:
    """Percent right for each crop: one number for the center, one for each of `DRAWS` draws for the others."""
    labels = test.labels.to(encoder.device)
    found = {}
    for name, steps in crops(encoder.size).items():
        center = name == CENTER
        views = encoder.views(*steps)
        found[name] = [
            accuracy(head(encoder.features(test, views, seed=seed, draw=draw, caption=name)), labels)
            for draw in range(1 if center else DRAWS)
        ]
    return found
