"""What is computed once and what is not kept are the same numbers; batches are of the rows that they are asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torchvision.transforms import v2
from trainer.evaluation.encoder import Encoder, open_encoder
from trainer.evaluation.frozen import Frozen, random_crop
from trainer.evaluation.protocols import PROTOCOLS

from jointaug import Addresses


@pytest.fixture
def frozen(seeing, noise):
    """Twenty images to learn from, ten to test on."""
    return Frozen(seeing, noise.subset(torch.arange(20)), noise.subset(torch.arange(20, 30)), seed=3)


@pytest.fixture
def calls(monkeypatch):
    """Every call that computes features: how many images."""
    found = []
    features = Encoder.features

    def counting(self, images, *args, **options):
        found.append(len(images))
        return features(self, images, *args, **options)

    monkeypatch.setattr(Encoder, "features", counting)
    return found


def test_features_are_the_encoders_and_are_computed_once(frozen, calls):
    for part, images in (("train", frozen.train), ("test", frozen.test)):
        for view, shown in (("center", frozen.encoder.center()), ("whole", frozen.encoder.whole())):
            assert torch.equal(frozen.features(part, view), frozen.encoder.features(images, shown))
    assert len(calls) == 8
    frozen.features("train", "whole")
    assert len(calls) == 8
    assert not torch.equal(frozen.features("test", "center"), frozen.features("test", "whole"))


def test_another_encoder_has_features_of_its_own(frozen):
    before = frozen.features("test", "center")
    dark = replace(frozen, encoder=replace(frozen.encoder, mean=(1.0, 1.0, 1.0)))
    assert not torch.equal(dark.features("test", "center"), before)
    assert torch.equal(frozen.features("test", "center"), before)


@pytest.fixture
def heads():
    torch.manual_seed(0)
    return [nn.Linear(192, 3) for _ in range(2)]


@pytest.mark.parametrize("rows", [None, torch.tensor([7, 2, 2])], ids=["all", "rows"])
def test_logits_are_those_of_the_heads_on_the_features(frozen, heads, rows):
    x = frozen.features("test", "whole")
    for head, found in zip(heads, frozen.logits(heads, "test", "whole", rows), strict=True):
        assert torch.equal(found, head(x if rows is None else x[rows]))
        assert not found.requires_grad


@pytest.mark.parametrize("rows", [None, torch.tensor([7, 2, 2])], ids=["all", "rows"])
def test_logits_on_stages_are_the_same_and_their_features_are_not_kept(noise, rows):
    encoder = open_encoder("resnet8", size=32).of_stages([1, 4])
    frozen = Frozen(replace(encoder, batch=4), noise, noise)
    torch.manual_seed(0)
    heads = [nn.Linear(encoder.width, 3) for _ in range(3)]
    found = frozen.logits(heads, "train", "center", rows)
    assert not frozen._found
    x = frozen.features("train", "center")
    for head, logits in zip(heads, found, strict=True):
        wanted = head(x if rows is None else x[rows])
        torch.testing.assert_close(logits, wanted, rtol=0, atol=1e-5)
        assert not logits.requires_grad


@pytest.mark.parametrize("name", ["moco", "small"])
def test_batches_are_all_rows_once_with_their_labels(frozen, name):
    """Random crops, which are the encoder's at the images' addresses, and features of the test's view."""
    rows = torch.tensor([3, 19, 4, 8, 11])
    ((x, y), (x2, y2)) = frozen.batches(rows, 3, PROTOCOLS[name])(2)
    x, y = torch.cat([x, x2]), torch.cat([y, y2])
    assert sorted(y.tolist()) == sorted(frozen.train.labels[rows].tolist())
    if name == "small":
        wanted = frozen.features("train", "center")[rows]
    else:
        (again,) = frozen.batches(rows, 5, PROTOCOLS[name])(2)
        assert torch.equal(again[0], x)  # whatever the batch
        assert not torch.equal(next(frozen.batches(rows, 5, PROTOCOLS[name])(1))[0], x)
        return
    order = [int((wanted == row).all(1).nonzero()[0, 0]) for row in x]
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert torch.equal(frozen.train.labels[rows[order]], y)


def test_random_crops_are_at_the_images_addresses(frozen):
    """Image 8's view is that of its number in the data, wherever it stands in a batch."""
    ((x, y),) = frozen.batches(torch.tensor([8]), 1, PROTOCOLS["interclr-places"])(5)
    views = frozen.encoder.views(*random_crop(8, "middle"), v2.RandomHorizontalFlip())
    wanted = frozen.encoder.embed([frozen.train[8]], views, Addresses(3, 5, torch.tensor([8])))
    assert torch.equal(x, wanted)
    assert y.tolist() == [2]
