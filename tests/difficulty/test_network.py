"""The score network: its size, its noise, what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from jointaug.difficulty import ScoreNetwork


def test_the_network_has_the_size_that_the_paper_implies():
    """Tab. 9: 33.54 - 32.16, 52.53 - 51.16, 39.59 - 38.21, 58.58 - 57.20 million parameters."""
    count = sum(parameter.numel() for parameter in ScoreNetwork(32).parameters())
    assert round(count / 1e6, 2) == 1.38


@pytest.mark.parametrize("conditional", [False, True])
def test_a_fresh_network_is_zero_and_its_output_is_bounded_by_the_noise(conditional):
    net = ScoreNetwork(8, conditional=conditional)
    x = torch.rand(3, 3, 8, 8)
    sigma = torch.tensor([0.01, 0.1, 1.0]) if conditional else None
    assert not net(x, sigma).any()
    nn.init.ones_(net.leave[-1].bias)
    scale = net(x, sigma)[:, 0, 0, 0]
    assert ((scale >= 1 - 1e-5) & (scale <= 100 + 1e-3)).all()
    if conditional:
        torch.testing.assert_close(scale, 1 / sigma)


def test_a_conditional_network_is_told_the_noise():
    torch.manual_seed(0)
    net = ScoreNetwork(8, conditional=True)
    nn.init.normal_(net.leave[-1].weight)
    x = torch.rand(1, 3, 8, 8).expand(2, -1, -1, -1)
    sigma = torch.tensor([0.1, 1.0])
    first, second = net(x, sigma) * sigma[:, None, None, None]
    assert (first - second).abs().max() > 1e-3  # beyond the division by sigma


X = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(5))
BAD = {
    "scales not decreasing": (lambda: ScoreNetwork(8, sigmas=[0.1, 1.0]), ValueError, "strictly decreasing, got"),
    "odd size": (lambda: ScoreNetwork(30), ValueError, "size must be a multiple of 4 pixels, got 30"),
    "images of another shape": (
        lambda: ScoreNetwork(16)(X),
        ValueError,
        r"x must be \[B, 3, 16, 16\], for which this score network was made, got \(5, 3, 8, 8\)",
    ),
    "a call without sigma": (
        lambda: ScoreNetwork(8, conditional=True)(X),
        ValueError,
        "sigma must be given to a conditional",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
