"""Run the programs of a plan: as few passes over memory as the kernels allow, views of one image together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from ..functional import Step, crop_and_finish, finish, horizontal_flip, own_parameters, views_of_one
from ..rules import Call, Cut, Each, Known, View
from ._given import is_image
from ._images import kind_of, one_size, pixels_of, shown_as

Images: TypeAlias = "Tensor | list[Tensor]"


class _Segment(NamedTuple):
    """At most one cut, steps, and at most one call: one pass, then a function, or a transform image by image.

    Attributes:
        flip: which images are mirrored, ``[B]``; flips commute with every other step, so they go with the cut.
        alone: whether boxes, masks and parameters are numbers of one image.
        memory_format: of what it gives.
    """

    cut: Cut | None
    flip: Tensor | bool | None
    steps: tuple[Step, ...]
    call: Call | Each | None
    dtype: torch.dtype
    alone: bool
    memory_format: torch.memory_format = torch.contiguous_format


class Surprise(Exception):  # noqa: N818 (a message to `jointaug.fusion.Fused`, which plans anew; no user sees it)
    """A transform without a rule gave something else than was expected."""

    def __init__(self, place: tuple[Any, ...], seen: Known) -> None:
        super().__init__(place, seen)
        self.place, self.seen = place, seen


def execute(
    inputs: Sequence[Images],
    views: Sequence[View],
    done: dict[int, Any],
    memory_format: torch.memory_format = torch.contiguous_format,
) -> list[Any]:
    """The views as batches ``[B, C, h, w]``; a list of images that nothing brought to one size stays a list.

    Args:
        inputs: the batches (or lists of images) that the views are made from.
        views: what is to be done.
        done: results of transforms without a rule, by their number: read and added to, so that none runs twice, for
            two views that begin alike or when a `Surprise` makes a second call necessary.
        memory_format: of batches that a last pass over memory makes.

    Raises:
        Surprise: for results of such a transform that the views were not planned for.
    """
    programs = [_segments(view, memory_format) for view in views]
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
    numbers: dict[int, int] = {}
    for k, program in enumerate(programs):
        for segment in program:
            results[k] = _run(results[k], segment)
            if isinstance(segment.call, Each):
                number = numbers.setdefault(id(segment.call), len(numbers))
                if number not in done:
                    done[number] = _ask(results[k], segment.call)
                results[k] = _each(results[k], segment.call, done[number])
    return results


def _segments(view: View, memory_format: torch.memory_format) -> list[_Segment]:
    segments: list[_Segment] = []
    cut: Cut | None = None
    flip: Tensor | bool | None = None
    steps: list[Step] = []
    alone = view.alone
    work = torch.float64 if view.dtype is torch.float64 else torch.float32
    for instruction in view.program:
        if isinstance(instruction, Cut):
            if cut is not None or steps or flip is not None:
                segments.append(_Segment(cut, flip, tuple(steps), None, work, alone))
                flip, steps = None, []
            cut = instruction
        elif isinstance(instruction, Step) and instruction.kernel is horizontal_flip:
            mirrored: Any = instruction.where
            if mirrored is None:
                mirrored = alone or torch.ones(view.count, dtype=torch.bool, device=view.device)
            flip = mirrored if flip is None else flip ^ mirrored
        elif isinstance(instruction, Step):
            steps.append(instruction)
        else:
            segments.append(_Segment(cut, flip, tuple(steps), instruction, instruction.dtype, alone))
            cut, flip, steps = None, None, []
    segments.append(_Segment(cut, flip, tuple(steps), None, view.dtype, alone, memory_format))
    return segments


def _run(images: Any, segment: _Segment) -> Any:
    if segment.cut is not None:
        images = _one_pass(images, [segment])[:, 0]
    elif isinstance(images, list) and one_size(images):
        images = _finish(torch.stack(images), segment)
    elif isinstance(images, list):
        images = [_finish(image[None], _of_image(segment, i))[0] for i, image in enumerate(images)]
    else:
        images = _finish(images, segment)
    return _call(images, segment.call) if isinstance(segment.call, Call) else images


def _finish(images: Tensor, segment: _Segment) -> Tensor:
    if segment.flip is None and not segment.steps and images.dtype == segment.dtype:
        return images
    flips = () if segment.flip is None else (Step(horizontal_flip, (), segment.flip),)
    return finish(images, (*flips, *segment.steps), dtype=segment.dtype, memory_format=segment.memory_format)


def _one_pass(images: Images, segments: Sequence[_Segment]) -> Tensor:
    """Views whose segments have one form, cut out of each image in one pass: ``[B, V, C, h, w]``."""
    first = segments[0]
    cuts = [segment.cut for segment in segments if segment.cut is not None]
    by_step = [[segment.steps[i] for segment in segments] for i in range(len(first.steps))]
    how: dict[str, Any] = {
        "interpolation": cuts[0].interpolation,
        "antialias": cuts[0].antialias,
        "clip": cuts[0].clips,
        "dtype": first.dtype,
    }
    if first.alone:
        flip = None if first.flip is None else [bool(segment.flip) for segment in segments]
        return views_of_one(images[0], [cut.boxes for cut in cuts], cuts[0].size, by_step, flip=flip, **how)[None]
    return crop_and_finish(
        images,
        torch.stack([cut.boxes for cut in cuts], 1),
        cuts[0].size,
        [_joined(steps) for steps in by_step],
        flip=_stacked([segment.flip for segment in segments]),
        memory_format=first.memory_format,
        **how,
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
    cut = segment.cut
    form = None if cut is None else (cut.size, cut.interpolation, cut.antialias, cut.clips)
    kernels = tuple((step.kernel, step.where is None, *_forms_of(step, segment.alone)) for step in segment.steps)
    return form, segment.flip is None, kernels, segment.call is None, segment.dtype


def _forms_of(step: Step, alone: bool) -> tuple[Any, ...]:
    own = own_parameters(step.kernel) if alone else 0
    return tuple(_form_of(parameter) for parameter in step.parameters[own:])


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
    return segment._replace(
        steps=steps, flip=segment.flip[i : i + 1] if isinstance(segment.flip, Tensor) else segment.flip
    )


def _call(images: Images, call: Call) -> Images:
    if isinstance(images, list):
        rows = [tuple(_row(p, i) for p in call.parameters) for i in range(len(images))]
        wanted = _chosen(call.where, len(images))
        return [
            _as_many(call.function(image[None], *row), 1, call)[0] if chosen else image
            for image, row, chosen in zip(images, rows, wanted, strict=True)
        ]
    if isinstance(call.where, bool):
        return _as_many(call.function(images, *call.parameters), 1, call) if call.where else images
    outputs = _as_many(call.function(images, *call.parameters), len(images), call)
    return outputs if call.where is None else torch.where(call.where[:, None, None, None], outputs, images)


def _chosen(where: Any, count: int) -> list[bool]:
    """For each image, whether an instruction acts on it."""
    chosen: list[bool] = where.tolist() if isinstance(where, Tensor) else [where is not False] * count
    return chosen


def _row(parameter: Any, i: int) -> Any:
    return parameter[i : i + 1] if isinstance(parameter, Tensor) and parameter.ndim else parameter


def _as_many(outputs: Any, count: int, call: Call) -> Tensor:
    if not isinstance(outputs, Tensor) or outputs.ndim != 4 or len(outputs) != count:
        got = f"shape {tuple(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(
            f"view.call's function must give as many images as it gets, [{count}, C, H, W], got {got} from "
            f"{call.function!r}; hand it what differs by image as parameters, view.call(function, tensor)"
        )
    return outputs


def _each(images: Images, each: Each, results: list[tuple[Tensor, type] | None]) -> Images:
    """The images after a transform without a rule; ``results`` holds what it gave, None where it was not asked.

    Raises:
        Surprise: if what it gave is not what was expected.
    """
    acted = [(before, *after) for before, after in zip(images, results, strict=True) if after is not None]
    if acted and (seen := _seen(each, images, acted)) != each.expected:
        raise Surprise(each.place, seen)
    outputs = [before if after is None else after[0] for before, after in zip(images, results, strict=True)]
    return torch.stack(outputs) if one_size(outputs) else outputs


def _seen(each: Each, images: Images, acted: Sequence[tuple[Tensor, Tensor, type]]) -> Known:
    """What is true of the results ``(image before, image, kind)``."""
    forms = {(after.shape[0], after.dtype) for _, after, _ in acted}
    if len(forms) > 1:
        raise ValueError(
            f"{_named(each.transform)} must give images that become one batch, got several numbers of channels or "
            f"dtypes: {sorted(f'{channels} of {dtype}' for channels, dtype in forms)}; convert in it"
        )
    ((channels, dtype),) = forms
    kinds = {kind for _, _, kind in acted}
    kept = all(before.shape[-2:] == after.shape[-2:] for before, after, _ in acted)
    sizes = tuple((after.shape[-2], after.shape[-1]) for _, after, _ in acted)
    size: Any = None if kept else sizes[0] if len(set(sizes)) == 1 else sizes
    if size is sizes and len(sizes) < len(images):
        raise ValueError(
            f"{_named(each.transform)} changes the size of some images of a batch and runs on a part of them, got "
            f"sizes {sorted(set(sizes))[:3]}...; resize outside of the random choice"
        )
    return Known(size, channels, dtype, kinds.pop() if len(kinds) == 1 else None)


def _ask(images: Images, each: Each) -> list[tuple[Tensor, type] | None]:
    """A transform without a rule, asked image by image: pixels and kind of what it gives."""
    wanted = _chosen(each.where, len(images))
    return [
        _answer(image, i, each) if chosen else None
        for i, (image, chosen) in enumerate(zip(images, wanted, strict=True))
    ]


def _answer(image: Tensor, i: int, each: Each) -> tuple[Tensor, type]:
    shown = shown_as(image, each.kind)
    try:
        output = each.function(shown, i)
    except (TypeError, AttributeError) as error:
        raise TypeError(
            f"{_named(each.transform)} has no rule in fuse and runs image by image, but failed on image {i}, a "
            f"{type(shown).__name__} of shape {tuple(image.shape)}: {error}; give fuse what this transform takes (a "
            "list of PIL images, v2.ToImage() before), or write a rule with @jointaug.rules.register"
        ) from error
    if isinstance(output, (list, tuple)) and output and all(map(is_image, output)):
        raise TypeError(
            f"{_named(each.transform)} must give one image of an image, got a {type(output).__name__} of "
            f"{len(output)}: it makes views by itself; write MultiView(t, t) with the transform t in it, or "
            "v2.Compose([JointCrop(224), PerView(rest)])"
        )
    return pixels_of(output, f"what {_named(each.transform)} gives"), kind_of(output)


def _named(transform: Any) -> str:
    """A transform for messages: its class, where its ``repr`` has an address in memory."""
    return type(transform).__name__ if repr(transform) == object.__repr__(transform) else repr(transform)
