"""What was done to images, as data: each view's steps with their parameters, and where its pixels come from."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Final, NamedTuple, TypeVar

import torch
from torch import Tensor

from .._draws import of_image
from .._json import read_json
from .._validate import integer
from ..rules import Drawn, Side, View, maps_of
from ._origin import Origin
from ._overlap import Grid, Overlap, boxes_of, grid, overlap

VERSION: Final = 1
"""Of a record's JSON."""

_KEPT: Final = ("pipeline", "sizes", "view_sizes", "maps", "history")

T = TypeVar("T", Overlap, Grid)


class RecordedStep(NamedTuple):
    """One step of a view.

    Attributes:
        name: the transform's type.
        path: where it stands in the pipeline, such as ``1.PerView.2.RandomApply.0.ColorJitter``: numbers of steps and
            types of what holds them (a ``Compose`` goes without saying); ``PerView[0]`` where each view has its own.
        params: by v2's names; of a batch, tensors ``[B, ...]``, or what is the same for all.
        acted: whether it acted on the image; of a batch, a bool tensor ``[B]``. Random containers count, and the
            transform's own probability.
    """

    name: str
    path: str
    params: dict[str, Any]
    acted: Any


class Entry(NamedTuple):
    """One step as it is kept.

    Attributes:
        path: as of `RecordedStep`.
        view: number of the view at that position of the pipeline.
        params: as of `jointaug.rules.Drawn`.
        where: likewise.
    """

    path: str
    view: int
    params: dict[str, Any]
    where: Any


