"""Planning: a pipeline walked with views that do not exist yet, at the same positions as image by image.

What a pipeline is made of is looked up once, in a tree of nodes: one for each transform at its position. Planning is
then a walk of the tree. A container that was given other transforms since has its nodes made anew.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from .._draws import adapted, any_draw_of
from ..pipeline import Position, chosen, container_of, odds, parts
from ..rules import ROWS, Drawn, Draws, Kept, Rule, View, by_image, done, is_planned, rule_of
from ..transforms import ContrastiveCrop, JointTransform
from ..views import MultiView, PerView, Shared
from ._plan import chosen_view, masked, resizes


class State(NamedTuple):
    """The images on their way: one sample's batch, or its views."""

    views: list[View]
    made: bool


class Node:
    """A transform at its position in a pipeline.

    Args:
        transform: there.
        at: the position.
    """

    __slots__ = ("at", "transform")

    def __init__(self, transform: Any, at: Position) -> None:
        self.transform, self.at = transform, at

    def plan(self, state: State, draws: Draws) -> State:
        """The views after it, with what it draws.

        Args:
            state: before it.
            draws: of the plan, at any position.
        """
        raise NotImplementedError


def node_of(transform: Any, at: Position) -> Node:
    """The node of a pipeline, or of a part of one."""
    if isinstance(transform, JointTransform):
        return _Joint(transform, at)
    if isinstance(transform, MultiView):
        return _Branches(transform, at)
    if isinstance(transform, (PerView, Shared)):
        return _ByView(transform, at)
    if adapted(transform) is not transform:
        return _StandsFor(transform, at)
    return _NODES.get(container_of(transform), _Leaf)(transform, at)


class _Container(Node):
    """A node with others in it."""

    __slots__ = ("_held", "_nodes")

    def __init__(self, transform: Any, at: Position) -> None:
        super().__init__(transform, at)
        self._held: tuple[Any, ...] = ()
        self._nodes: list[Node] = []

    def inside(self, views: int | None = None) -> list[Node]:
        """The nodes of its parts, for so many views."""
        transform = self.transform
        held = (views, *(transform if isinstance(transform, nn.Sequential) else transform.transforms))
        if held != self._held:
            own = parts(transform, views)
            self._held, self._nodes = held, [node_of(part.transform, part.of(self.at)) for part in own]
        return self._nodes

    def one_after_another(self, state: State, draws: Draws) -> State:
        """All of its parts on the state."""
        for node in self.inside():
            state = node.plan(state, draws)
        return state


class _Chain(_Container):
    """``Compose`` and ``Sequential``."""

    __slots__ = ()

    def plan(self, state: State, draws: Draws) -> State:
        return self.one_after_another(state, draws)


class _Apply(_Container):
    """``RandomApply``."""

    __slots__ = ()

    def plan(self, state: State, draws: Draws) -> State:
        here = draws.moved(self.at)
        (u,) = here.numbers(1)
        where = u < self.transform.p
        here.record(self.transform, {"applied": where})
        after = self.one_after_another(state, draws)
        return State([masked(a, b, where) for a, b in zip(state.views, after.views, strict=True)], state.made)


class _Choice(_Container):
    """``RandomChoice``."""

    __slots__ = ()

    def plan(self, state: State, draws: Draws) -> State:
        here = draws.moved(self.at)
        (u,) = here.numbers(1)
        branches = [node.plan(state, draws) for node in self.inside()]
        choice: Any
        if isinstance(u, Tensor):
            edges = list(accumulate(odds(self.transform)))[:-1]
            choice = sum((u >= edge for edge in edges), torch.zeros_like(u, dtype=torch.int64))
        else:
            choice = chosen(u, odds(self.transform))
        here.record(self.transform, {"choice": choice})
        masks = [choice == i for i in range(len(branches))]
        made = branches[0].made
        before = state.views if state.made or not made else state.views * len(branches[0].views)
        views = [chosen_view(view, [branch.views[k] for branch in branches], masks) for k, view in enumerate(before)]
        return State(views, made)


class _Order(_Container):
    """``RandomOrder``: every transform under the mask of the images in which it is next, once for each place in it."""

    __slots__ = ()

    def plan(self, state: State, draws: Draws) -> State:
        here, alone = draws.moved(self.at), state.views[0].alone
        row = here.numbers(len(self.transform.transforms))
        inside = self.inside()
        order: Any
        if alone:
            order = sorted(range(len(row)), key=row.__getitem__)
            here.record(self.transform, {"order": order})
        else:
            order = torch.stack(row).argsort(0)  # [place, B]: which transform is there
            here.record(self.transform, {"order": order.T})
        planned = [node.plan(state, draws) for node in inside]
        changed = (resizes(a, b) for part in planned for a, b in zip(state.views, part.views, strict=True))
        if alone and any(changed):  # one image may be cut in any order
            for i in order:
                state = inside[i].plan(state, draws)
            return state
        views = []
        for k, before in enumerate(state.views):
            view = before
            for place in order:
                for i, part in enumerate(planned):
                    tail = part.views[k].program[len(before.program) :]
                    past = part.views[k].history[len(before.history) :]
                    step = part.views[k].having(program=(*view.program, *tail), history=(*view.history, *past))
                    view = masked(view, step, place == i)
            views.append(view)
        return State(views, state.made)


