"""A loss in two parts, and the one way to make a number of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ._processes import global_mean


class LossParts(NamedTuple):
    """What every loss of this package returns.

    A weight for each image (its difficulty, say) can act on ``per_sample``; it must not act on ``shared``, which
    belongs to the batch as a whole. So any method can be weighted, and without a weight it is its own baseline, bit for
    bit.

    Attributes:
        per_sample: ``[B]``, the loss of each image of this process's batch.
        shared: scalar, what no image owns (VICReg's variance and covariance, say); 0 for most methods.
    """

    per_sample: Tensor
    shared: Tensor


class OneView(LossParts):
    """Parts of a loss that sees one view of an image: no pair, no difficulty, so :func:`reduce` refuses a weight."""


def reduce(parts: tuple[Tensor, Tensor], weight: Tensor | None = None) -> Tensor:
    """``mean(weight * per_sample) + shared``, a scalar.

    The weight is used as it comes; :func:`batch_mean` makes it 1 on average. A loss weighted so is Algorithm 1 of
    ScoreCL (Kim et al. 2025, https://arxiv.org/abs/2306.04175). With several processes this is the process's own mean;
    DistributedDataParallel averages the gradients, so that training follows the mean over all of them.

    Args:
        parts: ``(per_sample [B], shared scalar)``, from a loss of this package or of your own.
        weight: ``[B]``, at least 0; no gradient flows into it. ``None`` is the literal weight 1: the baseline.

    Raises:
        TypeError: for a tensor in place of the two parts, if ``weight`` is not a tensor, or if the loss sees one view
            of an image only (NPID).
        ValueError: if ``weight`` is of another length, negative, not finite, or 0 for every image of the global batch.
    """
    if isinstance(parts, Tensor) or len(parts) != 2:
        raise TypeError(
            f"parts must be the two parts of a loss, per_sample and shared, got a {type(parts).__name__}; write "
            "reduce(nt_xent(z1, z2))"
        )
    per_sample, shared = parts
    if weight is None:
        return per_sample.mean() + shared
    if isinstance(parts, OneView):
        raise TypeError(
            "weight must be None for a loss that sees one view of an image (NPID), as a weight is the difficulty of a "
            f"pair, got a {type(weight).__name__}; leave it out, or take a method with two views"
        )
    weight = checked_weight("weight", weight, tuple(per_sample.shape), per_sample)
    return (weight * per_sample).mean() + shared


def checked_weight(name: str, weight: Tensor, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """``weight`` without its graph and in the dtype of ``like``, if it can weight losses of this shape."""
    if not isinstance(weight, Tensor):
        raise TypeError(
            f"{name} must be a tensor of shape {shape} or None, got {type(weight).__name__}; use torch.as_tensor"
        )
    if tuple(weight.shape) != shape:
        raise ValueError(
            f"{name} must have shape {shape}, one number for each loss it weights, got {tuple(weight.shape)}; "
            "compute it from the same batch of views"
        )
    weight = weight.detach().to(device=like.device, dtype=like.dtype)
    low, total = torch.stack([weight.amin(), global_mean(weight)]).tolist()
    if not (low >= 0 and total < float("inf")):
        worst = weight.nan_to_num(nan=float("-inf"), posinf=float("-inf")).argmin()
        value = weight.flatten()[worst]
        remedy = "take a distance, not a difference" if value.isfinite() else "look for the step that made it"
        raise ValueError(
            f"{name} must be finite and at least 0, got {value.item()} at flat index {int(worst)}; {remedy}"
        )
    if total == 0:
        raise ValueError(
            f"{name} must be above 0 for at least one image of the batch, got 0 for all; "
            "are both views of every image the same picture, or was a score network never trained?"
        )
    return weight


def batch_mean(weight: Tensor) -> Tensor:
    """``weight`` divided by its mean over the batch: the average weight is 1, the learning rate keeps its meaning.

    The mean is the global batch's where ``torch.distributed`` is initialised. A constant divided by its own mean is 1
    up to rounding; the exact baseline is ``weight=None``.

    Args:
        weight: any shape, at least 0 (pairs of views may have a column each).

    Raises:
        ValueError: if a weight is negative or not finite, or all are 0.
    """
    weight = weight.detach() if weight.dtype == torch.float64 else weight.detach().float()
    weight = checked_weight("weight", weight, tuple(weight.shape), weight)
    return weight / global_mean(weight)
