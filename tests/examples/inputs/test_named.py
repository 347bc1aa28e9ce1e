"""Data sets by name, each from a few files that lie as its makers' do; and what is said where they do not."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from trainer.inputs.data import open_data
from trainer.inputs.named import NAMED, OBJECTS, PER_CLASS


def image(path, level=0):
    """A picture of one gray, so that it is known again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (level,) * 3).save(path, quality=100)


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def imagenet100(root):
    for part in ("train", "val"):
        for k, name in enumerate(("n03", "n01", "n02")):
            image(root / part / name / f"{part}.png", 10 * k + (part == "val"))
    text(root / "imagenet100.txt", "n03\nn01\n")
    return ("n01", "n03"), [(10, 0), (0, 1)], [(11, 0), (1, 1)]


def tiny(root):
    text(root / "wnids.txt", "n02\nn01\n")
    for k, name in enumerate(("n01", "n02")):
        image(root / "train" / name / "images" / f"{name}_0.JPEG", 10 * k)
        image(root / "val" / "images" / f"val_{k}.JPEG", 10 * k + 1)
    text(root / "val" / "val_annotations.txt", "val_0.JPEG\tn02\t0\t0\t9\t9\nval_1.JPEG\tn01\t0\t0\t9\t9\n")
    return ("n01", "n02"), [(0, 0), (10, 1)], [(1, 1), (11, 0)]


def food(root):
    base = root / "food-101"
    for part, level in (("train", 0), ("test", 1)):
        names = {"pie": [f"pie/{part}"], "cake": [f"cake/{part}"]}
        text(base / "meta" / f"{part}.json", json.dumps(names))
        for k, name in enumerate(("cake", "pie")):
            image(base / "images" / name / f"{part}.jpg", 10 * k + level)
    return ("cake", "pie"), [(10, 1), (0, 0)], [(11, 1), (1, 0)]


def flowers(root):
    base = root / "flowers-102"
    for number in range(1, 7):
        image(base / "jpg" / f"image_{number:05d}.jpg", 10 * number)
    savemat(base / "imagelabels.mat", {"labels": [[5, 102, 1, 7, 8, 9]]})
    savemat(base / "setid.mat", {"trnid": [[1, 4]], "valid": [[3, 5]], "tstid": [[2, 6]]})
    return None, [(10, 4), (40, 6), (30, 0), (50, 7)], [(20, 101), (60, 8)]


def aircraft(root):
    data = root / "fgvc-aircraft-2013b" / "data"
    text(data / "variants.txt", "707\nA 380\n")
    for part, level in (("trainval", 0), ("test", 1)):
        text(data / f"images_variant_{part}.txt", f"1{part} A 380\n0{part} 707\n")
        for k in range(2):
            image(data / "images" / f"{k}{part}.jpg", 10 * k + level)
    return ("707", "A 380"), [(10, 1), (0, 0)], [(11, 1), (1, 0)]


def dtd(root):
    base = root / "dtd" / "dtd"
    for level, part in enumerate(("train", "val", "test")):
        text(base / "labels" / f"{part}1.txt", f"dotted/{part}.jpg\nbanded/{part}.jpg\n")
        for k, name in enumerate(("banded", "dotted")):
            image(base / "images" / name / f"{part}.jpg", 10 * k + level)
    return ("banded", "dotted"), [(10, 1), (0, 0), (11, 1), (1, 0)], [(12, 1), (2, 0)]


def cars(root):
    base = root / "stanford_cars"
    for part, file, level in (
        ("train", "devkit/cars_train_annos.mat", 0), ("test", "cars_test_annos_withlabels.mat", 1)
    ):  # fmt: skip
        rows = [(f"{part}{k}.jpg", k + 1) for k in range(2)]
        for k, (name, _) in enumerate(rows):
            image(base / f"cars_{part}" / name, 10 * k + level)
        (base / file).parent.mkdir(exist_ok=True)
        savemat(base / file, {"annotations": np.array(rows, dtype=[("fname", "O"), ("class", "O")])})
    savemat(base / "devkit" / "cars_meta.mat", {"class_names": np.array(["Audi", "BMW"], dtype=object)})
    return ("Audi", "BMW"), [(0, 0), (10, 1)], [(1, 0), (11, 1)]


def pets(root):
    base = root / "oxford-iiit-pet"
    for part, level in (("trainval", 0), ("test", 1)):
        text(base / "annotations" / f"{part}.txt", f"pug_{level} 2 2 1\nBengal_{level} 1 1 1\n")
        for k, name in enumerate(("Bengal", "pug")):
            image(base / "images" / f"{name}_{level}.jpg", 10 * k + level)
    return ("Bengal", "Pug"), [(10, 1), (0, 0)], [(11, 1), (1, 0)]


