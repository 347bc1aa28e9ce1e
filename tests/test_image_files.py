"""Image files: a file of each kind, made here, and the pixels it is read as; and which files of a folder are images."""

from __future__ import annotations

import colorsys
import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from torchvision.datasets import ImageFolder

import jointaug.image_files
from jointaug.image_files import image_files, is_junk, read_image, to_rgb

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "train-on-your-own-images.md"
WHITE, RED = (255, 255, 255), (200, 0, 0)


def plain(mode, color, **options):
    """A writer of a 4 x 3 picture of one color."""
    return lambda path: PIL.Image.new(mode, (4, 3), color).save(path, **options)


def array(value, dtype, **options):
    """The same, of a mode that Pillow knows by its array."""
    return lambda path: PIL.Image.fromarray(np.full((3, 4), value, dtype)).save(path, **options)


def of_palette(alpha=None, mode="P"):
    """Its index 1 is red; with ``alpha`` in the palette or beside each index."""

    def write(path):
        image = PIL.Image.new(mode, (4, 3), 1 if mode == "P" else (1, alpha))
        image.putpalette([0, 0, 0, *RED])
        options = {} if alpha is None or mode == "PA" else {"transparency": bytes([255, alpha])}
        image.save(path, **options)

    return write


def tiff(value, dtype, *, bits=None, photometric=1, form=1):
    """A TIFF file by hand: what Pillow reads and does not write."""

    def write(path):
        pixels = np.full((3, 4), value, dtype)
        data = pixels.tobytes()
        if bits == 12:  # two pixels in three bytes
            pairs = pixels.reshape(-1, 2).astype(int)
            data = b"".join(((int(a) << 12) | int(b)).to_bytes(3, "big") for a, b in pairs)
        depth = bits or 8 * pixels.itemsize
        tags = {256: 4, 257: 3, 258: depth, 259: 1, 262: photometric, 273: 0, 277: 1, 278: 3, 279: len(data), 339: form}
        tags[273] = 8 + 2 + 12 * len(tags) + 4
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, number) for tag, number in tags.items())
        header = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags))
        Path(path).write_bytes(header + entries + struct.pack("<I", 0) + data)

    return write


def png(value, color_type=0, transparent=None):
    """A PNG file of 16 bits by hand, of gray (color type 0) or color (2); with a gray that is not seen."""

    def write(path):
        rows = np.full((3, 4, 3 if color_type == 2 else 1), value, ">u2")
        seen = [] if transparent is None else [chunk(b"tRNS", struct.pack(">H", transparent))]
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 3, 16, color_type, 0, 0, 0))
        data = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))
        Path(path).write_bytes(b"".join([b"\x89PNG\r\n\x1a\n", header, *seen, data, chunk(b"IEND", b"")]))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return write


def pgm(value):
    """A PGM file of 16 bits by hand."""
    return lambda path: Path(path).write_bytes(b"P5 4 3 65535\n" + np.full((3, 4), value, ">u2").tobytes())


def mixed(color, alpha):
    """A color over white, in 8 bits."""
    return tuple(round((value * alpha + 255 * (255 - alpha)) / 255) for value in color)


def of_ycbcr(y, cb, cr):
    """ITU-R BT.601 with full range, as JPEG has it."""
    return (y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128), y + 1.772 * (cb - 128))


