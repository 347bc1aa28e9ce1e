"""Boxes of pairs: what there is to say of two of them, and which boxes of the source a plan's views show."""

from __future__ import annotations

import torch
from torch import Tensor

from ..functional import horizontal_flip, vertical_flip
from ..fusion import Plan
from ..rules import Call, Cut, Each, View


def box_measures(boxes: Tensor, height: int | Tensor, width: int | Tensor) -> dict[str, Tensor]:
    """What there is to say of pairs of boxes.

    Args:
        boxes: ``[n, 2, 4]``: for each view top, left, height, width in pixels of the source image.
        height: of the source images in pixels: a number, or a tensor ``[n]``.
        width: likewise.

    Returns:
        Columns ``[n]``, float64:

        * ``area1``, ``area2``: fractions of the image's area;
        * ``log_ratio``: ``ln(area2 / area1)``;
        * ``center_distance``, ``corner_distance``: between the two centers and between the two top left corners, in
          units of the image's sides (horizontal distances are divided by its width, vertical ones by its height);
        * ``iou``: area of the intersection over area of the union;
        * ``coverage``: area of the union, as a fraction of the image's.

    Example:
        >>> halves = torch.tensor([[[0, 0, 10, 10], [0, 10, 10, 10]]])  # the left and the right one
        >>> {name: round(column.item(), 3) for name, column in box_measures(halves, 10, 20).items()}
        {'area1': 0.5, 'area2': 0.5, 'log_ratio': 0.0, 'center_distance': 0.5, 'corner_distance': 0.5, 'iou': 0.0, \
'coverage': 1.0}
    """
    sides = [torch.as_tensor(side, dtype=torch.float64, device=boxes.device) for side in (height, width)]
    scale = torch.stack([side.expand(len(boxes)) for side in sides], -1)[:, None]  # [n, 1, 2]
    start, extent = boxes[..., :2].double() / scale, boxes[..., 2:].double() / scale  # [n, 2 views, (y, x)]
    area = extent.prod(-1)
    shift = start[:, 1] - start[:, 0]
    near, far = start.amax(1), (start + extent).amin(1)
    both = (far - near).clamp(min=0.0).prod(-1)
    union = area.sum(1) - both
    return {
        "area1": area[:, 0],
        "area2": area[:, 1],
        "log_ratio": (area[:, 1] / area[:, 0]).log(),
        "center_distance": (shift + (extent[:, 1] - extent[:, 0]) / 2).norm(dim=-1),
        "corner_distance": shift.norm(dim=-1),
        "iou": both / union,
        "coverage": union,
    }


def pair_boxes(plan: Plan, height: int | Tensor, width: int | Tensor) -> Tensor | None:
    """The parts of the source images that the two views of a plan show.

    Crops after crops and flips in between are followed back to the source.

    Args:
        plan: of a pipeline that makes two views, from ``fuse(pipeline).make_params``.
        height: of the source images in pixels: a number, or a tensor ``[B]``.
        width: likewise.

    Returns:
        ``[B, 2, 4]``, float64: top, left, height and width in pixels; ``None`` where a view is cropped after a step
        whose effect on places is unknown (one that pads, or runs image by image).
    """
    boxes = [_source_box(view, height, width) for view in plan.views]
    known = [box for box in boxes if box is not None]
    return torch.stack(known, 1) if len(known) == len(boxes) else None


def _source_box(view: View, height: int | Tensor, width: int | Tensor) -> Tensor | None:
    sides = [torch.as_tensor(side, dtype=torch.float64, device=view.device) for side in (height, width)]
    frame = torch.stack([side.expand(view.count) for side in sides], -1)  # the current image's sides, [B, (y, x)]
    start, extent = torch.zeros_like(frame), frame  # what it shows of the source
    mirrored = torch.zeros_like(frame, dtype=torch.bool)
    lost = False
    for instruction in view.program:
        if isinstance(instruction, Cut):
            if lost:
                return None
            box = instruction.boxes.double()
            corner, cut = box[:, :2], box[:, 2:]
            corner = torch.where(mirrored, frame - corner - cut, corner)
            start, extent = start + corner * extent / frame, cut * extent / frame
            frame = torch.tensor(instruction.size, dtype=torch.float64, device=view.device).expand_as(frame)
        elif isinstance(instruction, (Call, Each)):
            lost = True
        elif instruction.kernel in (horizontal_flip, vertical_flip):
            axis = int(instruction.kernel is horizontal_flip)
            mirrored = mirrored.clone()
            mirrored[:, axis] ^= True if instruction.where is None else instruction.where
    return torch.cat([start, extent], -1)
