"""A transform planned with what was drawn for it, whether just now or long ago: by its rule, or in place of one."""

from __future__ import annotations

from typing import Any

from .._draws import any_draw_of
from ..transforms import JointTransform
from ._registry import is_planned, rule_of
from ._view import Draws, Rows, View
from ._without import by_image, by_view

ROWS = "uniforms"
"""Name of a parameter: the rows that a rule asked for which draws by itself."""


class Kept:
    """Rows as they are asked for, kept in that order."""

    def __init__(self, source: Rows) -> None:
        self._source = source
        self.rows_asked: list[Any] = []

    def rows(self, n: int, *, step: int, view: int) -> Any:
        """The source's."""
        row = self._source.rows(n, step=step, view=view)
        self.rows_asked.append(list(row))
        return row


class Again:
    """Rows that were kept, one after another."""

    def __init__(self, rows: Any) -> None:
        self._rows = iter(rows)

    def rows(self, n: int, *, step: int, view: int) -> Any:  # noqa: ARG002
        """The next row."""
        return next(self._rows)


def done(transform: Any, view: View, params: dict[str, Any], draws: Draws) -> View:
    """The view after a transform for which ``params`` were drawn (of a joint transform: the view's own).

    Args:
        transform: of one image, or joint.
        view: before it.
        params: numbers for one image alone, tensors for a batch.
        draws: at its position; no number of its source is used.
    """
    rule = rule_of(transform)
    if isinstance(transform, JointTransform):
        if rule is None:
            return by_image(transform, view, params, draws, by_view)
        own = params if is_planned(rule) else {name: view.own(value) for name, value in params.items()}
        return rule(transform, view, own)
    if rule is None:
        return by_image(transform, view, params, draws, any_draw_of(transform).act)
    if is_planned(rule):
        return rule(transform, view, params)
    return rule(transform, view, draws._replace(source=Again(params[ROWS])))
