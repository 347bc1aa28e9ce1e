"""Samples: an image with what belongs to it, laid out for a batch and put together again as the pipeline gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import PIL.Image
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.data import default_collate
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from .._draws import GOES_ALONG
from ..transforms import CropBox
from ..views import (
    IMAGES,
    Views,
    apart,
    has_views,
    how_to_give_an_image,
    memories,
    memory,
    put_together,
    several_images,
    told,
    unshared,
    viewable,
)

_CHANNELS: Final = (1, 3, 4)
"""Of a tensor of three dimensions that is one image: gray, or red, green and blue, without alpha or with it."""


@dataclass(frozen=True)
class Sample:
    """One sample, laid out.

    Attributes:
        leaves: of its arguments.
        spec: how they hang together.
        place: which of the leaves is the image.
        along: which leaves a geometric transform moves, besides the image.
        crop_box: where its crops are put, if it says so.
        carried: for each argument, whether it becomes `Views` (`jointaug.views.viewable`).
    """

    leaves: list[Any]
    spec: Any
    place: int
    along: list[int]
    crop_box: CropBox | None
    carried: list[bool]

    @property
    def image(self) -> Any:
        """The image."""
        return self.leaves[self.place]

    def put_together(self, views: Sequence[Mapping[int, Any]], *, made: bool) -> Any:
        """What the pipeline returns of it, from each view's new leaves by their number.

        What stands beside the image is each view's own (see `jointaug.views.apart`); the images are already.
        """
        rows = [[new.get(i, leaf) for i, leaf in enumerate(self.leaves)] for new in views]
        if not made:
            return self.rebuilt(rows[0])
        beside = [leaf for i, leaf in enumerate(self.leaves) if i != self.place]
        if not any(map(memory, beside)):
            return put_together([self.rebuilt(row) for row in rows], self.carried)
        whole = self.rebuilt(self.leaves)
        inputs = (whole,) if len(self.carried) == 1 else tuple(whole)
        rest = [[None if i == self.place else leaf for i, leaf in enumerate(row)] for row in rows]
        outputs = apart([self.rebuilt(row) for row in rest], inputs, self.carried)
        for k, row in enumerate(rows):
            leaves, spec = tree_flatten(outputs[k])
            leaves = [row[i] if i == self.place else leaf for i, leaf in enumerate(leaves)]
            outputs[k] = tree_unflatten(leaves, spec)
        return put_together(outputs, self.carried)

    def rebuilt(self, leaves: Sequence[Any]) -> Any:
        """The sample with other leaves."""
        if self.spec is _flat(len(leaves)):
            return tuple(leaves) if len(leaves) > 1 else leaves[0]
        return tree_unflatten(leaves, self.spec)


_LEAVES: Final = (Tensor, PIL.Image.Image, int, float, str, bytes, type(None), np.ndarray, np.generic)
"""What surely holds nothing else; torch's own look at an image and its label takes longer than a small image's crop."""


def _laid_out(inputs: tuple[Any, ...]) -> tuple[list[Any], Any]:
    """The leaves of a sample's arguments, and how they hang together; `Views` are leaves here."""
    if inputs and all([isinstance(argument, _LEAVES) for argument in inputs]):  # noqa: C419 (a generator takes longer)
        return list(inputs), _flat(len(inputs))
    return tree_flatten(inputs if len(inputs) > 1 else inputs[0], is_leaf=_is_views)


@lru_cache(maxsize=64)
def _flat(n: int) -> Any:
    """How several arguments hang together that are leaves, or one."""
    return tree_flatten((None,) * n if n > 1 else None)[1]


