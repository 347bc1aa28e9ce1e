"""Whole chains of steps in one go: crop, colors, blur, conversion and normalization of an image while it is cached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode

from .._validate import FLOATS, memory_order
from ._batch import Target, as_images, as_mask
from ._color import normalize
from ._crop import checked_crop
from ._op import Op
from ._program import by_view, run
from ._table import KERNELS, Checked, Kernel


class Step(NamedTuple):
    """One step of a chain: a kernel of this package, its parameters after the images, and the images it acts on.

    ``Step(gaussian_blur, (sigma,), where=mask)`` stands for ``gaussian_blur(images, sigma, where=mask)``. Parameters
    are numbers or tensors of the results' leading shape. (An instruction to the kernels. The steps
    of a pipeline, by whose positions `jointaug.chance` draws, are transforms.)

    Attributes:
        kernel: a function of `jointaug.functional` that keeps size and channels.
        parameters: after the images.
        where: a bool tensor of the results' leading shape, or one bool for all; None: all.
    """

    kernel: Callable[..., Tensor]
    parameters: tuple[Any, ...] = ()
    where: Tensor | bool | None = None


def finish(
    images: Tensor,
    steps: Sequence[Step],
    *,
    dtype: torch.dtype | None = None,
    memory_format: torch.memory_format = torch.contiguous_format,
) -> Tensor:
    """Run the steps on each image and convert it, in float32, rounded once at the end.

    Args:
        images: ``[..., C, H, W]``, uint8 or floating point (on [0, 1]).
        steps: in the order in which they act. Parameters have the units they have for floating point images: solarize's
            threshold is on [0, 1], for uint8 images too.
        dtype: of the result; the images' own by default. uint8 images become floats on [0, 1], and floats are rounded
            to uint8.
        memory_format: of the result: ``torch.channels_last`` puts the channels of a pixel beside each other. The
            kernels in Triton write it so; elsewhere it is a copy at the end.

    Returns:
        ``[..., C, H, W]`` of ``dtype``, on the images' device.

    The result is that of the same chain of ``torchvision.transforms.v2.functional`` after ``ToDtype(torch.float32,
    scale=True)``; float64 images are computed in float64.

    Raises:
        ValueError: for a step that is not a kernel of this package, another memory format, and where a kernel itself
            would raise.
        TypeError: for a dtype that does not hold the result (uint8 after ``normalize``), and where a kernel itself
            would raise.
    """
    images = as_images(images)
    lead, flat = images.shape[:-3], images.reshape(-1, *images.shape[-3:])
    ops = checked_steps(steps, Target(lead, images.device, images.shape[-3]))
    order = memory_order(memory_format)
    return run(flat, None, ops, checked_dtype(dtype, images.dtype, steps), memory_format=order).view(images.shape)


def crop_and_finish(
    images: Tensor | Sequence[Tensor],
    boxes: Tensor | Sequence[Any],
    size: int | Sequence[int],
    steps: Sequence[Step] = (),
    *,
    flip: bool | Tensor | None = None,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    antialias: bool = True,
    clip: bool | None = None,
    dtype: torch.dtype | None = None,
    memory_format: torch.memory_format = torch.contiguous_format,
) -> Tensor:
    """``finish(resized_crop(images, boxes, size, ...), steps)`` without rounding in between, and image by image.

    Arguments, result and errors are those of `resized_crop` and `finish`; parameters of the steps have the
    results' leading shape, ``boxes.shape[:-1]``.
    """
    source, lead, cut, outer = checked_crop(images, boxes, size, flip, interpolation, antialias, clip)
    first = source[0]
    ops = checked_steps(steps, Target(outer, first.device, first.shape[0]))
    order = memory_order(memory_format)
    return by_view(run(source, cut, ops, checked_dtype(dtype, first.dtype, steps), memory_format=order), lead, outer)


def checked_steps(steps: Sequence[Step], target: Target) -> list[Op]:
    """The steps of a chain, checked, on images as ``target`` says."""
    ops = []
    for i, step in enumerate(steps):
        if not isinstance(step, tuple) or not 1 <= len(step) <= 3:
            raise TypeError(f"steps[{i}] must be a Step(kernel, parameters, where), got {step!r}")
        ops.append(checked_step(i, Step(*step), target))
    return ops


def checked_step(i: int, step: Step, target: Target) -> Op:
    """Step number ``i`` of a chain, checked."""
    row, (columns, options) = checked_parameters(i, step, target)
    try:
        mask = None if step.where is None else as_mask("where", step.where, target)
    except TypeError as error:
        raise _of_step(i, step, error) from error
    return Op(row.kind, row.form, columns, mask, options)


def checked_parameters(i: int, step: Step, target: Target) -> tuple[Kernel, Checked]:
    """The kernel of step number ``i`` of a chain, and its parameters, checked."""
    row = KERNELS.get(step.kernel)
    if row is None:
        known = ", ".join(sorted(k.__name__ for k in KERNELS))
        raise ValueError(f"steps[{i}] must be a kernel out of {known}, got {step.kernel!r}; end the chain before it")
    try:
        return row, row.check(target, *step.parameters)
    except TypeError as error:
        raise _of_step(i, step, error) from error


def _of_step(i: int, step: Step, error: TypeError) -> TypeError:
    return TypeError(f"steps[{i}], {step.kernel.__name__} with parameters {step.parameters!r}: {error}")


def checked_dtype(dtype: torch.dtype | None, own: torch.dtype, steps: Sequence[Step]) -> torch.dtype:
    """The dtype of a chain's result: ``own`` where none is asked for."""
    result = own if dtype is None else dtype
    if result is not torch.uint8 and result not in FLOATS:
        raise TypeError(f"dtype must be uint8 or floating point, got {result}")
    if result is torch.uint8 and any(step[0] is normalize for step in steps):
        raise TypeError(
            "dtype must be floating point where images are normalized, got torch.uint8; pass dtype=torch.float32"
        )
    return result
