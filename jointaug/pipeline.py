"""The image-by-image executor: what runs a pipeline on one sample; and the one place that numbers a pipeline's parts.

A pipeline is a transform, or a container of pipelines: v2's and v1's (``Compose``, ``RandomApply``, ...), torch's
``Sequential``, or what says its own parts (`Addressable`: the couplings and joint transforms of this library). Every
part has a position, a step or a view relative to its container's, at which it takes its chance; `parts` says which, for
this executor, for `jointaug.fuse` and for whoever else walks a pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from inspect import isclass, ismethod, isroutine, signature
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import PIL.Image
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten
from torchvision import transforms as v1
from torchvision.transforms import v2
from torchvision.tv_tensors import TVTensor

from ._draws import Draw, adapted, draw_of, generator_kept, seed_of
from .chance import Address, Chance, child_step

_CONTAINERS: Final = (v2.Compose, v2.RandomApply, v2.RandomChoice, v2.RandomOrder, nn.Sequential)
_OF_V1: Final[dict[type, type]] = {
    v1.Compose: v2.Compose,
    v1.RandomApply: v2.RandomApply,
    v1.RandomChoice: v2.RandomChoice,
    v1.RandomOrder: v2.RandomOrder,
}
"""v1's containers, and v2's that they run their parts as."""


class Placed(Protocol):
    """Chance with positions: `jointaug.chance.Chance` of one image, or of a batch."""

    def step(self, child: int) -> Any:
        """Chance for the ``child``-th part of the pipeline at this position."""

    def view(self, view: int) -> Any:
        """Chance for view (or group of views) number ``view`` at this position."""


P = TypeVar("P", bound=Placed)


class Position(NamedTuple):
    """A place in a pipeline, as a number for what is drawn there.

    Attributes:
        at_step: 64 bits that stand for the path of steps from the root (`jointaug.chance.child_step`).
        at_view: which view, or group of coupled views.
    """

    at_step: int = 0
    at_view: int = 0

    def step(self, child: int) -> Position:
        """The position of the ``child``-th part."""
        return Position(child_step(self.at_step, child), self.at_view)

    def view(self, view: int) -> Position:
        """The position of view (or group of views) number ``view``."""
        return Position(self.at_step, view)


ROOT: Final = Position()
"""Where a pipeline begins."""


class Part(NamedTuple):
    """A part of a container and its position there: a step, a view, or the container's own.

    Attributes:
        transform: what runs there.
        step: number among the container's steps, if it has one of its own.
        view: number of the view that it acts on, if each view has one.
    """

    transform: Any
    step: int | None = None
    view: int | None = None

    def of(self, chance: P) -> P:
        """The part's chance, from its container's."""
        if self.step is not None:
            return chance.step(self.step)  # type: ignore[no-any-return]
        return chance if self.view is None else chance.view(self.view)


class Addressable:
    """What takes its chance from a `Chance`: the base of our transforms and containers."""

    def run(self, inputs: tuple[Any, ...], chance: Chance) -> Any:
        """The transform of ``inputs``, every draw from ``chance``."""
        raise NotImplementedError(f"{type(self).__name__} must define run(inputs, chance)")

    def parts(self, views: int | None) -> Sequence[Part]:  # noqa: ARG002
        """The pipelines in it, for so many views (None: as they stand); none where it acts by itself."""
        return ()

    def views_made(self, views: int | None) -> int | None:
        """How many views it gives, from so many (None: one sample that is not views yet)."""
        return views


def parts(transform: Any, views: int | None = None) -> Sequence[Part]:
    """The parts of a container, each with its position; none, if ``transform`` is no container.

    Args:
        transform: any transform.
        views: how many views it is given; None for one sample, or to have a coupling's transforms as they stand.
    """
    if isinstance(transform, Addressable):
        return transform.parts(views)
    transform = adapted(transform)
    kind = container_of(transform)
    if kind is None:
        return ()
    listed = transform if kind is nn.Sequential else transform.transforms
    return [Part(part, step=i) for i, part in enumerate(listed)]


def leaves(transform: Any) -> list[Any]:
    """The transforms of a pipeline that are no containers, in the order in which they stand.

    Of one of v1's, or of yours with an adapter, the transform that it stands for (`jointaug.rules.adapt`).

    Args:
        transform: a pipeline, or any transform.

    Example:
        >>> from torchvision.transforms import v2
        >>> from jointaug import JointCrop, PerView
        >>> from jointaug.fusion import leaves
        >>> leaves(v2.Compose([JointCrop(32), PerView(v2.RandomGrayscale(0.2), v2.Identity())]))[1:]
        [RandomGrayscale(p=0.2), Identity()]
    """
    return [place.transform for place in places(transform)]


class Place(NamedTuple):
    """Where a transform that is no container stands.

    Attributes:
        path: such as ``1.PerView.2.RandomApply.0.ColorJitter``: numbers of steps and types of what holds them (a
            ``Compose`` goes without saying), and in brackets the view where each has a transform of its own.
        transform: the one there, or that it stands for (`jointaug.rules.adapt`).
        step: number of its position (`jointaug.chance.child_step`).
        view: to which view it belongs there, if each has its own.
    """

    path: str
    transform: Any
    step: int
    view: int | None


def places(pipeline: Any, at: Position = ROOT) -> Iterator[Place]:
    """The places of all transforms of a pipeline that are no containers, in the order in which they stand.

    Args:
        pipeline: any.
        at: its position, if it is a part of another.
    """
    return _places(pipeline, "", at, None)


def _places(transform: Any, before: str, at: Position, view: int | None) -> Iterator[Place]:
    transform = adapted(transform)
    plain = container_of(transform) in (v2.Compose, nn.Sequential)
    here = before if plain else f"{before}{type(transform).__name__}"
    inside = parts(transform)
    if not inside:
        yield Place(here, transform, at.at_step, view)
    own = len(inside) > 1 and inside[0].view is not None
    dot = "" if plain else "."
    for k, part in enumerate(inside):
        start = f"{here}[{k}]." if own else f"{here}{dot}" if part.step is None else f"{here}{dot}{k}."
        yield from _places(part.transform, start, part.of(at), k if own else view)


def views_made(transform: Any, views: int | None) -> int | None:
    """How many views a pipeline gives, from ``views`` (None: one sample that is not views yet).

    Raises:
        ValueError: if that number is random.
    """
    if isinstance(transform, Addressable):
        return transform.views_made(views)
    transform = adapted(transform)
    kind, inside = container_of(transform), parts(transform)
    if kind in (v2.RandomChoice, v2.RandomApply, v2.RandomOrder):
        counts = {views_made(part.transform, views) for part in inside}
        counts |= {views} if kind is not v2.RandomChoice else set()
        if len(counts) > 1:
            raise ValueError(
                f"the number of views must not be random, got {sorted(map(str, counts))} from "
                f"{type(transform).__name__}; make the same number of views in every case"
            )
        return counts.pop()
    for part in inside:
        views = views_made(part.transform, views)
    return views


def run(transform: Any, inputs: tuple[Any, ...], chance: Chance) -> Any:
    """``transform(*inputs)``, with its chance from ``chance``.

    From torch's generator, v2's containers run as they are. At an address, our transforms, v2's containers and those of
    v2's transforms whose draw is known take their uniforms from their own positions, as `jointaug.fuse` does; so does
    what stands for one of these, as v1's do (`jointaug.rules.adapt`). Any other callable runs after torch's CPU
    generator was seeded from its position; it is repeatable if it draws from that generator alone. The caller restores
    the generator (`jointaug.views_at` does).
    """
    kind = container_of(transform)
    if not chance.addressed:
        if len(inputs) > 1 and isinstance(transform, v2.Compose) and kind is v2.Compose:
            return _chain(parts(transform), inputs, chance)
        return called(transform, inputs)
    if isinstance(transform, Addressable):
        return transform.run(inputs, chance)
    stood_for = adapted(transform)
    if stood_for is not transform:
        return run(stood_for, inputs, chance)
    if kind is v2.Compose or (kind is nn.Sequential and len(inputs) == 1):
        return _chain(parts(transform), inputs, chance)
    if kind is v2.RandomApply:
        if chance.row(1)[0] >= transform.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return _chain(parts(transform), inputs, chance)
    if kind is v2.RandomChoice:
        part = parts(transform)[chosen(chance.row(1)[0], odds(transform))]
        return run(part.transform, inputs, part.of(chance))
    if kind is v2.RandomOrder:
        inside = parts(transform)
        row = chance.row(len(inside))
        return _chain([inside[i] for i in sorted(range(len(row)), key=row.__getitem__)], inputs, chance)
    draw = draw_of(transform)
    if draw is not None:
        outputs = _drawn(transform, draw, inputs, chance)
    else:
        torch.default_generator.manual_seed(seed_of(chance.row(1)[0]))
        outputs = called(transform, inputs)
        chance.note(torch.get_rng_state)
    chance.saw(outputs)
    return outputs


class _Seen:
    """What a transform is given, for its draw: sizes are looked up when they are asked for."""

    def __init__(self, flat: list[Any]) -> None:
        self._flat = flat

    @property
    def height(self) -> int:
        height: int = v2.query_size(self._flat)[0]
        return height

    @property
    def width(self) -> int:
        width: int = v2.query_size(self._flat)[1]
        return width

    @property
    def channels(self) -> int:
        channels: int = v2.query_chw(self._flat)[0]
        return channels


def _drawn(transform: Any, draw: Draw, inputs: tuple[Any, ...], chance: Chance) -> Any:
    """A transform of v2 with the parameters that its row stands for."""
    width = draw.width(transform)
    if not width:
        return called(transform, inputs)
    flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
    transform.check_inputs(flat)
    touched = transform._needs_transform_list(flat)  # noqa: SLF001
    seen = _Seen([leaf for leaf, touch in zip(flat, touched, strict=True) if touch])
    params = draw.params(transform, chance.row(width), seen)
    if not params.pop("applied", True):
        return inputs if len(inputs) > 1 else inputs[0]
    return tree_unflatten(
        [draw.act(transform, leaf, params) if touch else leaf for leaf, touch in zip(flat, touched, strict=True)], spec
    )


def replay(transform: Callable[..., Any], samples: Sequence[tuple[Any, ...]], chance: Chance) -> list[Any]:
    """``transform`` on every sample with one draw for all.

    Raises:
        ValueError: if samples needed different amounts of chance.
    """
    outputs: list[Any] = []
    traces: list[list[Tensor]] = []
    start = torch.get_rng_state()
    for sample in samples:
        traces.append([])
        if chance.addressed:
            outputs.append(run(transform, sample, chance.noting(traces[-1])))
        else:
            torch.set_rng_state(start)
            outputs.append(run(transform, sample, chance))
            traces[-1].append(torch.get_rng_state())
    if not all(_equal(trace, traces[0]) for trace in traces):
        raise ValueError(
            f"Shared({transform!r}) must make the same draws for every view, but the views consumed different amounts "
            "of chance (views of different shapes?); make the views equally large first, or let each draw with PerView"
        )
    return outputs


def _equal(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    return len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def _chain(inside: Iterable[Part], inputs: tuple[Any, ...], chance: Chance) -> Any:
    several = len(inputs) > 1
    outputs: Any = inputs if several else inputs[0]
    before: Part | None = None
    for part in inside:
        if several and before is not None:
            inputs = several_outputs(outputs, before.transform)
        outputs = run(part.transform, inputs if several else (outputs,), part.of(chance))
        before = part
    return outputs


def views_at(pipeline: Callable[..., Any], address: Address, *inputs: Any) -> Any:
    """The views that ``pipeline`` makes of a sample at an address; torch's generator is left as it was.

    `jointaug.views_at` can say what was done, too.

    Args:
        pipeline: any pipeline of this library and of ``torchvision.transforms.v2``.
        address: of the image.
        inputs: the sample, as the pipeline takes it.

    Returns:
        What ``pipeline(*inputs)`` returns.

    Raises:
        TypeError: for an address or a pipeline that is none, or without inputs.
    """
    check_pipeline(pipeline)
    if not isinstance(address, Address):
        raise TypeError(f"address must be an Address, got {address!r}; write Address(seed, epoch, index)")
    if not inputs:
        raise TypeError("inputs must be a sample, got none; write views_at(pipeline, address, image)")
    with generator_kept():
        return run(pipeline, inputs, address)


def container_of(transform: Any) -> type | None:
    """The container of v2 or torch that ``transform`` runs its parts as, or None.

    A subclass with a ``forward`` of its own is no container: what it does with its parts is not known.
    """
    of: Any = type(transform)
    return _container_type(of)


@lru_cache(maxsize=1024)
def _container_type(of: Any) -> type | None:
    for kind, as_v2 in _OF_V1.items():
        if issubclass(of, kind):
            return as_v2 if _calls(of) is _calls(kind) else None
    for kind in _CONTAINERS:  # Dynamo of torch 2.8 traces no `next` with a default
        if issubclass(of, kind) and of.forward is kind.forward:
            return kind
    return None


def _calls(of: type) -> Any:
    """What an instance does when it is called."""
    return of.forward if issubclass(of, nn.Module) else of.__call__


def odds(choice: Any) -> list[float]:
    """The probabilities of a random choice's parts (v1 keeps weights, or None)."""
    if isinstance(choice, v2.RandomChoice):
        return choice.p  # type: ignore[no-any-return]
    weights = [1.0] * len(choice.transforms) if choice.p is None else choice.p
    return [weight / sum(weights) for weight in weights]


