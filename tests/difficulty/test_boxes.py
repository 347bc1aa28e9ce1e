"""Boxes: every measure by counting pixels; crops of crops lie in them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torchvision.transforms import v2

from jointaug import JointCrop, PerView
from jointaug.difficulty import box_measures, geometry


def test_measures_by_counting_pixels():
    generator = np.random.default_rng(0)
    height, width = 17, 23
    corner, boxes = [], []
    for _ in range(50):
        pair = []
        for _ in range(2):
            h, w = generator.integers(1, height + 1), generator.integers(1, width + 1)
            pair.append([generator.integers(0, height - h + 1), generator.integers(0, width - w + 1), h, w])
        boxes.append(pair)
        painted = np.zeros((2, height, width), bool)
        for canvas, (top, left, h, w) in zip(painted, pair, strict=True):
            canvas[top : top + h, left : left + w] = True
        both, either = (painted[0] & painted[1]).sum(), (painted[0] | painted[1]).sum()
        middles = [np.argwhere(canvas).mean(0) / (height, width) for canvas in painted]
        tops = [np.argwhere(canvas).min(0) / (height, width) for canvas in painted]
        corner.append(
            {
                "area1": painted[0].mean(),
                "area2": painted[1].mean(),
                "log_ratio": math.log(painted[1].sum() / painted[0].sum()),
                "center_distance": math.dist(*middles),
                "corner_distance": math.dist(*tops),
                "iou": both / either,
                "coverage": either / (height * width),
            }
        )
    found = box_measures(torch.tensor(np.array(boxes)), height, width)
    assert list(found) == list(corner[0])
    for name, column in found.items():
        np.testing.assert_allclose(column, [row[name] for row in corner], atol=1e-12)


def test_a_crop_of_a_crop_lies_in_it():
    policy = v2.Compose(
        [v2.CenterCrop(40), JointCrop(24), PerView(v2.RandomHorizontalFlip()), PerView(v2.RandomCrop(12))]
    )
    pairs = geometry(policy, (60, 50), pairs=500)
    outer = geometry(v2.Compose([v2.CenterCrop(40), JointCrop(24)]), (60, 50), pairs=500)
    start, end = pairs.boxes[..., :2], pairs.boxes[..., :2] + pairs.boxes[..., 2:]
    assert (start >= outer.boxes[..., :2] - 1e-9).all()
    assert (end <= outer.boxes[..., :2] + outer.boxes[..., 2:] + 1e-9).all()
    torch.testing.assert_close(pairs.area, outer.area / 4)
    assert (outer.boxes[..., :2] >= torch.tensor([10.0, 5.0])).all()
