"""The small encoder's pre-training, and its k-NN against the slow loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import v2
from tqdm.auto import tqdm
from trainer.inputs.thumbnails import Split, Thumbnails, rendered_thumbnails
from trainer.training import small
from trainer.training.small import KNN, Pretrained

from jointaug import Addresses, JointCrop, MultiView, PerView, UncroppedView, fuse


@pytest.fixture(scope="module")
def toys() -> Split:
    return rendered_thumbnails(72, 1)


def test_the_learning_rate_warms_up_and_falls_to_zero():
    share = [small.warm_up_then_cosine(step, 100) for step in range(101)]
    assert share[0] == pytest.approx(1 / small.WARM_UP)
    assert share[50] == pytest.approx(0.5)
    assert share[100] == pytest.approx(0.0, abs=1e-12)
    assert np.argmax(share) == small.WARM_UP - 1


def pretrained(pipeline: v2.Compose, toys: Split, *, steps: int = 5, batch: int = 24, **how: Any) -> Pretrained:
    return small.pretrain(pipeline, toys.train, tqdm(disable=True), seed=0, steps=steps, batch=batch, **how)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("network", "side"), [(small.encoder, small.VIEW), (small.resnet8, small.SIDE)])
def test_a_rerun_gives_the_same_encoder(network: Callable[[], nn.Module], side: int, toys):
    pipeline = v2.Compose([JointCrop(side, scale=small.SCALE, beta=0), small.per_view()])
    knn = KNN(toys, side)
    one, other = (pretrained(pipeline, toys, network=network) for _ in range(2))
    assert (one.loss, knn.accuracy(one.encoder)) == (other.loss, knn.accuracy(other.encoder))
    assert one.speed > 0
    assert one.looks == {}


@pytest.mark.usefixtures("one_thread")
def test_looks_are_at_the_start_at_the_end_and_evenly_between(toys):
    pipeline = v2.Compose([small.independent_crops(small.SIDE), small.per_view()])
    knn = KNN(toys, small.SIDE)
    run = pretrained(pipeline, toys, steps=8, network=small.resnet8, knn=knn)
    assert list(run.looks) == [0, 2, 4, 6, 8]
    torch.manual_seed(0)
    assert run.looks[0] == knn.accuracy(small.resnet8())
    assert run.looks[8] == knn.accuracy(run.encoder)
    assert run.loss == pretrained(pipeline, toys, steps=8, network=small.resnet8).loss  # looking changes nothing


def test_batches_are_the_views_of_their_addresses(toys):
    """Image by image at (seed, epoch, image), in the shuffled order; two epochs, which differ; images of two sizes."""
    pipeline = v2.Compose([JointCrop(24, scale=small.SCALE, beta=0)])
    mixed = Thumbnails([*toys.train.images[:3], toys.train.images[3][:80]], [0] * 4)
    order = torch.Generator().manual_seed(5)
    served = list(islice(small.batches(pipeline, mixed, 5, 2), 4))
    for epoch in range(2):
        index = torch.randperm(4, generator=order)
        for part in range(2):
            for place, image in enumerate(index[2 * part : 2 * part + 2].tolist()):
                address = Addresses(5, epoch, torch.tensor([image]))
                pixels = torch.from_numpy(mixed.images[image]).permute(2, 0, 1)
                alone = fuse(pipeline)(pixels[None], addresses=address)
                for view in range(2):
                    assert torch.equal(served[2 * epoch + part][view][place], alone[view][0])


@pytest.mark.usefixtures("one_thread")
def test_pre_training_lowers_the_loss(toys):
    """Both views the whole picture: one batch, again and again. NT-Xent cannot fall below its value for embeddings at
    the corners of a regular simplex (views of one image alike, all others at cosine -1 / (B - 1))."""
    whole = v2.Compose([MultiView(UncroppedView(64), UncroppedView(64)), PerView(v2.Identity())])
    first, last = (pretrained(whole, toys, steps=steps, batch=54) for steps in (2, 30))
    floor = math.log1p(2 * 53 * math.exp((-1 / 53 - 1) / small.TEMPERATURE))
    assert floor < last.loss
    assert last.loss - floor < 0.2 * (first.loss - floor)


class Flatten(nn.Module):
    """The image itself as its features."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


def test_knn_is_the_slow_loop(toys):
    knn = KNN(toys)
    assert knn.k == 3  # half of the six images of a class
    bank, queries = (
        [np.asarray(part[i][0].resize((64, 64), Image.Resampling.BILINEAR), float).transpose(2, 0, 1).ravel() - 127.5
         for i in range(len(part))]
        for part in (toys.train, toys.held_out)
    )  # fmt: skip
    right = 0
    for query, label in zip(queries, toys.held_out.labels, strict=True):
        cosines = [float(query @ row / np.linalg.norm(query) / np.linalg.norm(row)) for row in bank]
        votes = np.zeros(9)
        for nearest in sorted(range(len(bank)), key=cosines.__getitem__)[-3:]:
            votes[toys.train.labels[nearest]] += math.exp(cosines[nearest] / small.VOTE_TEMPERATURE)
        right += int(votes.argmax() == label)
    assert knn.accuracy(Flatten()) == pytest.approx(100 * right / 18)


def test_knn_knows_what_is_plain_and_not_what_is_hidden():
    """Two classes of opposite pictures: all right; the same pictures with labels turned about: all wrong."""
    pictures = [np.full((8, 8, 3), value, np.uint8) for value in (10, 240) * 6]
    train, held_out = Thumbnails(pictures[:8], [0, 1] * 4), Thumbnails(pictures[8:], [0, 1] * 2)
    assert KNN(Split(train, held_out, ["a", "b"], "")).accuracy(Flatten()) == 100
    turned = Thumbnails(pictures[8:], [1, 0] * 2)
    assert KNN(Split(train, turned, ["a", "b"], "")).accuracy(Flatten()) == 0
