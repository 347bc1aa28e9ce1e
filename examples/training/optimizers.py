"""Which parameters are trained how, and LARS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from training.settings import Settings


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


def optimizer_of(settings: Settings, method: nn.Module, constant_rate: tuple[str, ...] = ()) -> Optimizer:
    """The optimizer of a run.

    Parameters are in up to four groups: with and without decay (and trust ratio), with the scheduled rate and, marked
    by ``constant=True``, with a rate that stays at its peak.

    Args:
        settings: of the run.
        method: whose parameters that require gradients are trained.
        constant_rate: names of its submodules whose rate is constant.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in method.named_parameters():
        if parameter.requires_grad:
            decayed = settings.decay_all or parameter.ndim > 1
            constant = any(name == kept or name.startswith(f"{kept}.") for kept in constant_rate)
            groups.setdefault((decayed, constant), []).append(parameter)
    lr = peak_rate(settings)
    listed: list[dict[str, Any]] = []
    for (decayed, constant), parameters in groups.items():
        group: dict[str, Any] = {"params": parameters, "constant": constant}
        listed.append(group if decayed else group | {"weight_decay": 0.0})
        if settings.optimizer == "lars":
            group["adapt"] = decayed
            listed[-1]["adapt"] = decayed
    if settings.optimizer == "lars":
        return LARS(listed, lr, settings.momentum, settings.weight_decay)
    if settings.optimizer == "adam":
        return Adam(listed, lr, weight_decay=settings.weight_decay)
    if settings.optimizer == "adamw":
        return AdamW(listed, lr, weight_decay=settings.weight_decay)
    return SGD(listed, lr, settings.momentum, weight_decay=settings.weight_decay, nesterov=settings.nesterov)


def peak_rate(settings: Settings) -> float:
    """The learning rate of this batch: ``lr * batch / lr_batch``."""
    return settings.lr * (settings.batch / settings.lr_batch if settings.lr_batch else 1.0)
