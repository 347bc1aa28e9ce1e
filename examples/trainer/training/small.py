"""SimCLR with a small encoder, on thumbnails: what the demo trains, and the figures.

The encoder has four convolutions, so that a CPU trains it in half a minute. Everything that differs between two runs of
a seed is their pipeline: they start from the same weights and take the same batches.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler
from torchvision.transforms import v2
from tqdm.auto import tqdm

from jointaug import AddressedDataset, MultiView, PerView, UncroppedView
from jointaug.losses import nt_xent, reduce

from ..evaluation.knn import fair_k, weighted
from ..inputs.thumbnails import Split, Thumbnails

SCALE = (0.2, 1.0)  # area of a crop as a fraction of the image's: MoCo's and JointCrop's range
VIEW = 64  # side of a view, in pixels
TEMPERATURE = 0.5  # of the loss
LEARNING_RATE, WEIGHT_DECAY, WARM_UP = 4e-3, 1e-4, 10  # AdamW; warm-up in steps, then a cosine to zero
WIDTH = 16  # channels of the encoder's first block; its features are 8 times as many
NEIGHBORS, VOTE_TEMPERATURE = 20, 0.1  # weighted cosine k-NN
IMAGES, STEPS, BATCH = 3600, 180, 128  # the demo's: held-out images included; images of a step


def per_view() -> PerView:
    """SimCLR's list after the crop, for each view by itself: color at half strength, no blur, as views are small."""
    jitter = v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8)
    return PerView(v2.Compose([v2.RandomHorizontalFlip(), jitter, v2.RandomGrayscale(0.2), v2.PILToTensor()]))


def independent_crops() -> MultiView:
    """The baseline, as everybody has it."""
    return MultiView(*[v2.RandomResizedCrop(VIEW, scale=SCALE)] * 2)


def block(channels_in: int, channels_out: int) -> nn.Sequential:
    """A convolution that halves the image's sides."""
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU())


def encoder() -> nn.Sequential:
    """Four blocks and the mean over positions: ``[N, 3, 64, 64]`` to ``[N, 128]``."""
    channels = [3, WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH]
    blocks = [block(a, b) for a, b in pairwise(channels)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()).to(memory_format=torch.channels_last)


def projector() -> nn.Sequential:
    """SimCLR's head, which is thrown away after pre-training."""
    features = 8 * WIDTH
    return nn.Sequential(nn.Linear(features, features), nn.BatchNorm1d(features), nn.ReLU(), nn.Linear(features, 64))


def normalized(images: Tensor) -> Tensor:
    """uint8 ``[N, 3, H, W]`` to floats in [-2, 2]."""
    return ((images.float() - 127.5) / 63.75).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Pretrained:
    """What one pre-training came to.

    Attributes:
        encoder: in training mode.
        loss: mean over the last tenth of the steps.
        speed: views per second, loading included.
    """

    encoder: nn.Module
    loss: float
    speed: float


