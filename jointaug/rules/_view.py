"""One view of every image of a batch before it exists, what is done to it, and the chance that a rule draws from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias

import PIL.Image
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode

from .._draws import filled
from .._validate import interpolation_mode, resized_size
from ..functional import Step, resized_crop
from ..pipeline import ROOT, Position
from ._map import Map, of_cut

Side: TypeAlias = "int | Tensor"
"""A height or width in pixels: one number for the batch, or int64 ``[B]`` for a list of images of different sizes."""


class Cut(NamedTuple):
    """Cut a box out of each image and resize it.

    Attributes:
        boxes: top, left, height, width in pixels: int64 ``[B, 4]``, or four integers for one image.
        clips: whether a bicubic filter's overshoot is cut off, as v2 does it in uint8 and not in float.
    """

    boxes: Any
    size: tuple[int, int]
    interpolation: InterpolationMode
    antialias: bool
    clips: bool


@dataclass(frozen=True)
class Call:
    """Any function of a batch ``[B, C, H, W]`` and of values for each image, where ``where`` holds.

    Attributes:
        parameters: tensors ``[B, ...]``, of which each image of a list gets its own row; anything else goes to all.
        dtype: what the function gets: the images' logical dtype at this place in the pipeline.
        map: where the results' pixels come from; None: that is not known.
    """

    function: Callable[..., Tensor]
    parameters: tuple[Any, ...]
    where: Tensor | bool | None
    dtype: torch.dtype
    map: Map | None = None


class Known(NamedTuple):
    """What a transform without a rule was seen to give; None: what it got.

    Attributes:
        size: height and width in pixels: of every image, or one pair for each image of the batch.
    """

    size: tuple[int, int] | tuple[tuple[int, int], ...] | None
    channels: int
    dtype: torch.dtype
    kind: type | None

    @property
    def stays(self) -> bool:
        """Whether another batch may be expected to come out so."""
        return self.size is None or isinstance(self.size[0], int)


@dataclass(frozen=True)
class Each:
    """A transform without a rule, on each image where ``where`` holds, as the kind of image that v2 would see here.

    Attributes:
        function: the image at that index of the batch, transformed.
        place: where in the pipeline it stands, and on what: a key to what is known of its results.
    """

    transform: Any
    function: Callable[[Any, int], Any]
    where: Tensor | bool | None
    dtype: torch.dtype
    kind: type | None
    place: tuple[Any, ...]
    expected: Known


Instruction: TypeAlias = "Cut | Step | Call | Each"


class Drawn(NamedTuple):
    """What one transform drew for the batch.

    Attributes:
        step: the number of its position in the pipeline (`jointaug.chance.child_step`).
        view: which view, or group of coupled views.
        params: by the names of its ``make_params`` or ``params_from_uniform``: tensors ``[B, ...]``, one for each
            image, or numbers (of one image, or the same for all).
        where: on which images random containers let it act; None: all.
    """

    transform: Any
    step: int
    view: int
    params: dict[str, Any]
    where: Tensor | None = None

    def under(self, mask: Tensor) -> Drawn:
        """The same, on those images where ``mask`` holds, too."""
        return self._replace(where=mask if self.where is None else mask & self.where)


@dataclass(frozen=True)
class View:
    """One view of every image of a batch, before it exists.

    Attributes:
        source: which of the inputs it is made from.
        count: how many images the batch holds.
        kind: what an image is to v2 at this place: a plain tensor, a ``tv_tensors.Image``, a ``PIL.Image.Image``; None
            if that differs by image.
        program: what is done to the pixels.
        history: the transforms that said so, in their order, with what they drew.
        alone: whether it is planned for one image, in numbers (``count`` is 1): planning has no time for tensors then.
        crop_box: where each image's crops are put (`jointaug.CropBox`): left, top, right, bottom as fractions, numbers
            or float64 ``[B]``; None, if nowhere in particular.
    """

    source: int
    height: Side
    width: Side
    channels: int
    dtype: torch.dtype
    device: torch.device
    count: int
    kind: type | None = Tensor
    program: tuple[Instruction, ...] = ()
    history: tuple[Drawn, ...] = ()
    alone: bool = False
    crop_box: tuple[Any, ...] | None = None

    def having(self, **changes: Any) -> View:
        """The view with other attributes: ``dataclasses.replace``, several times as fast."""
        if torch.compiler.is_compiling():  # Dynamo of torch 2.11 traces no other way
            return replace(self, **changes)
        view: View = object.__new__(View)
        view.__dict__.update(self.__dict__, **changes)
        return view

    def box(self, top: Side, left: Side, height: Side, width: Side) -> Any:
        """A box in each image, for `cut`: from numbers for all, or tensors ``[B]``."""
        if self.alone:
            return top, left, height, width
        sides = (filled(side, self.device) for side in (top, left, height, width))
        return torch.stack([side.expand(self.count) for side in sides], -1)

    def own(self, value: Any) -> Any:
        """A value for each image as a tensor ``[B, ...]``, for `call`."""
        if not self.alone:
            return value
        if isinstance(value, Tensor):
            return value[None]
        one = torch.tensor([value], device=self.device)
        return torch.tensor([value], dtype=torch.float64, device=self.device) if one.is_floating_point() else one

    def cut(
        self,
        boxes: Any,
        size: tuple[int, int],
        interpolation: InterpolationMode | str | int,
        antialias: bool | None = True,
    ) -> View:
        """The view after a crop (boxes of `box`, or int64 ``[B, 4]``) and a resize to ``(height, width)``.

        As Pillow does it where the images are PIL images: always antialiased, and its nearest pixel is the exact one.

        Raises:
            ValueError: for a size that overflows.
        """
        resized_size(size, self.channels, *size)
        mode, smooth = self._filter(interpolation, antialias)
        instruction = Cut(boxes, size, mode, smooth, self._clips(mode))
        return self.having(height=size[0], width=size[1], program=(*self.program, instruction))

    def _filter(
        self, interpolation: InterpolationMode | str | int, antialias: bool | None
    ) -> tuple[InterpolationMode, bool]:
        mode, pillow = interpolation_mode(interpolation), self.kind is PIL.Image.Image
        exact = pillow and mode is InterpolationMode.NEAREST
        return InterpolationMode.NEAREST_EXACT if exact else mode, pillow or bool(antialias)

    def _clips(self, mode: InterpolationMode) -> bool:
        return mode is InterpolationMode.BICUBIC and self.dtype is torch.uint8

    def step(self, kernel: Callable[..., Tensor], *parameters: Any, where: Tensor | bool | None = None) -> View:
        """The view after a kernel of `jointaug.functional`, its parameters numbers or tensors ``[B]``."""
        return self.having(program=(*self.program, Step(kernel, parameters, where)))

    def call(
        self,
        function: Callable[..., Tensor],
        *parameters: Any,
        where: Tensor | bool | None = None,
        size: tuple[Side, Side] | None = None,
        map: Map | None = None,  # noqa: A002 (the word of records)
    ) -> View:
        """The view after any function of a batch: ``function(images [B, C, H, W], *parameters)``.

        Args:
            function: gives a batch. Images of different sizes come one by one, as batches of one.
            parameters: of the function. Tensors ``[B, ...]`` hold a value for each image, anything else is for all.
            where: on which images, a bool tensor ``[B]``; the others stay as they are.
            size: height and width of the results, if they change.
            map: where a result's pixels come from, for records (`jointaug.Record.maps`): nine entries of a 3 x 3
                matrix, row by row, numbers or float64 tensors ``[B]``, that takes ``(x, y, 1)``, the center of a pixel
                of the result, to where it was before; `jointaug.rules.STILL` for a function that moves none. Without
                it a record says that it does not know.

        Raises:
            ValueError: for a size that overflows, or a map of another number of entries.
        """
        if map is not None and len(map) != 9:
            raise ValueError(f"map must be the nine entries of a 3 x 3 matrix, got {map!r}; write them row by row")
        height, width = (self.height, self.width) if size is None else size
        if isinstance(height, int) and isinstance(width, int):
            resized_size((height, width), self.channels, height, width)
        instruction = Call(function, parameters, where, self.dtype, map)
        return self.having(height=height, width=width, program=(*self.program, instruction))

    def each(
        self, transform: Any, function: Callable[[Any, int], Any], draws: Draws, where: Tensor | bool | None = None
    ) -> View:
        """The view after a transform that is known by name alone, run image by image.

        What the results are is not known before one is seen: until then they are taken to be as what goes in, and
        ``Fused.transform`` plans anew what follows where they are not.

        Args:
            transform: for messages.
            function: of an image (of this view's kind) and its index in the batch.
            draws: at the transform's position.
            where: on which images.
        """
        sides = tuple(side if isinstance(side, int) else tuple(side.tolist()) for side in (self.height, self.width))
        place = (draws.at, sides, self.channels, self.dtype, self.kind)
        expected = draws.known.get(place, Known(None, self.channels, self.dtype, self.kind))
        each = Each(transform, function, where, self.dtype, self.kind, place, expected)
        height, width = self.height, self.width
        if expected.size is not None and isinstance(expected.size[0], int):
            height, width = expected.size
        elif expected.size is not None:
            height, width = torch.tensor(expected.size, device=self.device).unbind(1)
        return self.having(
            height=height,
            width=width,
            channels=expected.channels,
            dtype=expected.dtype,
            kind=expected.kind,
            program=(*self.program, each),
        )

    def resize_each(
        self,
        sizes: Sequence[tuple[int, int]],
        interpolation: InterpolationMode | str | int,
        antialias: bool | None = True,
    ) -> View:
        """The view after a resize of each image of a list to ``(height, width)`` of its own; it stays a list.

        As between two cuts of a batch, levels are not rounded: an image's view does not depend on its company.

        Raises:
            ValueError: for a size that overflows.
        """
        for size in sizes:
            resized_size(size, self.channels, *size)
        mode, smooth = self._filter(interpolation, antialias)
        resize = partial(_resized, interpolation=mode, antialias=smooth, clips=self._clips(mode))
        targets = torch.tensor(sizes, device=self.device)
        height, width = targets.unbind(1)
        work = torch.float64 if self.dtype is torch.float64 else torch.float32
        instruction = Call(resize, (targets,), None, work, of_cut(self.whole, (height, width)))
        return self.having(height=height, width=width, program=(*self.program, instruction))

    def of_kind(self, options: Mapping[Any, Any], transform: Any) -> Any:
        """What a transform's ``options`` by type say of images as they are here, ``"others"`` included, else None.

        Raises:
            ValueError: if that differs by image.
        """
        if self.kind is None:
            raise ValueError(
                f"{transform!r} asks for the type of an image, which differs by image here; make it one before, with "
                "v2.ToImage() or v2.ToPureTensor()"
            )
        return options.get(self.kind, options.get("others"))

    def cast(self, dtype: torch.dtype) -> View:
        """The view in another dtype; values scale between [0, 1] and [0, 255]."""
        return self.having(dtype=dtype)

    def running(self, program: tuple[Instruction, ...]) -> View:
        """The view with another program."""
        return self.having(program=program)

    def after(self, drawn: Drawn, before: View) -> View:
        """The view, knowing what a transform drew for it that was given the view ``before``."""
        history = (*self.history, drawn)
        if self is before or torch.compiler.is_compiling():
            return self.having(history=history)
        self.__dict__["history"] = history  # it was made by the transform's rule, and nobody else has it
        return self

    @property
    def whole(self) -> Any:
        """The box that holds all of each image, as `box` gives it."""
        return self.box(0, 0, self.height, self.width)


def _resized(
    images: Tensor, targets: Tensor, *, interpolation: InterpolationMode, antialias: bool, clips: bool
) -> Tensor:
    """A batch of one, resized to its own row of ``targets [1, 2]``."""
    boxes = (0, 0, *images.shape[-2:])
    size = tuple(targets[0].tolist())
    return resized_crop(images[0], boxes, size, interpolation=interpolation, antialias=antialias, clip=clips)[None]


class Rows(Protocol):
    """Where uniforms come from: an `Addresses`, a generator, or for one image in numbers, an `Address`."""

    def rows(self, n: int, *, step: int, view: int) -> Any:
        """``n`` uniforms in (0, 1): float64 tensors ``[B]``, or numbers."""


class Draws(NamedTuple):
    """Chance for a batch at a position in the pipeline: `jointaug.chance.Address` for many images at once.

    Attributes:
        log: where it is noted what is drawn; None: nowhere, and in no view's history.
        known: what transforms without a rule were seen to give, by their place.
    """

    source: Rows
    log: list[Drawn] | None
    known: Mapping[tuple[Any, ...], Known] = MappingProxyType({})
    at: Position = ROOT

    def row(self, n: int) -> list[Tensor]:
        """``n`` float64 tensors ``[B]`` of uniforms in (0, 1)."""
        return [u if isinstance(u, Tensor) else torch.tensor([u], dtype=torch.float64) for u in self.numbers(n)]

    def numbers(self, n: int) -> Any:
        """As `row`; for one image that is planned in numbers, ``n`` floats."""
        return self.source.rows(n, step=self.at.at_step, view=self.at.at_view)

    def step(self, child: int) -> Draws:
        """Chance for the ``child``-th part of the pipeline at this position."""
        return self.moved(self.at.step(child))

    def view(self, view: int) -> Draws:
        """Chance for view (or group of views) number ``view`` at this position."""
        return self.moved(self.at.view(view))

    def moved(self, position: Position) -> Draws:
        """Chance at another position."""
        return Draws(self.source, self.log, self.known, position)

    def record(self, transform: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Note what was drawn here."""
        if self.log is not None:
            self.log.append(self.drawn(transform, params))
        return params

    def drawn(self, transform: Any, params: dict[str, Any]) -> Drawn:
        """What was drawn here, as it stands in a view's history."""
        return Drawn(transform, self.at.at_step, self.at.at_view, params)
