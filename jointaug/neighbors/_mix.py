"""CutMix between images and their positives."""

from __future__ import annotations

from torch import Tensor, nn

from .._beta import beta_quantile
from .._validate import ABOVE_0, integer, number
from ..functional import cutmix, cutmix_boxes
from ._chance import row_of


class NeighborCutMix(nn.Module):
    """Paste a patch of each image's positive into it: CutMix without labels.

    For each pair lambda is drawn from Beta(alpha, alpha) by its inverse cdf and the box's center uniformly over the
    pixels, all from the pair's address; then lambda is set to the fraction of the first image that is left, which
    clipping makes larger. At another resolution the same pair gets the same box in relative coordinates.

    Args:
        alpha: of the beta law, positive; CLIM takes 2.
        seed: of the experiment, in [0, 2**64).

    Raises:
        TypeError: if ``alpha`` is no number.
        ValueError: if it is not positive.

    Sources: Yun et al. 2019, https://arxiv.org/abs/1905.04899; Li et al. 2020, https://arxiv.org/abs/2011.02697, eq. 3.

    Example:
        >>> import torch
        >>> mix = NeighborCutMix(alpha=2.0)
        >>> black, white = torch.zeros(4, 3, 32, 32), torch.ones(4, 3, 32, 32)
        >>> mixed, kept = mix(black, white, index=torch.arange(4), epoch=1)
        >>> torch.allclose(1 - mixed.mean((1, 2, 3)), kept.float())
        True
    """

    def __init__(self, *, alpha: float = 2.0, seed: int = 0) -> None:
        super().__init__()
        remedy = "large values mix by halves, 1 is uniform"
        self.alpha = number("alpha", alpha, rule="a finite number > 0", low=ABOVE_0, remedy=remedy)
        self.seed = integer("seed", seed, low=0, rule="an integer in [0, 2**64)")

    def extra_repr(self) -> str:
        """The settings, for ``print``."""
        return f"alpha={self.alpha}, seed={self.seed}"

    def forward(self, images_i: Tensor, images_j: Tensor, index: Tensor, *, epoch: int = 0) -> tuple[Tensor, Tensor]:
        """Mix a batch.

        Args:
            images_i: ``[B, C, H, W]``, uint8 or floating point, augmented and normalized.
            images_j: their positives, the same shape, dtype and device.
            index: int64 ``[B]``, the anchors' numbers in the data set.
            epoch: in [0, 2**32).

        Returns:
            mixed images, and float64 ``[B]``: the fraction of ``images_i`` in each, the weight of its loss.

        Raises:
            TypeError: for images that are no tensor of uint8 or floats.
            ValueError: where shapes, dtypes or devices differ, or ``index`` is not ``[B]``.
        """
        if index.shape != images_i.shape[:1]:
            raise ValueError(
                f"index must have one entry for each of the {len(images_i)} images, got shape {tuple(index.shape)}; "
                "pass the third entry of NeighborDataset's batches"
            )
        boxes, kept = self.boxes(index.to(images_i.device), *images_i.shape[-2:], epoch=epoch)
        return cutmix(images_i, images_j, boxes), kept

    def boxes(self, index: Tensor, height: int, width: int, *, epoch: int = 0) -> tuple[Tensor, Tensor]:
        """Boxes int64 ``[B, 4]`` (top, left, height, width) and kept fractions ``[B]`` of a batch's pairs."""
        u, x, y = row_of("cutmix", 3, index, seed=self.seed, epoch=epoch)
        return cutmix_boxes(beta_quantile(u, self.alpha), (x * width).long(), (y * height).long(), height, width)
