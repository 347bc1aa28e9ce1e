"""Every method and every option learns: a ResNet-18 at 32 px, 30 steps on one batch of rendered images.

A working method is told by its loss on one fixed batch with frozen, prefilled negatives (DESIGN, "A smoke test of
training"): with real keys filling a queue or a center it would rise at first. The options take turns over the methods.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torchvision.transforms import v2
from trainer.methods import METHODS
from trainer.methods.npid import NPID

from jointaug import ContrastiveCrop, JointBlur, JointColor, JointCrop, MultiResolution, MultiView, UncroppedView
from jointaug.distributions import JointPair
from jointaug.losses import reduce

HEAD: dict[str, Any] = {"dim": 32, "hidden": 64}
QUEUE: dict[str, Any] = {**HEAD, "K": 32}
WHITE: dict[str, Any] = {"dim": 2, "hidden": 64, "w_size": 8}
BANK: dict[str, Any] = {**HEAD, "images": 48, "clusters": 4, "min_cluster": 2, "K_inter": 8, "pool": 0.5}
NEAR: dict[str, Any] = {**QUEUE, "images": 48, "clusters": 4, "k": 10, "n_pos": 5, "warmup_epochs": 0}
crop, small = v2.RandomResizedCrop(32, (0.2, 1.0)), v2.RandomResizedCrop(16, (0.05, 0.2))
PAIR, TRIPLE = MultiView(crop, crop), MultiView(UncroppedView(32), crop, crop)
JOINT, DECOUPLED = JointCrop(32, beta=0), JointCrop(32, law=JointPair(0.0, 0.2, 1.0).decoupled())
BLUR, COLOR = v2.Compose([PAIR, JointBlur(sigma=(0.1, 2.0))]), v2.Compose([PAIR, JointColor(0.4, 0.4)])
EITHER = v2.RandomChoice([v2.Compose([JOINT]), BLUR])
RESOLUTIONS = MultiView(MultiResolution((32, 24)), MultiResolution((32, 24)))


def difference(v1, v2):
    """A weight of a pair: how different its pixels are, 1 on average."""
    d = (v1 - v2).abs().mean((1, 2, 3))
    return d / d.mean()


CASES = {
    "moco": ("moco", QUEUE, PAIR, {}),
    "moco v1, ContrastiveCrop": ("moco", {**QUEUE, "head": "linear", "tau": 0.07}, ContrastiveCrop(32), {}),
    "infomin": ("infomin", {**QUEUE, "patch": 16}, MultiView(crop, crop, v2.RandomResizedCrop(64, (0.6, 1.0))), {}),
    "simclr, JointCrop": ("simclr", {**HEAD, "tau": 0.5}, JOINT, {}),
    "simclr, weights inside": ("simclr", {**HEAD, "weight_inside": True}, PAIR, {"scores": torch.tanh}),
    "mocov3, JointBlur": ("mocov3", HEAD, BLUR, {}),
    "byol, JointColor": ("byol", HEAD, COLOR, {}),
    "simsiam, weights": ("simsiam", {**HEAD, "bottleneck": 16}, PAIR, {"weigh": difference}),
    "dino, multi-crop": (
        "dino",
        {"outputs": 64, "hidden": 64, "bottleneck": 32, "freeze": 0},
        MultiView(crop, crop, small),
        {},
    ),
    "vicreg, decoupled": ("vicreg", {"dim": 8, "hidden": 64}, DECOUPLED, {}),
    "wmse, weights": ("wmse", WHITE, PAIR, {"weigh": difference}),
    "npid": ("npid", {"images": 48, "dim": 32, "K": 32}, MultiView(crop), {}),
    "leoclr, JointCrop and weights": ("leoclr", QUEUE, MultiView(UncroppedView(32), JOINT), {"weigh": difference}),
    "leoclr, end to end": ("leoclr", {**HEAD, "framework": "simclr", "tau": 0.5}, TRIPLE, {}),
    "interclr on npid": ("interclr", {**BANK, "on": "npid", "K": 32}, MultiView(crop), {}),
    "interclr on moco, weights": ("interclr", {**BANK, "on": "moco", "K": 32}, PAIR, {"weigh": difference}),
    "interclr on byol, JointCrop": ("interclr", {**BANK, "on": "byol"}, JOINT, {}),
    "clim, two resolutions": ("clim", NEAR, RESOLUTIONS, {}),
    "clim, one resolution": ("clim", NEAR, PAIR, {}),
    "clim without mixing, by k-NN": ("clim", {**NEAR, "mix": False, "selector": "knn"}, PAIR, {}),
    "clim, by k-means": ("clim", {**NEAR, "selector": "kmeans"}, PAIR, {}),
    "leoclr, attract all": ("leoclr", {**QUEUE, "attract": "all"}, TRIPLE, {}),
    "leoclr, random original": ("leoclr", QUEUE, MultiView(crop, crop, crop), {}),
    "moco, symmetric, JointCrop or JointBlur": ("moco", {**QUEUE, "symmetric": True}, EITHER, {}),
    "wmse, four views": (
        "wmse",
        {"dim": 2, "hidden": 64, "w_size": 8, "m": 4},
        MultiView(crop, crop, small, small),
        {},
    ),
}


def freeze_negatives(method, embed):
    """Queue, center or bank filled with what the untrained network makes of other images; they stay so."""
    base = getattr(method, "base", method)
    if hasattr(base, "queue"):
        base.queue.enqueue(embed(base.f_k)[16:48])
        base.queue.eval()
    if hasattr(base, "center"):
        base.center.center.copy_(embed(base.teacher).mean(0))
        base.center.eval()
    if isinstance(base, NPID):
        base.bank.fill(embed(base.f))
    if hasattr(base, "bank"):
        base.bank.update = lambda features, index: None


@pytest.mark.parametrize("name", CASES)
def test_learns(name, make_batch, embed, resnet):
    """The loss falls by a fifth at least (seen: a third and more), and images stay apart.

    Apart: the deviation of unit features, ``sqrt(1 - |mean|^2)``, is 0 after a collapse (untrained: 0.27).
    """
    key, settings, maker, fields = CASES[name]
    method = METHODS[key](resnet, **settings)
    batch = make_batch(maker, count=8 if key in ("byol", "wmse") else 4, **fields)
    method.before_epoch(0, embed)
    freeze_negatives(method, embed)
    weight = None
    if batch.weigh is not None and method.pair is not None:
        weight = batch.weigh(*(batch.views[i] for i in method.pair))
    lr = {"vicreg": 0.002, "byol": 0.005, "wmse": 0.005}.get(key, 0.02)  # VICReg's coefficients are 25
    optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr, 0.9)
    losses = []
    for _ in range(30):
        loss = reduce(method(batch), weight)
        optimizer.zero_grad()
        loss.backward()
        method.before_update(batch)
        optimizer.step()
        method.after_update(batch)
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.2 * abs(losses[0]), losses
    features = F.normalize(embed(method.encoder), dim=1)
    assert (1 - features.mean(0).square().sum()).sqrt() > 0.1


def test_every_method_is_trained_here():
    assert {key for key, *_ in CASES.values()} == set(METHODS)
