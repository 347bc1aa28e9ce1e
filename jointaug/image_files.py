"""Image files: which files of a folder are images, and what the pixels of each kind mean.

Everything here that opens files reads them by `read_image`; torchvision's data sets do with
``ImageFolder(root, pipeline, loader=read_image)``. An image is read as it is looked at: turned as its camera says, over
white where it is transparent, 16 bits scaled and not clipped. The table of all kinds is in docs/how-to/
train-on-your-own-images.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image
from PIL.Image import Transpose

__all__ = ["image_files", "is_junk", "read_image", "to_rgb"]

SUFFIXES: Final = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""What names of image files end in, in lower case; upper case counts as well."""

_JUNK: Final = {"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"}
_BACKGROUND: Final = "white"  # what pages are: pictures with transparency are mostly drawn for these
_ORIENTATION, _BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 0x0112, 258, 262, 339  # tags of EXIF and TIFF
_WHITE_IS_ZERO, _SIGNED = 0, 2
_TURNS: Final = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""What undoes each orientation that a camera may note."""


def is_junk(name: str) -> bool:
    """Whether a file or folder of that name is a system's or a program's own, and no part of a data set.

    Hidden names (``.ipynb_checkpoints``, ``._x.png``, ``.DS_Store``), ``__MACOSX``, and what Windows and storage
    servers put into folders.
    """
    return name.startswith(".") or name.lower() in _JUNK


def image_files(folder: str | os.PathLike[str], *, deep: bool = True) -> list[Path]:
    """The image files of a folder, in the order of their paths.

    A file counts by its suffix, in lower or upper case: .bmp, .gif, .jpeg, .jpg, .pgm, .png, .ppm, .tif, .tiff, .webp.
    Junk does not (`is_junk`), nor does anything in a folder that is junk. Links to files and folders are followed; one
    that leads nowhere is kept, so that reading it says so.

    Args:
        folder: to look in; its own name may be anything.
        deep: also in its folders, at any depth.
    """
    return sorted(_walk(Path(folder), deep, ()))


def _walk(folder: Path, deep: bool, above: tuple[str, ...]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in above:  # a link to a folder that it lies in
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_junk(entry.name):
                continue
            if entry.is_dir():
                if deep:
                    yield from _walk(folder / entry.name, deep, (*above, real))
            elif Path(entry.name).suffix.lower() in SUFFIXES and (entry.is_file() or entry.is_symlink()):
                yield folder / entry.name


def read_image(path: str | os.PathLike[str], *, least: int | None = None) -> PIL.Image.Image:
    """The image in a file, of several the first, in RGB, as `to_rgb` has it, upright by its EXIF orientation.

    Color profiles are not applied.

    Args:
        path: of the file.
        least: pixels; a large JPEG may be decoded at a half, a quarter or an eighth of its size, if its sides stay at
            least as long. None: as it is.

    Returns:
        A PIL image of mode RGB.

    Raises:
        ValueError: if the file cannot be read as an image, or its pixels have no agreed range; with its path.
    """
    try:
        with PIL.Image.open(path) as image:
            if least is not None:
                image.draft(None, (least, least))
            image.load()
            turn = None if image.format == "TIFF" else _TURNS.get(_orientation(image))  # Pillow turns TIFF by itself
            rgb = to_rgb(image)
            rgb = image.copy() if rgb is image else rgb  # without the file
    except Exception as error:  # decoders raise whatever a broken file leads them to
        told = str(error) or type(error).__name__
        raise ValueError(
            f"{os.fspath(path)} cannot be read as an image: {told}; repair it, or take it out of the folder"
        ) from error
    return rgb if turn is None else rgb.transpose(turn)


def to_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """The image in RGB of 8 bits, whatever its mode.

    * 1, L, RGB, CMYK, YCbCr, LAB, HSV and opaque palettes: Pillow's own conversion.
    * LA, PA, RGBA, their premultiplied forms, and what has a transparent color: over white, in the values as stored.
    * I;16 in any byte order, and I as Pillow opens 16-bit PNG and PGM files: ``v * 255 / 65535``, rounded down, so that
      20,000 is 77. A 12-bit TIFF file is scaled from 4095. What was stored dark stays dark: 12 bits in a file that says
      16 cannot be told from a dark picture.
    * F: [0, 1], as floating point in torchvision; rounded to the nearest level.

    Args:
        image: in memory, or just opened.

    Returns:
        A PIL image of mode RGB; the same one, if it is that already.

    Raises:
        ValueError: for floating point outside [0, 1], and integers of 32 bits or with a sign: no agreed range.
    """
    if image.mode == "F":
        return _from_float(image)
    if image.mode.startswith("I") or _tag(image, _SAMPLE_FORMAT) == _SIGNED:
        return _from_deep(image)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        layer = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        return PIL.Image.alpha_composite(PIL.Image.new("RGBA", layer.size, _BACKGROUND), layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_float(image: PIL.Image.Image) -> PIL.Image.Image:
    values = np.asarray(image)
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 1):  # nor nan
        raise ValueError(
            f"pixels in floating point must lie in [0, 1], got {low:g} to {high:g}, which have no agreed range; save "
            "the image scaled to [0, 1], or with 8 or 16 bits"
        )
    values = 1 - values if _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO else values
    return _gray(np.rint(values * 255))


def _from_deep(image: PIL.Image.Image) -> PIL.Image.Image:
    """Integers of more than 8 bits, or with a sign."""
    bits = _tag(image, _BITS) or (16 if image.mode != "I" or image.format in ("PNG", "PPM") else 32)
    signed = _tag(image, _SAMPLE_FORMAT) == _SIGNED
    if bits > 16 or signed:
        raise ValueError(
            f"pixels must be integers of at most 16 bits without a sign, got mode {image.mode} of {bits} bits"
            f"{' with a sign' if signed else ''}, which have no agreed range; save the image with 8 or 16 bits"
        )
    white, values = 2**bits - 1, np.asarray(image).astype(np.int64)
    if _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO:  # Pillow turns these about in 8 bits alone
        values = white - values
    unseen = values == image.info["transparency"] if "transparency" in image.info else False
    return _gray(np.where(unseen, 255, values * 255 // white))


def _gray(levels: Any) -> PIL.Image.Image:
    return PIL.Image.fromarray(levels.astype(np.uint8)).convert("RGB")


def _tag(image: PIL.Image.Image, tag: int) -> int | None:
    """A TIFF file's tag, its first value if there are several; None in other files, and where it is not there."""
    value = getattr(image, "tag_v2", {}).get(tag)
    return value[0] if isinstance(value, tuple) else value


def _orientation(image: PIL.Image.Image) -> Any:
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # notes that cannot be read are none
        return None
