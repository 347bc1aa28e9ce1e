"""Images of every source: read once, let go, refused with their index."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import PIL.Image
import pytest
import torch
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from jointaug import Views
from jointaug.difficulty import sdf

from .cases import COLORS, PLAIN, POLICIES, mean_color


def sizes_differ():
    return [image[:, : 20 - i % 3, : 24 - i % 2] for i, image in enumerate(COLORS)]


class OnDisk(Dataset):
    """PIL images with labels, made anew at each access."""

    def __len__(self):
        return len(COLORS)

    def __getitem__(self, index):
        return PIL.Image.fromarray((COLORS[index].permute(1, 2, 0).numpy() * 255).astype(np.uint8)), index


@pytest.mark.parametrize("images", [COLORS, sizes_differ(), OnDisk()], ids=["tensor", "sizes differ", "data set"])
def test_the_batch_size_changes_nothing(images):
    whole = sdf(mean_color, images, POLICIES, draws=2)
    for batch_size in (1, 5):
        split = sdf(mean_color, images, POLICIES, draws=2, batch_size=batch_size)
        for name in POLICIES:
            assert split[name].mean == whole[name].mean
            assert split[name].interval == whole[name].interval
            for column in whole[name].pairs:
                assert torch.equal(split[name].pairs[column], whole[name].pairs[column])


def test_workers_read_the_same_images():
    alone = sdf(mean_color, OnDisk(), POLICIES["joint"], batch_size=4)
    assert torch.equal(
        sdf(mean_color, OnDisk(), POLICIES["joint"], batch_size=4, workers=1).pairs["similarity"],
        alone.pairs["similarity"],
    )
    listed = sdf(mean_color, [OnDisk()[i] for i in range(len(COLORS))], POLICIES["joint"])
    assert torch.equal(listed.pairs["similarity"], alone.pairs["similarity"])


@pytest.mark.parametrize(
    "sample",
    [
        lambda image: {"image": image, "label": 3},
        lambda image: {"label": torch.tensor(3), "img": tv_tensors.Image(image), "depth": image[:1]},
        lambda image: {"mask": tv_tensors.Mask(image[:1]), "pixels": image},
        lambda image: {"image": F.to_pil_image(image), "caption": "a tench"},
    ],
    ids=["tensor", "explicit", "beside a mask", "PIL"],
)
def test_dictionaries_hold_their_image(sample):
    """As Hugging Face's data sets serve them: the same pairs as of the images alone."""
    levels = (COLORS * 255).to(torch.uint8)
    alone = sdf(mean_color, list(levels), POLICIES["joint"])
    held = sdf(mean_color, [sample(image) for image in levels], POLICIES["joint"])
    assert torch.equal(held.pairs["similarity"], alone.pairs["similarity"])


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({"label": 3, "caption": "a tench"}, r"images\[0\] must hold one image .*, got none under 'label', 'caption'"),
        ({"first": COLORS[0], "second": COLORS[1]}, "got several under 'first', 'second'; give a data set of"),
    ],
)
def test_dictionaries_without_their_image_are_refused(sample, message):
    with pytest.raises(TypeError, match=message):
        sdf(mean_color, [sample], POLICIES["joint"])


def test_images_are_let_go():
    """At most the batches in flight are alive, however large the data set is."""
    alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
    most = 0

    class Made(Dataset):
        def __len__(self):
            return 96

        def __getitem__(self, index):
            nonlocal most
            image = torch.rand(3, 12, 12 + index % 2)
            alive.add(image)
            most = max(most, len(alive))
            return image

    gc.collect()
    sdf(mean_color, Made(), POLICIES["joint"], batch_size=4, keep_pairs=False)
    assert most <= 16


BAD = {
    "no images": (mean_color, COLORS[:0], PLAIN, {}, ValueError, "at least one, got an empty Tensor"),
    "empty set": (mean_color, [], PLAIN, {}, ValueError, "empty list"),
    "one image": (mean_color, COLORS[0], PLAIN, {}, ValueError, r"image\[None\]"),
    "iterable": (mean_color, iter(COLORS), PLAIN, {}, TypeError, "map-style"),
    "views already": (
        mean_color,
        [Views([*COLORS[:2]])],
        PLAIN,
        {},
        TypeError,
        r"images\[0\].*Views.*without its pipeline",
    ),
    "array": (mean_color, [np.zeros((3, 8, 8))], PLAIN, {}, TypeError, "ToImage"),
    "labels": (mean_color, [3, 4], PLAIN, {}, TypeError, r"images\[0\] must be a PIL image or a tensor"),
    "workers": (mean_color, COLORS, PLAIN, {"workers": -1}, ValueError, "workers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    encoder, images, policies, options, error, message = BAD[name]
    with pytest.raises(error, match=message):
        sdf(encoder, images, policies, **options)
