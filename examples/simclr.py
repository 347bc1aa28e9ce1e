"""SimCLR (Chen et al. 2020, arXiv:2002.05709, algorithm 1) with JointCrop (Zhang et al. 2025, arXiv:2412.16522).

    python examples/simclr.py        # eight seeds; simclr.py 8 9: these

Run: rendered toys of 32 px (1,800 to train on, 450 to test), seeds 0 to 7, two at a time on an Intel Xeon Processor
(family 6, model 167, AVX-512), one thread each; Python 3.11.7, torch 2.14.1, torchvision 0.29.1, jointaug 0.1.0. About
80 s of processor time a seed (166 to 611 s by the clock, other work beside it). k-NN accuracy, mean and deviation over
the 8 seeds: 24.8 ± 1.2 % at initialization, 55.6 ± 6.7 % after 30 epochs.
"""

from __future__ import annotations

import sys
import time

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock
from torchvision.transforms import v2
from trainer.evaluation.knn import weighted
from trainer.inputs.rendered import RenderedToys

from jointaug import Addresses, JointCrop, PerView, fuse
from jointaug.losses import nt_xent, reduce

N, EPOCHS, LR, DECAY = 64, 30, 2e-3, 5e-4  # images of a step; AdamW where the paper has LARS, with batches of 4096
TAU, WIDTH, DIM = 0.2, 24, 64  # temperature; channels of the first block; of z

to_network = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.25] * 3)]
color = [v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8), v2.RandomGrayscale(0.2)]
rest = PerView(v2.Compose([v2.RandomHorizontalFlip(), *color, *to_network]))
augment = fuse(v2.Compose([JointCrop(32, scale=(0.2, 1.0), beta=0), rest]))  # what is ours: two crops, drawn together
whole = fuse(v2.Compose(to_network))


def block(inside: int, outside: int, stride: int) -> BasicBlock:
    """Of a ResNet."""
    shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))
    return BasicBlock(inside, outside, stride, shortcut if stride > 1 else None)


def encoder() -> nn.Sequential:
    """f: images ``[B, 3, 32, 32]`` to h ``[B, 96]``."""
    stem = [nn.Conv2d(3, WIDTH, 3, 2, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU()]
    blocks = [block(WIDTH, WIDTH, 1), block(WIDTH, 2 * WIDTH, 2), block(2 * WIDTH, 4 * WIDTH, 2)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten()).to(memory_format=torch.channels_last)


def knn(f: nn.Module, x: Tensor, y: Tensor) -> float:
    """Percent of the last fifth of the images for whose class their 20 nearest of the others vote."""
    with torch.no_grad():
        h, queries = (f.eval()(whole(part)) for part in x.tensor_split([len(x) * 4 // 5]))
    f.train()
    right = weighted(h, y[: len(h)], queries, 20, 0.1) == y[len(h) :]
    return 100 * right.double().mean().item()


def simclr(x: Tensor, y: Tensor, seed: int, epochs: int = EPOCHS) -> tuple[float, float]:
    """Learn from all images but the last fifth; k-NN accuracy of f at initialization, and pre-trained."""
    torch.manual_seed(seed)
    f, g = encoder(), nn.Sequential(nn.Linear(4 * WIDTH, 256), nn.ReLU(), nn.Linear(256, DIM))
    before, count = knn(f, x, y), len(x) * 4 // 5
    steps = count // N
    optimizer = torch.optim.AdamW([*f.parameters(), *g.parameters()], LR, weight_decay=DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, epochs * steps, pct_start=0.05, cycle_momentum=False)
    for epoch in range(epochs):
        for k in torch.randperm(count)[: steps * N].view(steps, N):
            x1, x2 = augment(x[k], addresses=Addresses(seed, epoch, k))  # two views of N images, [N, 3, 32, 32] each
            h1, h2 = f(torch.cat([x1, x2]).contiguous(memory_format=torch.channels_last)).chunk(2)
            z1, z2 = g(h1), g(h2)
            loss = reduce(nt_xent(z1, z2, tau=TAU))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
    return before, knn(f, x, y)


if __name__ == "__main__":
    torch.set_num_threads(1)
    toys = RenderedToys(2250, size=32)
    x, y = torch.from_numpy(toys.images).permute(0, 3, 1, 2).contiguous(), torch.tensor(toys.labels)
    for seed in [int(word) for word in sys.argv[1:]] or range(8):
        start = time.perf_counter()
        before, after = simclr(x, y, seed)
        print(f"seed {seed}: k-NN {before:.1f} %, then {after:.1f} %, {time.perf_counter() - start:.0f} s", flush=True)