KINDS = {  # row of the table in the documentation, name: suffix, writer, mode of the file in Pillow, pixel, levels off
    ("1", "1"): (".png", plain("1", 1), "1", WHITE, 0),
    ("L", "L"): (".png", plain("L", 77), "L", (77,) * 3, 0),
    ("L", "L, white is zero"): (".tiff", tiff(100, np.uint8, photometric=0), "L", (155,) * 3, 0),
    ("RGB", "RGB"): (".png", plain("RGB", RED), "RGB", RED, 0),
    ("RGB", "JPEG"): (".jpg", plain("RGB", (77, 77, 77)), "RGB", (77,) * 3, 1),
    ("P", "P"): (".png", of_palette(), "P", RED, 0),
    ("P", "GIF"): (".gif", plain("RGB", RED), None, RED, 0),
    ("CMYK", "CMYK"): (".tiff", plain("CMYK", (51, 102, 0, 51)), "CMYK", (163.2, 122.4, 204), 1),
    ("LAB", "LAB"): (".tiff", plain("LAB", (255, 128, 128)), "LAB", WHITE, 1),
    ("LA", "LA, opaque"): (".png", plain("LA", (77, 255)), "LA", (77,) * 3, 0),
    ("LA", "LA"): (".png", plain("LA", (77, 51)), "LA", mixed((77,) * 3, 51), 0),
    ("LA", "LA, hidden"): (".png", plain("LA", (77, 0)), "LA", WHITE, 0),
    ("RGBA", "RGBA, opaque"): (".png", plain("RGBA", (*RED, 255)), "RGBA", RED, 0),
    ("RGBA", "RGBA"): (".webp", plain("RGBA", (*RED, 128), lossless=True), "RGBA", mixed(RED, 128), 0),
    ("RGBA", "RGBA, hidden"): (".png", plain("RGBA", (*RED, 0)), "RGBA", WHITE, 0),
    ("P, transparent", "P"): (".png", of_palette(102), "P", mixed(RED, 102), 0),
    ("P, transparent", "P, hidden"): (".png", of_palette(0), "P", WHITE, 0),
    ("P, transparent", "GIF"): (".gif", plain("P", 1, transparency=1), None, WHITE, 0),
    ("PA", "PA"): (".tiff", of_palette(102, "PA"), "PA", mixed(RED, 102), 0),
    ("a transparent color", "RGB"): (".png", plain("RGB", RED, transparency=RED), "RGB", WHITE, 0),
    ("a transparent color", "RGB, another"): (".png", plain("RGB", RED, transparency=(0, 0, 0)), "RGB", RED, 0),
    ("a transparent color", "L"): (".png", plain("L", 77, transparency=77), "L", WHITE, 0),
    ("a transparent color", "1"): (".png", plain("1", 0, transparency=0), "1", WHITE, 0),
    ("a transparent color", "I;16"): (".png", png(20000, transparent=20000), None, WHITE, 0),
    ("a transparent color", "I;16, another"): (".png", png(20000, transparent=1), None, (77,) * 3, 0),
    ("I;16", "PNG"): (".png", array(20000, np.uint16), None, (77,) * 3, 0),
    ("I;16", "PNG, white"): (".png", array(65535, np.uint16), None, WHITE, 0),
    ("I;16", "PNG, almost white"): (".png", array(65534, np.uint16), None, (254,) * 3, 0),
    ("I;16", "PNG, black"): (".png", array(256, np.uint16), None, (0,) * 3, 0),
    ("I;16", "TIFF"): (".tiff", array(20000, np.uint16), "I;16", (77,) * 3, 0),
    ("I;16", "TIFF, the first byte first"): (".tiff", array(20000, ">u2"), "I;16B", (77,) * 3, 0),
    ("I;16", "TIFF, white is zero"): (".tif", tiff(20000, np.uint16, photometric=0), "I;16", (177,) * 3, 0),
    ("I;16", "PGM"): (".pgm", pgm(20000), "I", (77,) * 3, 0),
    ("12 bits", "white"): (".tiff", tiff(4095, np.uint16, bits=12), "I;16", WHITE, 0),
    ("12 bits", "gray"): (".tiff", tiff(1250, np.uint16, bits=12), "I;16", (77,) * 3, 0),
    ("F", "TIFF"): (".tiff", array(0.5, np.float32), "F", (128,) * 3, 0),
    ("F", "TIFF, as torchvision scales"): (".tiff", array(77 / 255, np.float32), "F", (77,) * 3, 0),
    ("F", "TIFF, white is zero"): (".tif", tiff(0.2, np.float32, photometric=0, form=3), "F", (204,) * 3, 0),
}
REFUSED = {
    ("F", "0 to 255"): (tiff(77.0, np.float32, form=3), r"must lie in \[0, 1\], got 77 to 77, .*; save the image"),
    ("F", "below 0"): (tiff(-0.2, np.float32, form=3), r"must lie in \[0, 1\], got -0.2 to -0.2"),
    ("F", "nan"): (tiff(np.nan, np.float32, form=3), r"must lie in \[0, 1\], got nan"),
    ("I", "32 bits"): (tiff(77, np.uint32), "at most 16 bits without a sign, got mode I of 32 bits, which"),
    ("I", "16 bits with a sign"): (tiff(77, np.int16, form=2), "got mode I of 16 bits with a sign, .* save the image"),
    ("I", "8 bits with a sign"): (tiff(-77, np.int8, form=2), "got mode L of 8 bits with a sign"),
}


@pytest.mark.parametrize("kind", KINDS, ids=": ".join)
def test_a_file_of_each_kind(kind, tmp_path):
    suffix, write, mode, color, levels = KINDS[kind]
    path = tmp_path / f"image{suffix}"
    write(path)
    with PIL.Image.open(path) as opened:
        assert mode is None or opened.mode == mode
    image = read_image(path)
    assert (image.mode, image.size) == ("RGB", (4, 3))
    assert np.abs(np.asarray(image) - np.asarray(color)).max() <= levels


