"""The score network: a U-Net of the size that ScoreCL's Tab. 9 implies (https://arxiv.org/abs/2306.04175)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._validate import integer
from ._checkpoints import read
from ._matching import checked_scales, noise_scales

WIDTHS = (16, 56, 120)  # channels at full, half and quarter resolution: 1.38 M parameters, as the paper's table implies
_GROUPS = 8  # of group normalization


class _Residual(nn.Module):
    """Two convolutions beside the identity; an embedding of the noise shifts what is between them."""

    def __init__(self, inside: int, outside: int, embedding: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(_GROUPS, inside), nn.Conv2d(inside, outside, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(_GROUPS, outside), nn.Conv2d(outside, outside, 3, padding=1)
        self.skip = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()
        self.shift = nn.Linear(embedding, outside) if embedding else None

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        if self.shift is not None:
            h = h + self.shift(embedding)[:, :, None, None]
        y: Tensor = self.skip(x) + self.conv2(F.silu(self.norm2(h)))
        return y


class ScoreNetwork(nn.Module):
    r"""A U-Net from images to scores of the same shape, :math:`s(x) = f(x) / \sigma`.

    Scores at noise sigma are of size 1 / sigma, a hundredfold range that no plain network covers early. So the output
    is divided by sigma: an unconditional network estimates it from the image, within the range of its noise scales; a
    conditional one is told.

    Shape: ``[B, channels, size, size]``, pixel values on [0, 1], to the same.

    Args:
        size: side of the images, a multiple of 4.
        channels: of the images.
        sigmas: noise scales that it is trained for; by default `noise_scales`.
        conditional: whether `forward` takes ``sigma``.

    Raises:
        TypeError: for anything but integers.
        ValueError: for another ``size``; scales that are not positive or not decreasing.
    """

    def __init__(
        self,
        size: int,
        *,
        channels: int = 3,
        sigmas: Tensor | Sequence[float] | None = None,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        self.size = integer("size", size, low=4, rule="a multiple of 4 pixels")
        if self.size % 4:
            raise ValueError(f"size must be a multiple of 4 pixels, got {size}; the network halves it twice")
        self.channels = integer("channels", channels, low=1, rule="a positive integer")
        self.conditional = bool(conditional)
        scales = noise_scales() if sigmas is None else checked_scales(sigmas)
        self.sigmas: tuple[float, ...] = tuple(scales.tolist())
        a, b, c = WIDTHS
        e = 2 * c if conditional else 0
        self.embed = nn.Sequential(nn.Linear(1, e), nn.SiLU(), nn.Linear(e, e), nn.SiLU()) if conditional else None
        self.enter = nn.Conv2d(channels, a, 3, padding=1)
        self.down = nn.ModuleList([_Residual(a, a, e), _Residual(a, b, e), _Residual(b, b, e), _Residual(b, c, e)])
        self.middle = nn.ModuleList([_Residual(c, c, e), _Residual(c, c, e)])
        self.up = nn.ModuleList([_Residual(2 * c, c, e), _Residual(c + b, b, e), _Residual(b + a, a, e)])
        last = nn.Conv2d(a, channels, 3, padding=1)
        self.leave = nn.Sequential(nn.GroupNorm(_GROUPS, a), nn.SiLU(), last)
        self.noise = None if conditional else nn.Linear(c, 1)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)  # the zero network to begin with

    def forward(self, x: Tensor, sigma: Tensor | None = None) -> Tensor:
        """The score of images.

        Args:
            x: ``[B, channels, size, size]``.
            sigma: ``[B]``, for a conditional network.

        Raises:
            ValueError: for images of another shape; a ``sigma`` where none is taken, or none where one is.
        """
        if x.shape[1:] != (self.channels, self.size, self.size):
            raise ValueError(
                f"x must be [B, {self.channels}, {self.size}, {self.size}], for which this score network was made, "
                f"got {tuple(x.shape)}; resize them (ScoreWeight has size= for that), or train a ScoreNetwork for them"
            )
        if self.conditional == (sigma is None):
            raise ValueError(
                "sigma must be given to a conditional score network and to no other, got "
                f"conditional={self.conditional}, sigma={sigma!r:.80}"
            )
        embedding = None if self.embed is None or sigma is None else self.embed(sigma.to(x).log()[:, None])
        full = self.down[0](self.enter(x - 0.5), embedding)
        half = self.down[2](self.down[1](F.avg_pool2d(full, 2), embedding), embedding)
        quarter = self.down[3](F.avg_pool2d(half, 2), embedding)
        h = quarter
        for block in self.middle:
            h = block(h, embedding)
        coarse = F.silu(h).mean((2, 3))
        h = self.up[0](torch.cat([h, quarter], 1), embedding)
        h = self.up[1](torch.cat([F.interpolate(h, scale_factor=2.0), half], 1), embedding)
        h = self.up[2](torch.cat([F.interpolate(h, scale_factor=2.0), full], 1), embedding)
        if sigma is None:
            assert self.noise is not None
            low, high = math.log(self.sigmas[-1]), math.log(self.sigmas[0])
            sigma = (low + (high - low) * self.noise(coarse)[:, 0].sigmoid()).exp()
        score: Tensor = self.leave(h) / sigma.to(x)[:, None, None, None]
        return score

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that make such a network."""
        names = ("size", "channels", "conditional")
        return {name: getattr(self, name) for name in names} | {"sigmas": list(self.sigmas)}

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ScoreNetwork:
        """The network in a checkpoint of `train_score`, in eval mode.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is cut short, or no such checkpoint.
        """
        stored = read(Path(path))
        net = cls(**stored["network"])
        net.load_state_dict(stored["weights"])
        return net.eval()

    def extra_repr(self) -> str:
        """Size, and the range of the noise."""
        return f"{self.size}, noise {self.sigmas[0]:g} to {self.sigmas[-1]:g}, conditional={self.conditional}"
