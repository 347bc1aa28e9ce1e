"""``fuse(pipeline)``: the same pipeline for a whole batch, a separate draw for every image."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from ..chance import Addresses
from ..pipeline import Part, container_of, leaves, parts, views_made
from ..rules import RULES, Drawn, Draws, Each, Known, Rows, View, by_image, image_by_image, rule_of
from ..transforms import JointTransform
from ..views import MultiView, PerView, Shared
from ._execute import Images, Surprise, execute
from ._images import Source, sources_of
from ._plan import Plan, chosen_view, masked, rows_of


class Fused(nn.Module):
    """A pipeline for batches; made by `fuse`.

    Args:
        pipeline: as `fuse`.
    """

    def __init__(self, pipeline: Callable[..., Any]) -> None:
        super().__init__()
        self.pipeline = pipeline
        self._known: dict[Any, Known] = {}
        views_made(pipeline, None)
        slow = sorted({_named(t) for t in leaves(pipeline) if rule_of(t) is None})
        if slow:
            warnings.warn(
                f"fuse has no rule for {', '.join(slow)} and runs it image by image; write one with "
                "@jointaug.rules.register",
                stacklevel=3,
            )

    def forward(
        self, batch: Any, *, generator: torch.Generator | None = None, addresses: Addresses | None = None
    ) -> Any:
        """The views of a batch.

        Args:
            batch: images ``[B, C, H, W]`` (uint8, or floating point on [0, 1]); or a list of images of different
                sizes (tensors ``[C, H, W]``, PIL images); or, for a pipeline that begins with `PerView`, `Shared` or
                a joint transform of views, a list of batches (collated views).
            generator: of torch, on the images' device, for all draws; torch's global one by default.
            addresses: one for each image: then each image's views are those of its address, whatever the batch.

        Returns:
            A list of batches ``[B, C, h, w]``, one for each view; a batch, if the pipeline makes no views.
        """
        return self.transform(batch, self.make_params(batch, generator=generator, addresses=addresses))

    def make_params(
        self, batch: Any, *, generator: torch.Generator | None = None, addresses: Addresses | None = None
    ) -> Plan:
        """All that `forward` would draw for this batch, as data; no pixel is touched.

        Args:
            batch: as `forward`.
            generator: as `forward`.
            addresses: as `forward`.
        """
        sources, collated = sources_of(batch)
        first = sources[0].images
        rows = rows_of(len(first), first[0].device, generator, addresses)
        return self._plan(sources, rows, self._known, made=collated)

    def _plan(self, sources: Sequence[Source], rows: Rows, known: Mapping[Any, Known], *, made: bool) -> Plan:
        drawn: list[Drawn] = []
        state = _State([source.view(k) for k, source in enumerate(sources)], made=made)
        state = _walk(self.pipeline, state, Draws(rows, drawn, known))
        return Plan(state.views, state.made, tuple(source.signature for source in sources), drawn, rows)

    def transform(self, batch: Any, params: Plan) -> Any:
        """The views of a batch with given draws: a function, without chance.

        Args:
            batch: as `forward`, of the shape that ``params`` was made for.
            params: from `make_params`.
        """
        sources, collated = sources_of(batch)
        if not isinstance(params, Plan):
            raise TypeError(f"params must come from make_params, got {type(params).__name__}; call make_params(batch)")
        signature = tuple(source.signature for source in sources)
        if signature != params.sources:
            raise ValueError(
                f"params were made for another batch: {_brief(params.sources)}, got {_brief(signature)}; call "
                "make_params(batch) for this one"
            )
        inputs = [source.images for source in sources]
        if any(isinstance(instruction, Each) for view in params.views for instruction in view.program):
            results = self._settled(sources, params, made=collated)
        else:
            results = execute(inputs, params.views, {})
        for result in results:
            if not isinstance(result, Tensor):
                raise ValueError(
                    f"the pipeline leaves a list of images at sizes of their own, where a batch is wanted, got "
                    f"{[tuple(image.shape) for image in result][:3]}...; resize or crop them to one size"
                )
        results = _apart(results, inputs)
        return results if params.made else results[0]

    def _settled(self, sources: Sequence[Source], params: Plan, *, made: bool) -> list[Any]:
        """The results of a plan with transforms that have no rule: planned anew where one gave what none had seen."""
        known: dict[Any, Known] = {}
        done: dict[int, Any] = {}
        while True:
            try:
                results = execute([source.images for source in sources], params.views, done)
                break
            except Surprise as surprise:
                if surprise.place in known:  # it was asked on two parts of the batch
                    raise ValueError(
                        "a transform without a rule must give images of one size, dtype and number of channels on the "
                        f"whole batch, got {known[surprise.place]} and {surprise.seen}; convert in it"
                    ) from None
                known[surprise.place] = surprise.seen
            after = self._plan(sources, params.rows, {**self._known, **known}, made=made)
            params.views[:], params.drawn[:] = after.views, after.drawn
        self._known |= {place: seen for place, seen in known.items() if seen.stays}
        return results

    def extra_repr(self) -> str:
        return repr(self.pipeline)


def fuse(pipeline: Callable[..., Any]) -> Fused:
    """The same pipeline for whole batches, with a separate draw for every image, in few passes over memory.

    With equal draws both give the same picture: every step agrees with v2's tensor kernel to 1e-5 (one grey level for
    uint8), and a chain agrees with the v2 pipeline run in float. (v2's uint8 chain truncates after every step; a
    fused one computes in float and rounds once.) Rules exist for this library's transforms and for the v2 transforms
    that contrastive recipes use; a transform without one runs image by image, with one warning that names it.

    Args:
        pipeline: a ``v2.Compose`` or any transform or coupling of this library or of ``torchvision.transforms.v2``.

    Returns:
        A module: ``fused(batch)``, ``fused(batch, generator=g)``, ``fused(batch, addresses=Addresses(seed, epoch,
        index))``; ``params = fused.make_params(batch)`` and ``fused.transform(batch, params)`` separate chance from
        work.

    Raises:
        TypeError: for what is no transform.
        ValueError: for a pipeline whose number of views is random.

    Example:
        >>> import torch
        >>> from torchvision.transforms import v2
        >>> from jointaug import JointCrop, PerView, fuse
        >>> normalize = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.25] * 3)])
        >>> fused = fuse(v2.Compose([JointCrop(32), PerView(v2.Compose([v2.RandomHorizontalFlip(), normalize]))]))
        >>> first, second = fused(torch.zeros(8, 3, 60, 80, dtype=torch.uint8))
        >>> first.shape
        torch.Size([8, 3, 32, 32])
    """
    if not callable(pipeline) or isinstance(pipeline, type):
        raise TypeError(f"pipeline must be a transform, got {pipeline!r}; pass v2.Compose([...])")
    return Fused(pipeline)


class _State:
    """The images on their way: one sample's batch, or its views."""

    def __init__(self, views: list[View], *, made: bool) -> None:
        self.views = views
        self.made = made


