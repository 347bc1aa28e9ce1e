"""Weights from files, into networks; tests/examples/evaluation/test_encoder.py has the ways in which they are saved."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from trainer.methods import METHODS
from trainer.networks import digest_of, load_weights

from .conftest import TINY, Tiny


def test_load_leaves_a_classifier_alone_that_is_not_wanted():
    network, state = torch.nn.Sequential(torch.nn.Linear(2, 2)), {"0.weight": torch.ones(2, 2), "0.bias": torch.ones(2)}
    load_weights(network, state | {"fc.weight": torch.ones(3)}, None, "it")
    assert torch.equal(network[0].weight, torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"1 too many \(1.weight\)"):
        load_weights(network, state | {"1.weight": torch.ones(3)}, None, "it")


def test_timms_classifiers_have_any_name():
    timm = pytest.importorskip("timm")
    name = "deit_tiny_distilled_patch16_224"
    distilled = timm.create_model(name).state_dict()
    network = timm.create_model(name, num_classes=0)
    load_weights(network, distilled, None, name)
    assert all(torch.equal(value, distilled[key]) for key, value in network.state_dict().items())
    assert {key.split(".")[0] for key in distilled.keys() - network.state_dict().keys()} == {"head", "head_dist"}


@pytest.mark.parametrize("name", TINY)
def test_every_encoder_of_a_method_begins_with_the_backbones_weights(name):
    """So it does not matter to --init how many copies a method keeps."""
    key, settings = TINY[name]
    given = Tiny()
    nn.init.normal_(given.norm.weight)
    method = METHODS[key](lambda: given, **settings)
    found = [module for module in method.modules() if isinstance(module, Tiny)]
    assert method.encoder in found
    assert {digest_of(module.state_dict()) for module in found} == {digest_of(given.state_dict())}
