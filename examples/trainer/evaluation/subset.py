"""A part of the labels: a fraction of each class, by address, or the images of a list."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path, PurePath

import torch
from torch import Tensor

from ..inputs.sources import Pixels
from .images import Images, rank_in_class

_REMEDIES = {
    "no image to train on has": "correct the list, or --data",
    "several images have": "put their folders before the names",
    "are there twice": "remove the second",
}


def of_fraction(images: Images, fraction: float, seed: int = 0) -> Images:
    """A fraction of each class, at least one image of it, drawn by address: not the list that SimCLR's authors drew.

    Args:
        images: labelled, one class each.
        fraction: in (0, 1]; a class's count is rounded to the nearest.
        seed: of the draw.

    Raises:
        ValueError: for a fraction out of range, or a class without an image.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be above 0 and at most 1, got {fraction!r}; 1 % is .01")
    counts = (images.labels.bincount(minlength=len(images.classes)) * fraction).round().clamp(min=1)
    kept = images.subset(rank_in_class(images.labels, seed, "fraction of labels") < counts[images.labels])
    _every_class(kept, f"at fraction {fraction:g}")
    return kept


def of_list(images: Images, file: Path) -> Images:
    """The images that a file lists, a name a line, in its order: as SimCLR's lists of 1 and 10 % of ImageNet.

    Args:
        images: labelled, in files.
        file: of names such as ``n02109961_8552.JPEG``, or with folders before them, where names alone are not enough.

    Raises:
        ValueError: for images that are in no file; names that no image has, or several have, or that are there twice;
            or a class of which no image is listed.
    """
    if isinstance(images.source, Pixels):
        raise ValueError(
            f"--list must go with images in files, got {file} with images that have no names; use --fraction"
        )
    wanted = file.read_text(encoding="utf-8").split("\n")
    wanted = [name.strip() for name in wanted if name.strip()]
    by_name: dict[str, list[tuple[tuple[str, ...], int]]] = defaultdict(list)
    for place, row in enumerate(images.rows.tolist()):
        path = PurePath(images.source.names[row])
        by_name[path.name].append((path.parts, place))
    rows: list[int] = []
    faults: dict[str, list[str]] = {what: [] for what in _REMEDIES}
    for name, count in Counter(wanted).items():
        parts = PurePath(name).parts
        found = [place for path, place in by_name[parts[-1]] if path[-len(parts) :] == parts]
        rows += found
        if len(found) != 1:
            faults["several images have" if found else "no image to train on has"].append(name)
        elif count > 1:
            faults["are there twice"].append(name)
    for what, names in faults.items():
        if names:
            raise ValueError(
                f"--list must name images of --data, got {len(names)} names in {file} that {what}: "
                f"{', '.join(names[:5])}; {_REMEDIES[what]}"
            )
    kept = images.subset(torch.tensor(rows, dtype=torch.int64))
    _every_class(kept, f"in {file}")
    return kept


def _every_class(images: Images, where: str) -> None:
    counts: Tensor = images.labels.bincount(minlength=len(images.classes))
    without = [images.classes[k] for k in (counts == 0).nonzero()[:, 0].tolist()]
    if without:
        raise ValueError(
            f"every class must have a labelled image, got none of {', '.join(without[:5])} {where}; a network is not "
            "tested on a class that it never saw: add images, or take the class out of --data"
        )
