"""Score matching: the noise scales and the loss by which a network learns the gradient of the data's log density.

ScoreCL (Kim et al. 2025, https://arxiv.org/abs/2306.04175) trains a score network on clean images, freezes it, and
weights an image by how far apart the scores of its two views are. Training is denoising score matching (DSM; Vincent
2011) over the noise scales of NCSN (Song and Ermon 2019, https://arxiv.org/abs/1907.05600): the paper's eqs. 4 and 10.

The paper gives neither architecture nor the noise at which views are scored. Here the network is **unconditional** by
default: it is told no noise level, as the paper writes s(x). Only then does a stronger deformation by noise give a
smaller score, which is the paper's argument; a conditional network at a fixed sigma does the opposite.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from .._validate import integer, number
from ..losses import full_precision
from ._chance import Randomness, uniform_tensor

Network: TypeAlias = "Callable[..., Tensor]"


def noise_scales(first: float = 1.0, last: float = 0.01, count: int = 10) -> Tensor:
    """NCSN's noise scales: a geometric sequence, float64 ``[count]``; the defaults are NCSN's.

    Args:
        first: the largest standard deviation, in units of pixel values on [0, 1].
        last: the smallest.
        count: how many.

    Raises:
        TypeError: for anything but numbers.
        ValueError: unless ``0 < last < first`` and ``count`` is at least 2.
    """
    first, last = number("first", first), number("last", last)
    count = integer("count", count, low=2, rule="an integer of at least 2")
    if not 0 < last < first:
        raise ValueError(f"noise scales must satisfy 0 < last < first, got first={first!r}, last={last!r}; swap them?")
    return torch.logspace(math.log10(first), math.log10(last), count, dtype=torch.float64)


def checked_scales(sigmas: Tensor | Sequence[float]) -> Tensor:
    """Noise scales as float64 ``[L]``, if they are finite, positive and strictly decreasing.

    Raises:
        ValueError: if they are not.
    """
    scales = torch.as_tensor(sigmas, dtype=torch.float64)
    if scales.ndim != 1 or not len(scales):
        raise ValueError(f"sigmas must be a sequence of noise scales, got shape {tuple(scales.shape)}; write [0.1]")
    values = scales.tolist()
    if not all(0 < value < math.inf for value in values):
        raise ValueError(f"sigmas must be positive and finite, got {values}; see noise_scales()")
    if any(a <= b for a, b in itertools.pairwise(values)):
        raise ValueError(f"sigmas must be strictly decreasing, got {values}; write sorted(sigmas, reverse=True)")
    return scales


@full_precision
def dsm_errors(net: Network, x: Tensor, sigma: Tensor, noise: Tensor, *, conditional: bool = False) -> Tensor:
    r"""Denoising error of each image at a given noise, weighted by sigma squared.

    :math:`\sigma^2 \cdot \tfrac12 \lVert s(\tilde x) + \epsilon / \sigma \rVert^2
    = \tfrac12 \lVert \sigma s(\tilde x) + \epsilon \rVert^2` with :math:`\tilde x = x + \sigma \epsilon`: the sum over
    pixels in the paper's eq. 4, and NCSN's weight of eq. 10.

    Args:
        net: from ``[B, ...]`` to the same shape; a conditional one takes ``sigma`` ``[B]`` as its second argument.
        x: ``[B, ...]``, clean.
        sigma: ``[B]``, the noise's standard deviation for each image.
        noise: standard normal, of the shape of ``x``.
        conditional: whether ``net`` is told ``sigma``.

    Returns:
        ``[B]``.

    Raises:
        ValueError: if the network returns another shape.
    """
    scale = sigma.view(-1, *[1] * (x.ndim - 1))
    noisy = x + scale * noise
    score = net(noisy, sigma) if conditional else net(noisy)
    if score.shape != x.shape:
        raise ValueError(
            f"net must return the shape of its input, {tuple(x.shape)}, got {tuple(score.shape)}; a score is a gradient"
        )
    return (scale * score + noise).square().flatten(1).sum(1) / 2


def dsm_loss(
    net: Network,
    x: Tensor,
    sigmas: Tensor | Sequence[float],
    *,
    chance: Randomness = None,
    conditional: bool = False,
) -> Tensor:
    """Denoising score matching over noise scales: the paper's eq. 10, summed over pixels, averaged over the batch.

    Each image gets one scale at random, the usual unbiased estimate of eq. 10's average. The minimizer of an
    unconditional network mixes the scores of all scales, each weighted by sigma squared times its density.

    Args:
        net: as for `dsm_errors`.
        x: floating point ``[B, ...]``; images on [0, 1].
        sigmas: noise scales, positive and strictly decreasing, see `noise_scales`.
        chance: the addresses of the images, or a generator; by default torch's global CPU generator.
        conditional: whether ``net`` is told the noise's standard deviation.

    Returns:
        A scalar; a network that is zero has half the number of pixels.

    Raises:
        TypeError: if ``x`` is not a floating point tensor.
        ValueError: for scales that are not positive or not decreasing, and as `dsm_errors`.

    Example:
        >>> x = torch.rand(16, 3, 8, 8)
        >>> float(dsm_loss(torch.zeros_like, x, noise_scales(), chance=torch.Generator().manual_seed(0)) / 192) // 0.1
        5.0
    """
    if not isinstance(x, Tensor) or not x.is_floating_point() or x.ndim < 2:
        raise TypeError(f"x must be a floating point tensor [B, ...], got {x!r:.80}; divide uint8 images by 255")
    scales = checked_scales(sigmas).to(x.device)
    level = (uniform_tensor(chance, (len(x),), "score.level", x.device) * len(scales)).long().clamp(max=len(scales) - 1)
    noise = torch.special.ndtri(uniform_tensor(chance, tuple(x.shape), "score.noise", x.device))
    return dsm_errors(net, x, scales[level].to(x), noise.to(x), conditional=conditional).mean()
