"""SimCLR with a small network, on thumbnails in memory: what the demo trains, and the figures.

The demo's network is ResNet-8 on views of 32 px, the figures' has four convolutions on 64 px: a CPU trains either in
half a minute. Everything that differs between two runs of a seed is their pipeline: they start from the same weights,
take the same batches, and `jointaug.fuse` draws their views at the images' addresses.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice, pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from jointaug import Addresses, MultiView, PerView, UncroppedView, fuse
from jointaug.losses import nt_xent, reduce

from ..evaluation.knn import fair_k, weighted
from ..inputs.thumbnails import Split, Thumbnails
from ..networks import Backbone, mlp
from ..record.progress import tqdm

SCALE = (0.2, 1.0)  # area of a crop as a fraction of the image's: MoCo's and JointCrop's range
VIEW = 64  # side of a view that is looked at or measured, in pixels
SIDE = 32  # side of a view that ResNet-8 learns from
TEMPERATURE = 0.2  # of the loss
LEARNING_RATE, WEIGHT_DECAY, WARM_UP = 2e-3, 5e-4, 10  # AdamW; warm-up in steps, then a cosine to zero
WIDTH = 16  # channels of the figures' encoder's first block; its features are 8 times as many, as ResNet-8's are
NEIGHBORS, VOTE_TEMPERATURE = 20, 0.1  # weighted cosine k-NN
IMAGES, STEPS, BATCH = 3600, 250, 64  # the demo's: held-out images included; images of a step
LOOKS = 5  # at k-NN, evenly over a run
FIGURE_STEPS, FIGURE_BATCH = 180, 128  # the figures'


def per_view() -> PerView:
    """SimCLR's list after the crop, for each view by itself: color at half strength, no blur, as views are small."""
    jitter = v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8)
    return PerView(v2.Compose([v2.RandomHorizontalFlip(), jitter, v2.RandomGrayscale(0.2)]))


def independent_crops(side: int = VIEW) -> MultiView:
    """The baseline, as everybody has it."""
    return MultiView(*[v2.RandomResizedCrop(side, scale=SCALE)] * 2)


def resnet8() -> Backbone:
    """The demo's network: ``[N, 3, 32, 32]`` to ``[N, 128]``."""
    return Backbone("resnet8").to(memory_format=torch.channels_last)


def block(channels_in: int, channels_out: int) -> nn.Sequential:
    """A convolution that halves the image's sides."""
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU())


def encoder() -> nn.Sequential:
    """The figures' network. Four blocks and the mean over positions: ``[N, 3, 64, 64]`` to ``[N, 128]``."""
    channels = [3, WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH]
    blocks = [block(a, b) for a, b in pairwise(channels)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()).to(memory_format=torch.channels_last)


def projector() -> nn.Sequential:
    """SimCLR's head, with batch normalization as its code has it; it is thrown away after pre-training."""
    return mlp(8 * WIDTH, 512, 128, norm=True, last_norm=True)


def normalized(images: Tensor) -> Tensor:
    """uint8 ``[N, 3, H, W]`` to floats in [-2, 2]."""
    return ((images.float() - 127.5) / 63.75).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Pretrained:
    """What one pre-training came to.

    Attributes:
        encoder: in training mode.
        loss: mean over the last tenth of the steps.
        speed: views per second, drawing them included.
        looks: accuracy by the number of steps before it.
    """

    encoder: nn.Module
    loss: float
    speed: float
    looks: dict[int, float] = field(default_factory=dict)


