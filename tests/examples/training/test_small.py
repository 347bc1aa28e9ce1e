"""The small encoder's pre-training, and its k-NN against the slow loop."""

from __future__ import annotations

import math

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

from jointaug import JointCrop, MultiView, PerView, UncroppedView


@pytest.fixture(scope="module")
def toys() -> Split:
    return rendered_thumbnails(72, 1)


def test_the_learning_rate_warms_up_and_falls_to_zero():
    share = [small.warm_up_then_cosine(step, 100) for step in range(101)]
    assert share[0] == pytest.approx(1 / small.WARM_UP)
    assert share[50] == pytest.approx(0.5)
    assert share[100] == pytest.approx(0.0, abs=1e-12)
    assert np.argmax(share) == small.WARM_UP - 1


def pretrained(pipeline: v2.Compose, toys: Split, *, steps: int = 5, batch: int = 24, workers: int = 0) -> Pretrained:
    bar = tqdm(disable=True)
    return small.pretrain(pipeline, toys.train, bar, seed=0, steps=steps, batch=batch, workers=workers)


@pytest.mark.usefixtures("one_thread")
def test_a_rerun_gives_the_same_encoder_with_any_number_of_workers(toys):
    pipeline = v2.Compose([JointCrop(small.VIEW, scale=small.SCALE, beta=0), small.per_view()])
    knn = KNN(toys)
    one, other = (pretrained(pipeline, toys, workers=workers) for workers in (0, 2))
    assert (one.loss, knn.accuracy(one.encoder)) == (other.loss, knn.accuracy(other.encoder))
    assert one.speed > 0


@pytest.mark.usefixtures("one_thread")
def test_pre_training_lowers_the_loss(toys):
    """Both views the whole picture: one batch, again and again. NT-Xent cannot fall below its value for embeddings at
    the corners of a regular simplex (views of one image alike, all others at cosine -1 / (B - 1))."""
    whole = v2.Compose([MultiView(UncroppedView(64), UncroppedView(64)), PerView(v2.PILToTensor())])
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
