"""A loss in two parts, and the one way to make a number of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from .._processes import global_mean, together, world
from .._validate import looked_at


class LossParts(NamedTuple):
    """What every loss of this package returns.

    A weight for each image (its difficulty, say) can act on ``per_sample``; it must not act on ``shared``, which
    belongs to the batch as a whole. So any method can be weighted, and without a weight it is its own baseline, bit for
    bit.

    Losses add up and scale as their parts do: ``0.5 * parts + other`` has two parts again. What needs one number (a
    backward pass, say) is refused with the remedy, `reduce`.

    Attributes:
        per_sample: ``[B]``, the loss of each image of this process's batch.
        shared: scalar, what no image owns (VICReg's variance and covariance, say); 0 for most methods.
    """

    per_sample: Tensor
    shared: Tensor

    def __add__(self, other: Any) -> LossParts:  # a tuple's joins four parts
        if not isinstance(other, LossParts) or self.per_sample.shape != other.per_sample.shape:
            got = tuple(other.per_sample.shape) if isinstance(other, LossParts) else type(other).__name__
            raise TypeError(
                f"the sum of losses must be of LossParts of as many images, {tuple(self.per_sample.shape)}, got {got}; "
                "reduce each loss to a number first"
            )
        both = (self.per_sample + other.per_sample, self.shared + other.shared)
        return OneView(*both) if isinstance(self, OneView) or isinstance(other, OneView) else LossParts(*both)

    def __radd__(self, other: Any) -> LossParts:
        return self if isinstance(other, int) and other == 0 else self + other  # sum() starts with 0

    def __mul__(self, factor: Any) -> LossParts:  # a tuple's repeats the parts
        if isinstance(factor, Tensor) and factor.ndim:
            raise TypeError(
                "the factor of a loss must be one number, which scales both parts, got a tensor of shape "
                f"{tuple(factor.shape)}; a weight for each image goes into reduce(parts, weight)"
            )
        if not isinstance(factor, (int, float, Tensor)):
            return NotImplemented
        return type(self)(factor * self.per_sample, factor * self.shared)

    def __rmul__(self, factor: Any) -> LossParts:
        return self.__mul__(factor)

    def __truediv__(self, divisor: float | Tensor) -> LossParts:
        return self * (1 / divisor)

    def __float__(self) -> float:
        raise TypeError(_no_number(self, "float(parts)", "float(reduce(parts))"))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(Tensor, name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}", name=name, obj=self)
        raise AttributeError(_no_number(self, f"parts.{name}", f"reduce(parts).{name}"), name=name, obj=self)


class OneView(LossParts):
    """Parts of a loss that sees one view of an image: no pair, no difficulty, so `reduce` refuses a weight."""


def _no_number(parts: LossParts, got: str, remedy: str) -> str:
    return (
        f"a loss must be reduced to one number before it is used as one, got {got} of {type(parts).__name__} "
        f"(per_sample {list(parts.per_sample.shape)}, shared); write {remedy}"
    )


def reduce(parts: tuple[Tensor, Tensor], weight: Tensor | None = None) -> Tensor:
    """``mean(weight * per_sample) + shared``, a scalar.

    The weight is used as it comes; `batch_mean` makes it 1 on average. A loss weighted so is Algorithm 1 of
    ScoreCL (Kim et al. 2025, https://arxiv.org/abs/2306.04175). With several processes this is the process's own mean;
    DistributedDataParallel averages the gradients, so that training follows the mean over all of them.

    Args:
        parts: ``(per_sample [B], shared scalar)``, from a loss of this package or of your own.
        weight: ``[B]``, at least 0; no gradient flows into it. ``None`` is the literal weight 1: the baseline.

    Raises:
        TypeError: for a tensor in place of the two parts, if ``weight`` is not a tensor, or if the loss sees one view
            of an image only (NPID).
        ValueError: if ``weight`` is of another length, negative, not finite, or 0 for every image of the global batch.
            (Values on an accelerator are not looked at: the host would wait.)
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
    with together():
        if not isinstance(weight, Tensor):
            raise TypeError(
                f"{name} must be a tensor of shape {shape} or None, got {type(weight).__name__}; use torch.as_tensor"
            )
        if tuple(weight.shape) != shape:
            raise ValueError(
                f"{name} must have shape {shape}, one number for each loss it weights, got {tuple(weight.shape)}; "
                "compute it from the same batch of views"
            )
        if not weight.numel():
            raise ValueError(f"{name} must be of at least one image, got shape {shape}; drop an empty batch")
        weight = weight.detach().to(device=like.device, dtype=like.dtype)
        if not looked_at(weight):
            return weight
        low, high = torch.stack(weight.aminmax()).tolist()
        if not (low >= 0 and high < float("inf")):
            worst = weight.nan_to_num(nan=float("-inf"), posinf=float("-inf")).argmin()
            value = weight.flatten()[worst]
            remedy = "take a distance, not a difference" if value.isfinite() else "look for the step that made it"
            raise ValueError(
                f"{name} must be finite and at least 0, got {value.item()} at flat index {int(worst)}; {remedy}"
            )
    if (high if world()[1] == 1 else float(global_mean((weight > 0).double()))) == 0:
        raise ValueError(
            f"{name} must be above 0 for at least one image of the batch, got 0 for all; "
            "are both views of every image the same picture, or was a score network never trained?"
        )
    return weight


def batch_mean(weight: Tensor) -> Tensor:
    """``weight`` divided by its mean over the batch: the average weight is 1, the learning rate keeps its meaning.

    The mean is the global batch's where ``torch.distributed`` is initialized. A constant divided by its own mean is 1
    up to rounding; the exact baseline is ``weight=None``.

    Args:
        weight: any shape, at least 0 (pairs of views may have a column each).

    Raises:
        ValueError: if a weight is negative or not finite, or all are 0.
    """
    weight = weight.detach() if weight.dtype == torch.float64 else weight.detach().float()
    weight = checked_weight("weight", weight, tuple(weight.shape), weight)
    return weight / global_mean(weight)
