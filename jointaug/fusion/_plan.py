"""What a fused pipeline will do to a batch: drawn first, as data, and done afterwards.

Planning walks the pipeline as image-by-image execution does (same positions, so same addresses) with a symbolic
`View` in place of an image. Each transform draws for the whole batch and appends instructions to the view's program;
no pixel is touched. Running a program fuses its instructions into as few passes as the kernels allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from ..functional import Step
from ..pipeline import ROOT, Position
from ..rules import Call, Cut, Drawn, Each, Known, Side, View
from ._rows import PlanRows


class Again(Protocol):
    """What plans views from a record."""

    def views(self, sources: Sequence[Any], known: Mapping[Any, Known]) -> list[View]:
        """The views, with what is known of transforms without a rule."""


@dataclass(frozen=True)
class Plan:
    """All that a fused pipeline drew for one batch; `jointaug.fuse`'s ``transform`` does it, as often as asked.

    What comes after a transform without a rule is planned as if that kept size, dtype and channels; where it did not,
    the first ``transform`` completes the plan, from the same uniforms (see `View.each`).

    Attributes:
        made: whether the pipeline gives views (a list of batches) or one batch.
        sources: shapes and dtypes of the inputs it was made for.
        drawn: what each transform drew, in the pipeline's order.
        rows: where the uniforms came from, and come from again if more has to be planned (see `View.each`).
        at: position of the pipeline, if it is a part of another.
        alone: whether it is of one image, in numbers.
        crop_box: as of `jointaug.rules.View`.
        again: the record that it repeats, if it does: then no row is asked for.
    """

    views: list[View]
    made: bool
    sources: tuple[Any, ...]
    drawn: list[Drawn] = field(repr=False)
    rows: PlanRows = field(repr=False)
    at: Position = ROOT
    alone: bool = False
    crop_box: tuple[Any, ...] | None = None
    again: Again | None = field(default=None, repr=False)


def masked(before: View, after: View, where: Tensor | bool) -> View:
    """``after`` on the images where ``where`` holds, ``before`` on the others."""
    return chosen_view(before, [after, before], [where, not where if isinstance(where, bool) else ~where])


def chosen_view(before: View, branches: Sequence[View], masks: Sequence[Any]) -> View:
    """For each image the branch whose mask holds; all branches went on from ``before``.

    No image runs through two branches' crops: their boxes are chosen first. All other instructions act under the
    mask.

    Raises:
        ValueError: if the branches give different sizes or dtypes, or crop in ways that cannot be one crop.
    """
    if before.alone:
        return _taken(before, branches, masks)
    if len({_shape(view) for view in branches}) > 1:
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
        whole = first._replace(boxes=before.whole)
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
        program = (*program, first._replace(boxes=boxes))
        tails = [tail[1:] if cut is not None else tail for tail, cut in zip(tails, cuts, strict=True)]
    history = before.history
    for branch, mask in zip(branches, masks, strict=True):
        history = (*history, *(drawn.under(mask) for drawn in branch.history[len(before.history) :]))
    for tail, mask in zip(tails, masks, strict=True):
        for instruction in tail:
            if isinstance(instruction, Cut):
                raise ValueError("a random choice can be fused only if a crop is its first step; crop outside of it")
            program = (*program, _under(instruction, mask))
    kind = kinds.pop() if len(kinds) == 1 else None
    return branches[0].having(program=program, kind=kind, history=history)


def resizes(before: View, after: View) -> bool:
    """Whether what was done in between changes the form of an image, or cuts it."""
    cuts = any(isinstance(step, Cut) for step in after.program[len(before.program) :])
    return cuts or _shape(before) != _shape(after)


def _taken(before: View, branches: Sequence[View], masks: Sequence[bool]) -> View:
    """`chosen_view` of one image: its branch, whatever the others give.

    Where they could be one batch, what the others do stands beside it and is left out: so the image is rounded where it
    is in a batch, and views that differ in what was chosen share a pass.
    """
    taken = branches[masks.index(True)]
    start, program = len(before.program), before.program
    tails = [view.program[start:] for view in branches]
    cuts = [tail[0] if tail and isinstance(tail[0], Cut) else None for tail in tails]
    first = next(filter(None, cuts), None)
    if first is not None:
        cut = cuts[masks.index(True)] or first._replace(boxes=before.whole)
        if cut.size != (before.height, before.width) and None in cuts:
            return taken
        if len({(c.size, c.interpolation, c.antialias) for c in cuts if c is not None}) > 1:
            return taken
        program = (*program, cut)
        tails = [tail if cut is None else tail[1:] for tail, cut in zip(tails, cuts, strict=True)]
    for branch, tail in zip(branches, tails, strict=True):
        if not _alike(branch, taken) or (tail and Cut in map(type, tail)):
            return taken
    for tail, mask in zip(tails, masks, strict=True):
        if tail:
            program = (*program, *[_under(step, mask) for step in tail])
    return taken.running(program)


def _alike(one: View, other: View) -> bool:
    """Whether images could be one batch; of views of one image, whose sides are numbers."""
    if one is other:
        return True
    sides = one.height == other.height and one.width == other.width
    return bool(sides) and one.channels == other.channels and one.dtype == other.dtype


def _shape(view: View) -> tuple[Any, ...]:
    return _static(view.height), _static(view.width), view.channels, view.dtype


def _under(instruction: Any, mask: Tensor | bool) -> Step | Call | Each:
    """The instruction, where ``mask`` holds, too."""
    where = mask if instruction.where is None else mask & instruction.where
    if isinstance(instruction, Step):
        return Step(instruction.kernel, instruction.parameters, where)
    changed: Call | Each = replace(instruction, where=where)
    return changed


def _static(side: Side) -> Any:
    """A side that can be compared."""
    return side if isinstance(side, int) else tuple(side.tolist())


def _told(side: Side) -> str:
    return str(side) if isinstance(side, int) else "sides of their own"
