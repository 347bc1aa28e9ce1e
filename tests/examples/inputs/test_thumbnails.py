"""Folders as thumbnails: what is read, what is left out by name, what is held out."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trainer.inputs.thumbnails import (
    folder_thumbnails,
    in_fair_order,
    read_class,
    rendered_thumbnails,
    small_image,
)


def save(path: Path, seed: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of ten readable images each, and files that are broken or none of ours."""
    root = tmp_path / "data"
    for label, name in enumerate(("cats", "dogs")):
        for i in range(10):
            save(root / name / f"{i}.png", seed=10 * label + i)
    cut = save(root / "cats" / "cut.jpg", size=(200, 200))
    cut.write_bytes(cut.read_bytes()[:3000])
    (root / "dogs" / "empty.png").write_bytes(b"")
    (root / "dogs" / "text.jpeg").write_text("no image")
    (root / "dogs" / "notes.txt").write_text("not even meant as one")
    (root / "dogs" / ".hidden.png").write_bytes(b"")
    return root


def test_broken_files_are_named_skipped_and_counted(folder, capsys):
    images = folder_thumbnails(folder, 1000, 2)
    out = capsys.readouterr().out
    assert set(re.findall(r"skipped \S*/(\S+):", out)) == {"cut.jpg", "empty.png", "text.jpeg"}
    assert "3 unreadable files skipped" in out
    assert "3 unreadable files skipped" in images.origin
    assert images.classes == ["cats", "dogs"]
    assert (len(images.train), len(images.held_out)) == (16, 4)
    assert images.held_out.labels == [0, 0, 1, 1]
    every = [part.images[i].tobytes() for part in (images.train, images.held_out) for i in range(len(part))]
    assert len(set(every)) == 20


def test_the_limit_takes_equally_many_of_each_class_and_always_the_same(folder):
    first, again = (folder_thumbnails(folder, 12, 2) for _ in range(2))
    assert np.bincount(first.train.labels + first.held_out.labels).tolist() == [6, 6]
    assert [image.tobytes() for image in first.train.images] == [image.tobytes() for image in again.train.images]


def test_a_broken_file_within_the_limit_makes_way_for_another(tmp_path):
    with ThreadPoolExecutor(2) as pool:
        for i in range(6):
            save(tmp_path / f"{i}.png", seed=i)
        order = in_fair_order(tmp_path)
        order[1].write_bytes(b"")
        images, bad = read_class(tmp_path, 4, pool)
    assert [path for path, _ in bad] == [order[1]]
    expected = [np.asarray(Image.open(order[i])) for i in (0, 2, 3, 4)]
    assert all(np.array_equal(got, want) for got, want in zip(images, expected, strict=True))


def test_a_class_with_one_image_is_left_out_by_name(folder, capsys):
    save(folder / "lonely" / "1.png")
    assert folder_thumbnails(folder, 100, 1).classes == ["cats", "dogs"]
    assert "left out class lonely: 1 readable images" in capsys.readouterr().out


def test_images_of_all_sizes_come_out_in_rgb_and_no_larger_than_needed(tmp_path):
    large = small_image(save(tmp_path / "large.jpg", size=(800, 600)))
    assert large.shape == (96, 128, 3)
    assert small_image(save(tmp_path / "long.png", size=(300, 2))).shape == (2, 300, 3)
    assert small_image(save(tmp_path / "dot.png", size=(1, 1))).shape == (1, 1, 3)


def test_classes_without_readable_images_are_refused(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"at least two classes with two readable images each, got 0 .*2 unreadable"):
        folder_thumbnails(tmp_path, 100, 1)


def test_the_rendered_set_is_split_class_by_class():
    toys = rendered_thumbnails(72, 1)
    assert np.bincount(toys.train.labels).tolist() == [6] * 9
    assert np.bincount(toys.held_out.labels).tolist() == [2] * 9
    assert (len(toys.train), len(toys.held_out)) == (54, 18)