def called(transform: Callable[..., Any], inputs: tuple[Any, ...]) -> Any:
    """``transform(*inputs)``; one that can take the image alone gets it, and the labels after it pass.

    So a step that serves in a data set's ``transform=``, where it is given the image, serves beside a label too.

    Raises:
        TypeError: if such a step would leave behind boxes, masks or images that follow the first image.
    """
    n = len(inputs)
    if n == 1 or _takes(transform, n) or not _takes(transform, 1):
        try:
            return transform(*inputs)
        except TypeError as error:
            if _takes(transform, n):
                raise  # it is about something inside
            raise TypeError(
                f"a step must take the {n} arguments of a sample, or the image alone, got {transform!r}; {error}"
            ) from error
    left = next((leaf for leaf in tree_leaves(inputs[1:]) if isinstance(leaf, (TVTensor, PIL.Image.Image))), None)
    if left is not None and not getattr(left, "passes_once", False):
        raise TypeError(
            f"a step of one argument must not be given a sample with {type(left).__name__} beside the image, which it "
            f"would leave as it is, got {transform!r}; write a callable of {n} arguments that returns {n}"
        )
    return (transform(inputs[0]), *inputs[1:])


def check_pipeline(pipeline: Any) -> None:
    """Refuse what cannot be called on a sample.

    Raises:
        TypeError: for anything but a callable, and for a class.
    """
    if not callable(pipeline) or isclass(pipeline):
        remedy = f"call it: {pipeline.__name__}(...)" if isclass(pipeline) else "pass a v2.Compose"
        raise TypeError(f"pipeline must be a callable of a sample, got {pipeline!r}; {remedy}")


