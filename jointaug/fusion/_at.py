"""The image-by-image executor, with a record: what it did is planned in numbers, from the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, overload

import PIL.Image
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torchvision.transforms.v2 import functional as F

from .. import pipeline as images_alone
from ..chance import Address
from ..pipeline import ROOT, Position, places
from ..rules import Draws, Known, View, rule_of
from ..transforms import CropBox
from ..views import has_views, take_apart
from ._fuse import Fused
from ._given import is_explicit
from ._images import kind_of
from ._origin import Origin
from ._record import Record
from ._rows import Asked, PlanRows
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
    made = has_views(inputs)
    at = address.position if isinstance(address, Address) else ROOT
    structure = _looked_up(pipeline) if at == ROOT else _Structure(pipeline, Position(*at))
    views, results = _watched(structure, address, inputs)
    sources = [
        _source(sample, number) for number, sample in enumerate(take_apart(inputs, pipeline) if made else [inputs])
    ]
    try:
        after = structure.planned(sources, results, address, made=made)
    except _NotHeardError:  # the pipeline was given such a transform since; at an address its views stay the same
        structure.has_strangers = True
        views, results = _watched(structure, address, inputs)
        after = structure.planned(sources, results, address, made=made)
    signatures = tuple(((source.channels, source.height, source.width), source.dtype) for source in sources)
    return views, Record.of_views(after.views, signatures, structure.origin, made=after.made, alone=True)


def _watched(structure: _Structure, address: Address, inputs: tuple[Any, ...]) -> tuple[Any, _Results]:
    """The views, and what transforms without a rule were seen to give, if there are some."""
    results = _Results(heard=structure.has_strangers)
    if structure.has_strangers:
        address = address.watched(results.hear)
    return images_alone.views_at(structure.pipeline, address, *inputs), results


class _NotHeardError(Exception):
    """A plan asks for what a transform gave, which nobody listened to."""


class _Results(dict[Any, Known]):
    """What each transform was seen to give, by its position: a plan asks for it by more than that.

    Args:
        heard: whether somebody listens.
    """

    def __init__(self, *, heard: bool) -> None:
        super().__init__()
        self._heard = heard

    def hear(self, position: tuple[int, int], outputs: Any) -> None:
        """Look at the image in a transform's results."""
        image = _image_in(outputs)
        if image is not None:
            self[position] = Known(tuple(F.get_size(image)), F.get_num_channels(image), _dtype(image), kind_of(image))

    def get(self, place: Any, default: Any = None) -> Any:
        """What is known of a place (see `jointaug.rules.View.each`).

        Raises:
            _NotHeardError: if nobody listened.
        """
        if not self._heard:
            raise _NotHeardError
        return super().get(tuple(place[0]), default)


class _Structure:
    """What was looked up of a pipeline.

    Attributes:
        has_strangers: whether there are transforms without a rule, of whose results a plan must be told.

    Args:
        pipeline: any.
        at: its position, if it is a part of another.
    """

    def __init__(self, pipeline: Any, at: Position) -> None:
        self.pipeline, self.origin = pipeline, Origin(pipeline, at)
        self.has_strangers = any(rule_of(place.transform) is None for place in places(pipeline, at))
        self._at, self._node = at, node_of(pipeline, at)
        self._asked: tuple[Asked, ...] = ()

    def planned(self, sources: list[View], results: _Results, address: Address, *, made: bool) -> State:
        """The views after all of it, in numbers."""
        rows = PlanRows(address.rows_at, self._asked)
        after = self._node.plan(State(sources, made=made), Draws(rows, [], results, self._at))
        self._asked = rows.asked
        return after


_RECENT: dict[int, _Structure] = {}
"""Of the last pipelines that were recorded, by their id: looking one up for each image costs more than a record."""
_MOST: Final = 16


def _looked_up(pipeline: Any) -> _Structure:
    known = _RECENT.get(id(pipeline))
    if known is None:
        while len(_RECENT) >= _MOST:
            _RECENT.pop(next(iter(_RECENT)), None)  # the oldest
        known = _RECENT[id(pipeline)] = _Structure(pipeline, ROOT)
    return known


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