def _walk(transform: Any, state: _State, draws: Draws) -> _State:
    """Plan ``transform``."""
    if isinstance(transform, JointTransform):
        return _joint(transform, state, draws)
    if isinstance(transform, MultiView):
        _one_sample(transform, state)
        made = [_walk(part.transform, state, part.of(draws)) for part in parts(transform)]
        return _State([view for branch in made for view in branch.views], made=True)
    if isinstance(transform, (PerView, Shared)):
        _needs_views(transform, state)
        inside = parts(transform, len(state.views))
        return _State([_single(part, view, draws) for part, view in zip(inside, state.views, strict=True)], made=True)
    kind = container_of(transform)
    if kind is v2.Compose or kind is nn.Sequential:
        return _chain(transform, state, draws)
    if kind is v2.RandomApply:
        (u,) = draws.row(1)
        where = u < transform.p
        draws.record(transform, {"applied": where})
        after = _chain(transform, state, draws)
        views = [masked(a, b, where) for a, b in zip(state.views, after.views, strict=True)]
        return _State(views, made=state.made)
    if kind is v2.RandomChoice:
        return _choice(transform, state, draws)
    if kind is v2.RandomOrder:
        return _order(transform, state, draws)
    _one_sample(transform, state)
    rule = rule_of(transform) or image_by_image
    return _State([_planned(rule(transform, state.views[0], draws), transform)], made=False)


def _planned(view: Any, transform: Any) -> View:
    """What a rule returned, if it is a view."""
    if not isinstance(view, View):
        raise TypeError(
            f"the rule of {transform!r} must return a view, got {view!r}; end it with return view.step(...), "
            "view.cut(...) or view.call(...)"
        )
    return view


def _named(transform: Any) -> str:
    """A transform without a rule, for messages; one whose type has a rule is told as it is set up."""
    return repr(transform) if type(transform) in RULES else type(transform).__name__


