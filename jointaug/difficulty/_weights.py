"""Weights of pairs: what all have in common (checked views on [0, 1], one normalization), and the two plain ones.

Rivals of ScoreCL's weight are called as `ScoreWeight` is, ``weigh(v1, v2) -> [B]``. The paper (Kim et al. 2025,
https://arxiv.org/abs/2306.04175, Tab. 6) defines none of them further than by name; what is taken for each is said
there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .._validate import number
from ..chance import Addresses
from ..losses import batch_mean
from ._chance import uniform_tensor

_MARGIN = 0.5  # antialiased resizing and color steps may leave [0, 1] a little; normalized images leave it by far


class PairWeight:
    """A weight for each pair of views: ``weigh(v1, v2) -> [B]``; a measure of your own defines ``distance``.

    Args:
        normalize: ``"batch_mean"``, so that weights are 1 on average, or None for the bare distance.
        mean: of the views' normalization, a number for each channel; None if they are on [0, 1].
        std: likewise.

    Raises:
        TypeError: for no numbers.
        ValueError: for another ``normalize``; if only one of ``mean`` and ``std`` is given, or a deviation is not
            positive.
    """

    def __init__(
        self,
        *,
        normalize: str | None = "batch_mean",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        if normalize not in ("batch_mean", None):
            raise ValueError(f'normalize must be "batch_mean" or None, got {normalize!r}')
        if (mean is None) != (std is None) or (mean is not None and std is not None and len(mean) != len(std)):
            raise ValueError(
                f"mean and std must be given together, a number for each channel, got mean={mean!r}, std={std!r}; "
                "leave both out for views on [0, 1]"
            )
        self.normalize = normalize
        self.mean = None if mean is None else [number("mean", value) for value in mean]
        self.std = None if std is None else [number("std", value, rule="a positive number") for value in std]
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(f"std must be positive, got {tuple(self.std)}")

    @torch.no_grad()
    def __call__(
        self, v1: Tensor, v2: Tensor, *, original: Tensor | None = None, addresses: Addresses | None = None
    ) -> Tensor:
        """The weight of each pair.

        A trainer passes what it has: a measure takes what it needs, and says what is missing.

        Args:
            v1: the first views, floating point ``[B, C, H, W]``, or uint8 if the views are not normalized.
            v2: the second views, of the same shape.
            original: the images that the views were made of, resized to the views' shape and in their range.
            addresses: of the images.

        Returns:
            ``[B]``, at least 0, without gradient.

        Raises:
            TypeError: for no tensors.
            ValueError: for views of another shape or range, or nan.
        """
        v1, v2 = self._on_unit_range("v1", v1), self._on_unit_range("v2", v2)
        if original is not None:
            original = self._on_unit_range("original", original)
        for name, other in (("v2", v2), ("original", original)):
            if other is not None and other.shape != v1.shape:
                raise ValueError(
                    f"{name} must have the shape of v1, {tuple(v1.shape)}, got {tuple(other.shape)}; a distance needs "
                    "two images of one size"
                )
        distance = self.distance(v1, v2, original, addresses)
        return distance if self.normalize is None else batch_mean(distance)

    def distance(self, v1: Tensor, v2: Tensor, original: Tensor | None, addresses: Addresses | None) -> Tensor:
        """How far the views of each pair are apart, ``[B]``, at least 0; all images are on [0, 1]."""
        raise NotImplementedError(f"{type(self).__name__} must define distance(v1, v2, original, addresses)")

    def _on_unit_range(self, name: str, views: Tensor) -> Tensor:
        if not isinstance(views, Tensor):
            raise TypeError(f"{name} must be a tensor [B, C, H, W], got {type(views).__name__}; stack the views")
        if views.ndim != 4 or not len(views):
            raise ValueError(f"{name} must be [B, C, H, W] with at least one view, got shape {tuple(views.shape)}")
        if views.dtype == torch.uint8:
            views = views.float() / 255
        elif self.mean is not None and self.std is not None:
            if views.shape[1] != len(self.mean):
                raise ValueError(f"mean and std must have {views.shape[1]} numbers, one a channel, got {self.mean}")
            mean, std = (views.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
            views = views * std + mean
        views = views if views.dtype == torch.float64 else views.float()
        low, high = torch.stack(views.aminmax()).tolist()
        if not (low >= -_MARGIN and high <= 1 + _MARGIN):
            raise ValueError(
                f"{name} must be on [0, 1] and finite{' once un-normalized' if self.mean else ''}, got values from "
                f"{low:g} to {high:g}; give the mean= and std= that the views were normalized with, or none if they "
                "were not"
            )
        return views


class RandomWeight(PairWeight):
    """A uniform number in (0, 1) for each pair: what weighting does by itself.

    Args:
        generator: where numbers come from if a call brings no ``addresses``; by default torch's global CPU generator.
        normalize: as for `PairWeight`, like ``mean`` and ``std``.
        mean: see there.
        std: see there.

    Example:
        >>> views = torch.rand(4, 3, 8, 8)
        >>> addresses = Addresses(seed=0, epoch=0, index=torch.arange(4))
        >>> weigh = RandomWeight()
        >>> torch.equal(weigh(views, views, addresses=addresses), weigh(views, views, addresses=addresses))
        True
    """

    def __init__(
        self,
        generator: torch.Generator | None = None,
        *,
        normalize: str | None = "batch_mean",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__(normalize=normalize, mean=mean, std=std)
        if generator is not None and not isinstance(generator, torch.Generator):
            raise TypeError(f"generator must be a torch.Generator or None, got {generator!r}; seed one")
        self.generator = generator

    def distance(self, v1: Tensor, v2: Tensor, original: Tensor | None, addresses: Addresses | None) -> Tensor:
        """Uniforms ``[B]``, of the addresses or the generator."""
        del v2, original
        chance = self.generator if addresses is None else addresses
        return uniform_tensor(chance, (len(v1),), "weight.random", v1.device).to(v1)


class PixelWeight(PairWeight):
    """The mean absolute difference of the views' pixels."""

    def distance(self, v1: Tensor, v2: Tensor, original: Tensor | None, addresses: Addresses | None) -> Tensor:
        """``[B]``, in [0, 1] for views on [0, 1]."""
        del original, addresses
        return (v1 - v2).abs().flatten(1).mean(1)
