"""Training: a fixed batch is learned by heart, chance is the seed's, views and decay are what they are said to be."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from trainer.detection.boxes import Target, open_boxes
from trainer.detection.models import detector
from trainer.detection.protocols import PROTOCOLS, Proposals
from trainer.detection.train import optimizer_of, step, train, view
from trainer.networks import Backbone

CHANNELS = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
SMALL = replace(
    PROTOCOLS["scenes-c4"], sides=(48,), anchors=(12, 24, 48), region=4, regions=16,
    proposals=Proposals(64, 64, 16, 16), batch=4, steps=3, milestones=(), warm_up=0,
)  # fmt: skip


def small():
    torch.manual_seed(0)
    return detector(Backbone("resnet8"), 9, SMALL, **CHANNELS)


def test_a_fixed_batch_is_learned_by_heart(scene_trees):
    root, *_ = scene_trees
    data, _ = open_boxes(f"voc07:{root / 'voc'}")
    shown = [view(data.images[row], data.target(row)) for row in range(4)]
    model = small().train()
    optimizer = optimizer_of(model, SMALL)
    losses = [step(model, optimizer, shown, torch.device("cpu")) for _ in range(40)]
    assert sum(losses[-5:]) < 0.4 * sum(losses[:5])


def test_chance_is_the_seeds_and_leaves_torchs_alone(scene_trees):
    root, *_ = scene_trees
    data, _ = open_boxes(f"voc07:{root / 'voc'}")
    state = torch.get_rng_state()
    found = []
    for seed in (0, 0, 1):
        model = small()
        torch.manual_seed(len(found) + 7)
        before = torch.get_rng_state()
        loss = train(model, data, SMALL, seed=seed)
        assert torch.equal(torch.get_rng_state(), before)
        assert not model.training
        found.append((loss, model.backbone.conv1.weight.detach().clone()))
    torch.set_rng_state(state)
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][1], found[2][1])


def test_a_loss_that_is_not_finite_is_told_with_its_step(scene_trees):
    root, *_ = scene_trees
    data, _ = open_boxes(f"voc07:{root / 'voc'}")
    with pytest.raises(FloatingPointError, match=r"the loss is not finite in step \d; take a lower --lr"):
        train(small(), data, replace(SMALL, rate=1e30))


def test_batch_normalization_does_not_decay():
    model = small()
    decaying, norms = optimizer_of(model, SMALL).param_groups
    assert (decaying["weight_decay"], norms["weight_decay"]) == (1e-4, 0)
    names = {id(value): name for name, value in model.named_parameters()}
    told = {names[id(value)] for value in norms["params"]}
    assert told == {name for name in names.values() if ".bn" in name or "norm" in name or "downsample.1" in name
                    or name.startswith("backbone.bn1")}  # fmt: skip
    assert len(decaying["params"]) + len(norms["params"]) == len(names)


def test_a_flipped_view_has_flipped_boxes_and_masks_and_no_crowds():
    image = torch.zeros(3, 6, 10, dtype=torch.uint8)
    image[:, 1:4, 2:5] = 255
    mask = (image[:1] > 0).to(torch.uint8)
    target = Target(
        torch.tensor([[2.0, 1, 5, 4], [0, 0, 10, 6]]), torch.tensor([3, 1]), torch.tensor([False, True]),
        torch.tensor([True, False]), torch.cat([mask, torch.ones_like(mask)]),
    )  # fmt: skip
    for flip in (False, True):
        pixels, learned = view(image, target, flip=flip)
        assert learned["labels"].tolist() == [3]
        left, top, right, bottom = learned["boxes"][0].int().tolist()
        inside = torch.zeros(6, 10)
        inside[top:bottom, left:right] = 1
        assert torch.equal(pixels, inside.expand(3, 6, 10))
        assert torch.equal(learned["masks"][0].float(), inside)
        assert (left, right) == ((5, 8) if flip else (2, 5))
