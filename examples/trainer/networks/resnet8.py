"""A residual network for images of 32 px: one basic block at each of three resolutions."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

NAME = "resnet8"
SIDES = (16, 64)  # pixels: the last map is at least 2 x 2, and a position of it sees most of the image (47 px)
WIDTHS = (32, 64, 128)


class ResNet8(nn.Module):
    """Seven 3x3 convolutions and a linear layer: ResNet-18's blocks (He et al. 2016), as many as 32 px can feed.

    | layer | for 32 px |
    | --- | --- |
    | `conv1`: 3x3, stride 2, `bn1`, ReLU | 32 x 16 x 16 |
    | `layer1`: a basic block | 32 x 16 x 16 |
    | `layer2`: a basic block of stride 2, its shortcut a 1x1 convolution | 64 x 8 x 8 |
    | `layer3`: likewise | 128 x 4 x 4 |
    | `avgpool`: mean over positions | 128 |
    | `fc`: linear | classes |

    307,360 parameters without `fc`; all start as torch's layers do. SimCLR trains it at 550 images a second, two views
    each, on one core of an Intel Xeon (family 6, model 167; ``pretrain.py simclr-rendered --threads 1`` logs it).

    Shape: images ``[B, 3, h, w]``, sides of 16 to 64 px -> logits ``[B, classes]``.

    Args:
        classes: outputs of the last layer.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.conv1 = nn.Conv2d(3, first, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = BasicBlock(first, first)
        self.layer2 = BasicBlock(first, second, 2, _shortcut(first, second))
        self.layer3 = BasicBlock(second, third, 2, _shortcut(second, third))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(third, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[B, classes]``.

        Raises:
            ValueError: for images that are too small or too large; the message says what takes them.
        """
        low, high = SIDES
        if not all(low <= side <= high for side in images.shape[-2:]):
            raise ValueError(
                f"{NAME} takes images of {low} to {high} px, got {images.shape[-2]} x {images.shape[-1]}; choose "
                "--size 32, or a network for larger images (--backbone resnet18)"
            )
        maps = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(images))))))
        logits: Tensor = self.fc(self.avgpool(maps).flatten(1))
        return logits


def _shortcut(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 1, 2, bias=False), nn.BatchNorm2d(outside))
