"""A part of the labels against a slow loop, and lists that do not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from trainer.evaluation.images import Images
from trainer.evaluation.subset import of_fraction, of_list
from trainer.inputs.sources import Images as Files


def labelled(sizes, names=None):
    labels = torch.cat([torch.full((size,), label) for label, size in enumerate(sizes)])
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    names = names or [f"/data/class{label}/{k}.png" for k, label in enumerate(labels.tolist())]
    classes = [f"class{label}" for label in range(len(sizes))]
    return Images(Files(names, None, labels), torch.arange(len(labels)), labels, classes)


@pytest.mark.parametrize(("fraction", "wanted"), [(0.1, [10, 3, 1, 1]), (0.01, [1, 1, 1, 1]), (1.0, [100, 33, 7, 1])])
def test_a_fraction_of_each_class_and_at_least_one(fraction, wanted):
    images = labelled([100, 33, 7, 1])
    kept = of_fraction(images, fraction)
    assert kept.labels.bincount().tolist() == wanted
    for row, label in zip(kept.rows.tolist(), kept.labels.tolist(), strict=True):
        assert images.labels[row] == label
    assert len(set(kept.rows.tolist())) == len(kept)


def test_drawn_by_address_uniformly_and_a_larger_fraction_holds_a_smaller():
    """Over 400 seeds each of a class's 20 images is drawn 40 times; 6 deviations: once in 12 million runs."""
    images, counts = labelled([20, 20]), torch.zeros(40)
    for seed in range(400):
        counts[of_fraction(images, 0.1, seed).rows] += 1
    assert (counts - 40).abs().max() < 6 * (400 * 0.1 * 0.9) ** 0.5
    few, more = (set(of_fraction(images, fraction, 3).rows.tolist()) for fraction in (0.1, 0.5))
    assert few < more
    assert few == set(of_fraction(images, 0.1, 3).rows.tolist())


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01, float("nan")])
def test_fractions_out_of_range(fraction):
    with pytest.raises(ValueError, match=r"fraction must be above 0 and at most 1, got"):
        of_fraction(labelled([3, 3]), fraction)


def test_a_class_without_an_image_is_named():
    images = replace(labelled([3, 3]), classes=["class0", "class1", "wombat"])
    with pytest.raises(ValueError, match=r"a labelled image, got none of wombat at fraction 0.5"):
        of_fraction(images, 0.5)


def listed(tmp_path, *lines):
    (tmp_path / "list.txt").write_text("\n".join(lines) + "\n\n")
    return tmp_path / "list.txt"


def test_a_list_by_names_and_by_folders(tmp_path):
    images = labelled([2, 2], ["/d/a/x.png", "/d/a/y.png", "/d/b/x.png", "/d/b/z.png"])
    images = replace(images, labels=torch.tensor([0, 0, 1, 1])).subset(torch.tensor([3, 0, 2, 1]))
    kept = of_list(images, listed(tmp_path, "z.png", "a/x.png", "y.png"))
    assert kept.rows.tolist() == [3, 0, 1]
    assert kept.labels.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            ["z.png", "n9_1.png", "n9_2.png"],
            "got 2 names in .*list.txt that no image to train on has: n9_1.png, n9_2.png",
        ),
        (["z.png", "x.png"], "got 1 names in .* that several images have: x.png; put their folders before the names"),
        (["z.png", "y.png", "z.png"], "that are there twice: z.png"),
        (["c/z.png"], "no image to train on has: c/z.png"),
        (["y.png"], "every class must have a labelled image, got none of class1 in .*list.txt"),
        ([], "got none of class0, class1"),
    ],
)
def test_lists_that_do_not_fit(lines, words, tmp_path):
    images = labelled([2, 2], ["/d/a/x.png", "/d/a/y.png", "/d/b/x.png", "/d/b/z.png"])
    images = replace(images, labels=torch.tensor([0, 0, 1, 1]))
    with pytest.raises(ValueError, match=words):
        of_list(images, listed(tmp_path, *lines))


def test_images_in_memory_have_no_names(noise, tmp_path):
    with pytest.raises(ValueError, match="--list must go with images in files"):
        of_list(noise, listed(tmp_path, "x.png"))
