"""CutMix of neighbors: the law of lambda and of the boxes, what is kept, addresses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import beta, chi2, kstest

from jointaug.functional._mix import cutmix_boxes
from jointaug.neighbors import NeighborCutMix, _mix


@pytest.fixture
def drawn(monkeypatch):
    """What was handed to the kernel: lambda and the centers."""
    calls = []
    monkeypatch.setattr(_mix, "cutmix_boxes", lambda *a: calls.append(a) or cutmix_boxes(*a))
    return calls


def ks_bound(n, failure_rate=1e-6):
    return np.sqrt(np.log(2 / failure_rate) / (2 * n))


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_lambda_follows_beta_and_centers_are_uniform(alpha, drawn):
    n = 20_000
    NeighborCutMix(alpha=alpha).boxes(torch.arange(n), 8, 12)
    lam, x, y, height, width = drawn[0]
    assert (height, width) == (8, 12)
    assert kstest(lam.numpy(), beta(alpha, alpha).cdf).statistic < ks_bound(n)
    cells = torch.stack([y, x], 1)
    counts = np.zeros((8, 12))
    np.add.at(counts, tuple(cells.T.numpy()), 1)
    assert ((counts - n / 96) ** 2 / (n / 96)).sum() < chi2.isf(1e-6, 95)
    assert abs(np.corrcoef(lam.numpy(), x.numpy())[0, 1]) < 5 / np.sqrt(n)


def test_what_is_kept_on_average():
    """Of a cut fraction c**2 the border takes some away: E[cut | c] = (c - c**2 / 4)**2. Over Beta(2, 2): .675 kept."""
    expected = 1 - quad(lambda u: beta(2, 2).pdf(u) * (np.sqrt(1 - u) - (1 - u) / 4) ** 2, 0, 1)[0]
    assert expected == pytest.approx(0.675, abs=0.005)
    _, kept = NeighborCutMix(alpha=2.0).boxes(torch.arange(20_000), 2000, 2000)
    assert kept.mean().item() == pytest.approx(expected, abs=5 * kept.std().item() / np.sqrt(20_000) + 1e-3)


def test_every_pixel_comes_from_one_of_the_two():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, 6, 3, 20, 30, generator=generator)
    mixed, kept = NeighborCutMix(alpha=1.0)(first, second, torch.arange(6), epoch=2)
    from_first, from_second = mixed == first, mixed == second
    assert (from_first ^ from_second).all()
    torch.testing.assert_close(from_first.double().mean((1, 2, 3)), kept)
    boxes, _ = NeighborCutMix(alpha=1.0).boxes(torch.arange(6), 20, 30, epoch=2)
    for (top, left, height, width), mask in zip(boxes.tolist(), from_second[:, 0], strict=True):
        assert mask[top : top + height, left : left + width].all()
        assert mask.sum() == height * width


def test_another_resolution_has_the_same_box():
    mix = NeighborCutMix()
    large, _ = mix.boxes(torch.arange(500), 224, 224)
    small, _ = mix.boxes(torch.arange(500), 112, 112)
    assert ((large / 2 - small).abs() <= 2).all()


def test_boxes_belong_to_their_address():
    mix = NeighborCutMix(seed=3)
    whole, _ = mix.boxes(torch.arange(100), 32, 32, epoch=4)
    index = torch.tensor([40, 2])
    assert torch.equal(mix.boxes(index, 32, 32, epoch=4)[0], whole[index])
    assert not torch.equal(mix.boxes(torch.arange(100), 32, 32, epoch=5)[0], whole)
    assert not torch.equal(NeighborCutMix(seed=4).boxes(torch.arange(100), 32, 32, epoch=4)[0], whole)


def test_uint8_stays_uint8():
    mixed, _ = NeighborCutMix()(
        torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.ones(2, 3, 8, 8, dtype=torch.uint8), torch.arange(2)
    )
    assert mixed.dtype == torch.uint8
