"""Fine-tuning: an encoder and a new linear layer are trained on labelled images, all of them or a few.

Views and the order of images are by address, as a linear probe's (`trainer.evaluation.probe`).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import SGD
from torchvision.transforms import v2

from jointaug import Addresses

from ..record.progress import tqdm
from .encoder import Encoder
from .images import Images, held_out_rows
from .probe import VALIDATION, linear_head, measured, measures, steps
from .protocols import FineTuning
from .results import Result


class Tuned(nn.Module):
    """An encoder with a linear layer: images ``[B, 3, h, w]`` -> logits ``[B, classes]``."""

    def __init__(self, network: nn.Module, head: nn.Module, classes: int) -> None:
        super().__init__()
        self.network, self.head, self.width = network, head, classes

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.head(self.network(images).flatten(1))
        return logits


def results(
    encoder: Encoder, train: Images, test: Images, protocol: FineTuning, *, name: str, part: str, seed: int = 0
) -> Iterator[Result]:
    """Fine-tune, at the best of the protocol's rates and decays, and test.

    Args:
        encoder: to start from; it is not changed.
        train: labelled images.
        test: labelled images.
        protocol: what `FINE_TUNING` says, at the fraction of the labels.
        name: of the protocol, for the results.
        part: which labels these are, in words.
        seed: of the linear layer, the order of images, their views, and of what is held out.
    """
    grid = list(product(protocol.rates, protocol.decays))
    best, chosen = grid[0], ""
    if len(grid) > 1:
        best, score = choose(encoder, train, protocol, grid, seed)
        chosen = f", chosen among {len(grid)} by {protocol.metrics[0]} of {score:.4g} % on a held-out tenth"
    model, loss = fine_tune(encoder, train, protocol, *best, seed=seed)
    logits = logits_of(encoder, model, test, protocol)
    labels = test.labels.to(encoder.device)
    length = f"{protocol.steps} steps" if protocol.steps else f"{protocol.epochs} epochs"
    how = f"{protocol.source}; {part}; rate {best[0]:g}, decay {best[1]:g}{chosen}; {length}, batch {protocol.batch}"
    for metric, value in measures(protocol.metrics, logits, labels).items():
        yield Result(f"finetune:{name}", metric, value, how)
    yield Result(f"finetune:{name}", "training loss", loss, how)


def choose(
    encoder: Encoder, train: Images, protocol: FineTuning, grid: Sequence[tuple[float, float]], seed: int
) -> tuple[tuple[float, float], float]:
    """The rate and decay that are best by the first metric on a held-out tenth of each class, and that metric.

    Raises:
        FloatingPointError: if training diverges at all of them.
    """
    held_out = held_out_rows(train.labels, VALIDATION, seed)
    learned, asked = train.subset(~held_out), train.subset(held_out)

    def score(rate: float, decay: float) -> float:
        try:
            model, _ = fine_tune(encoder, learned, protocol, rate, decay, seed=seed)
        except FloatingPointError:  # at the grid's greatest rates, perhaps
            return -math.inf
        return measured(
            protocol.metrics[0], logits_of(encoder, model, asked, protocol), asked.labels.to(encoder.device)
        )

    scores = [score(*setting) for setting in tqdm(grid, desc="settings", leave=False)]
    if max(scores) == -math.inf:
        raise FloatingPointError(
            f"the loss is not finite at any rate of {', '.join(f'{rate:g}' for rate in protocol.rates)}; take a lower "
            "--lr"
        )
    best = scores.index(max(scores))
    return grid[best], scores[best]


def fine_tune(
    encoder: Encoder, train: Images, protocol: FineTuning, rate: float, decay: float, *, seed: int = 0
) -> tuple[Tuned, float]:
    """Train a copy of the encoder, and a linear layer; the model in eval mode, and the last epoch's mean loss.

    Raises:
        FloatingPointError: if a loss is not finite; it names rate and step.
    """
    classes, device = len(train.classes), encoder.device
    network = copy.deepcopy(encoder.network).requires_grad_(True)
    head = linear_head(encoder.width, classes, protocol.std, seed)
    model = Tuned(network, head, classes).to(device)
    scale = protocol.batch / protocol.rate_batch if protocol.rate_batch else 1.0
    first = [scale * rate, scale * (rate if protocol.head_rate is None else protocol.head_rate)]
    optimizer = SGD(
        [{"params": part.parameters(), "lr": lr} for part, lr in zip((network, head), first, strict=True)],
        momentum=0.9, nesterov=protocol.nesterov,
        weight_decay=decay / rate if protocol.decay_over_rate and decay else decay,
    )  # fmt: skip
    per_epoch = len(steps(len(train), protocol.batch, seed, 0))
    total = protocol.steps or protocol.epochs * per_epoch
    to_train(model, protocol, per_epoch)
    views = encoder.views(v2.RandomResizedCrop(encoder.size, scale=protocol.crop), v2.RandomHorizontalFlip())
    labels, losses = train.labels.to(device), torch.zeros(min(per_epoch, total), device=device)
    with tqdm(total=total, desc="fine-tuning", unit="step", leave=False) as bar:
        for epoch in range(math.ceil(total / per_epoch)):
            parts = steps(len(train), protocol.batch, seed, epoch)[: total - epoch * per_epoch]
            for k, (rows, pixels) in enumerate(train.batches(parts, encoder.threads)):
                factor = protocol.rate((epoch * per_epoch + k) / total)
                for group, lr in zip(optimizer.param_groups, first, strict=True):
                    group["lr"] = factor * lr
                loss = F.cross_entropy(model(encoder.shown(pixels, views, Addresses(seed, epoch, rows))), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses[k] = loss.detach()
                bar.update()
            if not bool(losses.isfinite().all()):
                raise FloatingPointError(
                    f"the loss at rate {rate:g} and decay {decay:g} is not finite in epoch {epoch}; take a lower --lr"
                )
    return model.eval(), losses.mean().item()


def to_train(model: nn.Module, protocol: FineTuning, per_epoch: int) -> None:
    """Training mode; batch normalization as the protocol says, with SimCLR's momentum ``max(1 - 10 / s, 0.9)``."""
    model.train()
    for layer in model.modules():
        if isinstance(layer, _BatchNorm):
            if protocol.norm == "frozen":
                layer.eval()
            elif protocol.norm == "simclr":
                layer.momentum = 1 - max(1 - 10 / per_epoch, 0.9)  # torch's is the share of what is new


def logits_of(encoder: Encoder, model: Tuned, images: Images, protocol: FineTuning) -> Tensor:
    """``[N, classes]``, of the views of a test."""
    tuned = replace(encoder, network=model, origin=f"{encoder.origin}, fine-tuned")
    views = tuned.center() if protocol.test == "center" else tuned.whole()
    return tuned.features(images, views, caption="test images")
