"""The spread of embeddings against its closed form; whole data sets embedded in order."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from trainer.evaluation.rank import effective_rank
from trainer.inputs.settings import Settings
from trainer.inputs.sources import Pixels
from trainer.training import monitor
from trainer.training.distributed import Processes
from trainer.training.monitor import Embedder, Monitor, Spread


def test_the_spread_is_that_of_the_mean_cosine():
    """sqrt(1 - c): a common part of a share a in every direction gives c = a ** 2, for many dimensions."""
    layer = nn.Identity()
    spread = Spread(layer)
    generator = torch.Generator().manual_seed(0)
    noise = nn.functional.normalize(torch.randn(2000, 5000, generator=generator), dim=1)
    common = torch.zeros(5000)
    common[0] = 1.0
    for share in (0.0, 0.6, 0.99):
        layer(share * common + (1 - share**2) ** 0.5 * noise)
        assert spread() == pytest.approx((1 - share**2) ** 0.5, abs=0.01)
    layer(torch.ones(4, 8))
    assert spread() == pytest.approx(0.0, abs=1e-6)


class Mean(nn.Module):
    """Each image's mean color; dropout tells the modes apart."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.9)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.dropout(images.mean((2, 3)))


def test_a_data_set_is_embedded_in_order_uncropped_in_eval_mode():
    images = torch.randint(0, 256, (11, 3, 32, 32), dtype=torch.uint8)
    settings = Settings(size=32, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    network = Mean().train()
    embedded = Embedder(settings, Processes(), batch=4)(network, Pixels(images, None))
    torch.testing.assert_close(embedded, images.float().mean((2, 3)) / 255)
    assert network.training


def test_the_monitor_knows_colors_apart():
    """Red, green and blue images with noise: three classes that their mean tells apart, and labels that do not."""
    labels = torch.arange(30) % 3
    images = torch.randint(0, 50, (30, 3, 32, 32), dtype=torch.uint8)
    images[torch.arange(30), labels] += 200
    source = Pixels(images, labels)
    embed = Embedder(Settings(size=32, knn_k=200), Processes())
    worth = Monitor(Settings(size=32), embed, source, source)(Mean())
    assert (worth.knn, worth.ridge) == (1.0, 1.0)
    assert worth.rank == pytest.approx(effective_rank(embed(Mean(), source)))
    wrong = Pixels(images, (labels + 1) % 3)
    worth = Monitor(Settings(size=32), embed, source, wrong)(Mean())
    assert (worth.knn, worth.ridge) == (0.0, 0.0)


def test_the_probe_sees_what_neighbors_do_not():
    """Green tells the classes by two levels; red and blue, by up to two hundred, say nothing of them."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(50, 250, (200, 3, 1, 1), generator=generator, dtype=torch.uint8).repeat(1, 1, 8, 8)
    labels = torch.arange(200) % 2
    images[:, 1] = (100 + 2 * labels)[:, None, None]
    bank, test = Pixels(images[:100], labels[:100]), Pixels(images[100:], labels[100:])
    settings = Settings(size=8, knn_k=20, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    worth = Monitor(settings, Embedder(settings, Processes()), bank, test)(Mean())
    assert worth.ridge == 1.0
    assert worth.knn < 0.8


def test_the_monitors_neighbors_and_temperature_are_the_runs(monkeypatch):
    """As many as are asked for, but at most half the smallest class."""
    asked = []
    monkeypatch.setattr(monitor, "weighted", lambda *arguments: asked.append(arguments[3:]) or arguments[1])
    source = Pixels(torch.zeros(30, 3, 8, 8, dtype=torch.uint8), torch.arange(30) % 3)
    for settings in (Settings(size=8, knn_k=4, knn_tau=0.07), Settings(size=8)):
        Monitor(settings, Embedder(settings, Processes()), source, source)(Mean())
    assert asked == [(4, 0.07), (5, 0.1)]
