"""Plan and work of a fused pipeline: what is drawn for a batch or an image, and what is done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import PIL.Image
import torch
from torch import Tensor, nn

from .._native import _library as native
from ..chance import Address, Addresses
from ..pipeline import ROOT, Position
from ..rules import Call, Drawn, Draws, Each, Known
from ._execute import Images, Surprise, execute
from ._given import checked_crop_box
from ._images import Source, signature_of, sources_of
from ._origin import Origin
from ._plan import Plan
from ._record import Record
from ._rows import Asked, Fetch, PlanRows, checked_fetch, for_one, halves
from ._walk import Node, State, node_of


class Planner(nn.Module):
    """A pipeline whose draws and whose work are apart.

    Args:
        pipeline: as of `fuse`.
        memory_format: as of `fuse`.
    """

    def __init__(
        self, pipeline: Callable[..., Any], memory_format: torch.memory_format = torch.contiguous_format
    ) -> None:
        super().__init__()
        self.pipeline = pipeline
        self.memory_format = memory_format
        self._known: dict[Any, Known] = {}
        self._asked: dict[Any, tuple[Asked, ...]] = {}
        self._nodes: dict[Position, Node] = {}
        self._origins: dict[Position, Origin] = {}

    def make_params(
        self,
        batch: Any,
        *,
        generator: torch.Generator | None = None,
        addresses: Addresses | None = None,
        crop_boxes: Tensor | None = None,
    ) -> Plan:
        """All that `forward` would draw for this batch, as data; no pixel is touched.

        Args:
            batch: images ``[B, C, H, W]``, a list of images, or a list of batches (collated views).
            generator: as `forward`.
            addresses: as `forward`.
            crop_boxes: as `forward`.
        """
        if isinstance(addresses, Address):
            raise TypeError(
                f"addresses of a batch must be Addresses, got {addresses!r}; write Addresses(seed, epoch, index)"
            )
        sources, given_views = sources_of(batch)
        first = sources[0].images
        fetch = checked_fetch(len(first), first[0].device, generator, addresses)
        box = checked_crop_box(crop_boxes, len(first), first[0].device)
        accelerator, form = first[0].device.type != "cpu", (len(sources), given_views, ROOT)
        if accelerator and addresses is None and form not in self._asked:
            # One call of a generator gives other numbers there than several: what will be asked for is learned first.
            unread = PlanRows(partial(halves, len(first), first[0].device), (), form)
            self._plan(sources, unread, self._known, made=given_views, crop_box=box)
        rows = self._rows(fetch, form, at_once=addresses is not None or accelerator)
        return self._plan(sources, rows, self._known, made=given_views, crop_box=box)

    def transform(self, batch: Any, params: Plan) -> Any:
        """The views of a batch with given draws: a function, without chance.

        Args:
            batch: as `make_params`, of the shape that ``params`` was made for.
            params: from `make_params`.
        """
        sources, given_views = sources_of(batch)
        if not isinstance(params, Plan):
            raise TypeError(f"params must come from make_params, got {type(params).__name__}; call make_params(batch)")
        signature = tuple(map(signature_of, sources))
        if signature != params.sources:
            raise ValueError(
                f"params were made for another batch: {_brief(params.sources)}, got {_brief(signature)}; call "
                "make_params(batch) for this one"
            )
        results = self.results(sources, params, made=given_views)
        return results if params.made else results[0]

    def record(self, params: Plan) -> Record:
        """All that a plan says, as data; no pixel is needed.

        What comes after a transform without a rule is known once `transform` was called with the plan.

        Args:
            params: from `make_params`.
        """
        return Record.of_views(
            params.views, params.sources, self.origin(params.at), made=params.made, alone=params.alone
        )

    def plan_alone(
        self, source: Source, generator: Any, addresses: Any, crop_box: Tensor | None, *, noted: bool
    ) -> Plan:
        """The plan of one image, in numbers where it is on the CPU; what is drawn is in it if it is ``noted``."""
        pixels = source.images[0]
        if isinstance(addresses, Address):
            if generator is not None:
                raise ValueError("give a generator or an address, not both: an address says all that is drawn")
            at, alone = Position(*addresses.position), pixels.is_cpu
            fetch: Fetch = addresses.rows_at if alone else addresses.as_batch(pixels.device).rows_at
        else:
            at, alone = ROOT, pixels.is_cpu and addresses is None
            fetch = checked_fetch(1, pixels.device, generator, addresses)
            fetch = partial(for_one, generator) if alone else fetch
        rows = self._rows(fetch, (1, False, at), at_once=alone)
        box = checked_crop_box(crop_box if crop_box is None else crop_box[None], 1, pixels.device)
        box = tuple(float(side) for side in box) if box is not None and alone else box
        return self._plan([source], rows, self._known, made=False, at=at, alone=alone, crop_box=box, noted=noted)

    def _rows(self, fetch: Fetch, form: tuple[Any, ...], *, at_once: bool) -> PlanRows:
        """Rows for a plan: all that such a one asked for before in one go, if that gives what one by one does."""
        if not at_once:
            return PlanRows(fetch)
        expected = self._asked.get(form)
        return PlanRows(fetch, (), form) if expected is None else PlanRows(fetch, expected)

    def _plan(
        self,
        sources: Sequence[Source],
        rows: PlanRows,
        known: Mapping[Any, Known],
        *,
        made: bool,
        at: Position = ROOT,
        alone: bool = False,
        crop_box: tuple[Any, ...] | None = None,
        noted: bool = True,
    ) -> Plan:
        drawn: list[Drawn] = []
        state = State([source.view(k, alone=alone, crop_box=crop_box) for k, source in enumerate(sources)], made=made)
        state = self._node(at).plan(state, Draws(rows, drawn if noted else None, known, at))
        if rows.form is not None:
            self._asked[rows.form] = rows.asked
        signature = tuple(map(signature_of, sources))
        return Plan(state.views, state.made, signature, drawn, rows, at, alone, crop_box)

    def results(self, sources: Sequence[Source], params: Plan, *, made: bool) -> list[Tensor]:
        """The views of a plan: for each its batch."""
        inputs = [source.images for source in sources]
        pillow = sources[0].kind is PIL.Image.Image
        if pillow and any(type(one) is Call for view in params.views for one in view.program[:1]):
            inputs = [
                _copied(images) for images in inputs
            ]  # a function may work in place, on the PIL image's own pixels
        native.warn_if_missing(inputs[0][0])
        if any(type(one) is Each for view in params.views for one in view.program):  # Dynamo takes no `in map`
            results = self._settled(sources, inputs, params, made=made)
        else:
            results = execute(inputs, params.views, {}, self.memory_format)
        for result in results:
            if not isinstance(result, Tensor):
                raise ValueError(
                    f"the pipeline leaves a list of images at sizes of their own, where a batch is wanted, got "
                    f"{[tuple(image.shape) for image in result][:3]}...; resize or crop them to one size"
                )
        return _apart([result.contiguous(memory_format=self.memory_format) for result in results], inputs)

    def _settled(self, sources: Sequence[Source], inputs: Sequence[Images], params: Plan, *, made: bool) -> list[Any]:
        """The results of a plan with transforms that have no rule: planned anew where one gave what none had seen."""
        known: dict[Any, Known] = {}
        done: dict[int, Any] = {}
        while True:
            try:
                results = execute(inputs, params.views, done, self.memory_format)
                break
            except Surprise as surprise:
                if surprise.place in known:  # it was asked on two parts of the batch
                    raise ValueError(
                        "a transform without a rule must give images of one size, dtype and number of channels on the "
                        f"whole batch, got {known[surprise.place]} and {surprise.seen}; convert in it"
                    ) from None
                known[surprise.place] = surprise.seen
            seen = {**self._known, **known}
            if params.again is not None:
                params.views[:] = params.again.views(sources, seen)
                continue
            after = self._plan(
                sources, params.rows, seen, made=made, at=params.at, alone=params.alone, crop_box=params.crop_box
            )
            params.views[:], params.drawn[:] = after.views, after.drawn
        self._known |= {place: seen for place, seen in known.items() if seen.stays}
        return results

    def _node(self, at: Position) -> Node:
        if at not in self._nodes:
            self._nodes[at] = node_of(self.pipeline, at)
        return self._nodes[at]

    def origin(self, at: Position) -> Origin:
        """The pipeline as records know it."""
        if at not in self._origins:
            self._origins[at] = Origin(self.pipeline, at)
        return self._origins[at]

    def extra_repr(self) -> str:
        order = "" if self.memory_format is torch.contiguous_format else f", memory_format={self.memory_format}"
        return f"{self.pipeline!r}{order}"


def _copied(images: Images) -> Images:
    return [image.clone() for image in images] if isinstance(images, list) else images.clone()


def _apart(results: Sequence[Tensor], inputs: Sequence[Images]) -> list[Tensor]:
    """The views, each in memory of its own: what is done to one in place is done to nothing else."""
    held = [image for images in inputs for image in (images if isinstance(images, list) else [images])]
    views: list[Tensor] = []
    if torch.compiler.is_compiling():  # where nothing is known of memory
        for result in results:
            views.append(result.clone() if any(result is other for other in [*held, *views]) else result)
        return views
    used = set(map(Tensor.data_ptr, held))
    for result in results:
        views.append(result.clone() if result.data_ptr() in used else result)
        used.add(views[-1].data_ptr())
    return views


def _brief(signature: Any) -> str:
    text = str(signature)
    return text if len(text) < 120 else text[:117] + "..."
