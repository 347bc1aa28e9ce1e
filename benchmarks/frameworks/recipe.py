"""What the snippets have in common: a list of transforms, the class that runs one twice, and a training step."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torchvision.transforms import v2

from jointaug.rules import adapt


class Blur:
    """MoCo's: Pillow's blur, whose radius is sigma."""

    def __call__(self, image: Image.Image) -> Image.Image:
        """The blurred image."""
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))


@adapt(Blur)
def _blur(transform: Blur) -> v2.Transform:  # noqa: ARG001
    return v2.GaussianBlur(23, sigma=(0.1, 2.0))


tail = v2.Compose(
    [
        v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        v2.RandomGrayscale(p=0.2),
        v2.RandomApply([Blur()], p=0.5),
        v2.RandomHorizontalFlip(),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ]
)


class TwoCrops:
    """Two draws of one chain, as most scripts have it."""

    def __init__(self, transform: Callable[[Any], Any]) -> None:
        self.transform = transform

    def __call__(self, image: Any) -> list[Any]:
        """The two views."""
        return [self.transform(image), self.transform(image)]


def train(first: Tensor, second: Tensor) -> None:
    """Stand for the training step: the command that runs the snippets looks at the views here."""
