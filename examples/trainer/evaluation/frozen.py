"""A frozen encoder on labelled images: features that are computed once and shared, and the batches of a probe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from jointaug import Addresses

from .encoder import Encoder
from .images import Images
from .probe import Batches, steps
from .protocols import Protocol

Part = Literal["train", "test"]
View = Literal["center", "whole"]
CAPTIONS = {"train": "training images", "test": "test images"}


class Headed(nn.Module):
    """A network and linear layers on it: images ``[B, 3, h, w]`` -> logits of all of them ``[B, heads * classes]``."""

    def __init__(self, network: nn.Module, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.network, self.heads = network, nn.ModuleList(heads)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, a head after the other."""
        features = self.network(images).flatten(1)
        return torch.cat([head(features) for head in self.heads], 1)


@dataclass(frozen=True)
class Frozen:
    """An encoder, images to learn from and to test on, and the seed of their order and views."""

    encoder: Encoder
    train: Images
    test: Images
    seed: int = 0
    _found: dict[tuple[Part, View], Tensor] = field(default_factory=dict, init=False, repr=False)

    def features(self, part: Part, view: View) -> Tensor:
        """Of all images of a part ``[N, width]``, each one's center or the whole; computed once."""
        if (part, view) not in self._found:
            self._found[part, view] = self.encoder.features(
                self._images(part), self._shown(view), caption=CAPTIONS[part]
            )
        return self._found[part, view]

    def batches(self, rows: Tensor, batch: int, protocol: Protocol) -> Batches:
        """Features of these training images: of a test's views, computed once, or of random crops, by address."""
        if protocol.crop is None:
            return partial(self._remembered, rows, batch, self.features("train", protocol.test))
        crop = random_crop(self.encoder.size, protocol.crop)
        return partial(self._augmented, rows, batch, self.encoder.views(*crop, v2.RandomHorizontalFlip()))

    @torch.no_grad()
    def logits(self, heads: Sequence[nn.Module], part: Part, view: View, rows: Tensor | None = None) -> list[Tensor]:
        """Each head's ``[N, classes]``, of a part's images or of these rows of it.

        Features of several stages are not kept: of ImageNet's 50,000 test images they are 9 gigabytes.
        """
        chosen = slice(None) if rows is None else rows
        if len(self.encoder.widths) == 1:
            features = self.features(part, view)[chosen]
            return [head(features) for head in heads]
        headed = replace(self.encoder, network=Headed(self.encoder.network, heads))
        images = self._images(part)
        images = images if rows is None else images.subset(rows)
        found = headed.features(images, self._shown(view), caption=CAPTIONS[part])
        return list(found.chunk(len(heads), 1))

    def _images(self, part: Part) -> Images:
        return self.train if part == "train" else self.test

    def _shown(self, view: View) -> nn.Module:
        return self.encoder.center() if view == "center" else self.encoder.whole()

    def _remembered(self, rows: Tensor, batch: int, features: Tensor, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        labels = self.train.labels.to(self.encoder.device)
        for step in steps(len(rows), batch, self.seed, epoch):
            yield features[rows[step]], labels[rows[step]]

    def _augmented(self, rows: Tensor, batch: int, views: nn.Module, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        labels = self.train.labels.to(self.encoder.device)
        parts = (rows[step] for step in steps(len(rows), batch, self.seed, epoch))
        for part, pixels in self.train.batches(parts, self.encoder.threads):
            yield self.encoder.embed(pixels, views, Addresses(self.seed, epoch, part)), labels[part]


def random_crop(size: int, crop: tuple[float, float] | str) -> list[nn.Module]:
    """What makes a training image a random crop: of these areas, or of the ``"middle"`` (`Protocol.crop`)."""
    if isinstance(crop, tuple):
        return [v2.RandomResizedCrop(size, scale=crop)]
    middle = round(size * 256 / 224)
    return [v2.Resize(middle), v2.CenterCrop(middle), v2.RandomCrop(size)]
