"""The image-by-image executor, with a record: what it did is planned in numbers, from the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload
from weakref import WeakKeyDictionary

import PIL.Image
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torchvision.transforms.v2 import functional as F

from .. import pipeline as images_alone
from ..chance import Address
from ..pipeline import Position
from ..rules import Draws, Known, View
from ..transforms import CropBox
from ..views import has_views, take_apart
from ._fuse import Fused
from ._given import is_explicit
from ._images import kind_of
from ._origin import Origin
from ._record import Record
from ._rows import PlanRows
from ._walk import State, node_of


@overload
def views_at(
    pipeline: Callable[..., Any], address: Address, *inputs: Any, record: Literal[True]
) -> tuple[Any, Record]: ...
@overload
def views_at(pipeline: Callable[..., Any], address: Address, *inputs: Any, record: bool = ...) -> Any: ...
def views_at(pipeline: Callable[..., Any], address: Address, *inputs: Any, record: bool = False) -> Any:
    """The views that ``pipeline`` makes of a sample at an address; torch's generator is left as it was.

    Args:
        pipeline: any pipeline of this library and of ``torchvision.transforms.v2``.
        address: of the image.
        inputs: the sample, as the pipeline takes it.
        record: whether to say what was done, too. No pixel is worked on twice for it.

    Returns:
        What ``pipeline(*inputs)`` returns; with ``record``, that and a `jointaug.Record`.

    Raises:
        TypeError: for an address or a pipeline that is none, or without inputs; with ``record``, for a step that
            `fuse` refuses on images of this kind.

    Example:
        >>> import torch
        >>> from jointaug import Address, JointCrop, views_at
        >>> views, record = views_at(JointCrop(32), Address(0, 3, 17), torch.rand(3, 60, 80), record=True)
        >>> record.boxes.shape
        torch.Size([2, 4])
    """
    if not record:
        return images_alone.views_at(pipeline, address, *inputs)
    if isinstance(pipeline, Fused):
        return pipeline(*inputs, addresses=address, record=True)
    results = _Results()
    watched = address.watched(results.hear) if isinstance(address, Address) else address
    views = images_alone.views_at(pipeline, watched, *inputs)
    made = has_views(inputs)
    samples = take_apart(inputs, pipeline) if made else [inputs]
    sources = [_source(sample, number) for number, sample in enumerate(samples)]
    at = Position(*address.position)
    draws = Draws(PlanRows(address.rows_at), [], results, at)
    state = node_of(pipeline, at).plan(State(sources, made=made), draws)
    signatures = tuple(((source.channels, source.height, source.width), source.dtype) for source in sources)
    origin = _origin_of(pipeline) if at == Position() else Origin(pipeline, at)
    return views, Record.of_views(state.views, signatures, origin, made=state.made, alone=True)


class _Results(dict[Any, Known]):
    """What each transform was seen to give, by its position: a plan asks for it by more than that."""

    def hear(self, position: tuple[int, int], outputs: Any) -> None:
        """Look at the image in a transform's results."""
        image = _image_in(outputs)
        if image is not None:
            self[position] = Known(tuple(F.get_size(image)), F.get_num_channels(image), _dtype(image), kind_of(image))

    def get(self, place: Any, default: Any = None) -> Any:
        """What is known of a place (see `jointaug.rules.View.each`)."""
        return super().get(tuple(place[0]), default)


def _image_in(sample: Any) -> Any:
    leaves = tree_leaves(sample)
    plain = (leaf for leaf in leaves if type(leaf) is Tensor and leaf.ndim >= 3)
    return next((leaf for leaf in leaves if is_explicit(leaf)), next(plain, None))


def _source(sample: tuple[Any, ...], number: int) -> View:
    image = _image_in(sample)
    height, width = F.get_size(image)
    kind, boxes = kind_of(image), [leaf for leaf in tree_leaves(sample) if isinstance(leaf, CropBox)]
    return View(
        *(number, height, width, F.get_num_channels(image), _dtype(image), torch.device("cpu"), 1, kind),
        alone=True,
        crop_box=tuple(boxes[0].tolist()) if boxes else None,
    )


def _dtype(image: Any) -> torch.dtype:
    return torch.uint8 if isinstance(image, PIL.Image.Image) else image.dtype


_ORIGINS: WeakKeyDictionary[Any, Origin] = WeakKeyDictionary()
"""Of pipelines that were recorded before: walking one again for each image would cost more than the record."""


def _origin_of(pipeline: Any) -> Origin:
    try:
        if pipeline not in _ORIGINS:
            _ORIGINS[pipeline] = Origin(pipeline)
        return _ORIGINS[pipeline]
    except TypeError:  # it cannot be hashed, or referred to weakly
        return Origin(pipeline)
