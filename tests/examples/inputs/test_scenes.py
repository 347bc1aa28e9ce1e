"""Scenes: masks against the pixels that a toy changes, boxes against masks, trees against what was drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rendered
from PIL import Image
from torchvision.datasets import VOCDetection
from trainer.inputs import scenes as drawing
from trainer.inputs.rendered import CLASSES, paint
from trainer.inputs.scenes import Scenes, render_scene, run_lengths, write_coco, write_voc
from trainer.inputs.shapes import lay


def test_one_to_four_toys_and_other_draws_than_those_of_pictures():
    assert [len(render_scene(index, size=32).toys) for index in range(8)] == [1, 2, 3, 4] * 2
    first, again = (render_scene(6, seed=2, size=48) for _ in range(2))
    assert np.array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.pixels, render_scene(6, seed=3, size=48).pixels)
    draws = [drawing.Draws(0, 0, stream=stream).between(0, 1) for stream in (0, 1)]
    assert draws[0] != draws[1]


def test_classes_are_uniform():
    """500 toys of nine classes; chi square of 8 degrees is above 37.3 once in 100,000 runs."""
    counts = np.bincount([toy.label for index in range(200) for toy in render_scene(index, size=16).toys], minlength=9)
    assert counts.sum() == 500
    assert ((counts - 500 / 9) ** 2 / (500 / 9)).sum() < 37.3


def test_a_mask_is_where_a_toy_is_drawn_and_none_in_front_is(monkeypatch):
    """Oracle: each shape drawn alone in white on black, to the brightness of a pixel that its edge cuts in two."""
    placed = []
    monkeypatch.setattr(drawing, "paint", lambda canvas, toy, draws: (placed.append(toy), paint(canvas, toy, draws)))
    difficult = 0
    for index in range(40):
        placed.clear()
        scene, hidden = render_scene(index, size=64), np.zeros((64, 64), bool)
        for toy, of in reversed(list(zip(scene.toys, placed, strict=True))):
            drawn = np.zeros((64, 64), bool)
            for shape in of.shapes:
                canvas = np.zeros((64, 64, 3))
                lay(canvas, [shape], (1.0, 1.0, 1.0))
                drawn |= canvas[:, :, 0] >= 0.5 * (0.25 + 0.75 * 0.5)
            assert toy.label == of.label
            assert np.array_equal(toy.mask, drawn & ~hidden)
            assert toy.difficult == ((drawn & hidden).sum() > 0.12 * drawn.sum())
            hidden |= drawn
            difficult += toy.difficult
            rows, columns = toy.mask.nonzero()
            assert toy.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert 2 <= difficult <= 20


def decoded(counts, size):
    """The slow loop: run after run, down the columns."""
    flat, inside = [], False
    for length in counts:
        flat += [inside] * length
        inside = not inside
    return np.array(flat).reshape(size, order="F")


@pytest.mark.parametrize("first", [False, True])
def test_run_lengths_are_undone_by_the_slow_loop(first):
    mask = np.random.default_rng(0).random((5, 7)) < 0.4
    mask[0, 0] = first
    counts = run_lengths(mask)
    assert np.array_equal(decoded(counts, (5, 7)), mask)
    assert (counts[0] == 0) == first
    assert min(counts[1:]) > 0


def test_a_voc_tree_is_read_by_torchvision(tmp_path):
    train, test = Scenes(8, size=48), Scenes(4, seed=1, size=48)
    write_voc(tmp_path, train, test)
    for part, scenes in (("trainval", train), ("test", test)):
        read = VOCDetection(tmp_path, "2007", part)
        assert len(read) == len(scenes)
        for (image, target), scene in zip(read, scenes, strict=True):
            objects = target["annotation"]["object"]
            assert [entry["name"] for entry in objects] == [CLASSES[toy.label] for toy in scene.toys]
            assert [entry["difficult"] for entry in objects] == [str(int(toy.difficult)) for toy in scene.toys]
            boxes = [[int(entry["bndbox"][side]) for side in ("xmin", "ymin", "xmax", "ymax")] for entry in objects]
            assert boxes == [
                [left + 1, top + 1, right, bottom] for left, top, right, bottom in (t.box for t in scene.toys)
            ]
            far = [np.abs(np.asarray(image).astype(int) - other.pixels).mean() for other in scenes]
            assert far[int(target["annotation"]["filename"][:6]) - 1 - (part == "test") * len(train)] == min(far)
            name = target["annotation"]["filename"].removesuffix(".jpg")
            with Image.open(tmp_path / drawing.VOC / "SegmentationObject" / f"{name}.png") as numbers:
                for k, toy in enumerate(scene.toys, 1):
                    assert np.array_equal(np.asarray(numbers) == k, toy.mask)


def test_a_coco_tree_holds_what_was_drawn(tmp_path):
    scenes = Scenes(8, size=48)
    write_coco(tmp_path, scenes, Scenes(1, seed=1, size=48))
    document = json.loads((tmp_path / "annotations" / "instances_train2017.json").read_text())
    names = {row["id"]: row["name"] for row in document["categories"]}
    assert sorted(row["id"] for row in document["annotations"]) == list(range(1, 21))
    for image, scene in zip(document["images"], scenes, strict=True):
        assert (tmp_path / "train2017" / image["file_name"]).is_file()
        rows = [row for row in document["annotations"] if row["image_id"] == image["id"]]
        for row, toy in zip(rows, scene.toys, strict=True):
            left, top, width, height = row["bbox"]
            assert (left, top, left + width, top + height) == toy.box
            assert names[row["category_id"]] == CLASSES[toy.label]
            mask = decoded(row["segmentation"]["counts"], row["segmentation"]["size"])
            assert np.array_equal(mask, toy.mask)
            assert row["area"] == mask.sum()


@pytest.mark.parametrize(("tree", "file"), [("voc", "VOCdevkit/VOC2007/ImageSets/Main/test.txt"), ("coco", "val2017")])
def test_the_command_writes_scenes(tree, file, tmp_path, capsys):
    rendered.main([str(tmp_path), "--scenes", tree, "--images", "4", "--held-out", "3", "--size", "32"])
    assert (tmp_path / file).exists()
    assert len(list(tmp_path.rglob("*.jpg"))) == 7
    assert "4 scenes to learn from and 3 to test on" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--held-out", "3"], "--held-out must come with --scenes"),
        (["--scenes", "voc", "--start", "9"], "--sheet and --start are for class folders"),
        (["--scenes", "voc", "--images", "0"], "count must be at least 1, got 0"),
        (["--scenes", "coco", "--size", "8"], "size must be at least 16 pixels, got 8"),
    ],
)
def test_complaints(arguments, words, tmp_path, capsys):
    with pytest.raises(SystemExit):
        rendered.main([str(tmp_path / "new"), *arguments])
    assert words in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