class _Branches(_Container):
    """`MultiView`."""

    __slots__ = ()

    def plan(self, state: State, draws: Draws) -> State:
        if state.made:
            raise _takes_one_sample(self.transform, state)
        branches = [node.plan(state, draws) for node in self.inside()]
        return State([view for branch in branches for view in branch.views], made=True)


class _ByView(_Container):
    """`PerView` and `Shared`."""

    __slots__ = ()

    def plan(self, state: State, draws: Draws) -> State:
        if not state.made:
            raise TypeError(
                f"{type(self.transform).__name__} takes views, got one batch; put a view maker before it, or give a "
                "list of batches"
            )
        nodes = self.inside(len(state.views))
        return State([_of_one(node, view, draws) for node, view in zip(nodes, state.views, strict=True)], made=True)


def _of_one(node: Node, view: View, draws: Draws) -> View:
    """Plan a part of `PerView` or `Shared` for one view."""
    after = node.plan(State([view], made=False), draws)
    if after.made:
        raise TypeError(
            f"a transform in PerView or Shared made views of a view: {node.transform!r}; a joint transform "
            "stands outside of them, and all views are made before"
        )
    return after.views[0]


class _Joint(Node):
    """A `JointTransform`."""

    __slots__ = ()

    def plan(self, state: State, draws: Draws) -> State:
        transform: JointTransform = self.transform
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
            here = draws.moved(self.at.view(group))
            params = transform.params_from_uniform(
                here.numbers(transform.row_width), [_query(transform, v) for v in coupled]
            )
            here.record(transform, params)
            for k, view in enumerate(coupled):
                own = {name: pair[k] for name, pair in params.items()}
                after = _planned(done(transform, view, own, draws.moved(self.at.view(group * n + k))), transform)
                outputs.append(after if draws.log is None else after.after(here.drawn(transform, own), view))
        return State(outputs, made=True)


def _query(transform: JointTransform, view: View) -> tuple[Any, ...]:
    """What a draw must know of a view, for a batch: sides as they are, the rest as for an image without extras."""
    if isinstance(transform, ContrastiveCrop):
        return view.height, view.width, *(view.crop_box or ())
    if type(transform).query is JointTransform.query:
        return view.height, view.width
    image = torch.empty(view.channels, 1, 1, device="meta")
    return (view.height, view.width, *transform.query([image])[2:])


class _Leaf(Node):
    """A transform of one image."""

    __slots__ = ()

    def plan(self, state: State, draws: Draws) -> State:
        transform = self.transform
        if state.made:
            raise _takes_one_sample(transform, state)
        (view,), (step, number), rule = state.views, self.at, rule_of(transform)
        if rule is None and adapted(transform) is not transform:  # it was taught since
            return _StandsFor(transform, self.at).plan(state, draws)
        if rule is not None and not is_planned(rule):
            return State([self._by_own_draws(rule, view, draws.moved(self.at))], made=False)
        draw = any_draw_of(transform)
        width = draw.width(transform)
        params = draw.params(transform, draws.source.rows(width, step=step, view=number) if width else (), view)
        if rule is None:
            after = by_image(transform, view, params, draws.moved(self.at), draw.act)
        else:
            after = _planned(rule(transform, view, params), transform)
        if draws.log is None:
            return State([after], made=False)
        drawn = Drawn(transform, step, number, params)
        if width:
            draws.log.append(drawn)
        return State([after.after(drawn, view)], made=False)

    def _by_own_draws(self, rule: Rule, view: View, here: Draws) -> View:
        """By a rule that asks for its rows itself."""
        if here.log is None:
            return _planned(rule(self.transform, view, here), self.transform)
        before, kept = len(here.log), Kept(here.source)
        after = _planned(rule(self.transform, view, here._replace(source=kept)), self.transform)
        params = {name: value for drawn in here.log[before:] for name, value in drawn.params.items()}
        return after.after(here.drawn(self.transform, {**params, ROWS: kept.rows_asked}), view)


def _planned(view: Any, transform: Any) -> View:
    """What a rule returned, if it is a view."""
    if not isinstance(view, View):
        raise TypeError(
            f"the rule of {transform!r} must return a view, got {view!r}; end it with return view.step(...), "
            "view.cut(...) or view.call(...)"
        )
    return view


def _takes_one_sample(transform: Any, state: State) -> TypeError:
    return TypeError(
        f"a transform of one sample must not be called on {len(state.views)} views: it would draw once for all "
        "of them. "
        f"Write PerView({transform!r}) for a draw of each view's own, or Shared({transform!r}) for one that "
        "all share"
    )


class _StandsFor(Node):
    """A transform in whose place another runs (`jointaug.rules.adapt`), which changes with its attributes."""

    __slots__ = ("_node",)

    def __init__(self, transform: Any, at: Position) -> None:
        super().__init__(transform, at)
        self._node = node_of(adapted(transform), at)

    def plan(self, state: State, draws: Draws) -> State:
        twin = adapted(self.transform)
        if twin is not self._node.transform:
            self._node = node_of(twin, self.at)
        return self._node.plan(state, draws)


_NODES: Final[dict[type | None, type[Node]]] = {
    v2.Compose: _Chain,
    nn.Sequential: _Chain,
    v2.RandomApply: _Apply,
    v2.RandomChoice: _Choice,
    v2.RandomOrder: _Order,
}
