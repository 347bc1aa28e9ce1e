"""A backbone that costs nothing, for tests of the machinery around it."""

from __future__ import annotations

from torch import Tensor, nn


class Plain(nn.Module):
    """A backbone without batch normalization: SyncBN has no CPU path."""

    width = 32

    def __init__(self, *_: str) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 16, 3, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        return self.feature_map(images).mean((2, 3))

    def feature_map(self, images: Tensor) -> Tensor:
        return self.layers(images)
