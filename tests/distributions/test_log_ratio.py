"""The laws of the log ratio: closed forms, tables, limits, and their accuracy at both ends of beta and of the range."""

import itertools
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch

from jointaug.distributions import IndependentLogRatio, JointLogRatio

BETAS = [-1e6, -1e4, -30.0, -8.0, -2.0, -1.0, -0.5, -1e-3, -1e-8, 0.0, 1e-8, 1e-3, 0.5, 1.0, 2.0, 8.0, 30.0, 1e4, 1e6]
LN5 = math.log(5)


def double(value):
    return torch.tensor(value, dtype=torch.float64)


def joint(beta, low=0.2, high=1.0):
    return JointLogRatio(double(beta), double(low), double(high))


def independent(low=0.2, high=1.0):
    return IndependentLogRatio(double(low), double(high))


@pytest.mark.parametrize(
    ("beta", "density", "cdf"),
    [
        (2, [0.519386, 0.428212, 0.091413], [0.088260, 0.256092, 0.743908, 0.911740]),
        (1, [0.363089, 0.345983, 0.235176], [0.158981, 0.321334, 0.678666, 0.841019]),
        (0, [0.310667, 0.310667, 0.310667], [0.189333, 0.344666, 0.655334, 0.810667]),
        (-1, [0.220224, 0.286305, 0.362250], [0.216104, 0.373073, 0.626927, 0.783896]),
        (-2, [0.070291, 0.200796, 0.514605], [0.288710, 0.435831, 0.564169, 0.711290]),
    ],
)
def test_golden_density_and_cdf(beta, density, cdf):
    law = joint(beta)
    np.testing.assert_allclose(law.log_prob(double([0, 0.5, 1.5])).exp(), density, atol=6e-7)
    np.testing.assert_allclose(law.log_prob(double([0, -0.5, -1.5])).exp(), density, atol=6e-7)
    np.testing.assert_allclose(law.cdf(double([-1, -0.5, 0.5, 1])), cdf, atol=6e-7)


@pytest.mark.parametrize(
    ("beta", "u", "draw"),
    [(0, 0.1, -1.287550), (0, 0.9, 1.287550), (2, 0.1, -0.952813), (-2, 0.1, -1.415028), (-2, 0.4, -0.656625)],
)
def test_golden_draws(beta, u, draw):
    assert JointLogRatio(beta, 0.2, 1.0).from_uniform(u) == pytest.approx(draw, abs=6e-7)


def test_golden_independent():
    """Zhang et al. 2025, App. H, eq. 9, for [0.2, 1]."""
    law = independent()
    assert law.cdf(double(math.log(0.5))).item() == pytest.approx(0.140625, abs=1e-14)
    np.testing.assert_allclose(law.tail(double([1.5, 2, 3, 4])), [0.510417, 0.281250, 0.083333, 0.015625], atol=6e-7)
    assert math.exp(law.from_uniform(double(0.75))) == pytest.approx(
        1.516, abs=1e-3
    )  # the median of larger over smaller
    assert law.variance.item() == pytest.approx(0.381069, abs=6e-7)


TABLE = {  # beta: E|u|, std u, P(beyond 2:1), on [0.2, 1]
    8: (0.1605, 0.201, 0.0006),
    5: (0.2568, 0.322, 0.0313),
    3: (0.4244, 0.530, 0.1942),
    2: (0.5816, 0.707, 0.3599),
    1: (0.7401, 0.869, 0.5118),
    0.5: (0.7881, 0.914, 0.5548),
    0: (0.8047, 0.929, 0.5693),
    -0.5: (0.8213, 0.942, 0.5852),
    -1: (0.8693, 0.981, 0.6311),
    -2: (1.0278, 1.104, 0.7807),
    -3: (1.1850, 1.227, 0.9148),
    -5: (1.3526, 1.366, 0.9956),
    -8: (1.4489, 1.454, 1.000),
}


@pytest.mark.parametrize("beta", TABLE)
def test_reference_table(beta):
    mean_abs, std, beyond = TABLE[beta]
    law = joint(beta)
    assert law.mean_abs.item() == pytest.approx(mean_abs, abs=6e-5)
    assert law.stddev.item() == pytest.approx(std, abs=1.1e-3)  # the table's come from samples
    assert law.tail(2.0).item() == pytest.approx(beyond, abs=6e-5)