def pretrain(
    pipeline: v2.Compose,
    images: Thumbnails,
    bar: tqdm[Any],
    *,
    seed: int,
    steps: int,
    batch: int,
    network: Callable[[], nn.Module] = encoder,
    knn: KNN | None = None,
) -> Pretrained:
    """SimCLR with the views that ``pipeline`` makes.

    Args:
        pipeline: from an image to its two views.
        images: to learn from.
        bar: is told of every step.
        seed: of weights, order and views.
        steps: of the optimizer.
        batch: images of a step.
        network: makes what is trained, 128 features wide.
        knn: what is asked `LOOKS` times, the start and the end included; None: nothing.
    """
    torch.manual_seed(seed)
    f, g = network(), projector()
    parameters = [*f.parameters(), *g.parameters()]
    optimizer = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(warm_up_then_cosine, steps=steps))
    due = {round(part * steps / (LOOKS - 1)) for part in range(LOOKS)} if knn else set()
    looks = {0: knn.accuracy(f)} if knn else {}
    losses: list[float] = []
    seconds = 0.0
    for step, (x1, x2) in enumerate(timed := Timed(islice(batches(pipeline, images, seed, batch), steps)), 1):
        start = time.perf_counter()
        h1, h2 = f(normalized(torch.cat([x1, x2]))).chunk(2)
        z1, z2 = g(torch.cat([h1, h2])).chunk(2)
        loss = reduce(nt_xent(z1, z2, tau=TEMPERATURE))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        losses.append(loss.item())
        bar.update()
        seconds += time.perf_counter() - start
        if knn and step in due:
            looks[step] = knn.accuracy(f)
    last = losses[-max(steps // 10, 1) :]
    return Pretrained(f, sum(last) / len(last), 2 * batch * steps / (seconds + timed.seconds), looks)


class Timed:
    """An iterator that counts the seconds which its items take."""

    def __init__(self, items: Iterator[list[Tensor]]) -> None:
        self.items, self.seconds = items, 0.0

    def __iter__(self) -> Iterator[list[Tensor]]:
        return self

    def __next__(self) -> list[Tensor]:
        start = time.perf_counter()
        try:
            return next(self.items)
        finally:
            self.seconds += time.perf_counter() - start


def warm_up_then_cosine(step: int, steps: int) -> float:
    """The learning rate of a step as a share of the greatest."""
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def batches(pipeline: v2.Compose, images: Thumbnails, seed: int, batch: int) -> Iterator[list[Tensor]]:
    """The two views of batch after batch, epoch after epoch, for ever; uint8 ``[N, 3, H, W]`` each."""
    augment, pixels = fuse(pipeline), tensors(images)
    order = torch.Generator().manual_seed(seed)
    for epoch in count():
        shuffled = torch.randperm(len(images), generator=order)
        for index in shuffled[: len(images) // batch * batch].split(batch):
            yield augment(taken(pixels, index), addresses=Addresses(seed, epoch, index))


def tensors(images: Thumbnails) -> Tensor | list[Tensor]:
    """Uint8 ``[N, 3, H, W]``, or images of different sizes in a list."""
    found = [torch.from_numpy(image).permute(2, 0, 1).contiguous() for image in images.images]
    return torch.stack(found) if len({image.shape for image in found}) == 1 else found


def taken(images: Tensor | list[Tensor], index: Tensor) -> Tensor | list[Tensor]:
    """Some of the images."""
    return images[index] if isinstance(images, Tensor) else [images[i] for i in index.tolist()]


class KNN:
    """Weighted cosine k-NN (`trainer.evaluation.knn.weighted`) of the held-out images, on whole images."""

    def __init__(self, images: Split, side: int = VIEW) -> None:
        whole = fuse(v2.Compose([UncroppedView(side)]))
        self.bank, self.queries = (torch.as_tensor(whole(tensors(part))) for part in (images.train, images.held_out))
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
def trained_encoder(images: Split, steps: int, seed: int = 0) -> tuple[nn.Module, str]:
    """The figures' encoder, pre-trained with two independent crops; and what came of it, in words."""
    knn = KNN(images) if len(images.classes) > 1 else None
    torch.manual_seed(seed)
    before = knn.accuracy(encoder()) if knn else math.nan
    batch = min(FIGURE_BATCH, len(images.train))
    pipeline = v2.Compose([independent_crops(), per_view()])
    with tqdm(total=steps, unit="step", desc="pre-training") as bar:
        run = pretrain(pipeline, images.train, bar, seed=seed, steps=steps, batch=batch)
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
