"""A linear layer trained on a frozen encoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer

from jointaug import Addresses
from jointaug.chance import named_step

from ..networks import LARS
from ..record.progress import tqdm
from .metrics import in_percent
from .protocols import Metric, Protocol

VALIDATION = 10  # one training image in ten chooses among several settings

Batches = Callable[[int], Iterator[tuple[Tensor, Tensor]]]
"""``batches(epoch)``: features ``[B, d]`` and labels ``[B]`` of all training images, in that epoch's order."""


@dataclass(frozen=True)
class Probe:
    """One trained head for each part of the features and each learning rate.

    Attributes:
        heads: part by part, in the order of the rates; ``[B, d]`` to logits ``[B, classes]``, in eval mode.
        losses: of each head, the mean over the last epoch.
    """

    heads: list[nn.Module]
    losses: list[float]


def train(
    batches: Batches,
    widths: Sequence[int],
    classes: int,
    protocol: Protocol,
    *,
    epochs: int,
    batch: int,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Probe:
    """Train heads at each of the protocol's rates, all on the same batches.

    Args:
        batches: of an epoch.
        widths: of the parts of the features, each of which has heads of its own; one width where it is the whole.
        classes: how many.
        protocol: what `PROTOCOLS` says.
        epochs: to train; the schedule stretches with them.
        batch: images of a step, with which rates scale where the protocol says so.
        seed: of the heads' weights.
        device: of the features.

    Raises:
        FloatingPointError: if a loss is not finite; it names epoch and rate.
    """
    scale = batch / protocol.rate_batch if protocol.rate_batch else 1.0
    rates = [rate for _ in widths for rate in protocol.rates]
    heads = [
        nn.Sequential(Columns(end - width, end), *head(width, classes, protocol, seed)).to(device)
        for width, end in zip(widths, accumulate(widths), strict=True)
        for _ in protocol.rates
    ]
    optimizers = [optimizer(protocol, classifier, scale * rate) for classifier, rate in zip(heads, rates, strict=True)]
    sums = torch.zeros(len(heads))
    for epoch in (bar := tqdm(range(epochs), desc="linear", unit="epoch", leave=False)):
        factor, count = protocol.rate(epoch, epochs), 0
        sums = torch.zeros(len(heads), dtype=torch.float64, device=device)
        for x, y in batches(epoch):
            losses = [F.cross_entropy(classifier(x), y) for classifier in heads]
            for loss, step, rate in zip(losses, optimizers, rates, strict=True):
                step.param_groups[0]["lr"] = scale * rate * factor
                step.zero_grad()
                loss.backward()
                step.step()
            sums += len(y) * torch.stack(losses).detach()
            count += len(y)
        sums /= count
        if not bool(sums.isfinite().all()):
            rate = rates[int(sums.isfinite().int().argmin())]
            raise FloatingPointError(f"the loss at rate {rate:g} is not finite in epoch {epoch}; take a lower --lr")
        bar.set_postfix(loss=f"{sums.min():.3f}")
    return Probe([classifier.eval() for classifier in heads], sums.tolist())


class Columns(nn.Module):
    """The columns of features ``[B, d]`` from ``start`` up to ``end``."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__()
        self.start, self.end = start, end

    def forward(self, features: Tensor) -> Tensor:
        """``[B, end - start]``."""
        return features[:, self.start : self.end]


def head(width: int, classes: int, protocol: Protocol, seed: int = 0) -> nn.Sequential:
    """Batch normalization, where the protocol has it, and a linear layer; its weights are hashed from the seed."""
    norm = [nn.BatchNorm1d(width, affine=False)] if protocol.whiten else []
    return nn.Sequential(*norm, linear_head(width, classes, protocol.std, seed))


def linear_head(width: int, classes: int, std: float | None, seed: int = 0) -> nn.Linear:
    """A linear layer, hashed from the seed: normal weights and no biases, or for None torch's uniform start."""
    linear: nn.Linear = nn.utils.skip_init(nn.Linear, width, classes)
    rows = Addresses(seed, 0, torch.arange(classes)).rows(width + 1, step=named_step("linear head"))
    uniform = torch.stack(rows, 1)  # [classes, width + 1]
    if std is None:
        start = (2 * uniform - 1) / math.sqrt(width)
    else:
        start = std * torch.special.ndtri(uniform)
        start[:, width] = 0.0
    with torch.no_grad():
        linear.weight.copy_(start[:, :width])
        linear.bias.copy_(start[:, width])
    return linear


def optimizer(protocol: Protocol, classifier: nn.Module, rate: float) -> Optimizer:
    """The protocol's, for one head."""
    if protocol.optimizer == "adam":
        return Adam(classifier.parameters(), rate, weight_decay=protocol.decay)
    if protocol.optimizer == "lars":
        return LARS(classifier.parameters(), rate, weight_decay=protocol.decay)
    return SGD(
        classifier.parameters(),
        rate,
        momentum=0.9,
        nesterov=protocol.optimizer == "nesterov",
        weight_decay=protocol.decay,
    )


def steps(images: int, batch: int, seed: int, epoch: int) -> list[Tensor]:
    """The rows of each step of an epoch, in the order of the uniforms of the images' addresses.

    A last batch of one image joins the batch before it: one image has no batch statistics.
    """
    (uniform,) = Addresses(seed, epoch, torch.arange(images)).rows(1, step=named_step("linear order"))
    order = uniform.argsort()
    parts = [order[i : i + batch] for i in range(0, images, batch)]
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def accuracy(logits: Tensor, labels: Tensor, top: int = 1) -> float:
    """Percent of rows whose label is among the ``top`` greatest logits; equal logits count for the smaller label."""
    ranks = logits.argsort(dim=1, descending=True, stable=True)[:, :top]
    return percent((ranks == labels[:, None]).any(1))


def percent(right: Tensor) -> float:
    """Of the entries that are true."""
    return 100 * right.double().mean().item()


def mean_per_class(right: Tensor, labels: Tensor) -> float:
    """Percent of ``[N]`` rows that are right, of each class that occurs; the mean over these classes."""
    counts = labels.bincount().double()
    shares = counts.new_zeros(len(counts)).index_add_(0, labels, right.double())[counts > 0] / counts[counts > 0]
    return 100 * shares.mean().item()


def measured(metric: Metric, logits: Tensor, labels: Tensor) -> float:
    """In percent, of logits ``[N, classes]``."""
    if metric == "mean per class":
        return mean_per_class(logits.argmax(1) == labels, labels)
    return accuracy(logits, labels, int(metric.removeprefix("top-")))


def measures(metrics: Sequence[Metric], logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Each of them, under the name of its result; of five classes and fewer there is no top-5."""
    asked = [metric for metric in metrics if metric != "top-5" or logits.shape[1] > 5]
    return {in_percent(metric): measured(metric, logits, labels) for metric in asked}