class Record:
    """What a pipeline did to a batch of images, or to one; ``fused(images, record=True)`` gives it with the views.

    ``record[i]`` is the record of one image of a batch, and ``len(record)`` how many it has. Below, ``V`` is the number
    of views, and the record of one image lacks the dimension ``B``. All is worked out when it is first asked for.

    A record holds no image and no transform. It can be kept as JSON (`to_json`), pickled, and done again to another
    sample (`jointaug.fusion.Fused.replay`).

    Example:
        >>> import torch
        >>> from torchvision.transforms import v2
        >>> from jointaug import JointCrop, PerView, fuse
        >>> fused = fuse(v2.Compose([JointCrop(32), PerView(v2.RandomHorizontalFlip())]))
        >>> views, record = fused(torch.rand(8, 3, 60, 80), record=True)
        >>> record.maps.shape
        torch.Size([8, 2, 3, 3])
        >>> [step.path for step in record.steps[0]]
        ['0.JointCrop', '1.PerView.RandomHorizontalFlip']
        >>> both = record.overlap(0, 1)
        >>> position, inside = record.grid(0, 1, 7)
    """

    count: int | None
    made: bool
    _views: Sequence[View] | None = None
    _parent: Record | None = None
    _index: int
    _origin: Origin
    _signatures: tuple[Any, ...]

    def __init__(self) -> None:
        raise TypeError(
            "a Record is made by fused(images, record=True) or Record.from_json(text), not by a call; fuse(pipeline) "
            "gives fused"
        )

    @classmethod
    def of_views(
        cls, views: Sequence[View], signatures: tuple[Any, ...], origin: Origin, *, made: bool, alone: bool
    ) -> Record:
        """The record of a plan's views.

        Args:
            views: planned.
            signatures: shapes and dtypes of what they are made from.
            origin: the pipeline.
            made: whether it gives views, or one batch.
            alone: whether they are planned for one image, in numbers.
        """
        self = cls._empty(None if alone else views[0].count, made=made)
        self._views, self._signatures, self._origin = tuple(views), signatures, origin
        return self

    @classmethod
    def _empty(cls, count: int | None, *, made: bool) -> Record:
        self = object.__new__(cls)
        self.count, self.made = count, made
        return self

    # ---- what it holds -------------------------------------------------------------------------------------------

    @cached_property
    def pipeline(self) -> str:
        """A fingerprint of the pipeline: its structure and settings, the same in every process."""
        return self._origin.fingerprint if self._parent is None else self._parent.pipeline

    @cached_property
    def history(self) -> tuple[tuple[Entry, ...], ...]:
        """Of each view its steps, as they are kept for `jointaug.fusion.Fused.replay`."""
        if self._parent is not None:
            return tuple(_of_image(view, self._index) for view in self._parent.history)
        assert self._views is not None
        path = self._origin.path_of
        return tuple(
            tuple(Entry(path(drawn), drawn.view, drawn.params, drawn.where) for drawn in view.history)
            for view in self._views
        )

    @cached_property
    def steps(self) -> tuple[tuple[RecordedStep, ...], ...]:
        """Of each view its steps, in their order; of one image, those that random containers let act on it."""
        return tuple(tuple(self._step(entry) for entry in view) for view in self.history)

    def _step(self, entry: Entry) -> RecordedStep:
        params = {name: value for name, value in entry.params.items() if name != "applied"}
        acted = entry.params.get("applied", True) & (True if entry.where is None else entry.where)
        if self.count is not None and not isinstance(acted, Tensor):
            acted = torch.full((self.count,), bool(acted), device=self.maps.device)
        return RecordedStep(entry.path.rpartition(".")[2], entry.path, params, acted)

    @cached_property
    def sizes(self) -> Tensor:
        """Height and width of the images, in pixels: int64 ``[B, 2]``; ``[B, V, 2]`` if views were given."""
        if self._parent is not None:
            return self._parent.sizes[self._index]
        assert self._views is not None
        sizes = [self._sides(*sides_of(signature)) for signature in self._signatures]
        return sizes[0] if len(sizes) == 1 else torch.stack([sizes[view.source] for view in self._views], -2)

    @cached_property
    def view_sizes(self) -> Tensor:
        """Height and width of the views, in pixels: int64 ``[B, V, 2]``."""
        if self._parent is not None:
            return self._parent.view_sizes[self._index]
        assert self._views is not None
        return torch.stack([self._sides(view.height, view.width) for view in self._views], -2)

    def _sides(self, height: Side, width: Side) -> Tensor:
        assert self._views is not None
        sides = torch.stack([torch.as_tensor(side, device=self._views[0].device) for side in (height, width)], -1)
        return sides if self.count is None else sides.expand(self.count, 2)

    @cached_property
    def maps(self) -> Tensor:
        """From centers of a view's pixels to where they come from in the image: float64 ``[B, V, 3, 3]``.

        A map takes ``(x, y, 1)``, column and row, to homogeneous coordinates of the same kind: pixel (0, 0) has its
        center at (0, 0), and an image of width W reaches from -0.5 to W - 0.5. Crops, resizes, flips, padding, affine,
        rotation, perspective and the automatic augmentations are composed in it. nan where a step moved pixels in a way
        that is not known: an elastic one, a transform without a rule, a rule that does not say (``view.call(...,
        map=)``).
        """
        if self._parent is not None:
            return self._parent.maps[self._index]
        assert self._views is not None
        return maps_of(self._views, [sides_of(self._signatures[view.source]) for view in self._views])

    @property
    def has_map(self) -> Tensor:
        """Whether a view's map is known: bool ``[B, V]``."""
        return ~self.maps.isnan().flatten(-2).any(-1)

    @property
    def boxes(self) -> Tensor:
        """The part of the image that each view shows: top, left, height, width in pixels, float64 ``[B, V, 4]``.

        Of a view that is turned against the image, the least box that holds it; nan where the map is unknown.
        """
        sizes = self.sizes if self.given else self.sizes[..., None, :]
        return boxes_of(self.maps, sizes, self.view_sizes)

    @property
    def given(self) -> bool:
        """Whether the pipeline was given views, each the source of one."""
        return self.sizes.ndim == self.view_sizes.ndim

    # ---- one image of a batch ------------------------------------------------------------------------------------

    def __len__(self) -> int:
        if self.count is None:
            raise TypeError(
                "the record of one image has no length, got len(record); len(record.steps) counts its views"
            )
        return self.count

    def __getitem__(self, index: int) -> Record:
        count = len(self)
        place = operator.index(index)
        if not -count <= place < count:
            raise IndexError(f"index must be in [{-count}, {count}), got {place}; a record has a row for each image")
        row = Record._empty(None, made=self.made)
        row._parent, row._index = self, place % count  # noqa: SLF001
        return row

    def __repr__(self) -> str:
        of = "one image" if self.count is None else f"{self.count} images"
        return f"<Record of {of}, {len(self.history)} view{'s' * (len(self.history) != 1)}>"

    # ---- two views -----------------------------------------------------------------------------------------------

    def overlap(self, i: int, j: int) -> Overlap:
        """What views ``i`` and ``j`` both show, as a box in each, and the IoU of what they show of the image.

        Exact: rectangles where both maps keep the axes, polygons elsewhere (image by image, in Python).

        Args:
            i: number of a view, from 0.
            j: of another.

        Returns:
            `jointaug.fusion.Overlap`: ``first, second, iou``.

        Raises:
            TypeError: for a number that is no integer.
            ValueError: for a view that is not there; if views were given, for what they were made from is not known.
        """
        return self._of_two(i, j, overlap)

    def grid(self, i: int, j: int, size: int | tuple[int, int]) -> Grid:
        """Where the centers of view ``i``'s cells lie in view ``j``.

        Args:
            i: number of a view, from 0.
            j: of another.
            size: of the grid of cells that view ``i`` is divided into: one number, or rows and columns.

        Returns:
            `jointaug.fusion.Grid`: ``position, inside``. Positions are in pixels of view ``j``: of a feature map of
            stride s, ``(position + 0.5) / s`` is in its cells, and the floor of that names one.

        Raises:
            TypeError: for a number that is no integer.
            ValueError: for a view that is not there, a grid without cells; if views were given.
        """
        sides = (size, size) if not isinstance(size, (tuple, list)) else tuple(size)
        if len(sides) != 2:
            raise ValueError(f"size must be one number, or rows and columns, got {size!r}; write size=7")
        rows, columns = (
            integer("size", side, low=1, rule="at least one cell", remedy="write size=7") for side in sides
        )

        return self._of_two(i, j, partial(grid, cells=(rows, columns)))

    def _of_two(self, i: int, j: int, function: Callable[..., T]) -> T:
        views = len(self.history)
        numbers = [integer(name, k, low=0, rule="number of a view, from 0") for name, k in (("i", i), ("j", j))]
        for name, k in zip("ij", numbers, strict=True):
            if k >= views:
                raise ValueError(f"{name} must be number of a view, in [0, {views}), got {k}; count from 0")
        if self.given:
            raise ValueError(
                "two views can be compared where both were made of one image, got views that were given; record the "
                "pipeline that makes them"
            )
        columns = [self.maps, self.view_sizes]
        maps, view_sizes = (column[None] if self.count is None else column for column in columns)
        sizes = self.sizes[None] if self.count is None else self.sizes
        found = function(*(maps[:, k] for k in numbers), sizes, tuple(view_sizes[:, k] for k in numbers))
        return type(found)(*(column[0] for column in found)) if self.count is None else found

    # ---- as text, and pickled ------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """All of it as JSON, exactly: `from_json` gives the same numbers, bit for bit.

        Raises:
            TypeError: for a parameter that is neither a number, text, a tensor, nor a list or dict of such.
        """
        maps = self.maps.tolist()
        unknown = (~self.has_map).nonzero().tolist()
        for place in unknown:
            inner = maps
            for k in place[:-1]:
                inner = inner[k]
            inner[place[-1]] = None
        return json.dumps(
            {
                "jointaug_record": VERSION,
                "pipeline": self.pipeline,
                "count": self.count,
                "made": self.made,
                "sizes": self.sizes.tolist(),
                "view_sizes": self.view_sizes.tolist(),
                "maps": maps,
                "views": [
                    [
                        {
                            "path": entry.path,
                            "view": entry.view,
                            "params": {name: _encoded(v, f"{entry.path}, {name}") for name, v in entry.params.items()},
                            "where": _encoded(entry.where, entry.path),
                        }
                        for entry in view
                    ]
                    for view in self.history
                ],
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Record:
        """The record that `to_json` wrote; its tensors are on the CPU.

        Raises:
            ValueError: for anything else, another version's JSON included.
        """
        return read_json("record", VERSION, text, cls._of_content)

    @classmethod
    def _of_content(cls, data: Mapping[str, Any]) -> Record:
        self = cls._empty(data["count"], made=data["made"])
        views = [
            tuple(Entry(e["path"], e["view"], _decoded(e["params"], nested=True), _decoded(e["where"])) for e in view)
            for view in data["views"]
        ]
        self.__dict__ |= {
            "pipeline": data["pipeline"],
            "history": tuple(views),
            "sizes": torch.tensor(data["sizes"]),
            "view_sizes": torch.tensor(data["view_sizes"]),
            "maps": torch.tensor(_with_unknown(data["maps"], 1 + (self.count is not None)), dtype=torch.float64),
        }
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Without views, pipeline and other images."""
        return {"count": self.count, "made": self.made, **{name: getattr(self, name) for name in _KEPT}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    # ---- done again ----------------------------------------------------------------------------------------------

    def drawn(self, origin: Origin) -> list[list[Drawn]]:
        """Each view's steps, with the transforms of the pipeline that the record is of."""
        places = origin.by_path
        return [
            [Drawn(places[e.path].transform, places[e.path].step, e.view, e.params, e.where) for e in view]
            for view in self.history
        ]


def sides_of(signature: Any) -> tuple[Side, Side]:
    """Height and width of what a plan was made for."""
    shapes = [signature[0]] if isinstance(signature[0][0], int) else [shape for shape, _ in signature]
    if len(set(shapes)) == 1:
        return shapes[0][-2], shapes[0][-1]
    height, width = torch.tensor([shape[-2:] for shape in shapes]).unbind(-1)
    return height, width


def _of_image(entries: Sequence[Entry], i: int) -> tuple[Entry, ...]:
    """The steps of one image of a batch that acted on it, as far as random containers go."""
    kept = []
    for path, view, params, where in entries:
        if where is None or bool(where[i]):
            kept.append(Entry(path, view, of_image(params, i), None))
    return tuple(kept)


def _encoded(value: Any, what: str) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Tensor):
        return {"dtype": str(value.dtype).removeprefix("torch."), "values": value.tolist()}
    if isinstance(value, (list, tuple)):
        items = [_encoded(item, what) for item in value]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {"dict": {name: _encoded(item, what) for name, item in value.items()}}
    raise TypeError(
        f"a parameter must be a number, text, a tensor, or a list or dict of such to become JSON, got "
        f"{type(value).__name__} at {what}; draw numbers"
    )


def _decoded(value: Any, *, nested: bool = False) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "tuple" in value and not nested:
        return tuple(_decoded(item) for item in value["tuple"])
    if nested or "dict" in value:
        return {name: _decoded(item) for name, item in (value if nested else value["dict"]).items()}
    return torch.tensor(value["values"], dtype=getattr(torch, value["dtype"]))


def _with_unknown(maps: Any, depth: int) -> Any:
    """Maps with nan for null."""
    if depth:
        return [_with_unknown(inner, depth - 1) for inner in maps]
    return [[math.nan] * 3] * 3 if maps is None else maps
