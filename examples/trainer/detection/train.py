"""A detector is trained on images with boxes. Order and flips are by address; sides and regions are torch's, seeded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import SGD

from jointaug import Addresses
from jointaug.chance import named_step

from ..evaluation.probe import steps
from ..record.progress import tqdm
from .boxes import Boxed, Target
from .protocols import Protocol


def train(model: nn.Module, data: Boxed, protocol: Protocol, *, seed: int = 0, threads: int = 2) -> float:
    """Train a detector in place, for the steps that the protocol has; the mean loss of the last tenth of them.

    Images without objects are learned from, too: all in them is ground.

    Args:
        model: of `trainer.detection.models.detector`.
        data: to learn from; difficult objects of VOC too, crowds of COCO not.
        protocol: a row of `PROTOCOLS`, perhaps of other steps.
        seed: of all chance.
        threads: that decode images.

    Raises:
        FloatingPointError: if the loss is not finite; it names the step.
    """
    optimizer = optimizer_of(model, protocol)
    device = next(model.parameters()).device
    losses = torch.zeros(protocol.steps)
    per_epoch = len(steps(len(data), protocol.batch, seed, 0))
    model.train()
    with torch.random.fork_rng(), tqdm(total=protocol.steps, desc="detector", unit="step", leave=False) as bar:
        torch.manual_seed(seed)
        for epoch in range(math.ceil(protocol.steps / per_epoch)):
            parts = steps(len(data), protocol.batch, seed, epoch)[: protocol.steps - epoch * per_epoch]
            for k, (rows, pixels) in enumerate(data.images.batches(parts, threads), epoch * per_epoch):
                for group in optimizer.param_groups:
                    group["lr"] = protocol.rate * protocol.rate_at(k)
                (flips,) = Addresses(seed, epoch, rows).rows(1, step=named_step("detector flip"))
                shown = [
                    view(image, data.target(row), flip=flip < 0.5)
                    for image, row, flip in zip(pixels, rows.tolist(), flips.tolist(), strict=True)
                ]
                losses[k] = step(model, optimizer, shown, device)
                if not losses[k].isfinite():
                    raise FloatingPointError(f"the loss is not finite in step {k}; take a lower --lr")
                bar.set_postfix(loss=f"{losses[k]:.3f}")
                bar.update()
    model.eval()
    return losses[-max(1, protocol.steps // 10) :].mean().item()


def optimizer_of(model: nn.Module, protocol: Protocol) -> SGD:
    """With momentum 0.9; batch normalization does not decay."""
    norms = [value for layer in model.modules() if isinstance(layer, _BatchNorm) for value in layer.parameters()]
    own = {id(value) for value in norms}
    others = [value for value in model.parameters() if id(value) not in own]
    groups: list[dict[str, Any]] = [
        {"params": others, "weight_decay": protocol.decay},
        {"params": list(dict.fromkeys(norms))},
    ]
    return SGD(groups, lr=protocol.rate, momentum=0.9)


def step(
    model: Callable[..., Any], optimizer: SGD, shown: list[tuple[Tensor, dict[str, Tensor]]], device: torch.device
) -> float:
    """One step on images as `view` shows them; the sum of the losses."""
    targets = [{name: value.to(device) for name, value in target.items()} for _, target in shown]
    loss = torch.stack(list(model([image.to(device) for image, _ in shown], targets).values())).sum()
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
    optimizer.step()
    return loss.item()


def view(image: Tensor, target: Target, *, flip: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
    """A uint8 image and the objects that are learned, as torchvision's detectors take them, perhaps left to right."""
    kept = target.learned
    boxes, masks = target.boxes[kept], None if target.masks is None else target.masks[kept]
    if flip:
        image, width = image.flip(-1), image.shape[-1]
        boxes = torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)
        masks = None if masks is None else masks.flip(-1)
    learned = {"boxes": boxes, "labels": target.labels[kept]}
    return image.float() / 255, learned if masks is None else learned | {"masks": masks}
