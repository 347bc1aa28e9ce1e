"""Planning: a pipeline walked with views that do not exist yet, at the same positions as image by image."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from .._draws import adapted, any_draw_of
from ..pipeline import Part, chosen, container_of, odds, parts
from ..rules import ROWS, Draws, Kept, View, done, is_planned, rule_of
from ..transforms import ContrastiveCrop, JointTransform
from ..views import MultiView, PerView, Shared
from ._plan import chosen_view, masked, resizes


class State:
    """The images on their way: one sample's batch, or its views."""

    def __init__(self, views: list[View], *, made: bool) -> None:
        self.views = views
        self.made = made


def walk(transform: Any, state: State, draws: Draws) -> State:
    """Plan ``transform``."""
    if isinstance(transform, JointTransform):
        return _joint(transform, state, draws)
    if isinstance(transform, MultiView):
        _one_sample(transform, state)
        made = [walk(part.transform, state, part.of(draws)) for part in parts(transform)]
        return State([view for branch in made for view in branch.views], made=True)
    if isinstance(transform, (PerView, Shared)):
        _needs_views(transform, state)
        inside = parts(transform, len(state.views))
        return State([_single(part, view, draws) for part, view in zip(inside, state.views, strict=True)], made=True)
    transform = adapted(transform)
    kind = container_of(transform)
    if kind is v2.Compose or kind is nn.Sequential:
        return _chain(transform, state, draws)
    if kind is v2.RandomApply:
        (u,) = draws.numbers(1)
        where = u < transform.p
        draws.record(transform, {"applied": where})
        after = _chain(transform, state, draws)
        views = [masked(a, b, where) for a, b in zip(state.views, after.views, strict=True)]
        return State(views, made=state.made)
    if kind is v2.RandomChoice:
        return _choice(transform, state, draws)
    if kind is v2.RandomOrder:
        return _order(transform, state, draws)
    _one_sample(transform, state)
    return State([_leaf(transform, state.views[0], draws)], made=False)


def _leaf(transform: Any, view: View, draws: Draws) -> View:
    """Plan a transform of one image."""
    rule = rule_of(transform)
    if rule is not None and not is_planned(rule):
        before, kept = len(draws.log), Kept(draws.source)
        after = _planned(rule(transform, view, replace(draws, source=kept)), transform)
        params = {name: value for drawn in draws.log[before:] for name, value in drawn.params.items()}
        return after.after(draws.drawn(transform, {**params, ROWS: kept.rows_asked}))
    draw = any_draw_of(transform)
    width = draw.width(transform)
    params = draw.params(transform, draws.numbers(width) if width else (), view)
    after = done(transform, view, params, draws)
    drawn = draws.drawn(transform, params)
    if width:
        draws.log.append(drawn)
    return _planned(after, transform).after(drawn)


def _planned(view: Any, transform: Any) -> View:
    """What a rule returned, if it is a view."""
    if not isinstance(view, View):
        raise TypeError(
            f"the rule of {transform!r} must return a view, got {view!r}; end it with return view.step(...), "
            "view.cut(...) or view.call(...)"
        )
    return view


def _chain(transform: Any, state: State, draws: Draws) -> State:
    for part in parts(transform):
        state = walk(part.transform, state, part.of(draws))
    return state


def _single(part: Part, view: View, draws: Draws) -> View:
    """Plan a part of `PerView` or `Shared` for one view."""
    after = walk(part.transform, State([view], made=False), part.of(draws))
    if after.made:
        raise TypeError(
            f"a transform in PerView or Shared made views of a view: {part.transform!r}; a joint transform "
            "stands outside of them, and all views are made before"
        )
    return after.views[0]


def _joint(transform: JointTransform, state: State, draws: Draws) -> State:
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
        params = transform.params_from_uniform(
            here.numbers(transform.row_width), [_query(transform, v) for v in coupled]
        )
        here.record(transform, params)
        for k, view in enumerate(coupled):
            own = {name: pair[k] for name, pair in params.items()}
            after = done(transform, view, own, draws.view(group * n + k))
            outputs.append(_planned(after, transform).after(here.drawn(transform, own)))
    return State(outputs, made=True)


def _query(transform: JointTransform, view: View) -> tuple[Any, ...]:
    """What a draw must know of a view, for a batch: sides as they are, the rest as for an image without extras."""
    if isinstance(transform, ContrastiveCrop):
        return view.height, view.width, *(view.crop_box or ())
    if type(transform).query is JointTransform.query:
        return view.height, view.width
    image = torch.empty(view.channels, 1, 1, device="meta")
    return (view.height, view.width, *transform.query([image])[2:])


def _choice(transform: Any, state: State, draws: Draws) -> State:
    (u,) = draws.numbers(1)
    branches = [walk(part.transform, state, part.of(draws)) for part in parts(transform)]
    choice: Any
    if isinstance(u, Tensor):
        edges = list(accumulate(odds(transform)))[:-1]
        choice = sum((u >= edge for edge in edges), torch.zeros_like(u, dtype=torch.int64))
    else:
        choice = chosen(u, odds(transform))
    draws.record(transform, {"choice": choice})
    masks = [choice == i for i in range(len(branches))]
    before = state.views if state.made or not branches[0].made else state.views * len(branches[0].views)
    views = [chosen_view(view, [branch.views[k] for branch in branches], masks) for k, view in enumerate(before)]
    return State(views, made=branches[0].made)


def _order(transform: Any, state: State, draws: Draws) -> State:
    """Every transform under the mask of the images in which it is next, once for each place in the order."""
    row = draws.numbers(len(transform.transforms))
    inside = parts(transform)
    order: Any
    if state.views[0].alone:
        order = sorted(range(len(row)), key=row.__getitem__)
        draws.record(transform, {"order": order})
    else:
        order = torch.stack(row).argsort(0)  # [place, B]: which transform is there
        draws.record(transform, {"order": order.T})
    planned = [walk(part.transform, state, part.of(draws)) for part in inside]
    changed = (resizes(a, b) for part in planned for a, b in zip(state.views, part.views, strict=True))
    if state.views[0].alone and any(changed):  # one image may be cut in any order
        for i in order:
            state = walk(inside[i].transform, state, inside[i].of(draws))
        return state
    views = []
    for k, before in enumerate(state.views):
        view = before
        for place in order:
            for i, part in enumerate(planned):
                tail = part.views[k].program[len(before.program) :]
                done = part.views[k].history[len(before.history) :]
                step = replace(part.views[k], program=(*view.program, *tail), history=(*view.history, *done))
                view = masked(view, step, place == i)
        views.append(view)
    return State(views, made=state.made)


def _one_sample(transform: Any, state: State) -> None:
    if state.made:
        raise TypeError(
            f"a transform of one sample must not be called on {len(state.views)} views: it would draw once for all "
            "of them. "
            f"Write PerView({transform!r}) for a draw of each view's own, or Shared({transform!r}) for one that "
            "all share"
        )


def _needs_views(transform: Any, state: State) -> None:
    if not state.made:
        raise TypeError(
            f"{type(transform).__name__} takes views, got one batch; put a view maker before it, or give a list of "
            "batches"
        )
