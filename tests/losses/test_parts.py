"""A loss is two parts: what adds and scales them, and what needs one number first."""

from __future__ import annotations

import pytest
import torch

from jointaug import losses as L

from .cases import t

z1, z2 = (torch.randn(6, 4, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in range(2))
contrast, vicreg, npid = L.nt_xent(z1, z2), L.vicreg(z1, z2), L.npid(z1, z2, L.unit(z2))
weight = torch.arange(6.0)


def test_a_sum_of_losses_has_the_sum_of_the_parts():
    """By linearity of reduce; a tuple's own + and * would hand on four parts."""
    for total in (contrast + 0.5 * vicreg, sum([contrast, vicreg / 2]), contrast + vicreg * torch.tensor(0.5)):
        assert isinstance(total, L.LossParts)
        by_hand = L.reduce(contrast, weight) + 0.5 * L.reduce(vicreg, weight)
        torch.testing.assert_close(L.reduce(total, weight), by_hand)


def test_a_sum_with_a_loss_of_one_view_refuses_a_weight_still():
    for total in (2 * npid, npid + contrast, contrast + npid):
        with pytest.raises(TypeError, match="one view"):
            L.reduce(total, weight)


@pytest.mark.parametrize("name", ["backward", "item", "detach", "mean", "cpu", "requires_grad"])
def test_what_needs_a_number_names_the_remedy(name):
    with pytest.raises(
        AttributeError, match=rf"must be reduced .*, got parts\.{name} .*; write reduce\(parts\)\.{name}"
    ):
        getattr(contrast, name)
    assert not hasattr(contrast, name)


@pytest.mark.parametrize(
    ("call", "error", "pattern"),
    [
        (lambda: float(contrast), TypeError, r"must be reduced .*got float\(parts\).*; write float\(reduce\(parts\)\)"),
        (lambda: contrast + 1, TypeError, r"sum of losses must be of LossParts .*got int; reduce"),
        (lambda: contrast + torch.ones(()), TypeError, r"sum of losses must be of LossParts .*got Tensor; reduce"),
        (lambda: contrast + L.nt_xent(z1[:3], z2[:3]), TypeError, r"as many images, \(6,\), got \(3,\); reduce"),
        (
            lambda: weight * contrast,
            TypeError,
            r"factor .* must be one number, .*got a tensor of shape \(6,\); a weight",
        ),
        (lambda: contrast.loss, AttributeError, r"LossParts has no attribute 'loss'"),
        (lambda: contrast * "2", TypeError, r"LossParts"),
    ],
)
def test_what_means_nothing_is_refused(call, error, pattern):
    with pytest.raises(error, match=pattern):
        call()


def test_algorithm_1():
    weight = L.batch_mean(t(1, 3, 2))
    torch.testing.assert_close(weight, t(0.5, 1.5, 1))
    assert L.reduce((t(0.2, 0.4, 0.1), t(0).sum()), weight).item() == pytest.approx(0.266667, abs=1e-6)
