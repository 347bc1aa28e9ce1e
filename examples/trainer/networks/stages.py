"""The stages of a residual network: their maps, pooled to about as many numbers each, as probes and SVMs take them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Pooling(NamedTuple):
    """How a stage's map is averaged: to ``grid x grid``, by these windows where the map's side is as published."""

    grid: int
    side: int
    window: int
    stride: int
    padding: int


POOLINGS = (
    Pooling(12, 112, 10, 10, 4),
    Pooling(6, 56, 16, 8, 0),
    Pooling(4, 28, 13, 5, 0),
    Pooling(3, 14, 8, 3, 0),
    Pooling(2, 7, 6, 1, 0),
)
"""Of a ResNet's stem and its four stages at 224 px, in the code of InterCLR and of the VOC07 benchmark."""


class Stages(nn.Module):
    """A residual network's maps after its stem and each of its stages, pooled and side by side.

    ResNet-50 has 9216, 9216, 8192, 9216 and 8192 numbers at 224 px. There the windows are the published ones; those of
    the first reach over its edge, where zeros count. Other maps are cut into a grid as even as can be
    (`torch.nn.AdaptiveAvgPool2d`), no finer than they are; a network with fewer stages takes the last of `POOLINGS`.

    Shape: images ``[B, 3, h, w]`` -> ``[B, width]``.

    Args:
        backbone: a `trainer.networks.Backbone`: a ResNet of torchvision's or timm's, or `ResNet8`.
        side: of the images, in pixels; widths depend on it.
        chosen: which stages, from 1; None: all of them.

    Attributes:
        numbers: of the stages, in ascending order.
        widths: of each.
        width: of all.

    Raises:
        ValueError: for a network that has no stages, or not these.
    """

    def __init__(self, backbone: nn.Module, side: int, chosen: Sequence[int] | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        layers = _layers(backbone)
        self.numbers = tuple(sorted(set(chosen or range(1, len(layers) + 1))))
        if not 1 <= self.numbers[0] <= self.numbers[-1] <= len(layers):
            raise ValueError(
                f"stages must be numbers from 1 to {len(layers)} of this network, got "
                f"{', '.join(map(str, self.numbers))}; {len(layers)} is the last"
            )
        poolings = POOLINGS[-len(layers) :]
        self._pooled = {number: (layers[number - 1], poolings[number - 1]) for number in self.numbers}
        self.widths = self._measured(side)
        self.width = sum(self.widths)

    def forward(self, images: Tensor) -> Tensor:
        """The pooled maps of the chosen stages, each flattened, ``[B, width]``."""
        return torch.cat(self._stages(images), 1)

    def _stages(self, images: Tensor) -> list[Tensor]:
        found: dict[int, Tensor] = {}

        def keep(number: int, pooling: Pooling, *called: Any) -> None:
            found[number] = pooled(called[-1], pooling)

        handles = [
            layer.register_forward_hook(partial(keep, number, pooling))
            for number, (layer, pooling) in self._pooled.items()
        ]
        try:
            self.backbone(images)
        finally:
            for handle in handles:
                handle.remove()
        return [found[number] for number in self.numbers]

    @torch.no_grad()
    def _measured(self, side: int) -> tuple[int, ...]:
        training = self.backbone.training
        self.backbone.eval()
        images = next(self.backbone.parameters()).new_zeros(1, 3, side, side)
        widths = tuple(stage.shape[1] for stage in self._stages(images))
        self.backbone.train(training)
        return widths


def pooled(maps: Tensor, pooling: Pooling) -> Tensor:
    """Maps ``[B, C, h, w]``, averaged over windows or over a grid, and flattened."""
    if maps.shape[-2:] == (pooling.side, pooling.side):
        return F.avg_pool2d(maps, pooling.window, pooling.stride, pooling.padding).flatten(1)
    height, width = maps.shape[-2:]
    return F.adaptive_avg_pool2d(maps, (min(pooling.grid, height), min(pooling.grid, width))).flatten(1)


def _layers(backbone: nn.Module) -> list[nn.Module]:
    """What ends the stem, and the stages."""
    network = getattr(backbone, "network", backbone)
    stem = next(
        (layer for name in ("relu", "act1") if isinstance(layer := getattr(network, name, None), nn.Module)), None
    )
    stages = [getattr(network, f"layer{k}", None) for k in range(1, len(POOLINGS))]
    found = [stage for stage in stages if isinstance(stage, nn.Module)]
    if stem is None or not found:
        raise ValueError(
            f"a network must have a stem and stages (layer1, layer2, ...) for features of its stages, got a "
            f"{type(network).__name__}; take a ResNet, or a protocol without stages, such as linear:moco"
        )
    return [stem, *found]
