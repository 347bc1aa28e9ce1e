"""Which parameters are trained how."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from ..inputs.settings import Settings
from ..networks import LARS


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
