"""Where images come from: the data set that a command line names."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import torch

from jointaug.image_files import SUFFIXES, image_files

from ..record.files import save
from .named import NAMED, OBJECTS, open_named
from .rendered import RenderedToys
from .sources import Data, Images, Pixels

HELD_OUT = ("test", "val")  # folders beside "train" that the k-NN monitor asks
RENDERED = 1800  # pictures of the rendered set to train on
RENDERED_TEST = 9000  # pictures that are held out, always the same: an accuracy's standard error is half a point


def open_data(where: str, test: str | None = None, *, size: int = 32) -> Data:
    """The data set that a command line names.

    Args:
        where: a folder of class folders, or of images without classes, or with ``train`` and ``test`` (or ``val``) in
            it; ``NAME:FOLDER`` for a data set as it is distributed (`trainer.inputs.named.NAMED`); ``rendered`` or
            ``rendered:COUNT`` for the toys of `rendered`.
        test: a folder to hold out, where ``where`` has none; its class folders are those of ``where``.
        size: side of rendered pictures, in pixels.

    Raises:
        FileNotFoundError: if there is no such folder, or it has not the files of the data set named.
        ValueError: for a folder without images, a test folder with other classes, or one where there are test images.
    """
    kind, _, rest = where.partition(":")
    named = kind == "rendered" or (kind in NAMED and rest)
    if named and test is not None:
        has = "images without classes of their own" if kind in OBJECTS else "test images of its own"
        raise ValueError(f"--test must be left out for {kind}, which has {has}, got {test!r}")
    if kind == "rendered":
        if rest and not (rest.isdecimal() and int(rest)):
            raise ValueError(
                f"--data rendered:COUNT must have a positive integer for the number of toys, got {where!r}"
            )
        return _rendered(int(rest) if rest else RENDERED, size)
    if kind in NAMED and rest:
        return open_named(kind, rest)
    root = Path(where)
    if not root.is_dir():
        raise FileNotFoundError(f"--data must name a folder of images, got {where!r}, which is none; see --help")
    train_root = root / "train" if (root / "train").is_dir() else root
    beside = [root / name for name in HELD_OUT if train_root != root and (root / name).is_dir()]
    test_root = Path(test) if test else next(iter(beside), None)
    train, classes = _folder(train_root)
    if test_root is None:
        return Data(train, None, classes)
    held_out, others = _folder(test_root)
    if others != classes:
        raise ValueError(
            f"{test_root} must have the class folders of {train_root}, got {sorted(set(others) ^ set(classes))[:5]} in "
            "one alone; labels are the folders' places in the alphabet"
        )
    return Data(train, held_out, classes)


def _folder(root: Path) -> tuple[Images, tuple[str, ...]]:
    """The images under a folder, by name; labelled if they lie in class folders."""
    files = image_files(root)
    if not files:
        raise ValueError(
            f"{root} holds no image; wanted files in it or in its class folders, called *{', *'.join(sorted(SUFFIXES))}"
        )
    flat = [path for path in files if path.parent == root]
    if flat and len(flat) < len(files):
        raise ValueError(
            f"{root} holds images both in class folders and beside them, such as {flat[0].name}; sort them in"
        )
    names = [str(path) for path in files]
    if flat:
        return Images.of_files(names, None), ()
    of_files = [path.relative_to(root).parts[0] for path in files]
    classes = tuple(sorted(set(of_files)))
    number = {name: label for label, name in enumerate(classes)}
    labels = torch.tensor([number[name] for name in of_files])
    return Images.of_files(names, labels), classes


def _rendered(count: int, size: int) -> Data:
    """Toys of one set to train on, and the first ones of another held out, so that these depend on nothing."""
    train, test = _toys(count, size, seed=0), _toys(RENDERED_TEST, size, seed=1)
    return Data(train, test, RenderedToys.classes)


def _toys(count: int, size: int, *, seed: int) -> Pixels:
    """The first toys of a set, kept in the user's cache if that can be written."""
    code = b"".join(Path(__file__).with_name(name).read_bytes() for name in ("rendered.py", "shapes.py"))
    source = blake2b(code, digest_size=6).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jointaug"
    file = cache / f"rendered-{seed}-{count}-{size}-{source}.pt"
    if file.exists():
        return Pixels(*torch.load(file, weights_only=True))
    toys = RenderedToys(count, seed=seed, size=size)
    images, labels = torch.from_numpy(toys.images).permute(0, 3, 1, 2).contiguous(), torch.tensor(toys.labels)
    with suppress(OSError):  # without a cache, they are rendered again the next time
        cache.mkdir(parents=True, exist_ok=True)
        save(file, [images, labels])
    return Pixels(images, labels)
