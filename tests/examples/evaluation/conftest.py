"""Images and networks that the tests of several protocols share."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from trainer.evaluation.encoder import Encoder
from trainer.evaluation.images import Images
from trainer.inputs.sources import Pixels


class Seen(nn.Module):
    """A network that hands on what it sees, so that features are the view itself."""

    width = 3 * 8 * 8

    def forward(self, x):
        return x.flatten(1)


@pytest.fixture
def seeing():
    """An encoder whose features are its 8 x 8 view."""
    return Encoder(Seen(), "what it sees", size=8, batch=7)


@pytest.fixture
def noise():
    """Thirty images of noise, 24 x 20, in three classes."""
    pixels = torch.randint(256, (30, 3, 24, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(30) % 3
    return Images(Pixels(pixels, labels), torch.arange(30), labels, ["one", "two", "three"])
