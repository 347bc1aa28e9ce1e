"""Average precision: perfect boxes have 1, a shifted and a wrong one what is worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

pytest.importorskip("torchmetrics")
pytest.importorskip("pycocotools")

from trainer.detection.boxes import open_boxes
from trainer.detection.metrics import average_precisions, detections


class Told(nn.Module):
    """A detector that says what it was told, image by image."""

    def __init__(self, found):
        super().__init__()
        self.weight, self.found = nn.Parameter(torch.zeros(1)), iter(found)

    def forward(self, images):
        return [next(self.found) for _ in images]


def perfect(data, change=lambda boxes: boxes):
    found = []
    for row in range(len(data)):
        there = data.target(row)
        told = {"boxes": change(there.boxes), "labels": there.labels, "scores": torch.ones(len(there.labels))}
        if there.masks is not None:
            told["masks"] = there.masks[:, None].float()
        found.append(told)
    return found


@pytest.mark.parametrize("kind", ["voc07", "coco"])
def test_perfect_boxes_and_masks_have_1(kind, scene_trees):
    root, masks = scene_trees[0], kind == "coco"
    _, data = open_boxes(f"{kind}:{root / kind.removesuffix('07')}", masks=masks)
    values, kept = average_precisions(detections(Told(perfect(data)), data, batch=5), masks=masks)
    names = ["AP", "AP50", "AP75"]
    assert list(values) == [f"{what} {name}" for what in ("box", "mask")[: 1 + masks] for name in names]
    assert list(values.values()) == pytest.approx([100] * len(values))
    assert len(kept) == len(data)
    assert kept[0].keys() == {"boxes", "scores", "labels"}


def test_boxes_of_an_overlap_count_up_to_that_threshold(scene_trees):
    """All shrunk to 0.72 of their area: right at 0.50 to 0.70, five of ten thresholds."""
    _, data = open_boxes(f"voc07:{scene_trees[0] / 'voc'}")

    def lower(boxes):
        boxes = boxes.clone()
        boxes[:, 3] = boxes[:, 1] + 0.72 * (boxes[:, 3] - boxes[:, 1])
        return boxes

    sure = [(found, keep(data.target(row))) for row, found in enumerate(perfect(data, lower))]
    values, _ = average_precisions(sure)
    assert list(values.values()) == pytest.approx([50, 100, 0])


def keep(target):
    """Nothing is difficult: against a crowd overlaps are measured otherwise."""
    return type(target)(target.boxes, target.labels, torch.zeros_like(target.unsure), target.learned)


def test_difficult_objects_need_not_be_found_and_may(scene_trees):
    _, data = open_boxes(f"voc07:{scene_trees[0] / 'voc'}")
    targets = [data.target(row) for row in range(len(data))]
    assert any(target.unsure.any() for target in targets)
    found = [{name: value[~target.unsure] for name, value in one.items()}
             for one, target in zip(perfect(data), targets, strict=True)]  # fmt: skip
    values, _ = average_precisions(zip(found, targets, strict=True))
    assert values["box AP"] == pytest.approx(100)
    values, _ = average_precisions((one, keep(target)) for one, target in zip(found, targets, strict=True))
    assert values["box AP"] < 99


def test_a_false_box_before_the_true_one_halves_the_precision(scene_trees):
    """One class with one object; a better scored box elsewhere: precision 1/2 at every recall."""
    _, data = open_boxes(f"voc07:{scene_trees[0] / 'voc'}")
    target = keep(data.target(0))  # scenes are of one to four toys, the first of one
    wrong = {"boxes": torch.tensor([[0.0, 0, 3, 3]]), "labels": target.labels, "scores": torch.tensor([0.9])}
    right = {"boxes": target.boxes, "labels": target.labels, "scores": torch.tensor([0.8])}
    both = {name: torch.cat([wrong[name], right[name]]) for name in wrong}
    values, _ = average_precisions([(both, target)])
    assert list(values.values()) == pytest.approx([50, 50, 50])
