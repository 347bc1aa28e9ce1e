"""Views planned again from their history: the same steps with the same parameters, on another sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from ..pipeline import Position
from ..rules import Drawn, Draws, Known, Side, View, done
from ._along import moved
from ._given import Sample, sample_along
from ._images import Source
from ._origin import Origin
from ._plan import masked
from ._record import Record
from ._rows import PlanRows, no_rows


class Apart(Exception):  # noqa: N818 (a message to `jointaug.fusion.Fused`, which goes on image by image)
    """Images of one batch took ways that can only be planned one by one, now that nobody knows the containers."""


class Again:
    """The steps of a record, to be done to other images.

    Args:
        record: of one image, or of a batch.
        origin: the pipeline that it is of.
    """

    def __init__(self, record: Record, origin: Origin) -> None:
        self.record = record
        self._histories = record.drawn(origin)

    def check(self, sides: Sequence[tuple[Side, Side]], count: int, *, made: bool) -> None:
        """Refuse images that the record is not of.

        Args:
            sides: height and width of the images; of each of the views that are given.
            count: how many images.
            made: whether views are given.

        Raises:
            ValueError: for another number of images, or other sizes.
        """
        record = self.record
        own = 1 if record.count is None else record.count
        if own != count:
            hint = "record[i] is that of one image" if record.count is not None else "give one image"
            raise ValueError(f"a record must be of as many images as are given, got one of {own} for {count}; {hint}")
        if made != record.given:
            told = ("images", "views") if record.given else ("views", "images")
            raise ValueError(
                f"a record must be of what is given, got {told[0]} for a record made of {told[1]}; swap them"
            )
        found = [torch.stack([torch.as_tensor(side).expand(count) for side in pair], -1) for pair in sides]
        sizes = record.sizes.cpu() if record.count is not None else record.sizes.cpu()[None]
        given = torch.stack(found, 1) if made else found[0]
        wrong = (given != sizes).flatten(1).any(1)
        if bool(wrong.any()):
            i = int(wrong.nonzero()[0])
            raise ValueError(
                f"a record must be of images of the same size, got height and width {given[i].tolist()} where it has "
                f"{sizes[i].tolist()} (image {i}); give what belongs to the images that were recorded, or resize it"
            )

    def views(self, sources: Sequence[Source], known: Mapping[Any, Known]) -> list[View]:
        """The views, planned.

        Args:
            sources: the images; or for each view its batch.
            known: of `jointaug.rules.Draws`.

        Raises:
            Apart: as `planned_again`.
        """
        alone = self.record.count is None
        numbers = range(len(self._histories)) if len(sources) > 1 else [0] * len(self._histories)
        return [
            planned_again(sources[n].view(n, alone=alone), k, history, known)
            for k, (n, history) in enumerate(zip(numbers, self._histories, strict=True))
        ]

    def along(self, inputs: tuple[Any, ...]) -> Any:
        """Masks, boxes or key points that come without an image, moved: for each view."""
        record = self.record
        if record.count is None:
            sample = sample_along(inputs)
            self._check_along([sample])
            views = [moved(sample, history, 0, alone=True) for history in self._histories]
            return sample.put_together(views, made=record.made)
        if len(inputs) != 1:
            raise ValueError(f"a batch must be one argument, got {len(inputs)}; give a list of samples")
        masks = isinstance(inputs[0], tv_tensors.Mask)
        rows = [sample_along((tv_tensors.Mask(item) if masks else item,)) for item in inputs[0]]
        self._check_along(rows)
        results = [
            [row.put_together([moved(row, history, i, alone=False)], made=False) for i, row in enumerate(rows)]
            for history in self._histories
        ]
        if masks:
            results = [tv_tensors.Mask(torch.stack(view)) for view in results]
        return results if record.made else results[0]

    def _check_along(self, rows: Sequence[Sample]) -> None:
        sizes = [{tuple(F.get_size(row.leaves[i])) for i in row.along} for row in rows]
        for several in sizes:
            if len(several) > 1:
                raise ValueError(
                    f"what belongs to one image must have one size, got height and width {sorted(several)}; resize it"
                )
        height, width = torch.tensor([next(iter(several)) for several in sizes]).unbind(-1)
        self.check([(height, width)], len(rows), made=False)

    def put_together(self, results: Sequence[Any]) -> Any:
        """A batch of what came of each of its images."""
        if not self.record.made:
            return torch.stack(list(results))
        return [torch.stack(list(view)) for view in zip(*results, strict=True)]


def planned_again(view: View, number: int, history: Sequence[Drawn], known: Mapping[Any, Known]) -> View:
    """A view after the steps of a history.

    Args:
        view: before them.
        number: which of the sample's views it becomes.
        history: in numbers, if the view is planned so; else of a batch.
        known: of `jointaug.rules.Draws`.

    Raises:
        Apart: if a step gave some images of a batch another size, dtype or number of channels than it left others.
    """
    for drawn in history:
        draws = Draws(PlanRows(no_rows), [], known, Position(drawn.step, number))
        params = _to(drawn.params, view.device)
        where = _to(drawn.where, view.device)
        after = done(drawn.transform, view, params, draws)
        if where is not None and not isinstance(where, bool) and _form(after) != _form(view):
            raise Apart
        after = after.after(Drawn(drawn.transform, drawn.step, drawn.view, params), view)
        view = after if where is None else masked(view, after, where)
    return view


def _form(view: View) -> tuple[Any, ...]:
    sides = (side if isinstance(side, int) else tuple(side.tolist()) for side in (view.height, view.width))
    return *sides, view.channels, view.dtype


def _to(value: Any, device: torch.device) -> Any:
    """What was drawn, on a device; on the CPU, where one image is planned in numbers, it stays."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {name: _to(item, device) for name, item in value.items()}
    return type(value)(_to(item, device) for item in value) if isinstance(value, (list, tuple)) else value
