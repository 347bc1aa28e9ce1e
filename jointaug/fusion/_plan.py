"""What a fused pipeline will do to a batch: drawn first, as data, and done afterwards.

Planning walks the pipeline as image-by-image execution does (same positions, so same addresses) with a symbolic
`View` in place of an image. Each transform draws for the whole batch and appends instructions to the view's program;
no pixel is touched. Running a program fuses its instructions into as few passes as the kernels allow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

import PIL.Image
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode

from ..chance import Addresses, child_step
from ..functional import Step, resized_crop
from ..functional._batch import LIMIT
from ..transforms._arguments import interpolation_mode

Side: TypeAlias = "int | Tensor"
"""A height or width in pixels: one number for the batch, or int64 ``[B]`` for a list of images of different sizes."""


@dataclass(frozen=True)
class Cut:
    """Cut a box out of each image and resize it."""

    boxes: Tensor
    """int64 ``[B, 4]``: top, left, height, width in pixels."""
    size: tuple[int, int]
    interpolation: InterpolationMode
    antialias: bool
    clips: bool
    """Whether a bicubic filter's overshoot is cut off, as v2 does it in uint8 and not in float."""


@dataclass(frozen=True)
class Call:
    """Any function of a batch ``[B, C, H, W]`` and of values for each image, where ``where`` holds."""

    function: Callable[..., Tensor]
    parameters: tuple[Any, ...]
    """Tensors ``[B, ...]``, of which each image of a list gets its own row; anything else goes to all."""
    where: Tensor | None
    dtype: torch.dtype
    """What the function gets: the images' logical dtype at this place in the pipeline."""


class Known(NamedTuple):
    """What a transform without a rule was seen to give; None: what it got."""

    size: tuple[int, int] | tuple[tuple[int, int], ...] | None
    """Height and width in pixels: of every image, or one pair for each image of the batch."""
    channels: int
    dtype: torch.dtype
    kind: type | None

    @property
    def stays(self) -> bool:
        """Whether another batch may be expected to come out so."""
        return self.size is None or isinstance(self.size[0], int)


@dataclass(frozen=True)
class Each:
    """A transform without a rule, on each image where ``where`` holds, as the kind of image that v2 would see here."""

    transform: Any
    function: Callable[[Any, int], Any]
    """The image at that index of the batch, transformed."""
    where: Tensor | None
    dtype: torch.dtype
    kind: type | None
    place: tuple[Any, ...]
    """Where in the pipeline it stands, and on what: a key to what is known of its results."""
    expected: Known


Instruction: TypeAlias = "Cut | Step | Call | Each"