@pytest.mark.parametrize("kind", REFUSED, ids=": ".join)
def test_what_has_no_agreed_range_is_refused(kind, tmp_path):
    write, told = REFUSED[kind]
    write(tmp_path / "odd.tiff")
    with pytest.raises(ValueError, match=told) as caught:
        read_image(tmp_path / "odd.tiff")
    assert str(caught.value).startswith(f"{tmp_path / 'odd.tiff'} cannot be read as an image: pixels ")


def test_every_kind_is_in_the_documentations_table_and_no_other():
    section = PAGE.read_text(encoding="utf-8").partition("## What an image file means")[2].partition("\n## ")[0]
    rows = re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)))
    assert {row for row, _ in [*KINDS, *REFUSED]} | {"HSV", "YCbCr"} == set(rows)


def test_every_level_of_16_bits_is_the_share_of_white_rounded_down():
    """In integers of any size, which neither wrap nor round."""
    every = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    levels = np.asarray(to_rgb(PIL.Image.fromarray(every)))
    assert levels[..., 0].ravel().tolist() == [value * 255 // 65535 for value in range(2**16)]
    assert (levels == levels[..., :1]).all()


def test_color_of_16_bits_keeps_its_upper_byte(tmp_path):
    """Pillow has no mode for it: at most one level above what gray of 16 bits becomes."""
    png(20000, 2)(tmp_path / "deep.png")
    assert np.asarray(read_image(tmp_path / "deep.png")).ravel().tolist() == [20000 >> 8] * 36


def test_in_memory_a_picture_may_have_modes_that_no_file_has():
    for hue in (0, 60, 130, 250):
        expected = 255 * np.array(colorsys.hsv_to_rgb(hue / 255, 200 / 255, 180 / 255))
        assert np.abs(to_rgb(PIL.Image.new("HSV", (1, 1), (hue, 200, 180))).getpixel((0, 0)) - expected).max() <= 2
    luma = to_rgb(PIL.Image.new("YCbCr", (1, 1), (100, 140, 120))).getpixel((0, 0))
    assert luma == pytest.approx(of_ycbcr(100, 140, 120), abs=1)
    shade, red = PIL.Image.new("LA", (1, 1), (77, 51)), PIL.Image.new("RGBA", (1, 1), (*RED, 51))
    assert to_rgb(shade.convert("La")).getpixel((0, 0)) == pytest.approx(mixed((77,) * 3, 51), abs=1)
    assert to_rgb(red.convert("RGBa")).getpixel((0, 0)) == pytest.approx(mixed(RED, 51), abs=1)
    with pytest.raises(ValueError, match="got mode I of 32 bits"):
        to_rgb(PIL.Image.new("I", (1, 1), 77))


def corners(image):
    """A picture whose pixels all differ, so that a turn is seen."""
    return np.asarray(image)[..., 0].tolist()


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff", ".jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_stands_as_its_camera_held_it(orientation, suffix, tmp_path):
    """By the rule of EXIF: where the 0th row and column of the file are in what is looked at."""
    upright = (np.arange(6).reshape(2, 3) * 40 + 20).astype(np.uint8).repeat(16, 0).repeat(16, 1)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),  # the 0th row is the right side: to be turned clockwise
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == ".webp" else {"quality": 100} if suffix == ".jpg" else {}
    PIL.Image.fromarray(np.ascontiguousarray(stored)).convert("RGB").save(tmp_path / f"x{suffix}", exif=exif, **options)
    read = np.asarray(read_image(tmp_path / f"x{suffix}")).astype(int)
    assert read.shape == (32, 48, 3)
    assert np.abs(read - upright[..., None]).max() <= 3  # of JPEG


