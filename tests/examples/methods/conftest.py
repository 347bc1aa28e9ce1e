"""What the tests of the methods share: a few rendered images, and batches of their views."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms import v2
from trainer.inputs.rendered import RenderedToys
from trainer.methods import METHODS
from trainer.methods.batch import Batch
from trainer.methods.method import Method
from trainer.networks import Backbone

from jointaug import Addresses, MultiView, PerView, fuse

IMAGES, BATCH = 48, 8
HEAD: dict[str, Any] = {"dim": 8, "hidden": 16}
QUEUE: dict[str, Any] = {**HEAD, "K": 16, "m": 0.25}
BANK: dict[str, Any] = {"images": 48, "clusters": 4, "min_cluster": 2, "K_inter": 4, "pool": 0.5, "dim": 8}
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "simclr": ("simclr", HEAD),
    "moco": ("moco", QUEUE),
    "moco, symmetric": ("moco", {**QUEUE, "symmetric": True}),
    "infomin": ("infomin", {**QUEUE, "patch": 5}),
    "mocov3": ("mocov3", {**HEAD, "m": 0.25}),
    "byol": ("byol", {**HEAD, "m": 0.25}),
    "simsiam": ("simsiam", {**HEAD, "bottleneck": 4}),
    "dino": ("dino", {"outputs": 16, "hidden": 16, "bottleneck": 8, "m": 0.25, "freeze": 0}),
    "vicreg": ("vicreg", HEAD),
    "wmse": ("wmse", {"dim": 2, "hidden": 16, "w_size": 4, "w_iter": 2}),
    "wmse, more than 2 views": ("wmse", {"dim": 2, "hidden": 16, "w_size": 4, "m": 3}),
    "npid": ("npid", {"images": 48, "dim": 8, "K": 16}),
    "leoclr": ("leoclr", QUEUE),
    "leoclr, all": ("leoclr", {**QUEUE, "attract": "all", "enqueue": "both"}),
    "leoclr, end to end": ("leoclr", {**HEAD, "framework": "simclr"}),
    "interclr on npid": ("interclr", {**BANK, "on": "npid", "K": 16, "hidden": 16}),
    "interclr on moco": ("interclr", {**BANK, "on": "moco", "K": 16, "hidden": 16, "m": 0.25}),
    "interclr on byol": ("interclr", {**BANK, "on": "byol", "hidden": 16, "m": 0.25}),
    "clim": ("clim", {**QUEUE, "images": 48, "clusters": 4, "k": 10, "n_pos": 5, "warmup_epochs": 0}),
}
PLAIN = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.25] * 3)])
COLOR = v2.Compose([v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8), v2.RandomGrayscale(0.2)])
REST = v2.Compose([v2.RandomHorizontalFlip(), COLOR, PLAIN])


@pytest.fixture(scope="session")
def toys() -> Tensor:
    """uint8 ``[48, 3, 32, 32]``."""
    return torch.from_numpy(RenderedToys(IMAGES, size=32, processes=1).images).permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope="session")
def make_batch(toys: Tensor) -> Callable[..., Batch]:
    """``make_batch(view_maker, ...)``: the first images' views, and views of the images after them as partners."""

    @cache
    def views_of(maker: Any, epoch: int, first: int, count: int) -> list[Tensor]:
        rows = torch.arange(first, first + count)
        pipeline = fuse(v2.Compose([maker, PerView(REST)]))
        return list(pipeline(toys[rows], addresses=Addresses(0, epoch, rows)))

    @cache
    def crops(views: int) -> MultiView:
        return MultiView(*[v2.RandomResizedCrop(32, (0.2, 1.0))] * views)

    def make(
        maker: Any = None, *, count: int = BATCH, views: int = 2, epoch: int = 0, step: int = 0, **fields: Any
    ) -> Batch:
        maker = crops(views) if maker is None else maker
        own, other = ([x.clone() for x in views_of(maker, epoch, first, count)] for first in (0, BATCH))
        return Batch(own, torch.arange(count), 0, epoch, step, 100, partners=other, **fields)

    return make


@pytest.fixture(scope="session")
def embed(toys: Tensor) -> Callable[[nn.Module], Tensor]:
    """What the trainer passes to `before_epoch`."""

    @torch.no_grad()
    def of(network: nn.Module) -> Tensor:
        training = network.training
        found: Tensor = network.eval()(PLAIN(toys))
        network.train(training)
        return found

    return of


@pytest.fixture(scope="session")
def resnet() -> Callable[[], Backbone]:
    """Makes the same ResNet-18 again and again: drawing its 11 million weights takes longer than a step."""
    torch.manual_seed(0)
    first = Backbone("resnet18").state_dict()

    def make() -> Backbone:
        with torch.device("meta"):
            net = Backbone("resnet18")
        net.load_state_dict({key: value.clone() for key, value in first.items()}, assign=True)
        return net

    return make


class Tiny(nn.Module):
    """A backbone of 300 parameters, with batch normalization; deterministic to the last bit."""

    width = 8

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 4, 4), nn.BatchNorm2d(8)

    def forward(self, images: Tensor) -> Tensor:
        """``[B, 8]``."""
        return self.norm(self.conv(images)).relu().mean((2, 3))


@pytest.fixture(scope="session")
def settings_of() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every method and variant: its key in METHODS, and small settings."""
    return TINY


@pytest.fixture
def build(embed: Callable[[nn.Module], Tensor]) -> Callable[..., Method]:
    """``build(name)``: the method of that line of `TINY` on a tiny network, ready for its first epoch."""

    def make(name: str, **changes: Any) -> Method:
        torch.manual_seed(1)
        key, settings = TINY[name]
        method = METHODS[key](Tiny, **{**settings, **changes})  # type: ignore[arg-type, call-arg]
        method.before_epoch(0, embed)
        return method

    return make


@pytest.fixture(autouse=True)
def one_thread_and_seed(one_thread: None) -> Iterator[None]:
    """Every test starts from the same generator and leaves torch's as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