def pretrain(
    pipeline: v2.Compose, images: Thumbnails, bar: tqdm[Any], *, seed: int, steps: int, batch: int, workers: int
) -> Pretrained:
    """SimCLR with the views that ``pipeline`` makes.

    Args:
        pipeline: from an image to its two views.
        images: to learn from.
        bar: is told of every step.
        seed: of weights, order and views.
        steps: of the optimizer.
        batch: images of a step.
        workers: of the DataLoader.
    """
    torch.manual_seed(seed)
    f, g = encoder(), projector()
    parameters = [*f.parameters(), *g.parameters()]
    optimizer = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(warm_up_then_cosine, steps=steps))
    data = AddressedDataset(images, pipeline, seed=seed)
    loader = loader_of(data, batch, workers, RandomSampler(data, generator=torch.Generator().manual_seed(seed)))
    losses: list[float] = []
    start = time.perf_counter()
    for x1, x2 in islice(batches(data, loader), steps):
        h1, h2 = f(normalized(torch.cat([x1, x2]))).chunk(2)
        z1, z2 = g(torch.cat([h1, h2])).chunk(2)
        loss = reduce(nt_xent(z1, z2, tau=TEMPERATURE))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        losses.append(loss.item())
        bar.update()
    last = losses[-max(steps // 10, 1) :]
    return Pretrained(f, sum(last) / len(last), 2 * batch * steps / (time.perf_counter() - start))


def warm_up_then_cosine(step: int, steps: int) -> float:
    """The learning rate of a step as a share of the greatest."""
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def batches(data: AddressedDataset, loader: DataLoader[Any]) -> Iterator[list[Tensor]]:
    """The two views of batch after batch, epoch after epoch, for ever."""
    epoch = 0
    while True:
        data.set_epoch(epoch)
        for views, _ in loader:
            yield views
        epoch += 1


def loader_of(
    data: AddressedDataset, batch: int, workers: int, sampler: RandomSampler | None = None
) -> DataLoader[Any]:
    """A DataLoader whose workers live on from epoch to epoch.

    Its order is the sampler's own affair: a generator given to the loader would serve the workers' seeds as well.
    """
    return DataLoader(
        data,
        batch,
        sampler=sampler,
        drop_last=sampler is not None,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


class KNN:
    """Weighted cosine k-NN (`trainer.evaluation.knn.weighted`) of the held-out images, on whole images."""

    def __init__(self, images: Split) -> None:
        whole = v2.Compose([UncroppedView(VIEW), v2.PILToTensor()])
        self.bank, self.queries = (
            torch.stack([whole(part[index][0]) for index in range(len(part))])
            for part in (images.train, images.held_out)
        )
        self.bank_labels, self.labels = torch.tensor(images.train.labels), torch.tensor(images.held_out.labels)
        self.k = fair_k(self.bank_labels, NEIGHBORS)

    def accuracy(self, f: nn.Module) -> float:
        """Percent of the held-out images whose neighbors among the training images vote for their class."""
        bank, queries = self._features(f, self.bank), self._features(f, self.queries)
        found = weighted(bank, self.bank_labels, queries, self.k, VOTE_TEMPERATURE)
        return 100 * (found == self.labels).double().mean().item()

    @torch.no_grad()
    def _features(self, f: nn.Module, images: Tensor) -> Tensor:
        f.eval()
        features = torch.cat([f(normalized(part)) for part in torch.split(images, 500)])
        f.train()
        return features


# An encoder for measurements of pairs. --------------------------------------------------------------------------------
def trained_encoder(images: Split, steps: int, workers: int, seed: int = 0) -> tuple[nn.Module, str]:
    """The small encoder, pre-trained with two independent crops; and what came of it, in words."""
    knn = KNN(images) if len(images.classes) > 1 else None
    torch.manual_seed(seed)
    before = knn.accuracy(encoder()) if knn else math.nan
    batch = min(BATCH, len(images.train))
    pipeline = v2.Compose([independent_crops(), per_view()])
    with tqdm(total=steps, unit="step", desc="pre-training") as bar:
        run = pretrain(pipeline, images.train, bar, seed=seed, steps=steps, batch=batch, workers=workers)
    words = f"{steps} steps of {batch} pairs with two independent crops, training loss {run.loss:.2f}"
    if knn:
        after = knn.accuracy(run.encoder)
        words += f", k-NN accuracy on held-out images {after:.1f} % (before training {before:.1f} %)"
    return run.encoder, words


def save_encoder(file: Path, network: nn.Module, words: str) -> None:
    """Keep an encoder, and what came of its training."""
    torch.save({"weights": network.state_dict(), "told": words}, file)


def read_encoder(file: Path) -> tuple[nn.Module, str]:
    """What `save_encoder` kept.

    Raises:
        ValueError: for another file.
    """
    read = encoder()
    try:
        stored = torch.load(file, weights_only=True)
        read.load_state_dict(stored["weights"])
    except Exception as error:  # unpickling raises whatever a wrong file leads it to
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"--encoder must be a file that this script wrote with the demo's present encoder, got {str(file)!r} "
            f"({reason}); pre-train again without --encoder"
        ) from error
    return read, f"{stored['told']}, read from {file}"


def embedding(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """From uint8 views to features."""
    network.eval()
    return lambda views: network(normalized(views))