def _takes(transform: Callable[..., Any], n: int) -> bool:
    """Whether ``transform`` can be called with ``n`` arguments; a built-in that does not tell, with one."""
    function: Any
    if isinstance(transform, nn.Module):
        function, n = type(transform).forward, n + 1
    elif ismethod(transform):
        function, n = transform.__func__, n + 1
    elif isroutine(transform) or isclass(transform) or isinstance(transform, partial):
        function = transform
    else:
        function, n = type(transform).__call__, n + 1
    return _binds(function, n)


@lru_cache(maxsize=1024)
def _binds(function: Callable[..., Any], n: int) -> bool:
    try:
        known = signature(function)
    except ValueError:
        return n == 1
    try:
        known.bind(*range(n))
    except TypeError:
        return False
    return True


def several_outputs(outputs: Any, transform: Any, n: int | None = None) -> tuple[Any, ...]:
    """What a step returned that was given several arguments, if it is several too (``n``, where that must be)."""
    if not isinstance(outputs, (tuple, list)) or n not in (None, len(outputs)):
        count = f" of {len(outputs)}" if isinstance(outputs, (tuple, list)) else ""
        raise TypeError(
            f"a step that is given {n or 'several'} arguments must return as many, got {type(outputs).__name__}{count} "
            f"from {transform!r}; return what came beside the image too, or take the image alone: then the rest passes"
        )
    return tuple(outputs)


def chosen(uniform: float, probabilities: Sequence[float]) -> int:
    """The index whose share of [0, 1] holds ``uniform``, for ``probabilities`` that sum to one."""
    cumulative = 0.0
    for index, probability in enumerate(probabilities):
        cumulative += probability
        if uniform < cumulative:
            return index
    return max(
        i for i, probability in enumerate(probabilities) if probability > 0
    )  # the sum was short of 1 by rounding
