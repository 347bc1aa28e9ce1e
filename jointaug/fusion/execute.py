"""Run the programs of a plan: as few passes over memory as the kernels allow, views of one image together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from ..functional import Step, crop_and_finish, finish, horizontal_flip
from .plan import Call, Cut, View

Images: TypeAlias = "Tensor | list[Tensor]"


class _Segment(NamedTuple):
    """At most one cut, steps, and at most one call: one pass, then a function."""

    cut: Cut | None
    flip: Tensor | None
    """Which images are mirrored, ``[B]``; flips commute with every other step, so they go with the cut."""
    steps: tuple[Step, ...]
    call: Call | None
    dtype: torch.dtype


def execute(inputs: Sequence[Images], views: Sequence[View]) -> list[Any]:
    """The views as batches ``[B, C, h, w]``; a list of images that nothing brought to one size stays a list."""
    programs = [_segments(view) for view in views]
    results: list[Any] = [inputs[view.source] for view in views]
    together: dict[Any, list[int]] = {}
    for k, (view, program) in enumerate(zip(views, programs, strict=True)):
        head = program[0]
        alone = head.cut is None or head.call is not None
        together.setdefault((k,) if alone else (view.source, len(program), _form(head)), []).append(k)
    for group in together.values():
        if len(group) > 1:
            joined = _one_pass(inputs[views[group[0]].source], [programs[k][0] for k in group])
            for position, k in enumerate(group):
                results[k] = joined[:, position]
                programs[k] = programs[k][1:]
    for k, program in enumerate(programs):
        for segment in program:
            results[k] = _run(results[k], segment)
    return results


def _segments(view: View) -> list[_Segment]:
    segments: list[_Segment] = []
    cut: Cut | None = None
    flip: Tensor | None = None
    steps: list[Step] = []
    for instruction in view.program:
        if isinstance(instruction, Cut):
            if cut is not None or steps or flip is not None:
                segments.append(_Segment(cut, flip, tuple(steps), None, torch.float32))
                flip, steps = None, []
            cut = instruction
        elif isinstance(instruction, Step) and instruction.kernel is horizontal_flip:
            where: Any = instruction.where
            mirrored = torch.ones(view.count, dtype=torch.bool, device=view.device) if where is None else where
            flip = mirrored if flip is None else flip ^ mirrored
        elif isinstance(instruction, Step):
            steps.append(instruction)
        else:
            segments.append(_Segment(cut, flip, tuple(steps), instruction, instruction.dtype))
            cut, flip, steps = None, None, []
    segments.append(_Segment(cut, flip, tuple(steps), None, view.dtype))
    return segments


def one_size(images: Sequence[Tensor]) -> bool:
    """Whether the images of a list are of one size, so that they can be a batch."""
    return all(image.shape == images[0].shape for image in images)


def _run(images: Any, segment: _Segment) -> Any:
    if segment.cut is not None:
        images = _one_pass(images, [segment])[:, 0]
    elif isinstance(images, list) and one_size(images):
        images = _finish(torch.stack(images), segment)
    elif isinstance(images, list):
        images = [_finish(image[None], _of_image(segment, i))[0] for i, image in enumerate(images)]
    else:
        images = _finish(images, segment)
    return images if segment.call is None else _call(images, segment.call)


def _finish(images: Tensor, segment: _Segment) -> Tensor:
    if segment.flip is None and not segment.steps and images.dtype == segment.dtype:
        return images
    flips = () if segment.flip is None else (Step(horizontal_flip, (), segment.flip),)
    return finish(images, (*flips, *segment.steps), dtype=segment.dtype)


def _one_pass(images: Images, segments: Sequence[_Segment]) -> Tensor:
    """Views whose segments have one form, cut out of each image in one pass: ``[B, V, C, h, w]``."""
    first = segments[0]
    assert first.cut is not None
    boxes = torch.stack([segment.cut.boxes for segment in segments if segment.cut is not None], 1)
    return crop_and_finish(
        images,
        boxes,
        first.cut.size,
        [_joined([segment.steps[i] for segment in segments]) for i in range(len(first.steps))],
        flip=_stacked([segment.flip for segment in segments]),
        interpolation=first.cut.interpolation,
        antialias=first.cut.antialias,
        dtype=first.dtype,
    )


def _joined(steps: Sequence[Step]) -> Step:
    """The same step of several views, per-sample parameters ``[B, V, ...]``."""
    columns = zip(*(step.parameters for step in steps), strict=True)
    parameters = tuple(torch.stack(values, 1) if isinstance(values[0], Tensor) else values[0] for values in columns)
    return Step(steps[0].kernel, parameters, _stacked([step.where for step in steps]))


def _stacked(masks: Sequence[Any]) -> Tensor | None:
    return None if masks[0] is None else torch.stack(list(masks), 1)


def _form(segment: _Segment) -> tuple[Any, ...]:
    """Views whose segments have one form share a pass (no property: Dynamo of torch 2.8 sees none in a named tuple)."""
    cut = None if segment.cut is None else (segment.cut.size, segment.cut.interpolation, segment.cut.antialias)
    kernels = tuple((step.kernel, step.where is None, *map(_form_of, step.parameters)) for step in segment.steps)
    return cut, segment.flip is None, kernels, segment.call is None, segment.dtype


def _form_of(parameter: Any) -> Any:
    """Per-sample parameters may differ between views that share a pass; anything else must be the same."""
    if isinstance(parameter, Tensor):
        return tuple(parameter.shape)
    return tuple(parameter) if isinstance(parameter, list) else parameter


def _of_image(segment: _Segment, i: int) -> _Segment:
    """The segment for image ``i`` alone (of a list, whose images cannot be one batch before they are cut)."""
    steps = tuple(
        Step(
            step.kernel,
            tuple(p[i : i + 1] if isinstance(p, Tensor) and p.ndim else p for p in step.parameters),
            step.where[i : i + 1] if isinstance(step.where, Tensor) else None,
        )
        for step in segment.steps
    )
    return segment._replace(steps=steps, flip=None if segment.flip is None else segment.flip[i : i + 1])


def _call(images: Any, call: Call) -> Any:
    outputs = call.function(images)
    if call.where is None:
        return outputs
    if isinstance(images, list):
        return [b if chosen else a for a, b, chosen in zip(images, outputs, call.where.tolist(), strict=True)]
    return torch.where(call.where[:, None, None, None], outputs, images)
