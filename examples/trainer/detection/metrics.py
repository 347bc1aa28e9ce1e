"""What a detector finds, held against what is there: COCO's average precision, by torchmetrics and pycocotools."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..record.progress import tqdm
from .boxes import Boxed, Target

#: Of results: torchmetrics' name of each.
NAMES = {"AP": "map", "AP50": "map_50", "AP75": "map_75"}
FOUND = ("boxes", "scores", "labels")


@torch.no_grad()
def detections(
    model: nn.Module, data: Boxed, *, batch: int = 16, threads: int = 2
) -> Iterable[tuple[dict[str, Tensor], Target]]:
    """What a detector in eval mode finds in each image, on the CPU, beside what is there.

    ``boxes``, ``scores`` and ``labels`` of each, and of a Mask R-CNN bool ``masks`` ``[n, h, w]``.
    """
    device = next(model.parameters()).device
    order = torch.arange(len(data))
    with tqdm(total=len(data), desc="test images", unit="image", leave=False) as bar:
        for rows, pixels in data.images.batches(order.split(batch), threads):
            for row, found in zip(rows.tolist(), model([p.to(device).float() / 255 for p in pixels]), strict=True):
                told = {name: found[name].cpu() for name in FOUND}
                if "masks" in found:
                    told["masks"] = (found["masks"][:, 0] > 0.5).cpu()
                yield told, data.target(row)
            bar.update(len(rows))


def average_precisions(
    pairs: Iterable[tuple[dict[str, Tensor], Target]], *, masks: bool = False
) -> tuple[dict[str, float], list[dict[str, Tensor]]]:
    """``box AP``, ``box AP50`` and ``box AP75`` in percent, perhaps of masks too; and what was found, without masks.

    COCO's: the mean over classes and over thresholds from 0.50 to 0.95 of the interpolated precision at 101 recalls,
    of a hundred boxes an image.
    What VOC calls difficult counts as a crowd: it need not be found, and may. VOC 2007's own measure has 11 recalls.

    Args:
        pairs: of `detections`.
        masks: also ``mask AP``, ...
    """
    from torchmetrics.detection import MeanAveragePrecision

    kinds: tuple[Literal["bbox", "segm"], ...] = ("bbox", "segm") if masks else ("bbox",)
    metric: Any = MeanAveragePrecision(iou_type=kinds)
    metric.warn_on_many_detections = False
    kept = []
    for found, target in pairs:
        there = {"boxes": target.boxes, "labels": target.labels, "iscrowd": target.unsure.long()}
        if masks and target.masks is not None:
            there["masks"] = target.masks.bool()
        metric.update([found], [there])
        kept.append({name: found[name] for name in FOUND})
    values = metric.compute()
    told = {"bbox": "box", "segm": "mask"}
    return {
        f"{told[kind]} {name}": 100 * float(values[f"{kind}_{key}" if masks else key])
        for kind in kinds
        for name, key in NAMES.items()
    }, kept