@dataclass(frozen=True)
class View:
    """One view of every image of a batch, before it exists."""

    source: int
    """Which of the inputs it is made from."""
    height: Side
    width: Side
    channels: int
    dtype: torch.dtype
    device: torch.device
    count: int
    """How many images the batch holds."""
    kind: type | None = Tensor
    """What an image is to v2 at this place: a plain tensor, a ``tv_tensors.Image``, a ``PIL.Image.Image``; None if that
    differs by image."""
    program: tuple[Instruction, ...] = ()

    def cut(
        self,
        boxes: Tensor,
        size: tuple[int, int],
        interpolation: InterpolationMode | str | int,
        antialias: bool | None = True,
    ) -> View:
        """The view after a crop (int64 boxes ``[B, 4]``) and a resize to ``(height, width)``.

        As Pillow does it where the images are PIL images: always antialiased, and its nearest pixel is the exact one.

        Raises:
            ValueError: for a size that overflows.
        """
        _check_size(self.channels, *size)
        mode, smooth = self._filter(interpolation, antialias)
        instruction = Cut(boxes, size, mode, smooth, self._clips(mode))
        return replace(self, height=size[0], width=size[1], program=(*self.program, instruction))

    def _filter(
        self, interpolation: InterpolationMode | str | int, antialias: bool | None
    ) -> tuple[InterpolationMode, bool]:
        mode, pillow = interpolation_mode(interpolation), self.kind is PIL.Image.Image
        exact = pillow and mode is InterpolationMode.NEAREST
        return InterpolationMode.NEAREST_EXACT if exact else mode, pillow or bool(antialias)

    def _clips(self, mode: InterpolationMode) -> bool:
        return mode is InterpolationMode.BICUBIC and self.dtype is torch.uint8

    def step(self, kernel: Callable[..., Tensor], *parameters: Any, where: Tensor | None = None) -> View:
        """The view after a kernel of `jointaug.functional`, its parameters numbers or tensors ``[B]``."""
        return replace(self, program=(*self.program, Step(kernel, parameters, where)))

    def call(
        self,
        function: Callable[..., Tensor],
        *parameters: Any,
        where: Tensor | None = None,
        size: tuple[Side, Side] | None = None,
    ) -> View:
        """The view after any function of a batch: ``function(images [B, C, H, W], *parameters)``.

        Args:
            function: gives a batch. Images of different sizes come one by one, as batches of one.
            parameters: of the function. Tensors ``[B, ...]`` hold a value for each image, anything else is for all.
            where: on which images, a bool tensor ``[B]``; the others stay as they are.
            size: height and width of the results, if they change.

        Raises:
            ValueError: for a size that overflows.
        """
        height, width = (self.height, self.width) if size is None else size
        if isinstance(height, int) and isinstance(width, int):
            _check_size(self.channels, height, width)
        instruction = Call(function, parameters, where, self.dtype)
        return replace(self, height=height, width=width, program=(*self.program, instruction))

    def each(
        self, transform: Any, function: Callable[[Any, int], Any], draws: Draws, where: Tensor | None = None
    ) -> View:
        """The view after a transform that is known by name alone, run image by image.

        What the results are is not known before one is seen: until then they are taken to be as what goes in, and
        `Fused.transform` plans anew what follows where they are not.

        Args:
            transform: for messages.
            function: of an image (of this view's kind) and its index in the batch.
            draws: at the transform's position.
            where: on which images.
        """
        sides = tuple(side if isinstance(side, int) else tuple(side.tolist()) for side in (self.height, self.width))
        place = (draws.at_step, draws.at_view, sides, self.channels, self.dtype, self.kind)
        expected = draws.known.get(place, Known(None, self.channels, self.dtype, self.kind))
        each = Each(transform, function, where, self.dtype, self.kind, place, expected)
        height, width = self.height, self.width
        if expected.size is not None and isinstance(expected.size[0], int):
            height, width = expected.size
        elif expected.size is not None:
            height, width = torch.tensor(expected.size, device=self.device).unbind(1)
        return replace(
            self,
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
            _check_size(self.channels, *size)
        mode, smooth = self._filter(interpolation, antialias)
        resize = partial(_resized, interpolation=mode, antialias=smooth, clips=self._clips(mode))
        targets = torch.tensor(sizes, device=self.device)
        height, width = targets.unbind(1)
        work = torch.float64 if self.dtype is torch.float64 else torch.float32
        instruction = Call(resize, (targets,), None, work)
        return replace(self, height=height, width=width, program=(*self.program, instruction))

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
        return replace(self, dtype=dtype)

    @property
    def whole(self) -> Tensor:
        """The boxes ``[B, 4]`` that hold all of each image."""
        zero = torch.zeros(self.count, dtype=torch.int64, device=self.device)
        return torch.stack([zero, zero, zero + self.height, zero + self.width], -1)


def _resized(
    images: Tensor, targets: Tensor, *, interpolation: InterpolationMode, antialias: bool, clips: bool
) -> Tensor:
    """A batch of one, resized to its own row of ``targets [1, 2]``."""
    boxes = (0, 0, *images.shape[-2:])
    size = tuple(targets[0].tolist())
    return resized_crop(images[0], boxes, size, interpolation=interpolation, antialias=antialias, clip=clips)[None]


def _check_size(channels: int, height: int, width: int) -> None:
    if channels * height * width > LIMIT:
        raise ValueError(
            f"size must keep C * height * width below 2**31, got {(height, width)} and {channels} channels"
        )


class Rows(Protocol):
    """Where a batch's uniforms come from: an `Addresses`, or a generator."""

    def rows(self, n: int, *, step: int, view: int) -> list[Tensor]:
        """``n`` float64 tensors ``[B]`` in (0, 1)."""


class GeneratorRows:
    """Uniforms from a generator: drawn when a position asks first, and the same when it asks again (`Shared` does)."""

    def __init__(self, count: int, device: torch.device, generator: torch.Generator | None) -> None:
        self._count, self._device, self._generator = count, device, generator
        self._drawn: dict[tuple[int, int, int], list[Tensor]] = {}

    def rows(self, n: int, *, step: int, view: int) -> list[Tensor]:
        """``n`` float64 tensors ``[B]`` in (0, 1)."""
        if (n, step, view) not in self._drawn:
            uniforms = torch.rand(n, self._count, dtype=torch.float64, device=self._device, generator=self._generator)
            self._drawn[n, step, view] = list(uniforms.clamp_(min=2.0**-54).unbind())
        return self._drawn[n, step, view]


@dataclass(frozen=True)
class Drawn:
    """What one transform drew for the batch."""

    transform: Any
    step: int
    """The number of its position in the pipeline (`jointaug.chance.child_step`)."""
    view: int
    """Which view, or group of coupled views."""
    params: dict[str, Any]
    """As its ``params_from_uniform`` or its rule gives them: tensors ``[B]``."""


@dataclass(frozen=True)
class Draws:
    """Chance for a batch at a position in the pipeline: `jointaug.chance.Address` for many images at once."""

    source: Rows
    log: list[Drawn]
    known: Mapping[tuple[Any, ...], Known] = field(default_factory=dict)
    """What transforms without a rule were seen to give, by their place."""
    at_step: int = 0
    at_view: int = 0

    def row(self, n: int) -> list[Tensor]:
        """``n`` float64 tensors ``[B]`` of uniforms in (0, 1)."""
        return self.source.rows(n, step=self.at_step, view=self.at_view)

    def step(self, child: int) -> Draws:
        """Chance for the ``child``-th part of the pipeline at this position."""
        return replace(self, at_step=child_step(self.at_step, child))

    def view(self, view: int) -> Draws:
        """Chance for view (or group of views) number ``view`` at this position."""
        return replace(self, at_view=view)

    def record(self, transform: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Note what was drawn here."""
        self.log.append(Drawn(transform, self.at_step, self.at_view, params))
        return params


@dataclass(frozen=True)
class Plan:
    """All that a fused pipeline drew for one batch; `jointaug.fuse`'s ``transform`` does it, as often as asked.

    What comes after a transform without a rule is planned as if that kept size, dtype and channels; where it did not,
    the first ``transform`` completes the plan, from the same uniforms (see `View.each`).
    """

    views: list[View]
    made: bool
    """Whether the pipeline gives views (a list of batches) or one batch."""
    sources: tuple[Any, ...]
    """Shapes and dtypes of the inputs it was made for."""
    drawn: list[Drawn] = field(repr=False)
    """What each transform drew, in the pipeline's order."""
    rows: Rows = field(repr=False)
    """Where the uniforms came from, and come from again if more has to be planned (see `View.each`)."""


def masked(before: View, after: View, where: Tensor) -> View:
    """``after`` on the images where ``where`` holds, ``before`` on the others."""
    return chosen_view(before, [after, before], [where, ~where])


def chosen_view(before: View, branches: Sequence[View], masks: Sequence[Tensor]) -> View:
    """For each image the branch whose mask holds; all branches went on from ``before``.

    No image runs through two branches' crops: their boxes are chosen first. All other instructions act under the
    mask.

    Raises:
        ValueError: if the branches give different sizes or dtypes, or crop in ways that cannot be one crop.
    """
    if len({(_static(view.height), _static(view.width), view.channels, view.dtype) for view in branches}) > 1:
        several = sorted(
            {f"{view.channels} x {_told(view.height)} x {_told(view.width)}, {view.dtype}" for view in branches}
        )
        raise ValueError(
            "a random choice must give images of one size, dtype and number of channels whatever is chosen, since they "
            f"become one batch, got {several}; resize and convert outside of it"
        )
    kinds = {view.kind for view in branches}
    tails = [view.program[len(before.program) :] for view in branches]
    program = before.program
    cuts = [tail[0] if tail and isinstance(tail[0], Cut) else None for tail in tails]
    first = next((cut for cut in cuts if cut is not None), None)
    if first is not None:
        whole = replace(first, boxes=before.whole)
        if any(cut is None for cut in cuts) and (_static(before.height), _static(before.width)) != first.size:
            raise ValueError(
                f"a random choice between a crop to {first.size} and none needs images of that size, got "
                f"{before.height} x {before.width}; crop outside of it"
            )
        if len({(c.size, c.interpolation, c.antialias) for c in cuts if c is not None}) > 1:
            got = [(c.size, c.interpolation.value) for c in cuts if c is not None]
            raise ValueError(
                f"a random choice of crops needs one size and interpolation, got {got}; crop outside of it"
            )
        boxes = whole.boxes
        for cut, mask in zip(cuts, masks, strict=True):
            boxes = boxes if cut is None else torch.where(mask[:, None], cut.boxes, boxes)
        program = (*program, replace(first, boxes=boxes))
        tails = [tail[1:] if cut is not None else tail for tail, cut in zip(tails, cuts, strict=True)]
    for tail, mask in zip(tails, masks, strict=True):
        for instruction in tail:
            if isinstance(instruction, Cut):
                raise ValueError("a random choice can be fused only if a crop is its first step; crop outside of it")
            where = mask if instruction.where is None else mask & instruction.where
            program = (*program, _under(instruction, where))
    return replace(branches[0], program=program, kind=kinds.pop() if len(kinds) == 1 else None)


def _under(instruction: Step | Call | Each, where: Tensor) -> Step | Call | Each:
    return (
        Step(instruction.kernel, instruction.parameters, where)
        if isinstance(instruction, Step)
        else replace(instruction, where=where)
    )


def _static(side: Side) -> Any:
    """A side that can be compared."""
    return side if isinstance(side, int) else tuple(side.tolist())


def _told(side: Side) -> str:
    return str(side) if isinstance(side, int) else "sides of their own"


def rows_of(count: int, device: torch.device, generator: torch.Generator | None, addresses: Addresses | None) -> Rows:
    """The source of a batch's uniforms.

    Raises:
        TypeError: for what is no generator or no addresses.
        ValueError: for both sources, a generator on another device, or another number of addresses than images.
    """
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator must be a torch.Generator, got {generator!r}; write torch.Generator().manual_seed(0)"
        )
    if addresses is not None and not isinstance(addresses, Addresses):
        raise TypeError(f"addresses must be jointaug.Addresses, got {addresses!r}; write Addresses(seed, epoch, index)")
    if addresses is None:
        if generator is not None and generator.device.type != device.type:
            raise ValueError(
                f"generator must be on the images' device {device}, got one on {generator.device}; "
                f"write torch.Generator({str(device)!r})"
            )
        return GeneratorRows(count, device, generator)
    if generator is not None:
        raise ValueError("give a generator or addresses, not both: an address says all that is drawn")
    if len(addresses) != count:
        raise ValueError(
            f"addresses must be one for each image, got {len(addresses)} for {count} images; index them alike"
        )
    return addresses if addresses.index.device == device else addresses.to(device)
