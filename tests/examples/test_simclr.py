"""The algorithm box: a few steps of it, and what in it is ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import simclr
import torch
from trainer.inputs.rendered import RenderedToys

from jointaug import Addresses


@pytest.fixture(scope="module")
def toys():
    drawn = RenderedToys(90, size=32, processes=1)
    return torch.from_numpy(drawn.images).permute(0, 3, 1, 2).contiguous(), torch.tensor(drawn.labels)


@pytest.mark.usefixtures("one_thread")
def test_a_few_steps_learn_from_all_images_but_the_last_fifth(toys, monkeypatch):
    """One step an epoch. The same twice, and other test images change nothing; another image to learn from does."""
    images, labels = toys
    networks = []
    monkeypatch.setattr(simclr, "knn", lambda f, x, y: networks.append(f) or 0.0)
    others, changed = images.clone(), images.clone()
    others[72:] = 255 - others[72:]
    changed[:72] = 255 - changed[:72]
    for x in (images, images, others, changed):
        simclr.simclr(x, labels, 3, epochs=2)
    first, again, elsewhere, different = (f.state_dict() for f in networks[::2])
    assert int(first["1.num_batches_tracked"]) == 2
    for key, value in first.items():
        assert torch.equal(value, again[key]), key
        assert torch.equal(value, elsewhere[key]), key
    assert not torch.equal(first["0.weight"], different["0.weight"])


def test_knn_asks_the_last_fifth(toys):
    """Features that are the label itself: all right; with the labels of the last fifth turned about, none."""
    images, labels = toys

    class Told(torch.nn.Module):
        def forward(self, views):
            given = labels[:72] if len(views) == 72 else labels[72:]
            return torch.nn.functional.one_hot(given, 9).float()

    assert simclr.knn(Told(), images, labels) == 100
    turned = torch.cat([labels[:72], (labels[72:] + 1) % 9])
    assert simclr.knn(Told(), images, turned) == 0


def test_views_are_drawn_by_address(toys):
    """An image's views depend on nothing but its address: not on the batch that it is in."""
    images, _ = toys
    index = torch.tensor([5, 70])
    x1, x2 = simclr.augment(images[index], addresses=Addresses(0, 1, index))
    assert x1.shape == x2.shape == (2, 3, 32, 32)
    alone = simclr.augment(images[[70]], addresses=Addresses(0, 1, index[1:]))
    for view, own in zip((x1, x2), alone, strict=True):
        torch.testing.assert_close(own, view[1:])
    assert not torch.equal(x1, simclr.augment(images[index], addresses=Addresses(0, 2, index))[0])


def test_our_part_is_one_line_of_a_short_file():
    source = Path(simclr.__file__).read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 86
    assert len(re.findall(r"\b(?:JointCrop|fuse)\(.*JointCrop\(", source)) == 1