@pytest.mark.parametrize(
    ("low", "high", "by_chance", "by_design"),
    [
        (0.2, 1.0, (0.28125, 0.4941), (0.5693, 0.8047)),
        (0.08, 1.0, (0.4168, 0.6965), (0.7256, 1.2629)),
        (0.14, 1.0, (0.3505, 0.5812), (0.6475, 0.9831)),
        (0.4, 1.0, (0.0556, 0.2971), (0.2435, 0.4581)),
        (0.05, 0.4, (0.3673, 0.6067), (0.6667, 1.0397)),
        (0.1, 2.0, (0.4488, 0.7733), (0.7686, 1.4979)),
        (0.6, 1.4, (0.0313, 0.2758), (0.1819, 0.4236)),
    ],
)
def test_reference_table_of_ranges(low, high, by_chance, by_design):
    for law, (beyond, mean_abs) in ((independent(low, high), by_chance), (joint(0, low, high), by_design)):
        assert law.tail(2.0).item() == pytest.approx(beyond, abs=6e-5)
        assert law.mean_abs.item() == pytest.approx(mean_abs, abs=6e-5)


def test_independent_is_the_papers_ratio_law():
    """Zhang et al. 2025, App. H, eqs. 5, 6 and 7, for the ratio x = exp(u)."""
    m, M = 0.2, 1.0
    x = torch.linspace(0.201, 0.999, 50, dtype=torch.float64)
    below = (M**2 * x / 2 - m * M + m**2 / (2 * x)) / (M - m) ** 2
    law = independent(m, M)
    torch.testing.assert_close(law.cdf(x.log()), below)
    torch.testing.assert_close(law.cdf(-x.log()), 1 - below)
    torch.testing.assert_close(law.log_prob(x.log()).exp() / x, (M**2 * x**2 - m**2) / (2 * x**2 * (M - m) ** 2))
    y = 1 / x
    torch.testing.assert_close(law.log_prob(y.log()).exp() / y, (M**2 - m**2 * y**2) / (2 * y**2 * (M - m) ** 2))


@pytest.mark.parametrize("high", [1.05, 1.5, 5.0, 1e3, 1e6])
def test_independent_moments_are_the_closed_forms(high):
    s = math.log(high)
    law = independent(1.0, high)
    assert law.mean_abs.item() == pytest.approx((math.sinh(s) - s) / (math.cosh(s) - 1), rel=1e-10)
    assert law.variance.item() == pytest.approx(2 - s**2 / (math.cosh(s) - 1), rel=1e-9)


@pytest.mark.parametrize("width", [1e-3, 1e-6, 1e-9, 1e-12])
def test_independent_moments_of_a_narrow_range_are_those_of_the_triangle(width):
    law = independent(1.0, 1.0 + width)
    s = math.log1p((1.0 + width) - 1.0)
    assert law.mean_abs.item() == pytest.approx(s / 3, rel=1e-6)
    assert law.variance.item() == pytest.approx(s**2 / 6, rel=1e-6)
    assert law.entropy().item() == pytest.approx(0.5 + math.log(s), abs=1e-6)


