"""LARS against its formula and torch's SGD; which parameter is in which group."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from trainer.inputs.settings import Settings
from trainer.networks import LARS
from trainer.training.optimizers import optimizer_of


def trained(optimizer_of_parameters, steps: int = 4) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    parameters = [
        nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64)) for shape in ((3, 4), (5,))
    ]
    optimizer = optimizer_of_parameters(parameters)
    for _ in range(steps):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def test_lars_is_its_formula():
    """SPEC 0.2: g += wd p; g *= 0.001 |p| / |g|; mu = 0.9 mu + g; p -= lr mu."""
    found = trained(lambda parameters: LARS(parameters, 2.0, 0.9, 0.1))
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 4), (5,))
    wanted = [torch.randn(shape, generator=generator, dtype=torch.float64).numpy() for shape in shapes]
    mu = [np.zeros(shape) for shape in shapes]
    for _ in range(4):
        for k, shape in enumerate(shapes):
            g = torch.randn(shape, generator=generator, dtype=torch.float64).numpy() + 0.1 * wanted[k]
            g = g * 0.001 * np.sqrt((wanted[k] ** 2).sum()) / np.sqrt((g**2).sum())
            mu[k] = 0.9 * mu[k] + g
            wanted[k] = wanted[k] - 2.0 * mu[k]
    for ours, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours.numpy(), other, rtol=1e-12)


def test_lars_without_adaptation_is_sgd():
    lars = trained(lambda p: LARS([{"params": p, "adapt": False, "weight_decay": 0.0}], 0.1, 0.9, 0.1))
    sgd = trained(lambda p: torch.optim.SGD(p, 0.1, 0.9))
    for ours, other in zip(lars, sgd, strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-12, atol=0)


def test_lars_takes_a_trust_ratio_of_one_where_a_norm_is_zero():
    zero, still = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.ones(3))
    zero.grad, still.grad = torch.ones(3), torch.zeros(3)
    LARS([zero, still], 0.5).step()
    assert zero.tolist() == [-0.5] * 3
    assert still.tolist() == [1.0] * 3


@pytest.mark.parametrize("wrong", [{"lr": -1.0}, {"lr": 1.0, "momentum": 1.0}, {"lr": 1.0, "weight_decay": -1.0}])
def test_lars_refuses(wrong):
    with pytest.raises(ValueError, match="must be"):
        LARS([nn.Parameter(torch.ones(1))], **wrong)


class Two(nn.Module):
    """A body with normalization, and a predictor; a frozen part."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        self.h = nn.Linear(3, 2)
        self.frozen = nn.Linear(3, 3).requires_grad_(False)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "lars"])
def test_every_parameter_is_trained_once_and_decayed_if_it_should(name):
    method = Two()
    settings = Settings(optimizer=name, weight_decay=0.01, decay_all=False, lr=0.1, batch=256)
    optimizer = optimizer_of(settings, method, constant_rate=("h",))
    names = {id(parameter): key for key, parameter in method.named_parameters()}
    groups = {
        (group["weight_decay"], group["constant"]): sorted(names[id(p)] for p in group["params"])
        for group in optimizer.param_groups
    }
    assert groups == {
        (0.01, False): ["body.0.weight"],
        (0.0, False): ["body.0.bias", "body.1.bias", "body.1.weight"],
        (0.01, True): ["h.weight"],
        (0.0, True): ["h.bias"],
    }
    if name == "lars":
        assert [group["adapt"] for group in optimizer.param_groups] == [d > 0 for d, _ in groups]
    assert type(optimizer) is {"sgd": SGD, "adam": Adam, "adamw": AdamW, "lars": LARS}[name]
    everything = optimizer_of(Settings(optimizer=name, weight_decay=0.01), method)
    assert [group["weight_decay"] for group in everything.param_groups] == [0.01]


@pytest.mark.parametrize(("name", "nesterov"), [("sgd", False), ("sgd", True), ("lars", None)])
def test_momentum_is_the_runs(name, nesterov):
    settings = Settings(optimizer=name, momentum=0.8, nesterov=bool(nesterov))
    (group,) = optimizer_of(settings, nn.Linear(2, 2)).param_groups
    assert (group["momentum"], group.get("nesterov")) == (0.8, nesterov)
