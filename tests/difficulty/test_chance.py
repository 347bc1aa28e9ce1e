"""Uniforms of any shape, of addresses."""

from __future__ import annotations

import math

import torch

from jointaug import Addresses
from jointaug.difficulty._chance import uniform_tensor
from jointaug.testing import assert_follows

CPU = torch.device("cpu")


def addresses(n, seed=0, epoch=0):
    return Addresses(seed, epoch, torch.arange(n))


def test_noise_belongs_to_an_image_and_not_to_its_batch():
    whole = uniform_tensor(addresses(7), (7, 3, 5, 3), "score.noise", CPU)
    parts = [
        uniform_tensor(Addresses(0, 0, index), (len(index), 3, 5, 3), "score.noise", CPU)
        for index in torch.arange(7).split(3)
    ]
    assert torch.equal(whole, torch.cat(parts))
    assert not torch.equal(whole, uniform_tensor(addresses(7, epoch=1), (7, 3, 5, 3), "score.noise", CPU))
    assert not torch.equal(whole, uniform_tensor(addresses(7), (7, 3, 5, 3), "score.dequantize", CPU))
    others = uniform_tensor(Addresses(0, 0, torch.arange(7), 1), (7, 3, 5, 3), "score.noise", CPU)
    assert len(torch.cat([whole, others]).unique()) == 2 * whole.numel()  # draws share no words


def test_uniforms_are_uniform_in_every_pixel_and_uncorrelated():
    """False alarm: 1e-6 for the law; six standard errors for each correlation."""
    u = uniform_tensor(addresses(20_000), (20_000, 6), "score.noise", CPU)
    assert_follows(u.flatten(), torch.distributions.Uniform(0.0, 1.0))
    assert (torch.corrcoef(u.T) - torch.eye(6)).abs().max() < 6 / math.sqrt(20_000)
