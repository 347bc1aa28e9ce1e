"""What images with several objects show, against what was drawn; and trees that are not whole."""

from __future__ import annotations

import json

import pytest
import torch
from trainer.inputs.data import open_data
from trainer.inputs.objects import read_coco, read_voc
from trainer.inputs.rendered import CLASSES
from trainer.inputs.scenes import VOC, Scenes, write_coco, write_voc

TRAIN, TEST = Scenes(60, size=32), Scenes(24, seed=1, size=32)
ORDER = sorted(CLASSES)


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    root = tmp_path_factory.mktemp("trees")
    write_voc(root / "voc", TRAIN, TEST)
    write_coco(root / "coco", TRAIN, TEST)
    return root


def shown(scenes, hides):
    """Scene by scene and class by class."""
    rows = []
    for scene in scenes:
        row = []
        for name in ORDER:
            difficult = [toy.difficult and hides for toy in scene.toys if CLASSES[toy.label] == name]
            row.append(0 if not difficult else -1 if all(difficult) else 1)
        rows.append(row)
    return torch.tensor(rows, dtype=torch.int8)


@pytest.mark.parametrize(("read", "tree", "hides"), [(read_voc, "voc", True), (read_coco, "coco", False)])
def test_classes_that_are_shown(read, tree, hides, trees):
    wanted = shown(TRAIN, hides)
    assert (wanted == -1).any() == hides
    for part, scenes in zip(read(str(trees / tree)), (TRAIN, TEST), strict=True):
        assert part.classes == tuple(ORDER)
        assert torch.equal(part.shows, shown(scenes, hides))
        for k, scene in enumerate(scenes):  # the image is that scene's, up to JPEG
            away = (part.images[k].permute(1, 2, 0).int() - torch.from_numpy(scene.pixels).int()).abs().float().mean()
            assert away < 8


def test_they_are_pretrained_on_without_labels(trees):
    for name, tree in (("voc07", "voc"), ("coco", "coco")):
        data = open_data(f"{name}:{trees / tree}")
        assert (len(data.train), data.train.labels, data.test, data.classes) == (60, None, None, ())
        assert data.train[3].shape == (3, 32, 32)
    with pytest.raises(ValueError, match="--test must be left out for voc07, which has images without classes"):
        open_data(f"voc07:{trees / 'voc'}", "elsewhere")


def test_a_tree_without_difficult(tmp_path):
    write_voc(tmp_path, Scenes(4, size=16), Scenes(4, size=16))
    file = tmp_path / VOC / "Annotations" / "000002.xml"
    file.write_text(file.read_text().replace("<difficult>0</difficult>", "", 1))
    with pytest.raises(ValueError, match=r"000002.xml must have a name and say whether it is difficult, got \w"):
        read_voc(str(tmp_path))


def edited(root, **entries):
    write_coco(root, Scenes(8, size=16), Scenes(8, size=16))
    file = root / "annotations" / "instances_train2017.json"
    document = json.loads(file.read_text())
    for path, value in entries.items():
        table, _, column = path.partition("__")
        document[table] = [{**document[table][0], column: value}, *document[table][1:]] if column else value
    file.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"images__height": 0}, "must have pixels, got height or width 0 in 000000000001.jpg"),
        ({"annotations__image_id": 77}, "must be of its images and categories, got image 77"),
        ({"annotations__category_id": 0}, "and category 0"),
        ({"categories": None}, "must be COCO's JSON with images, annotations and categories"),
        ({"annotations": []}, "must have classes that are learned, at least two of them"),
    ],
)
def test_annotations_that_do_not_fit(entries, words, tmp_path):
    edited(tmp_path, **entries)
    with pytest.raises(ValueError, match=words):
        read_coco(str(tmp_path))


def test_a_crowd_is_unsure_and_an_image_without_objects_shows_none(tmp_path):
    edited(tmp_path, annotations__iscrowd=1)
    file = tmp_path / "annotations" / "instances_train2017.json"
    document = json.loads(file.read_text())
    name = {row["id"]: row["name"] for row in document["categories"]}[document["annotations"][0]["category_id"]]
    document["annotations"] = [row for row in document["annotations"] if row["image_id"] != 2]
    file.write_text(json.dumps(document))
    # a class of scene 2 alone would be lost, and said so; all that is held out is learned
    train, _ = read_coco(str(tmp_path))
    assert train.shows[0, train.classes.index(name)] == -1
    assert train.shows[0].abs().sum() == 1
    assert not train.shows[1].any()