def sample_of(item: Any, name: str) -> Sample:
    """A sample with its image found as v2 finds it: an explicit image, else the first plain tensor.

    Args:
        item: a tuple of a pipeline's arguments, or its one argument.
        name: for messages.

    Raises:
        TypeError: without an image, for several, and for views.
        ValueError: for a plain tensor that is no image.
    """
    inputs = item if isinstance(item, tuple) and not _is_views(item) else (item,)
    leaves, spec = _laid_out(inputs)
    if has_views(tuple(leaves)):
        raise TypeError(
            f"{name} must be no views yet, got Views: the data set's transform makes them, and they would be augmented "
            "again; leave one of the two out, that transform or this call"
        )
    found = [i for i, leaf in enumerate(leaves) if is_explicit(leaf)]
    found = found or [i for i, leaf in enumerate(leaves) if type(leaf) is Tensor and leaf.ndim >= 3]
    if len(found) > 1:
        raise TypeError(several_images(name, [leaves[i] for i in found]))
    if not found:
        given = ", ".join(map(told, leaves)) or "nothing"
        raise TypeError(
            f"{name} must hold an image (a PIL image, a tensor [C, H, W], a tv_tensors.Image), got {given}; "
            f"{how_to_give_an_image(leaves)}"
        )
    check_channels(leaves[found[0]], name)
    along = [i for i, leaf in enumerate(leaves) if isinstance(leaf, GOES_ALONG)]
    for leaf in (leaves[i] for i in along):
        size = F.get_size(leaves[found[0]])
        if F.get_size(leaf) != size:
            raise ValueError(
                f"what goes along with an image must have the image's size, got {type(leaf).__name__} of (height, "
                f"width) {tuple(F.get_size(leaf))} beside an image of {tuple(size)} in {name}; resize it before"
            )
    boxes = [leaf for leaf in leaves if isinstance(leaf, CropBox)]
    if len(boxes) > 1:
        raise ValueError(f"{name} must hold at most one CropBox, got {len(boxes)}; keep the image's own")
    return Sample(leaves, spec, found[0], along, boxes[0] if boxes else None, viewable(inputs, leaves, Sample))


def _is_views(part: Any) -> bool:
    return isinstance(part, Views)


def crop_boxes_of(samples: Sequence[Sample]) -> Tensor | None:
    """The samples' boxes ``[B, 4]``, if they have some.

    Raises:
        ValueError: if some have one and some have none.
    """
    boxes = [sample.crop_box for sample in samples]
    without = [n for n, box in enumerate(boxes) if box is None]
    if len(without) == len(boxes):
        return None
    if without:
        raise ValueError(
            f"all samples of a batch must have a CropBox, or none, got none in sample {without[0]}; "
            "CropBox([0, 0, 1, 1]) is the whole image"
        )
    return torch.stack([box.as_subclass(Tensor) for box in boxes if box is not None])


def checked_crop_box(value: Any, count: int, device: torch.device) -> tuple[Any, ...] | None:
    """Boxes as the views of a batch have them.

    Raises:
        TypeError: for what is no tensor of floats.
        ValueError: for another shape.
    """
    if value is None:
        return None
    if not isinstance(value, Tensor) or not value.is_floating_point():
        raise TypeError(f"crop_boxes must be a float tensor [B, 4] of fractions of the sides, got {value!r:.60}")
    if value.shape != (count, 4):
        raise ValueError(
            f"crop_boxes must hold left, top, right, bottom for each of {count} images, got shape "
            f"{tuple(value.shape)}; index them as the images"
        )
    return tuple(value.as_subclass(Tensor).to(device).double().unbind(1))


def has_no_image(inputs: tuple[Any, ...]) -> bool:
    """Whether masks, boxes or key points are given and nothing that could be an image."""
    leaves, _ = tree_flatten(inputs)
    image = any(is_explicit(leaf) or (type(leaf) is Tensor and leaf.ndim >= 3) for leaf in leaves)
    return not image and any(isinstance(leaf, GOES_ALONG) for leaf in leaves)


def sample_along(inputs: tuple[Any, ...]) -> Sample:
    """A sample of masks, boxes or key points without their image (its ``place`` is none).

    Args:
        inputs: its arguments.

    Raises:
        TypeError: if there are none.
    """
    leaves, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
    along = [i for i, leaf in enumerate(leaves) if isinstance(leaf, GOES_ALONG)]
    if not along:
        raise TypeError(
            f"a sample without an image must hold masks, boxes or key points, got {', '.join(map(told, leaves))}; "
            "give tv_tensors.Mask(...)"
        )
    carried = [isinstance(argument, (tuple, list, dict, tv_tensors.TVTensor)) for argument in inputs]
    return Sample(leaves, spec, -1, along, None, carried)


def is_explicit(item: Any) -> bool:
    """Whether something is an image by its type."""
    return isinstance(item, IMAGES)


def is_image(item: Any) -> bool:
    """Whether something is one image."""
    return isinstance(item, PIL.Image.Image) or (
        isinstance(item, Tensor) and item.ndim == 3 and not isinstance(item, GOES_ALONG)
    )


def is_batch(item: Any) -> bool:
    """Whether something is a batch of images."""
    return isinstance(item, Tensor) and item.ndim == 4 and not isinstance(item, GOES_ALONG)


def are_views(item: Any) -> bool:
    """Whether something is a list of batches: collated views."""
    return isinstance(item, (list, tuple)) and bool(item) and all(map(is_batch, item))


