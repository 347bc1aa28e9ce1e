"""The rendered set: the same bits everywhere, classes that only two parts settle, toys inside their pictures."""

from __future__ import annotations

from hashlib import sha256
from itertools import combinations

import numpy as np
import pytest
import rendered
from torchvision.datasets import ImageFolder
from trainer.inputs import rendered as drawing
from trainer.inputs import shapes
from trainer.inputs.rendered import CLASSES, CODE, PARTS, RenderedToys, render


def test_one_part_leaves_three_classes_and_two_parts_leave_one():
    """The tetracode: each letter in three words of nine, each pair of letters in one (distance 3)."""
    for place in range(4):
        assert sorted(word[place] for word in CODE) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for places in combinations(range(4), 2):
        assert len({tuple(word[place] for place in places) for word in CODE}) == 9
    assert all(sum(a != b for a, b in zip(v, w, strict=True)) == 3 for v, w in combinations(CODE, 2))
    assert len(set(CLASSES)) == 9
    assert CLASSES[0] == "oval-ears-legs-sail"


def test_the_pictures_are_pinned():
    """Raw Philox and correctly rounded operations alone, so the bits are every machine's."""
    digest = sha256(b"".join(render(index).pixels.tobytes() for index in range(36)))
    assert digest.hexdigest() == "7745565206e4e36f27fb7937f351e7ad643fae34e0caddc368ab89e3dffb8dbe"


def test_a_picture_depends_on_seed_and_index_alone():
    alone = render(7, seed=3).pixels
    render(8, seed=3)
    assert np.array_equal(alone, render(7, seed=3).pixels)
    others = [render(16, seed=3), render(7, seed=4), render(7, seed=3, size=48)]
    assert not any(np.array_equal(alone, other.pixels) for other in others)


def test_processes_change_nothing():
    together = RenderedToys(200, size=32, processes=2)
    assert np.array_equal(together.images, RenderedToys(200, size=32, processes=1).images)


def test_a_held_out_set_goes_on_where_the_training_set_ends():
    whole, rest = RenderedToys(27, size=32), RenderedToys(9, size=32, start=18)
    assert np.array_equal(whole.images[18:], rest.images)
    assert whole.labels[18:] == rest.labels


def test_classes_are_balanced():
    toys = RenderedToys(90, size=16)
    assert np.bincount(toys.labels).tolist() == [10] * 9
    image, label = toys[13]
    assert (image.size, image.mode, label) == ((16, 16), "RGB", 4)


def test_each_part_is_drawn_in_its_box_and_the_box_lies_in_the_picture(monkeypatch: pytest.MonkeyPatch):
    """Oracle: the pixels that the part's strokes change, but for those in which an edge is blended with the ground.

    That is half a pixel and a rounding beyond a side, and up to half a pixel over the sine of half the angle at a tip.
    """
    changed: list[np.ndarray] = []
    lay = shapes.lay

    def watched(canvas, drawn, color, outline=0.0, opacity=1.0):
        before = canvas.copy()
        lay(canvas, drawn, color, outline, opacity)
        rows, columns = (np.abs(canvas - before).max(2) > 1e-9).nonzero()
        changed.append(np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) if len(rows) else rows)

    monkeypatch.setattr(drawing, "lay", watched)
    for index in range(90):
        changed.clear()
        picture = render(index)
        drawn = dict(zip(["shadow", "top", "under", "hubs", "body", "head"], changed, strict=False))
        for part in PARTS:
            box = picture.parts[part]
            edges = np.array([box.left, box.top, box.right, box.bottom])
            assert np.abs(drawn[part] - edges).max() < 2.5, (index, part)
        toy = picture.box
        assert min(toy.left, toy.top) > -1e-9
        assert max(toy.right, toy.bottom) < 96 + 1e-9
        longer = max(toy.right - toy.left, toy.bottom - toy.top)
        assert 0.7 * 96 - 1e-9 < longer < 96 + 1e-9


def test_colors_hardly_tell_the_class():
    """20-NN on histograms of 64 colors gets 1 in 5, where chance is 1 in 9 and the whole picture 9 in 9."""
    toys = RenderedToys(1350)
    codes = (toys.images.astype(np.int64) // 64) @ np.array([16, 4, 1])
    histograms = np.sqrt(np.stack([np.bincount(code.ravel(), minlength=64) for code in codes]) / 96**2)
    labels = np.array(toys.labels)
    nearest = np.argsort(-histograms[1080:] @ histograms[:1080].T, axis=1)[:, :20]
    votes = np.stack([np.bincount(labels[row], minlength=9) for row in nearest])
    assert (votes.argmax(1) == labels[1080:]).mean() < 0.3


def test_the_folders_that_it_writes_are_an_image_folder(tmp_path, capsys):
    rendered.main([str(tmp_path / "toys"), "--images", "18", "--size", "24", "--sheet", str(tmp_path / "sheet.png")])
    assert "18 pictures of 9 classes" in capsys.readouterr().out
    folder, toys = ImageFolder(tmp_path / "toys"), RenderedToys(18, size=24)
    assert folder.classes == sorted(CLASSES)
    read = {(folder.classes[label], np.asarray(image).tobytes()) for image, label in folder}
    assert read == {(CLASSES[label], np.asarray(image).tobytes()) for image, label in (toys[i] for i in range(18))}
    assert (tmp_path / "sheet.png").stat().st_size > 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: render(-1), "index=-1"),
        (lambda: render(0, seed=-2), "seed=-2"),
        (lambda: render(0, size=8), "got 8"),
        (lambda: RenderedToys(0), "got 0"),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_command_line_says_what_is_wrong(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        rendered.main([str(tmp_path), "--size", "3"])
    assert "at least 16 pixels, got 3" in capsys.readouterr().err