def _chain(transform: Any, state: _State, draws: Draws) -> _State:
    for part in parts(transform):
        state = _walk(part.transform, state, part.of(draws))
    return state


def _single(part: Part, view: View, draws: Draws) -> View:
    """Plan a part of `PerView` or `Shared` for one view."""
    after = _walk(part.transform, _State([view], made=False), part.of(draws))
    if after.made:
        raise TypeError(
            f"a transform in PerView or Shared made views of a view: {part.transform!r}; a joint transform "
            "stands outside of them, and all views are made before"
        )
    return after.views[0]


def _joint(transform: JointTransform, state: _State, draws: Draws) -> _State:
    n = transform.views
    views = state.views if state.made else state.views * n
    if len(views) % n:
        raise ValueError(
            f"{type(transform).__name__} couples every {n} consecutive views, got {len(views)} views; branch "
            "before with MultiView"
        )
    outputs = []
    for group in range(len(views) // n):
        coupled = views[group * n : (group + 1) * n]
        here = draws.view(group)
        params = transform.params_from_uniform(here.row(transform.row_width), [_query(transform, v) for v in coupled])
        here.record(transform, params)
        for k, view in enumerate(coupled):
            own = {name: pair[k] for name, pair in params.items()}
            rule = rule_of(transform)
            if rule is None:
                outputs.append(by_image(transform, view, own, draws.view(group * n + k)))
            else:
                outputs.append(_planned(rule(transform, view, own), transform))
    return _State(outputs, made=True)


def _query(transform: JointTransform, view: View) -> tuple[Any, ...]:
    """What a draw must know of a view, for a batch: sides as they are, the rest as for an image without extras."""
    image = torch.empty(view.channels, 1, 1, device="meta")
    return (view.height, view.width, *transform.query([image])[2:])


def _choice(transform: v2.RandomChoice, state: _State, draws: Draws) -> _State:
    (u,) = draws.row(1)
    branches = [_walk(part.transform, state, part.of(draws)) for part in parts(transform)]
    edges = torch.tensor(transform.p, dtype=torch.float64, device=u.device).cumsum(0)
    choice = (u[:, None] >= edges[:-1]).sum(1)
    draws.record(transform, {"choice": choice})
    masks = [choice == i for i in range(len(branches))]
    before = state.views if state.made or not branches[0].made else state.views * len(branches[0].views)
    views = [chosen_view(view, [branch.views[k] for branch in branches], masks) for k, view in enumerate(before)]
    return _State(views, made=branches[0].made)


def _order(transform: v2.RandomOrder, state: _State, draws: Draws) -> _State:
    """Every transform under the mask of the images in which it is next, once for each place in the order."""
    order = torch.stack(draws.row(len(transform.transforms))).argsort(0)  # [place, B]: which transform is there
    draws.record(transform, {"order": order.T})
    planned = [_walk(part.transform, state, part.of(draws)) for part in parts(transform)]
    views = []
    for k, before in enumerate(state.views):
        view = before
        for place in order:
            for i, part in enumerate(planned):
                tail = part.views[k].program[len(before.program) :]
                step = replace(part.views[k], program=(*view.program, *tail))
                view = masked(view, step, place == i)
        views.append(view)
    return _State(views, made=state.made)


def _one_sample(transform: Any, state: _State) -> None:
    if state.made:
        raise TypeError(
            f"a transform of one sample must not be called on {len(state.views)} views: it would draw once for all "
            "of them. "
            f"Write PerView({transform!r}) for a draw of each view's own, or Shared({transform!r}) for one that "
            "all share"
        )


def _needs_views(transform: Any, state: _State) -> None:
    if not state.made:
        raise TypeError(
            f"{type(transform).__name__} takes views, got one batch; put a view maker before it, or give a list of "
            "batches"
        )


def _apart(results: Sequence[Tensor], inputs: Sequence[Images]) -> list[Tensor]:
    """The views, each in memory of its own: what is done to one in place is done to nothing else."""
    held = [image for images in inputs for image in (images if isinstance(images, list) else [images])]
    views: list[Tensor] = []
    for result in results:
        shared = any(result is other or _same_memory(result, other) for other in [*held, *views])
        views.append(result.clone() if shared else result)
    return views


def _same_memory(first: Tensor, second: Tensor) -> bool:
    return not torch.compiler.is_compiling() and first.data_ptr() == second.data_ptr()


def _brief(signature: Any) -> str:
    text = str(signature)
    return text if len(text) < 120 else text[:117] + "..."