@pytest.mark.parametrize("beta", [0.1, 0.99, 1.0, 2.0, 8.0, 37.0])
def test_positive_beta_is_the_truncated_normal(beta):
    """scipy's truncated normal, an independent implementation."""
    oracle = scipy.stats.truncnorm(-beta, beta, scale=LN5 / beta)
    law = joint(beta)
    u = torch.linspace(-1.6, 1.6, 65, dtype=torch.float64)
    np.testing.assert_allclose(law.log_prob(u), oracle.logpdf(u), rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(law.cdf(u), oracle.cdf(u), rtol=1e-8, atol=1e-15)
    p = torch.tensor([1e-12, 1e-6, 0.01, 0.3, 0.5, 0.9, 1 - 1e-6], dtype=torch.float64)
    np.testing.assert_allclose(law.icdf(p), oracle.ppf(p), rtol=1e-8, atol=1e-10)
    assert law.variance.item() == pytest.approx(oracle.var(), rel=1e-8)
    assert law.entropy().item() == pytest.approx(float(oracle.entropy()), abs=1e-8)


@pytest.mark.parametrize("beta", [0.5, 2.0, 8.0])
def test_negative_beta_turns_each_half_around(beta):
    u = torch.linspace(0.01, 1.6, 50, dtype=torch.float64)
    positive, negative = joint(beta), joint(-beta)
    torch.testing.assert_close(negative.log_prob(u), positive.log_prob(LN5 - u))
    torch.testing.assert_close(negative.log_prob(-u), positive.log_prob(LN5 - u))
    torch.testing.assert_close(negative.cdf(-u), 0.5 - positive.cdf(u - LN5))
    torch.testing.assert_close(negative.cdf(u), 1.5 - positive.cdf(LN5 - u))


@pytest.mark.parametrize("law", [*map(joint, BETAS[2:-2]), independent(), independent(1e-3, 1e3)], ids=str)
def test_density_integrates_to_the_cdf_and_to_the_moments(law):
    """Adaptive quadrature (scipy), and autograd for the slope."""
    end = law.support.upper_bound.item()
    narrow = end / max(1.0, abs(float(law.parameters.get("beta", 0.0))))
    points = [-end, narrow - end, -3 * narrow, -narrow, 0.0, narrow, 3 * narrow, end - narrow, end]
    points = sorted({point for point in points if abs(point) <= end})

    def integral(f):
        def integrand(u):
            log_density = law.log_prob(double(u)).item()
            return f(u, log_density) * math.exp(log_density) if log_density > -math.inf else 0.0

        pieces = itertools.pairwise(points)
        return sum(scipy.integrate.quad(integrand, a, b, epsabs=1e-13, epsrel=1e-10)[0] for a, b in pieces)

    assert integral(lambda u, _: 1.0) == pytest.approx(1, abs=1e-9)
    assert integral(lambda u, _: abs(u)) == pytest.approx(law.mean_abs.item(), abs=1e-9)
    assert integral(lambda u, _: u * u) == pytest.approx(law.variance.item(), abs=1e-9)
    assert integral(lambda _, log_density: -log_density) == pytest.approx(law.entropy().item(), abs=1e-8)

    u = torch.linspace(-0.99 * end, 0.99 * end, 40, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(law.cdf(u).sum(), u)
    torch.testing.assert_close(slope, law.log_prob(u).exp(), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize(
    "law", [*map(joint, BETAS), independent(), independent(1e-3, 1e3), joint(3.0, 1.0, 1e6)], ids=str
)
def test_quantiles_grow_and_undo_the_cdf(law):
    p = torch.cat(
        [10.0 ** torch.arange(-15, 0, dtype=torch.float64), torch.linspace(0.11, 0.5, 40, dtype=torch.float64)]
    )
    p = torch.cat([p, 1 - p.flip(0)]).sort().values
    u = law.icdf(p)
    assert (u.diff() >= 0).all()
    torch.testing.assert_close(u, -law.icdf(1 - p), rtol=0, atol=2e-3 * law.stddev.item())  # 1 - 1e-15 is not exact
    assert law.support.check(u).all()
    lower = p <= 0.5
    torch.testing.assert_close(law.cdf(u)[lower], p[lower], rtol=1e-6, atol=1e-10)
    torch.testing.assert_close(law.cdf(u)[~lower], p[~lower], rtol=0, atol=1e-10)
    assert law.icdf(double([-0.1, 1.1, math.nan])).isnan().all()
    dense = law.icdf(torch.linspace(0, 1, 10_001, dtype=torch.float64))
    assert (dense.diff() >= 0).all()


def test_more_beta_means_more_alike():
    """Stochastic order, and E|u| of beta and of -beta add up to ln(high / low)."""
    laws = [joint(beta) for beta in BETAS]
    rho = torch.linspace(1, 5, 41, dtype=torch.float64)
    tails = torch.stack([law.tail(rho) for law in laws])
    assert (tails.diff(dim=0) <= 1e-15).all()
    assert all(law.tail(rho).diff().le(0).all() for law in laws)
    mean_abs = torch.stack([law.mean_abs for law in laws])
    assert (mean_abs.diff() <= 0).all()
    torch.testing.assert_close(mean_abs + mean_abs.flip(0), torch.full_like(mean_abs, LN5), rtol=1e-14, atol=0)


@pytest.mark.parametrize("beta", [1e-300, 1e-12, 1e-8, 1e-6, 1e-4])
@pytest.mark.parametrize("sign", [-1, 1])
def test_beta_passes_through_zero_smoothly(beta, sign):
    """The law differs from the uniform by O(beta^2) and rounding, on either side; no digit is lost."""
    law, uniform = joint(sign * beta), joint(0.0)
    p = torch.linspace(0, 1, 1001, dtype=torch.float64)
    error = beta**2 + 1e-14
    torch.testing.assert_close(uniform.icdf(p), LN5 * (2 * p - 1), rtol=1e-14, atol=1e-15)
    for value, expected in [
        (law.icdf(p), LN5 * (2 * p - 1)),
        (law.cdf(LN5 * (2 * p - 1)), p),
        (law.log_prob(LN5 * (2 * p - 1)), torch.full_like(p, -math.log(2 * LN5))),
        (law.mean_abs, double(LN5 / 2)),
        (law.variance, double(LN5**2 / 3)),
        (law.entropy(), double(math.log(2 * LN5))),
        (law.tail(2.0), double(1 - math.log(2) / LN5)),
    ]:
        torch.testing.assert_close(value, expected, rtol=0, atol=error)
    assert JointLogRatio(sign * beta, 0.2, 1.0).from_uniform(0.123) == pytest.approx(LN5 * (2 * 0.123 - 1), abs=error)


@pytest.mark.parametrize("beta", [1e3, 1e4, 1e5, 1e6])
def test_limits_of_beta(beta):
    """All views alike, or all apart: |u|, or its distance from ln(high / low), is half-normal of deviation s / beta."""
    scale = LN5 / beta
    p = torch.linspace(0.501, 0.999, 97, dtype=torch.float64)
    half = torch.special.ndtri(p)
    torch.testing.assert_close(joint(beta).icdf(p), half * scale, rtol=1e-9, atol=0)
    torch.testing.assert_close(LN5 - joint(-beta).icdf(p), half.flip(0) * scale, rtol=1e-6, atol=0)
    mean, second = scale * math.sqrt(2 / math.pi), scale**2
    assert joint(beta).mean_abs.item() == pytest.approx(mean, rel=1e-12)
    assert joint(beta).variance.item() == pytest.approx(second, rel=1e-12)
    assert joint(-beta).mean_abs.item() == pytest.approx(LN5 - mean, rel=1e-12)
    assert joint(-beta).variance.item() == pytest.approx(LN5**2 - 2 * LN5 * mean + second, rel=1e-12)
    assert joint(beta).log_prob(double([0.0, LN5])).isfinite().all()
    assert joint(-beta).log_prob(double([0.0, LN5])).isfinite().all()


@pytest.mark.parametrize(
    ("beta", "values"), [(-1e4, 3000), (-1e-6, 90_000), (0.0, 90_000), (1e-6, 90_000), (1e4, 90_000)]
)
def test_float32_keeps_the_law(beta, values):
    """Single-precision draws are as many as the format can tell apart, and follow the law: DKW at 1e-6, fixed seed."""
    law = JointLogRatio(torch.tensor(beta), torch.tensor(0.2), torch.tensor(1.0))
    torch.manual_seed(3)
    sample = law.sample((100_000,))
    assert sample.dtype == torch.float32
    assert sample.unique().numel() > values
    distance = (law.cdf(sample.double().sort().values) - torch.arange(1, 100_001) / 100_000).abs().max()
    assert distance < math.sqrt(math.log(2e6) / 2e5)


@pytest.mark.parametrize("low", [1.0, 0.2, 1e-3])
@pytest.mark.parametrize("beta", [-3.0, 0.0, 3.0])
def test_only_the_ratio_of_the_range_matters(beta, low):
    u = double([0.01, 0.4, 0.77])
    torch.testing.assert_close(joint(beta, low, 7 * low).icdf(u), joint(beta, 1.0, 7.0).icdf(u), rtol=1e-13, atol=0)
    torch.testing.assert_close(independent(low, 7 * low).icdf(u), independent(1.0, 7.0).icdf(u), rtol=1e-12, atol=0)


def test_no_beta_makes_what_chance_makes():
    """The nearest, in total variation, is beta = 2.5, at a distance of .039."""
    u = torch.linspace(-LN5, LN5, 4001, dtype=torch.float64)[1:-1]
    chance = independent().log_prob(u).exp()
    distances = {b: torch.trapezoid((joint(b).log_prob(u).exp() - chance).abs(), u).item() / 2 for b in (2.0, 2.5, 3.0)}
    assert min(distances, key=distances.get) == 2.5
    assert distances[2.5] == pytest.approx(0.039, abs=1e-3)


def test_tail_takes_tensors_and_refuses_less_than_one():
    law = JointLogRatio(0.0, 0.2, 1.0)
    assert law.tail(1.0).item() == 1
    assert law.tail(9.0).item() == 0
    assert law.tail(torch.tensor([2, 3])).shape == (2,)
    assert law.tail(double([2.0])).dtype == torch.float64
    for bad in (0.5, torch.tensor([2.0, 0.5]), math.nan):
        with pytest.raises(ValueError, match=r"rho must be at least 1, got .*; take 1 / rho"):
            law.tail(bad)