def lists(root, names=("train.txt", "test.txt"), classes=("barn", "abbey"), gap=" "):
    for k, name in enumerate(names):
        image(root / "a" / f"{k} b.jpg", 10 * k)
        text(root / name, "".join(f"a/{k} b.jpg{gap}{label}\n" for label in classes))
    number = {name: place for place, name in enumerate(sorted(classes, key=str))}
    return tuple(number), [(0, number[n]) for n in classes], [(10, number[n]) for n in classes]


def places(root):
    _, *_ = lists(root, ("train_places205.csv", "val_places205.csv"), [str(k) for k in range(205)], ",")
    return tuple(map(str, range(205))), [(0, k) for k in range(205)], [(10, k) for k in range(205)]


def birdsnap(root):
    return lists(root, classes=[f"bird {k:03}" for k in range(500)], gap=",")


def pixels(root):
    parts = {
        part: [torch.full((2, 3, 4, 4), level, dtype=torch.uint8), torch.tensor([1, 0])]
        for part, level in (("train", 3), ("test", 5))
    }
    torch.save({"classes": ["a", "b"], **parts}, root / "pixels.pt")
    return ("a", "b"), [(3, 1), (3, 0)], [(5, 1), (5, 0)]


CASES = {
    "imagenet100": imagenet100, "tiny-imagenet": tiny, "food101": food, "flowers102": flowers, "aircraft": aircraft,
    "dtd": dtd, "cars": cars, "pets": pets, "places205": places, "birdsnap": birdsnap, "lists": lists, "pixels": pixels,
}  # fmt: skip
ELSEWHERE = {"cifar10", "cifar100", "stl10", "imagenet"}  # tests/examples/training/test_data.py


def test_every_name_has_a_case():
    assert set(CASES) | ELSEWHERE | set(OBJECTS) == set(NAMED)
    assert set(NAMED) >= PER_CLASS


@pytest.mark.parametrize("name", CASES)
def test_files_as_they_are_distributed(name, tmp_path, monkeypatch):
    monkeypatch.setattr("torchvision.datasets.flowers102.check_integrity", lambda *arguments: True)  # by a digest
    classes, *parts = CASES[name](tmp_path)
    data = open_data(f"{name}:{tmp_path}")
    assert data.classes == classes or (name == "flowers102" and len(data.classes) == 102)
    for source, wanted in zip((data.train, data.test), parts, strict=True):
        assert len(source) == len(wanted)
        labels = source.labels.tolist()
        for k in range(0, len(wanted), max(1, len(wanted) // 5)):
            level = source[k].float().mean()
            assert abs(level - wanted[k][0]) <= 1, (name, k)  # JPEG rounds a gray by one
            assert labels[k] == wanted[k][1]


@pytest.mark.parametrize("name", NAMED)
def test_what_is_missing_is_named_with_where_it_must_lie(name, tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        open_data(f"{name}:{tmp_path}")
    assert NAMED[name].holds in str(error.value)
    assert f"'{name}:{tmp_path}'" in str(error.value)


def test_a_class_list_that_fits_no_folder(tmp_path):
    imagenet100(tmp_path)
    text(tmp_path / "imagenet100.txt", "n01\nn77\n")
    with pytest.raises(ValueError, match="got 2 that are none: train/n77, val/n77; correct the list"):
        open_data(f"imagenet100:{tmp_path}")
    text(tmp_path / "imagenet100.txt", "\n")
    with pytest.raises(ValueError, match="must name classes, a WordNet identifier a line, got none"):
        open_data(f"imagenet100:{tmp_path}")


def test_a_table_with_other_classes(tmp_path):
    tiny(tmp_path)
    text(tmp_path / "val" / "val_annotations.txt", "val_0.JPEG\tn77\t0\t0\t9\t9\n")
    with pytest.raises(ValueError, match=r"must name classes of wnids.txt, got n77"):
        open_data(f"tiny-imagenet:{tmp_path}")


@pytest.mark.parametrize(
    ("train", "words"),
    [
        ("a/0 b.jpg barn\nalone\n", "must have lines of a path and a class, apart by a space or a comma, got 'alone'"),
        ("\n", "got 'none'"),
        ("a/7.jpg barn\na/0 b.jpg abbey\n", "names 'a/7.jpg', which is not there"),
        ("a/0 b.jpg barn\n", "must have an image of every class of test.txt, got none of abbey"),
    ],
)
def test_lists_that_do_not_fit(train, words, tmp_path):
    lists(tmp_path)
    text(tmp_path / "train.txt", train)
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        open_data(f"lists:{tmp_path}")


def test_a_part_of_places_is_not_places(tmp_path):
    lists(tmp_path, ("train_places205.csv", "val_places205.csv"), gap=",")
    with pytest.raises(ValueError, match="must have images of 205 classes, got 2"):
        open_data(f"places205:{tmp_path}")


def test_numbered_classes_are_in_the_order_of_their_numbers(tmp_path):
    lists(tmp_path, classes=["10", "9"])
    data = open_data(f"lists:{tmp_path}")
    assert (data.classes, data.train.labels.tolist()) == (("9", "10"), [1, 0])
    assert torch.equal(data.train.labels, data.test.labels)
