"""What is read of a tree is what the scenes drew into it; and trees that are not whole."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from trainer.detection.boxes import open_boxes
from trainer.inputs.rendered import CLASSES
from trainer.inputs.scenes import VOC, Scenes, write_coco, write_voc


@pytest.mark.parametrize("kind", ["voc", "coco"])
def test_what_is_read_is_what_was_drawn(kind, scene_trees):
    root, *drawn = scene_trees
    masks = kind == "coco"
    if masks:
        pytest.importorskip("pycocotools")
    parts = open_boxes(f"{'voc07' if kind == 'voc' else 'coco'}:{root / kind}", masks=masks)
    seen = 0
    for part, scenes in zip(parts, drawn, strict=True):
        assert len(part) == len(scenes)
        for row, scene in enumerate(scenes):
            found = part.target(row)
            assert found.boxes.tolist() == [list(toy.box) for toy in scene.toys]
            assert [part.images.classes[k - 1] for k in found.labels] == [CLASSES[toy.label] for toy in scene.toys]
            assert found.unsure.tolist() == [toy.difficult and not masks for toy in scene.toys]
            assert found.learned.all()
            seen += int(found.unsure.sum())
            assert (found.masks is not None) == masks
            if found.masks is not None:
                drawn_masks = torch.stack([torch.from_numpy(toy.mask) for toy in scene.toys])
                assert torch.equal(found.masks, drawn_masks.to(torch.uint8))
    assert (seen > 0) != masks


def test_voc_of_two_years(scene_trees, tmp_path):
    """VOC 2012's images are learned from after those of 2007, with their own boxes."""
    root, train, test = scene_trees
    shutil.copytree(root / "voc", tmp_path, dirs_exist_ok=True)
    write_voc(tmp_path / "other", Scenes(8, seed=5, size=48), Scenes(4, size=48))
    shutil.move(tmp_path / "other" / VOC, tmp_path / VOC.with_name("VOC2012"))
    learned, tested = open_boxes(f"voc0712:{tmp_path}")
    assert (len(learned), len(tested)) == (len(train) + 8, len(test))
    for row, scene in enumerate(Scenes(8, seed=5, size=48), len(train)):
        assert learned.target(row).boxes.tolist() == [list(toy.box) for toy in scene.toys]
    with pytest.raises(ValueError, match=r"--data must have boxes, got voc12:there; take voc07:FOLDER"):
        open_boxes("voc12:there")
    with pytest.raises(FileNotFoundError, match="it must hold VOCdevkit/VOC2007/ and VOCdevkit/VOC2012/"):
        open_boxes(f"voc0712:{root / 'voc'}")
    with pytest.raises(ValueError, match="--data must have masks for Mask R-CNN, got voc07:"):
        open_boxes(f"voc07:{root / 'voc'}", masks=True)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("<difficult>0</difficult>", "", "must have a name and say whether it is difficult"),
        ("<xmin>", "<x>", "must have a bndbox with xmin, ymin, xmax and ymax, got"),
    ],
)
def test_a_voc_tree_that_lacks_something(before, after, words, tmp_path):
    write_voc(tmp_path, Scenes(8, size=16), Scenes(8, size=16))
    file = tmp_path / VOC / "Annotations" / "000002.xml"
    text = file.read_text().replace(before, after, 1)
    file.write_text(text.replace("</xmin>", "</x>", 1) if after else text)
    with pytest.raises(ValueError, match=f"000002.xml {words}"):
        open_boxes(f"voc07:{tmp_path}")


def test_coco_without_objects_with_a_crowd_and_a_box_without_area(tmp_path):
    pytest.importorskip("pycocotools")
    write_coco(tmp_path, Scenes(12, size=48), Scenes(8, size=48))
    file = tmp_path / "annotations" / "instances_train2017.json"
    document = json.loads(file.read_text())
    annotations = [row for row in document["annotations"] if row["image_id"] != 1]
    crowd, flat = (next(row for row in annotations if row["image_id"] == image) for image in (3, 4))
    crowd["iscrowd"], flat["bbox"][2] = 1, 0
    document["annotations"] = annotations
    file.write_text(json.dumps(document))
    train, _ = open_boxes(f"coco:{tmp_path}", masks=True)
    nothing = train.target(0)
    assert (nothing.boxes.shape, nothing.labels.shape, nothing.learned.shape) == ((0, 4), (0,), (0,))
    assert nothing.masks is not None
    assert nothing.masks.shape == (0, 48, 48)
    assert train.target(2).unsure.tolist() == [True, False, False]
    assert train.target(2).learned.tolist() == [False, True, True]
    assert train.target(3).unsure.tolist() == [False] * 4
    assert train.target(3).learned.tolist() == [False, True, True, True]
    del flat["segmentation"]
    file.write_text(json.dumps(document))
    open_boxes(f"coco:{tmp_path}")
    with pytest.raises(ValueError, match="must have a segmentation for Mask R-CNN, got none in"):
        open_boxes(f"coco:{tmp_path}", masks=True)
