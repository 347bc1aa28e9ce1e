"""Does MoCo collapse at the small scale through our code, or in lightly's parts as well?

    python benchmarks/moco_start.py --write      # about four minutes of one core

A plain loop of lightly's loss, memory bank and momentum update, with torchvision's network and the optimizer of our
larger scales, on the rendered toys: no part of the trainer but its images. Beside the loss, the
mean cosines at the end of an epoch: of different queries, of a query and its key, of a query and other keys. All
queries alike, and keys no nearer than others, is a collapse; the loss is then the logarithm of K + 1.
"""

from __future__ import annotations

import argparse
import copy
import math

import torch
from interleaved import save
from lightly.loss import NTXentLoss
from lightly.models.utils import update_momentum
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet18
from torchvision.transforms import v2
from trainer.inputs.data import open_data
from trainer.inputs.sources import in_memory

from jointaug import MultiView, fuse

B, K, D, RATE = 64, 512, 128, 0.03
CASES = {"m .99": (0.99, 0, 5), "m .999, 3 epochs of warm-up": (0.999, 3, 20)}


def views_of() -> nn.Module:
    """The recipe's two views of a batch."""
    view = v2.Compose(
        [
            v2.RandomResizedCrop(32, (0.2, 1.0)),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
            v2.RandomGrayscale(0.2),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    return fuse(MultiView(view, view))


def train(images: Tensor, m: float, warmup: int, epochs: int) -> list[dict[str, float]]:
    """A row an epoch."""
    torch.manual_seed(0)
    views = views_of()
    query = resnet18()
    query.fc = nn.Sequential(nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, D))
    key = copy.deepcopy(query).requires_grad_(False)
    criterion = NTXentLoss(temperature=0.1, memory_bank_size=(K, D))
    optimizer = torch.optim.SGD(query.parameters(), RATE, momentum=0.9, weight_decay=5e-4)
    steps, rows = len(images) // B, []
    for epoch in range(epochs):
        total = 0.0
        for i, index in enumerate(torch.randperm(len(images))[: steps * B].view(-1, B), epoch * steps):
            rise = min(1.0, (i + 1) / (warmup * steps)) if warmup else 1.0
            optimizer.param_groups[0]["lr"] = RATE * rise * (1 + math.cos(math.pi * i / (epochs * steps))) / 2
            first, second = views(images[index])
            update_momentum(query, key, m)
            q, k = query(first), key(second)
            loss = criterion(q, k)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        q, k = F.normalize(q.detach(), dim=1), F.normalize(k, dim=1)
        others = ~torch.eye(B, dtype=torch.bool)
        row = {"epoch": epoch + 1, "loss": total / steps, "queries": float((q @ q.T)[others].mean())}
        row |= {"own key": float((q * k).sum(1).mean()), "other keys": float((q @ k.T)[others].mean())}
        print({name: round(value, 4) for name, value in row.items()}, flush=True)
        rows.append(row)
    return rows


def main() -> None:
    """Train both cases, print, and with --write save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = in_memory(open_data("rendered").train).images
    result = {name: train(images, *case) for name, case in CASES.items()}
    if arguments.write:
        print(save("moco_start", {"size": {"B": B, "K": K, "images": len(images)}, "cases": result}))


if __name__ == "__main__":
    main()
