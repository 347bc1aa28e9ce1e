"""Whoever opens image files reads them alike: trainer, evaluation, quickstart, the score network's training."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
from torchvision.transforms.v2 import functional as F
from trainer.evaluation.images import open_images
from trainer.inputs.data import open_data
from trainer.inputs.sources import in_memory
from trainer.inputs.thumbnails import folder_thumbnails

from jointaug.difficulty._images import ImageFiles

WHITE = (255, 255, 255)


def sideways(path):
    """A camera's note that the picture is to be turned clockwise: black, the left half as stored, comes to the top."""
    image, exif = PIL.Image.new("RGB", (8, 4), WHITE), PIL.Image.Exif()
    image.paste((0, 0, 0), (0, 0, 4, 4))
    exif[0x0112] = 6
    image.save(path, exif=exif)


def two_frames(path):
    first, second = (PIL.Image.new("L", (4, 4), value) for value in (77, 200))
    first.save(path, save_all=True, append_images=[second])


KINDS = {  # suffix, writer, the pixel at the bottom right
    "16 bits": (".png", lambda p: PIL.Image.fromarray(np.full((4, 4), 20000, np.uint16)).save(p), (77,) * 3),
    "16 bits, TIFF": (".tiff", lambda p: PIL.Image.fromarray(np.full((4, 4), 20000, np.uint16)).save(p), (77,) * 3),
    "floats": (".tif", lambda p: PIL.Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(p), (128,) * 3),
    "hidden": (".png", lambda p: PIL.Image.new("RGBA", (4, 4), (200, 0, 0, 0)).save(p), WHITE),
    "hidden gray": (".png", lambda p: PIL.Image.new("LA", (4, 4), (0, 0)).save(p), WHITE),
    "sideways": (".png", sideways, WHITE),
    "frames": (".GIF", two_frames, (77,) * 3),
}


def trained(root):
    return [np.asarray(F.to_pil_image(image)) for image in in_memory(open_data(str(root)).train)]


def evaluated(root):
    train, test = open_images(str(root), 32)
    return [np.asarray(F.to_pil_image(train[0])), np.asarray(F.to_pil_image(test[0]))]


def shown(root):
    images = folder_thumbnails(root, 100, 1)
    return [np.asarray(images.train[0][0]), np.asarray(images.held_out[0][0])]


def scored(root):
    files = ImageFiles(root)
    return [np.asarray(files[index]) for index in range(len(files))]


@pytest.mark.parametrize("reader", [trained, evaluated, shown, scored])
@pytest.mark.parametrize("kind", KINDS)
def test_one_meaning(kind, reader, tmp_path):
    suffix, write, color = KINDS[kind]
    for name in ("cat/0", "cat/1", "dog/0", "dog/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / f"{name}{suffix}")
    pixels = reader(tmp_path)
    assert len(pixels) >= 2
    for image in pixels:
        assert image.shape == ((8, 4, 3) if kind == "sideways" else (4, 4, 3))
        assert tuple(image[-1, -1]) == color


@pytest.mark.parametrize("reader", [trained, evaluated, shown, scored])
def test_floats_without_a_range_are_refused(reader, tmp_path):
    for name in ("cat/0", "cat/1", "dog/0", "dog/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        PIL.Image.fromarray(np.full((4, 4), 77, np.float32)).save(tmp_path / f"{name}.tiff")
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]|4 unreadable files"):
        reader(tmp_path)


def clutter(root):
    """What systems and programs leave in folders of images."""
    for name in (
        ".ipynb_checkpoints/0-checkpoint.png", "cat/.ipynb_checkpoints/0-checkpoint.png", "cat/._0.png", "._cat.png",
        ".DS_Store", "cat/.DS_Store", "__MACOSX/cat/._0.png", "__MACOSX/cat/0.png", "cat/Thumbs.db", "@eaDir/0.png",
        "cat/@eaDir/0.png/THUMB.jpg",
    ):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"no image")
    (root / "empty").mkdir()


def test_clutter_is_neither_class_nor_image(tmp_path):
    for name in ("cat/0.png", "cat/1.JPEG", "dog/0.PNG", "dog/1.jpg"):
        (tmp_path / "elsewhere" / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (4, 4), WHITE).save(tmp_path / "elsewhere" / name)
    root = tmp_path / "data"
    clutter(root)
    for name in ("0.png", "1.JPEG"):
        (tmp_path / "elsewhere" / "cat" / name).rename(root / "cat" / name)
    (root / "dog").symlink_to(tmp_path / "elsewhere" / "dog")
    data, images = open_data(str(root)), folder_thumbnails(root, 100, 1)
    assert (data.classes, data.train.labels.tolist()) == (("cat", "dog"), [0, 0, 1, 1])
    assert (images.classes, len(images.train), len(images.held_out)) == (["cat", "dog"], 2, 2)
    assert "0 unreadable" in images.origin
    assert [len(trained(root)), len(scored(root))] == [4, 4]
    train, test = open_images(str(root), 32)
    assert (list(train.classes), len(train), len(test)) == (["cat", "dog"], 2, 2)


def test_clutter_in_a_flat_folder_and_beside_train_and_test(tmp_path):
    (tmp_path / "flat").mkdir()
    PIL.Image.new("RGB", (4, 4)).save(tmp_path / "flat" / "0.png")
    for name in (".ipynb_checkpoints/0-checkpoint.png", "._0.png", "__MACOSX/._0.png"):
        (tmp_path / "flat" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "flat" / name).write_bytes(b"no image")
    assert (len(open_data(str(tmp_path / "flat")).train), open_data(str(tmp_path / "flat")).classes) == (1, ())
    for part in ("train", "test"):
        clutter(tmp_path / "parts" / part)
        for name in ("cat", "dog"):
            (tmp_path / "parts" / part / name).mkdir(exist_ok=True)
            PIL.Image.new("RGB", (4, 4)).save(tmp_path / "parts" / part / name / "0.png")
    data = open_data(str(tmp_path / "parts"))
    assert (data.classes, len(data.train), len(data.test)) == (("cat", "dog"), 2, 2)
