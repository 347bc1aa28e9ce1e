"""LARS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class LARS(Optimizer):
    """Layer-wise adaptive rates (You et al. 2017, https://arxiv.org/abs/1708.03888), as in MoCo v3's and VICReg's code.

    For a parameter p with gradient g: ``g += weight_decay * p``; ``g *= trust * |p| / |g|`` (1 if a norm is 0);
    ``mu = momentum * mu + g``; ``p -= lr * mu``. In a group with ``adapt=False`` (biases, normalization) g is taken as
    it is.

    Args:
        parameters: as in torch's optimizers.
        lr: learning rate.
        momentum: in [0, 1).
        weight_decay: 0 or more.
        trust: coefficient of the trust ratio.

    Raises:
        ValueError: for values outside their ranges.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        trust: float = 0.001,
    ) -> None:
        for name, value in (("lr", lr), ("weight_decay", weight_decay), ("trust", trust)):
            if not value >= 0:
                raise ValueError(f"{name} must be at least 0, got {value!r}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {momentum!r}")
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust, "adapt": True}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step; ``closure`` makes the gradients anew, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = p.grad
                if group["adapt"]:
                    g = g.add(p, alpha=group["weight_decay"])
                    norm, size = g.norm(), p.norm()
                    g = g * torch.where((norm > 0) & (size > 0), group["trust"] * size / norm, 1.0)
                state = self.state[p]
                if "mu" not in state:
                    state["mu"] = torch.zeros_like(p)
                mu: Tensor = state["mu"]
                mu.mul_(group["momentum"]).add_(g)
                p.add_(mu, alpha=-group["lr"])
        return loss
