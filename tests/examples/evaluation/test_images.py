"""Which images are read, held out and drawn."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from trainer.evaluation.images import held_out_rows, open_images, rank_in_class


def folders(root, **classes):
    """``root/<class>/<i>.png`` of the color ``10 * i + 1``, so that a pixel tells the file."""
    for name, count in classes.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (8 + i % 2, 9), (10 * i + 1,) * 3).save(root / name / f"{i:02}.png")
    return str(root)


def test_train_and_val_are_taken_as_they_are(tmp_path):
    folders(tmp_path / "train", cat=4, dog=3)
    folders(tmp_path / "val", cat=1, dog=2)
    train, test = open_images(str(tmp_path), 32)
    assert (train.labels.tolist(), test.labels.tolist()) == ([0] * 4 + [1] * 3, [0, 1, 1])
    assert list(train.classes) == list(test.classes) == ["cat", "dog"]
    assert [int(train[i][0, 0, 0]) for i in range(7)] == [1, 11, 21, 31, 1, 11, 21]


def test_one_in_five_of_each_class_is_held_out_where_there_is_no_test_set(tmp_path):
    where = folders(tmp_path, cat=10, dog=7, eel=2)
    train, test = open_images(where, 32)
    assert train.labels.bincount().tolist() == [8, 6, 1]
    assert test.labels.bincount().tolist() == [2, 1, 1]
    pixels = sorted(int(images[i][0, 0, 0]) for images in (train, test) for i in range(len(images)))
    assert pixels == sorted(10 * i + 1 for count in (10, 7, 2) for i in range(count))  # every image once
    assert torch.equal(open_images(where, 32)[1].rows, test.rows)


def test_batches_are_the_images_in_that_order_whatever_the_threads(noise):
    parts = [torch.tensor([3, 1]), torch.tensor([4]), torch.tensor([29, 0, 5])]
    for threads in (1, 4):
        served = list(noise.subset(torch.arange(29, -1, -1)).batches(parts, threads))
        assert [rows.tolist() for rows, _ in served] == [part.tolist() for part in parts]
        for rows, images in served:
            assert torch.equal(torch.stack(images), noise.source.images[29 - rows])


def test_rank_in_class_is_a_permutation_of_each_class():
    labels = torch.tensor([2, 0, 2, 2, 0, 5, 2])
    rank = rank_in_class(labels, 0, "name")
    for label in (0, 2, 5):
        of = rank[labels == label]
        assert of.sort().values.tolist() == list(range(len(of)))
    many = torch.arange(400) % 2
    assert not torch.equal(rank_in_class(many, 0, "name"), rank_in_class(many, 1, "name"))
    assert not torch.equal(rank_in_class(many, 0, "name"), rank_in_class(many, 0, "other"))


def test_held_out_are_the_share_of_each_class():
    labels = torch.tensor([0] * 50 + [2] * 13)
    held_out = held_out_rows(labels, 10)
    assert labels[held_out].bincount().tolist() == [5, 0, 1]


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({"cat": 3}, "images of at least two classes, got 1 in"),
        ({"": 3}, "images of at least two classes, got 0 in"),
        ({"cat": 3, "dog": 1}, r"every class must have at least two images, .* got one in class number 1"),
        ({}, "holds no image"),
    ],
)
def test_data_that_cannot_be_evaluated_on(tmp_path, classes, words):
    for name, count in classes.items():
        folders(tmp_path / "data", **{name: count}) if name else folders(tmp_path, data=count)
    (tmp_path / "data").mkdir(exist_ok=True)
    with pytest.raises(ValueError, match=words):
        open_images(str(tmp_path / "data"), 32)


def test_a_broken_file_is_named(tmp_path):
    where = folders(tmp_path, cat=5, dog=5)
    (tmp_path / "dog" / "03.png").write_bytes((tmp_path / "dog" / "03.png").read_bytes()[:40])
    train, test = open_images(where, 32)
    with pytest.raises(ValueError, match=r"03\.png cannot be read"):
        [images for part in (train, test) for _, images in part.batches([torch.arange(len(part))], 2)]
