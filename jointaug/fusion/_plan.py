"""What a fused pipeline will do to a batch: drawn first, as data, and done afterwards.

Planning walks the pipeline as image-by-image execution does (same positions, so same addresses) with a symbolic
`View` in place of an image. Each transform draws for the whole batch and appends instructions to the view's program;
no pixel is touched. Running a program fuses its instructions into as few passes as the kernels allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..chance import Addresses
from ..functional import Step
from ..rules import Call, Cut, Drawn, Each, Rows, Side, View


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
class Plan:
    """All that a fused pipeline drew for one batch; `jointaug.fuse`'s ``transform`` does it, as often as asked.

    What comes after a transform without a rule is planned as if that kept size, dtype and channels; where it did not,
    the first ``transform`` completes the plan, from the same uniforms (see `View.each`).

    Attributes:
        made: whether the pipeline gives views (a list of batches) or one batch.
        sources: shapes and dtypes of the inputs it was made for.
        drawn: what each transform drew, in the pipeline's order.
        rows: where the uniforms came from, and come from again if more has to be planned (see `View.each`).
    """

    views: list[View]
    made: bool
    sources: tuple[Any, ...]
    drawn: list[Drawn] = field(repr=False)
    rows: Rows = field(repr=False)


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