def check_channels(image: Any, name: str) -> None:
    """Refuse a tensor of three dimensions that is no image.

    Raises:
        ValueError: for another number of channels than 1, 3 and 4.
    """
    if isinstance(image, Tensor) and image.ndim == 3 and len(image) not in _CHANNELS:
        raise ValueError(
            f"{name} must have 1, 3 or 4 channels [C, H, W], got shape {tuple(image.shape)}; permute an image "
            "[H, W, C], and write images[:, None] for a batch of gray ones"
        )


def split_batch(item: Any) -> tuple[Any, Callable[[Any], Any]] | None:
    """A nesting with one batch (or a list of batches of views) in it: the batch, and what puts another in its place.

    Raises:
        TypeError: for several batches, and for masks, boxes or key points beside one: they would stay uncropped.
    """
    leaves, spec = tree_flatten(item, is_leaf=is_given_whole)
    found = [i for i, leaf in enumerate(leaves) if is_given_whole(leaf)]
    if not found:
        return None
    if len(found) > 1:
        raise TypeError(
            f"a batch must hold one tensor of images [B, C, H, W], got {len(found)}: "
            f"{', '.join(told(leaves[i]) for i in found)}; call the pipeline on each"
        )
    left = next((leaf for leaf in leaves if isinstance(leaf, GOES_ALONG)), None)
    if left is not None:
        raise TypeError(
            f"{type(left).__name__} must not stand beside a batch, which would leave it uncropped; give a list of "
            "samples [(image, target), ...]"
        )
    (place,) = found
    return leaves[place], lambda batch: tree_unflatten([*leaves[:place], batch, *leaves[place + 1 :]], spec)


def is_given_whole(part: Any) -> bool:
    """Whether something is a batch, or a list of batches of views."""
    return is_batch(part) or are_views(part)


def collated(
    samples: Sequence[Sample], views: Sequence[Any], moved: Sequence[Sequence[Mapping[int, Any]]], *, made: bool
) -> Any:
    """What ``default_collate`` gives of the samples' results: a list of arguments, each a list of views' batches.

    What cannot be one tensor (masks of different numbers, PIL images, None) stays a list, and so do boxes and key
    points: their numbers vary from batch to batch. Where samples are nested differently, the result is the list of the
    samples' results.

    Args:
        samples: of the batch.
        views: for each view its batch.
        moved: for each view and sample, what went along, by its leaf.
        made: whether there are several views.
    """
    first = samples[0]
    if any(sample.spec != first.spec for sample in samples):
        return each(samples, views, moved, made=made)
    columns = list(zip(*(sample.leaves for sample in samples), strict=True))
    changed = {i for of_view in moved for leaves in of_view for i in leaves}
    passed = {i: _column(column) for i, column in enumerate(columns) if i != first.place and i not in changed}
    used = memories(*(column for i, column in enumerate(columns) if i != first.place))
    outputs = []
    for k, batch in enumerate(views):
        of_view = [
            [new.get(i, leaf) for i, leaf in enumerate(sample.leaves)]
            for new, sample in zip(moved[k], samples, strict=True)
        ]
        beside = [
            None if i == first.place else passed[i] if i in passed else _moved_column(column)
            for i, column in enumerate(zip(*of_view, strict=True))
        ]
        leaves = unshared(beside, used)
        used |= memories(leaves)
        leaves[first.place] = batch
        outputs.append(tree_unflatten(leaves, first.spec))
    if not made:
        return list(outputs[0]) if len(first.carried) > 1 else outputs[0]
    if len(first.carried) == 1:
        return outputs
    return [[output[i] for output in outputs] if carried else outputs[0][i] for i, carried in enumerate(first.carried)]


def each(
    samples: Sequence[Sample], views: Sequence[Any], moved: Sequence[Sequence[Mapping[int, Any]]], *, made: bool
) -> list[Any]:
    """Each sample's result, as the pipeline gives it; the views lie in the batch's memory."""
    return [
        sample.put_together([{sample.place: batch[n], **moved[k][n]} for k, batch in enumerate(views)], made=made)
        for n, sample in enumerate(samples)
    ]


def _column(values: Sequence[Any]) -> Any:
    try:
        return default_collate(list(values))
    except (TypeError, RuntimeError):
        return list(values)


def _moved_column(values: Sequence[Any]) -> Any:
    masks = all(isinstance(value, tv_tensors.Mask) for value in values)
    return _column(values) if masks else list(values)
