"""ContrastiveCrop's boxes: Peng et al. 2022, https://arxiv.org/abs/2202.03278, Algorithm 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jointaug import crop_box_from_heatmap

from ..networks import Backbone
from .checks import count, fraction
from .method import Embed


class HeatBox(nn.Module):
    """From images to the boxes ``[B, 4]`` in which a backbone responds.

    Args:
        backbone: one with a last feature map that is pooled.
        threshold: of the heat map scaled to [0, 1].
    """

    def __init__(self, backbone: Backbone, threshold: float) -> None:
        super().__init__()
        self.backbone, self.threshold = backbone, threshold

    def forward(self, images: Tensor) -> Tensor:
        """Left, top, right and bottom of each image's box, as fractions of its sides."""
        heat = self.backbone.feature_map(images).sum(1).float()
        height, width = images.shape[-2:]
        boxes = crop_box_from_heatmap(heat, (height, width), self.threshold)
        return torch.stack([box.as_subclass(Tensor) for box in boxes]).to(images.device)


class Boxes(nn.Module):
    """The box of every image, for `jointaug.ContrastiveCrop`: where the network responds.

    They are renewed every fifth of the run, at 20, 40, 60 and 80 % of its epochs. Before that there are none, and crops
    are plain: the warm-up.

    Args:
        images: of the data set.
        threshold: in [0, 1).
        updates: equal parts of the run, between which the boxes are renewed.
    """

    boxes: Tensor

    def __init__(self, images: int, *, threshold: float = 0.1, updates: int = 5) -> None:
        super().__init__()
        self.threshold, self.updates = fraction("threshold", threshold), count("updates", updates)
        self.register_buffer("boxes", torch.tensor([0.0, 0.0, 1.0, 1.0]).repeat(images, 1))

    def due(self, epoch: int, epochs: int) -> bool:
        """Whether the boxes are renewed before this epoch."""
        return epoch in {round(epochs * part / self.updates) for part in range(1, self.updates)}

    def at(self, index: Tensor, epoch: int, epochs: int) -> Tensor | None:
        """The boxes ``[B, 4]`` of some images in this epoch; none in the warm-up."""
        return None if epoch < round(epochs / self.updates) else self.boxes[index]

    def before_epoch(self, epoch: int, epochs: int, backbone: Backbone, embed: Embed) -> None:
        """Renew the boxes if it is time: a pass over all images, uncropped."""
        if self.due(epoch, epochs):
            self.boxes.copy_(embed(HeatBox(backbone, self.threshold)))
