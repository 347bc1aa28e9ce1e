"""A frozen encoder, from a run or a state dict, or as its architecture is initialized; and its features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from jointaug import Addresses, fuse

from ..inputs.settings import Settings
from ..inputs.views import plain_view
from ..networks import Backbone, Stages, check_input, digest_of, load_weights, read_weights
from ..record.progress import tqdm
from ..record.settings import read_settings
from .images import Images


@dataclass(frozen=True)
class Encoder:
    """A network that is not trained, in eval mode, and how it wants its images.

    Attributes:
        network: ``[B, 3, size, size]`` to ``[B, width]``, with the attribute ``width``.
        origin: which architecture, and where its weights are from.
        size: side of a view, in pixels.
        mean: of the channels, on [0, 1].
        std: of the channels.
        device: where it computes, as torch names it.
        k: neighbors that its run's monitor asked.
        batch: images that pass through it at a time.
        threads: that decode images.
    """

    network: nn.Module
    origin: str
    size: int = 224
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    k: int = Settings.knn_k
    device: str = "cpu"
    batch: int = 256
    threads: int = 2

    def __post_init__(self) -> None:
        self.network.eval().requires_grad_(False).to(self.device)

    @property
    def width(self) -> int:
        """Of the features."""
        return int(self.network.width)  # type: ignore[arg-type]

    @property
    def widths(self) -> tuple[int, ...]:
        """Of each stage's features, where they are of stages; else the width alone."""
        return tuple(getattr(self.network, "widths", (self.width,)))

    @property
    def stages(self) -> tuple[int, ...]:
        """Numbers of the stages that features are of, from 1; none where they are the network's own."""
        return tuple(getattr(self.network, "numbers", ()))

    @property
    def digest(self) -> str:
        """Of the weights: tells one encoder from another."""
        return digest_of(self.network.state_dict())

    def of_stages(self, chosen: Sequence[int] | None = None) -> Encoder:
        """The pooled maps of these stages as features, as `trainer.networks.Stages` has them; None: of all stages.

        Raises:
            ValueError: if the network has no such stages.
        """
        return replace(self, network=Stages(self.network, self.size, chosen))

    def views(self, *steps: Callable[..., Any]) -> nn.Module:
        """The steps and the encoder's normalization, fused: a batch of uint8 in, float32 out."""
        last = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(self.mean), list(self.std))]
        return fuse(v2.Compose([*steps, *last]))

    def center(self) -> nn.Module:
        """The view of a test, as the trainer's monitor has it."""
        return fuse(plain_view(replace(Settings(), size=self.size, mean=self.mean, std=self.std)))

    def whole(self) -> nn.Module:
        """The whole image, resized, its aspect ratio not kept."""
        return self.views(v2.Resize([self.size, self.size]))

    @torch.no_grad()
    def shown(self, pixels: list[Tensor], views: nn.Module, addresses: Addresses) -> Tensor:
        """Uint8 images of any sizes, as ``views`` shows them at these addresses: ``[B, 3, size, size]``."""
        batch: Any = pixels
        if len({image.shape for image in pixels}) == 1:
            batch, addresses = torch.stack(pixels).to(self.device), addresses.to(self.device)
        seen: Tensor = views(batch, addresses=addresses)
        return seen.to(self.device)

    @torch.no_grad()
    def embed(self, pixels: list[Tensor], views: nn.Module, addresses: Addresses) -> Tensor:
        """Features ``[B, width]`` of uint8 images of any sizes, as ``views`` shows them at these addresses.

        Raises:
            ValueError: for features that are not finite.
        """
        seen = self.shown(pixels, views, addresses)
        parts = (seen[i : i + self.batch] for i in range(0, len(seen), self.batch))
        features = torch.cat([self.network(part).flatten(1) for part in parts])
        if not bool(features.isfinite().all()):
            raise ValueError(
                f"features must be finite, got nan or infinity from {self.origin}; its training has diverged"
            )
        return features

    def features(self, images: Images, views: nn.Module, *, seed: int = 0, draw: int = 0, caption: str = "") -> Tensor:
        """Features ``[N, width]`` of all images in their order; ``draw`` numbers repeated draws of the same views."""
        found = []
        with tqdm(total=len(images), desc=caption or "features", unit="image", leave=False) as bar:
            order = torch.arange(len(images))
            parts = (order[i : i + self.batch] for i in range(0, len(order), self.batch))
            for rows, pixels in images.batches(parts, self.threads):
                found.append(self.embed(pixels, views, Addresses(seed, 0, rows, draw)))
                bar.update(len(rows))
        return torch.cat(found)


def open_encoder(
    what: str, *, backbone: str | None = None, stem: str | None = None, prefix: str | None = None, seed: int = 0,
    **how: Any,
) -> Encoder:  # fmt: skip
    """The encoder that a user means.

    Args:
        what: a run's folder (``settings.json`` and ``backbone.pt``); a file with a state dict; or an architecture of
            torchvision (``resnet18``) or timm (``timm:NAME``), or ``resnet8``, which is then as initialized.
        backbone: the architecture, where a state dict has no ``settings.json`` beside it.
        stem: ``"imagenet"``, or ``"small"``: 3x3, stride 1, no pooling; None: the run's, or the network's own.
        prefix: of the backbone's keys in the state dict; by default the one that fits.
        seed: of an initialization.
        how: `Encoder`'s other attributes, that go before the run's own.

    Raises:
        ValueError: with the remedy, for a name that does not exist, a file that is cut short, weights of another
            architecture, or an image size that it does not take.
    """
    path = Path(what)
    if path.is_dir():
        path = path / "backbone.pt"
    elif what.startswith("timm:") or (not path.exists() and not path.suffix and path.parent == Path()):
        if prefix is not None:
            raise ValueError(
                f"--prefix is of a state dict's keys, got {prefix!r} for {what} as initialized; leave it out"
            )
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = Backbone(what, stem)
        except ValueError as error:
            raise ValueError(f"there is no run and no file {what!r}, and no such network: {error}") from None
        check_input(network, how.get("size", Encoder.size))
        return Encoder(network, f"{what} as initialized (seed {seed})", **how)
    state, run = read_weights(path), read_settings(path.parent)
    backbone, stem = backbone or run.get("backbone"), stem or run.get("stem")
    if backbone is None:
        raise ValueError(f"{path} has no settings.json beside it that names its architecture; say --backbone resnet50")
    network = Backbone(backbone, stem)
    load_weights(network, state, prefix, f"{backbone} ({f'stem {stem}' if stem else 'its own stem'})")
    names = {"size": "size", "mean": "mean", "std": "std", "k": "knn_k"}
    of_run = {name: run[setting] for name, setting in names.items() if setting in run}
    check_input(network, (of_run | how).get("size", Encoder.size))
    return Encoder(network, f"{backbone}, weights from {path}", **(of_run | how))
