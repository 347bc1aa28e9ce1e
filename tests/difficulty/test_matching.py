"""Score matching: noise scales and the loss, against closed forms on Gaussian data."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from jointaug import Addresses
from jointaug.difficulty import checked_scales, dsm_errors, dsm_loss, noise_scales

CPU = torch.device("cpu")


def addresses(n, seed=0, epoch=0):
    return Addresses(seed, epoch, torch.arange(n))


def conditional_optimum(variance):
    return lambda y, sigma: -y / (variance + sigma[:, None] ** 2)


def unconditional_optimum(variance, sigmas):
    """sum_k sigma_k^2 p_k grad log p_k / sum_k sigma_k^2 p_k, with p_k the data blurred by sigma_k."""
    squares = checked_scales(sigmas).to(variance)[:, None] ** 2
    blurred = variance + squares  # [L, n]

    def score(y):
        log_p = -(y[:, None] ** 2 / blurred + blurred.log()).sum(2) / 2
        mixed = (log_p + squares[:, 0].log()).softmax(1)  # [B, L]
        return -y * (mixed @ (1 / blurred))

    return score


class Field(nn.Module):
    """s(y) = gain * y + shift of an MLP that sees y and its log size, or log sigma if conditional: a test network."""

    def __init__(self, n, conditional):
        super().__init__()
        self.conditional = conditional
        width = 96
        self.layers = nn.Sequential(
            nn.Linear(n + 1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2 * n)
        )

    def forward(self, y, sigma=None):
        told = sigma.log() if self.conditional else y.square().mean(1).clamp(min=1e-4).log()
        gain, shift = self.layers(torch.cat([y, told[:, None]], 1)).chunk(2, 1)
        return gain * y + shift


@pytest.mark.parametrize(("n", "conditional"), [(2, False), (12, False), (12, True)])
def test_matching_learns_the_optimum_of_its_kind(n, conditional):
    """SPEC 4.6: sigma^2-weighted error of the field at most 5 %, loss at most .5 % above the optimum."""
    torch.manual_seed(0)
    variance = torch.linspace(0.3, 1.0, n) ** 2
    sigmas = noise_scales()
    exact = conditional_optimum(variance) if conditional else unconditional_optimum(variance, sigmas)
    net, steps, batch = Field(n, conditional), 2000, 768
    optimizer = torch.optim.Adam(net.parameters(), 4e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        loss = dsm_loss(net, torch.randn(batch, n) * variance.sqrt(), sigmas, conditional=conditional)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
    x = torch.randn(20_000, n, generator=torch.Generator().manual_seed(1)) * variance.sqrt()
    wrong = right = learnt = optimal = 0.0
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        for sigma in sigmas.float():
            each = sigma.expand(len(x))
            y = x + sigma * noise
            given = (y, each) if conditional else (y,)
            wrong += sigma**2 * (net(*given) - exact(*given)).square().sum(1).mean()
            right += sigma**2 * exact(*given).square().sum(1).mean()
            learnt += dsm_errors(net, x, each, noise, conditional=conditional).mean()
            optimal += dsm_errors(exact, x, each, noise, conditional=conditional).mean()
    assert (wrong / right).sqrt() < 0.05
    assert learnt < 1.005 * optimal
    if not conditional:  # and it is not the other optimum that was learnt
        other = conditional_optimum(variance)
        with torch.no_grad():
            gap = sum(
                sigma**2
                * (net(x + sigma * noise) - other(x + sigma * noise, sigma.expand(len(x)))).square().sum(1).mean()
                for sigma in sigmas.float()
            )
        assert (gap / right).sqrt() > 0.1


def test_golden_values_of_the_loss():
    """SPEC 8: x ~ N(0, .25), sigma .5: .25 a dimension at the optimum, .5 for a zero network. Six standard errors."""
    n, dimensions = 200_000, 4
    x = 0.5 * torch.randn(n, dimensions, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    chance = torch.Generator().manual_seed(1)
    error = math.sqrt(0.5 / (n * dimensions))  # of a mean of chi-squares halved: variance 1/2 a dimension at most
    zero = dsm_loss(torch.zeros_like, x, [0.5], chance=chance) / dimensions
    assert zero == pytest.approx(0.5, abs=6 * error)
    optimum = dsm_loss(lambda y: -y / 0.5, x, [0.5], chance=chance) / dimensions
    assert optimum == pytest.approx(0.25, abs=6 * error)


def test_the_loss_of_the_exact_optimum_is_the_closed_form():
    """Eq. 10 at the conditional optimum: the mean over scales of sum_i v_i / (2 (v_i + sigma^2)). Six errors."""
    n, sigmas = 200_000, noise_scales(1.0, 0.1, 4)
    variance = torch.tensor([0.04, 0.25, 1.0], dtype=torch.float64)
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * variance.sqrt()
    loss = dsm_loss(conditional_optimum(variance), x, sigmas, chance=addresses(n), conditional=True)
    expected = (variance / (2 * (variance + sigmas[:, None] ** 2))).sum(1).mean()
    assert loss.item() == pytest.approx(expected.item(), abs=6 * math.sqrt(3 / n))


def test_the_unconditional_optimum_beats_its_perturbations():
    sigmas, n = noise_scales(), 20_000
    variance = torch.tensor([0.05, 0.3, 1.0], dtype=torch.float64)
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * variance.sqrt()
    exact = unconditional_optimum(variance, sigmas)

    def loss(net):
        return dsm_loss(net, x, sigmas, chance=addresses(n)).item()

    best = loss(exact)
    for factor in (0.8, 1.2):
        assert loss(lambda y, f=factor: f * exact(y)) > best
    assert loss(lambda y: exact(y) + 0.1) > best
    at_one_sigma = conditional_optimum(variance)
    assert loss(lambda y: at_one_sigma(y, torch.full((len(y),), 0.1, dtype=y.dtype))) > best


def test_noise_makes_the_unconditional_score_fall_and_the_conditional_rise():
    """SPEC 4.5.16: 2000 samples on a plane in 100 dimensions; norms 980/93/9.9 and 10/99/986 for .01/.1/1."""
    n, sigmas = 100, noise_scales()
    variance = torch.full((n,), 1e-12, dtype=torch.float64)
    variance[:2] = 1.0
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2000, n, generator=generator, dtype=torch.float64) * variance.sqrt()
    noise = torch.randn(2000, n, generator=generator, dtype=torch.float64)
    free, told = unconditional_optimum(variance, sigmas), conditional_optimum(variance)
    norms = [free(x + s * noise).norm(dim=1).mean().item() for s in (0.01, 0.1, 1.0)]
    assert norms == pytest.approx([980, 93, 9.9], rel=0.04)
    fixed = torch.full((2000,), 0.1, dtype=torch.float64)
    norms = [told(x + s * noise, fixed).norm(dim=1).mean().item() for s in (0.01, 0.1, 1.0)]
    assert norms == pytest.approx([10, 99, 986], rel=0.04)


def test_scales_are_drawn_alike():
    """A network that shows its noise level: each of 4 scales takes a quarter of images. Six standard errors."""
    seen = []

    def net(y, sigma):
        seen.append(sigma)
        return torch.zeros_like(y)

    n = 40_000
    dsm_loss(net, torch.zeros(n, 1), [4.0, 3.0, 2.0, 1.0], chance=addresses(n), conditional=True)
    shares = torch.stack([(seen[0] == k).double().mean() for k in (4, 3, 2, 1)])
    assert (shares - 0.25).abs().max() < 6 * math.sqrt(0.25 * 0.75 / n)


def test_noise_scales_are_ncsn_s():
    sigmas = noise_scales()
    assert len(sigmas) == 10
    torch.testing.assert_close(sigmas[[0, -1]], torch.tensor([1.0, 0.01], dtype=torch.float64))
    torch.testing.assert_close(sigmas[1:] / sigmas[:-1], torch.full((9,), 0.01 ** (1 / 9), dtype=torch.float64))


def scoring(x):
    return torch.sin(7 * x) * x


X = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(5))
BAD = {
    "scales not positive": (lambda: dsm_loss(scoring, X, [1.0, 0.0]), ValueError, "positive and finite, got"),
    "scales not finite": (lambda: checked_scales([1.0, math.nan]), ValueError, "positive and finite, got"),
    "equal scales": (lambda: checked_scales([1.0, 1.0]), ValueError, "strictly decreasing, got"),
    "no scales": (lambda: checked_scales([]), ValueError, "must be a sequence of noise scales"),
    "scales swapped": (lambda: noise_scales(0.01, 1.0), ValueError, "0 < last < first"),
    "uint8 in the loss": (lambda: dsm_loss(scoring, X.byte(), [1.0]), TypeError, "x must be a floating point tensor"),
    "no gradient's shape": (lambda: dsm_loss(lambda y: y[:1], X, [1.0]), ValueError, "must return the shape of its"),
    "addresses of another batch": (
        lambda: dsm_loss(scoring, X, [1.0], chance=addresses(4)),
        ValueError,
        "addresses must be those of the 5 images",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