@pytest.mark.parametrize("noted", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"])
@pytest.mark.filterwarnings("ignore:.*EXIF.*")
def test_notes_that_cannot_be_read_are_none(noted, tmp_path):
    PIL.Image.new("RGB", (4, 3), RED).save(tmp_path / "x.png", exif=noted)
    assert read_image(tmp_path / "x.png").size == (4, 3)


@pytest.mark.parametrize("suffix", [".gif", ".tiff", ".webp", ".png"])
def test_of_several_pictures_the_first(suffix, tmp_path):
    first, second = (PIL.Image.new("RGB", (4, 3), color) for color in (RED, (0, 0, 200)))
    options = {"lossless": True} if suffix == ".webp" else {}
    first.save(tmp_path / f"x{suffix}", save_all=True, append_images=[second], **options)
    with PIL.Image.open(tmp_path / f"x{suffix}") as opened:
        assert opened.n_frames == 2
    assert read_image(tmp_path / f"x{suffix}").getpixel((0, 0)) == RED


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".bmp", ".tiff", ".webp", ".ppm", ".pgm"])
def test_a_file_that_is_cut_is_named_with_the_remedy(suffix, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    path = tmp_path / f"cut{suffix}"
    PIL.Image.fromarray(noise).convert("L" if suffix == ".pgm" else "RGB").save(path)
    whole = path.read_bytes()
    for size in (0, 1, 10, 60, len(whole) // 2, len(whole) * 9 // 10):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut\.\w+ cannot be read as an image: .+; repair it, or take it out"):
            read_image(path)


@pytest.mark.parametrize("name", ["none.png", "folder.png", "text.jpg"])
def test_what_is_no_image_is_named(name, tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(ValueError, match=f"{name} cannot be read as an image: "):
        read_image(tmp_path / name)


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 5)
    PIL.Image.new("L", (4, 3)).save(tmp_path / "large.png")
    with pytest.raises(ValueError, match=r"large\.png cannot be read as an image: .*decompression bomb"):
        read_image(tmp_path / "large.png")


def test_a_large_photograph_may_be_decoded_at_a_part_of_its_size(tmp_path):
    PIL.Image.new("RGB", (800, 600), RED).save(tmp_path / "x.jpg")
    sizes = [read_image(tmp_path / "x.jpg", least=least).size for least in (75, 76, 150, 300, 301, 2000)]
    assert sizes == [(100, 75), (200, 150), (200, 150), (400, 300), (800, 600), (800, 600)]
    assert read_image(tmp_path / "x.jpg", least=100).getpixel((9, 9)) == read_image(tmp_path / "x.jpg").getpixel((9, 9))


# Which files are images. ----------------------------------------------------------------------------------------------
def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(root, **options):
    return [path.relative_to(root).as_posix() for path in image_files(root, **options)]


JUNK = [
    "._x.png", ".DS_Store", ".hidden.jpg", "Thumbs.db", "desktop.ini", "x.txt", "noend", "x.png.part", "cat/._0.png",
    "cat/.ipynb_checkpoints/0-checkpoint.png", ".ipynb_checkpoints/0-checkpoint.png", "__MACOSX/cat/._0.png",
    "__MACOSX/cat/0.png", "@eaDir/0.jpg", "cat/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg", ".git/0.png", "$RECYCLE.BIN/0.png",
    "System Volume Information/0.png", "lost+found/0.png", "dog/notes/readme.md",
]  # fmt: skip


def test_junk_is_no_image(tmp_path):
    touch(tmp_path, *JUNK, "cat/0.png", "cat/1.JPEG", "dog/a/b/2.PNG", "dog/3.Tif", "dog/4.webp", "dog/x.png.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "cat" / "folder.png").mkdir()
    assert found(tmp_path) == ["cat/0.png", "cat/1.JPEG", "dog/3.Tif", "dog/4.webp", "dog/a/b/2.PNG", "dog/x.png.jpg"]
    assert found(tmp_path / "cat", deep=False) == ["0.png", "1.JPEG"]
    assert [is_junk(name) for name in ("cat", "._cat", "__macosx", "macosx")] == [False, True, True, False]


def test_the_folder_itself_may_be_called_anything(tmp_path):
    touch(tmp_path / ".cache" / "__MACOSX", "0.png")
    assert found(tmp_path / ".cache" / "__MACOSX") == ["0.png"]


def test_links_are_followed_and_a_circle_ends(tmp_path):
    touch(tmp_path / "elsewhere" / "cats", "0.png", "1.png")
    root = tmp_path / "data"
    touch(root, "dog/2.png")
    (root / "cat").symlink_to(tmp_path / "elsewhere" / "cats")
    (root / "dog" / "3.png").symlink_to(tmp_path / "elsewhere" / "cats" / "1.png")
    (root / "dog" / "again").symlink_to(root)
    (root / "dog" / "lost.png").symlink_to(tmp_path / "nowhere.png")
    assert found(root) == ["cat/0.png", "cat/1.png", "dog/2.png", "dog/3.png", "dog/lost.png"]
    with pytest.raises(ValueError, match=r"lost\.png cannot be read as an image: .*No such file"):
        read_image(root / "dog" / "lost.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_image(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    assert found(tmp_path) == []


def test_torchvisions_folder_takes_the_loader(tmp_path):
    (tmp_path / "cat").mkdir()
    array(20000, np.uint16)(tmp_path / "cat" / "0.png")
    image, label = ImageFolder(tmp_path, loader=read_image)[0]
    assert (image.getpixel((0, 0)), label) == ((77,) * 3, 0)


def test_the_documentation_names_every_suffix():
    told = jointaug.image_files.image_files.__doc__
    assert all(f"{suffix}," in told or f"{suffix}." in told for suffix in jointaug.image_files.SUFFIXES)
