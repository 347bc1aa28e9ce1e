"""What is put on a backbone: projectors and predictors."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from .backbone import Backbone


def require_widths(*widths: int) -> None:
    """Layers have outputs.

    Raises:
        ValueError: if one has none.
    """
    if min(widths) < 1:
        raise ValueError(
            f"layers of a head must be at least 1 wide, got {', '.join(map(str, widths))} from the backbone to the "
            "output; choose larger widths, such as the recipe's (--hidden, --dim, ...)"
        )


def mlp(
    *widths: int, norm: bool = False, bias: bool | None = None, last_norm: bool = False, last_affine: bool = True
) -> nn.Sequential:
    """Linear layers between ``widths``, a ReLU between two of them: the projectors and predictors of the papers.

    Args:
        widths: of the input, of the hidden layers, of the output.
        norm: batch normalization after each hidden layer.
        bias: of the linear layers; None: of those that no normalization follows, which would take it off again.
        last_norm: batch normalization of the output.
        last_affine: whether that one has a scale and a shift to learn.

    Raises:
        ValueError: for a width below 1.
    """
    require_widths(*widths)
    layers: list[nn.Module] = []
    last = len(widths) - 2
    for i, (inside, outside) in enumerate(pairwise(widths)):
        normalized = last_norm if i == last else norm
        layers.append(nn.Linear(inside, outside, bias=not normalized if bias is None else bias))
        if normalized:
            layers.append(nn.BatchNorm1d(outside, affine=i < last or last_affine))
        if i < last:
            layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Encoder(nn.Module):
    """A backbone and a head: the f of the papers, from images to embeddings.

    Args:
        backbone: from images to features.
        head: from features to embeddings, a projector.
    """

    def __init__(self, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, images: Tensor) -> Tensor:
        """Embeddings ``[B, D]``."""
        embeddings: Tensor = self.head(self.backbone(images))
        return embeddings
