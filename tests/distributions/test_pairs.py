"""The laws of the pair: densities, marginals and moments against quadrature, and what the paper says of them."""

import itertools
import math

import numpy as np
import pytest
import scipy.integrate
import torch

from jointaug.distributions import (
    DecoupledPair,
    FixedRatioPair,
    IndependentLogRatio,
    IndependentPair,
    JointLogRatio,
    JointPair,
)

LN5 = math.log(5)


def double(value):
    return torch.tensor(value, dtype=torch.float64)


def joint(beta, low=0.2, high=1.0):
    return JointPair(double(beta), double(low), double(high))


def ks_bound(n, failure_rate=1e-6):
    """DKW inequality (Massart 1990)."""
    return math.sqrt(math.log(2 / failure_rate) / (2 * n))


def uniform_distance(sample):
    """Greatest distance of an empirical cdf from that of U(0, 1)."""
    n = len(sample)
    return (sample.sort().values - torch.arange(1, n + 1) / n).abs().max().item() - 1 / n


@pytest.mark.parametrize(
    ("beta", "u", "t1", "t2"),
    [
        (0, 0.1, 0.793585, 0.218986),
        (0, 0.9, 0.218986, 0.793585),
        (2, 0.1, 0.638949, 0.246414),
        (-2, 0.1, 0.867490, 0.210730),
        (-2, 0.4, 0.539241, 0.279650),
    ],
)
def test_golden_draws(beta, u, t1, t2):
    assert JointPair(beta, 0.2, 1.0).from_uniform(u, 0.25) == pytest.approx((t1, t2), abs=6e-7)
    torch.testing.assert_close(
        torch.stack(joint(beta).from_uniform(double(u), double(0.25))), double([t1, t2]), rtol=0, atol=6e-7
    )


TABLE = {  # beta: mean t, corr(t1, t2), on [0.2, 1], from samples
    8: (0.574, 0.854),
    5: (0.563, 0.658),
    3: (0.552, 0.239),
    2: (0.548, -0.122),
    1: (0.548, -0.405),
    0.5: (0.548, -0.475),
    0: (0.5485, -0.496),
    -0.5: (0.548, -0.518),
    -1: (0.548, -0.579),
    -2: (0.548, -0.747),
    -3: (0.552, -0.867),
    -5: (0.563, -0.950),
    -8: (0.573, -0.980),
}


@pytest.mark.parametrize("beta", TABLE)
def test_reference_table(beta):
    mean, correlation = TABLE[beta]
    assert joint(beta).mean[0].item() == pytest.approx(mean, abs=1.1e-3)
    assert joint(beta).correlation.item() == pytest.approx(correlation, abs=1.1e-3)


@pytest.mark.parametrize(
    ("low", "high", "mean"),
    [
        (0.2, 1.0, 0.5485),
        (0.08, 1.0, 0.4521),
        (0.14, 1.0, 0.5037),
        (0.4, 1.0, 0.6774),
        (0.05, 0.4, 0.1967),
        (0.1, 2.0, 0.8421),
        (0.6, 1.4, 0.9721),
    ],
)
def test_mean_at_beta_zero_is_the_closed_form(low, high, mean):
    closed = ((high + low) + 2 * (high - low) / math.log(high / low)) / 4
    assert joint(0, low, high).mean.tolist() == pytest.approx([closed, closed], rel=1e-13)
    assert closed == pytest.approx(mean, abs=6e-5)
    assert IndependentPair(low, high).mean.tolist() == pytest.approx([(low + high) / 2] * 2)


def test_marginal_at_beta_zero_is_the_closed_form():
    m, M = 0.2, 1.0
    law = joint(0, m, M)
    np.testing.assert_allclose(
        law.marginal_cdf(double([0.3, 0.4, 0.5, 0.6, 0.8])), [0.2707, 0.3939, 0.4880, 0.5732, 0.7492], atol=6e-5
    )
    edge = 10.0 ** torch.arange(-14, -1, dtype=torch.float64)
    t = torch.cat([m + edge, torch.linspace(0.25, 0.95, 29, dtype=torch.float64), M - edge])
    gap, rest = t - m, M - t
    closed = ((t * (M - m) / (M * gap)).log() / m + (t * (M - m) / (m * rest)).log() / M) / (2 * LN5)
    torch.testing.assert_close(law.marginal_log_prob(t), closed.log(), rtol=0, atol=2e-13)
    ends = law.marginal_log_prob(double([m, M]))
    assert ends.tolist() == [math.inf, math.inf]


BETAS = [-1e6, -1e3, -30.0, -8.9, -2.0, -1e-8, 0.5, 3.0, 8.9, 9.1, 30.0, 1e3, 1e6]


def marginal_by_adaptive_quadrature(t, beta, low, high):
    """f(v) / (high e^-v - low) over v up to ln(high / t), and f(v) / (high - low e^v) over v up to ln(t / low)."""
    s, k = math.log1p((high - low) / low), max(abs(beta), 1e-8)
    to_low, to_high = math.log1p((t - low) / low) / s, math.log1p((high - t) / t) / s

    def integrand(z, tilt):  # in z = ln x, x = 1 - v / s, for both denominators vanish with x
        x, y = math.exp(z), (math.exp(z) if beta < 0 else -math.expm1(z))
        density = k / s * math.exp(-((k * y) ** 2) / 2) / math.sqrt(2 * math.pi) / math.erf(k / math.sqrt(2))
        return density * math.exp(-tilt * s * (1 - x)) / (low * math.expm1(s * x)) * s * x

    total = 0.0
    for least, tilt in ((to_low, 0), (to_high, 1)):
        deviations = [d / k for d in (0.5, 2.0, 5.0, 12.0) if d < k]
        cuts = [math.hypot(least, d) if beta < 0 else 1 - d for d in deviations]
        start = least if beta < 0 or k < 12 else max(least, 1 - 12 / k)  # nothing is left beyond 12 deviations
        stop = min(1.0, math.hypot(least, 12 / k)) if beta < 0 else 1.0
        points = [start, *sorted(cut for cut in cuts if start < cut < stop), stop]
        for a, b in itertools.pairwise(points):
            total += scipy.integrate.quad(integrand, math.log(a), math.log(b), (tilt,), epsabs=0, epsrel=1e-11)[0]
    return total


@pytest.mark.parametrize(("low", "high"), [(0.2, 1.0), (0.1, 2.0), (1.0, 1e6), (1.0, 1.001)])
@pytest.mark.parametrize("beta", BETAS)
def test_marginal_density_is_within_its_stated_error(beta, low, high):
    t = [low + (high - low) * share for share in (1e-9, 1e-3, 0.1, 0.5, 0.9, 1 - 1e-9)]
    expected = [marginal_by_adaptive_quadrature(x, beta, low, high) for x in t]
    density = joint(beta, low, high).marginal_log_prob(double(t)).exp()
    np.testing.assert_allclose(density, expected, rtol=1e-10, atol=1e-280)


@pytest.mark.parametrize("beta", [-30.0, -2.0, 0.0, 1.0, 12.0])
def test_marginal_density_is_the_joint_one_integrated_and_the_slope_of_the_cdf(beta):
    law = joint(beta)
    t = double([0.21, 0.3, 0.5, 0.7, 0.95]).requires_grad_()
    density = law.marginal_log_prob(t).exp()
    (slope,) = torch.autograd.grad(law.marginal_cdf(t).sum(), t)
    torch.testing.assert_close(slope, density, rtol=1e-8, atol=1e-12)
    for t1, expected in zip(t.tolist(), density.tolist(), strict=True):
        marks = sorted({0.2, t1, 1.0} | {x for x in (0.205, 0.97, t1 * 0.8, t1 * 1.2) if 0.2 < x < 1})
        integral = sum(
            scipy.integrate.quad(lambda t2, t1=t1: math.exp(law.log_prob(double([t1, t2]))), a, b, epsrel=1e-9)[0]
            for a, b in itertools.pairwise(marks)
        )
        assert integral == pytest.approx(expected, rel=1e-7)
    assert law.marginal_cdf(double([0.2, 1.0])).tolist() == pytest.approx([0, 1], abs=1e-15)
    dense = law.marginal_cdf(torch.linspace(0.2, 1.0, 2001, dtype=torch.float64))
    assert (dense.diff() >= -1e-15).all()


@pytest.mark.parametrize("beta", [-2.0, 0.0, 3.0])
def test_joint_density(beta):
    """f(u) / (high min - low max), whichever view comes first; infinite where the room for t1 is nil."""
    law, t1, t2 = joint(beta), double([0.25, 0.5, 0.9]), double([0.8, 0.5, 0.3])
    f = law.log_ratio.log_prob((t2 / t1).log()).exp()
    expected = f / (torch.minimum(t1, t2) - 0.2 * torch.maximum(t1, t2))
    torch.testing.assert_close(law.log_prob(torch.stack([t1, t2], -1)).exp(), expected)
    torch.testing.assert_close(law.log_prob(torch.stack([t2, t1], -1)).exp(), expected)
    assert law.log_prob(double([0.2, 1.0])).item() == law.log_prob(double([1.0, 0.2])).item() == math.inf
    assert law.log_ratio == JointLogRatio(double(beta), double(0.2), double(1.0))
    edges = JointPair(-1e6, 0.1, 0.7).sample((1000,))  # all but on the ends of the range, in single precision
    assert (JointPair(-1e6, 0.1, 0.7).log_prob(edges) > 5).all()


@pytest.mark.parametrize("beta", [-1e6, -3.0, 0.0, 3.0, 1e6])
def test_pair_realizes_the_drawn_ratio_and_the_first_is_uniform_in_its_room(beta):
    """DKW at 1e-6, fixed seed: t1 given u, and that its place in the room does not follow u."""
    torch.manual_seed(11)
    u_ratio, u_first = torch.rand(2, 100_000, dtype=torch.float64)
    law = joint(beta)
    t1, t2 = law.from_uniform(u_ratio, u_first)
    u = law.log_ratio.from_uniform(u_ratio)
    torch.testing.assert_close((t2 / t1).log(), u, rtol=0, atol=1e-14)
    assert abs((t2 > t1).double().mean() - 0.5) < ks_bound(100_000)
    near, far = torch.maximum(0.2 / u.exp(), double(0.2)), torch.minimum(1 / u.exp(), double(1.0))
    room = far - near
    place = ((t1 - near) / room)[room > 1e-7]
    if len(place) > 1000:
        assert uniform_distance(place) < ks_bound(len(place))
        assert uniform_distance((place + u_ratio[room > 1e-7]) % 1) < ks_bound(len(place))
    assert (law.from_uniform(u_ratio, u_first + 0.1 * (1 - u_first))[0] >= t1).all()


@pytest.mark.parametrize(
    "law",
    [IndependentPair(0.2, 1.0), IndependentPair(0.1, 2.0), joint(0.0).decoupled(), joint(-3.0).decoupled()],
    ids=repr,
)
def test_independent_views_are_independent(law):
    """If two uniforms are independent, their sum and difference are uniform on the circle. DKW at 1e-6, fixed seed.

    So a log ratio by chance, then t1 of linear density, is two independent uniforms.
    """
    torch.manual_seed(5)
    first, second = map(law.marginal_cdf, law.from_uniform(*torch.rand(law.row_width, 10_000, dtype=torch.float64)))
    for sample in (first, second, (first + second) % 1, (first - second) % 1):
        assert uniform_distance(sample) < ks_bound(10_000)


def test_joint_views_are_not_independent():
    """The test above tells one from the other."""
    law = joint(0.0)
    torch.manual_seed(5)
    first, second = map(law.marginal_cdf, law.from_uniform(*torch.rand(2, 10_000, dtype=torch.float64)))
    assert uniform_distance((first + second) % 1) > 2 * ks_bound(10_000)


def test_independent_density_is_the_product_and_the_law_of_the_ratio():
    law = IndependentPair(double(0.2), double(1.0))
    assert law.log_prob(double([0.3, 0.9])).item() == pytest.approx(-2 * math.log(0.8))
    assert law.marginal_log_prob(double([0.2, 0.7])).tolist() == pytest.approx([-math.log(0.8)] * 2)
    assert law.log_ratio == IndependentLogRatio(double(0.2), double(1.0))


def test_decoupled_keeps_the_marginals_and_the_first_view():
    law = joint(-2.0)
    control = law.decoupled()
    assert control == DecoupledPair(double(-2.0), double(0.2), double(1.0))
    rows = torch.rand(4, 50, dtype=torch.float64)
    t1, t2 = control.from_uniform(*rows)
    assert t1.equal(law.from_uniform(*rows[:2])[0])
    assert t2.equal(law.from_uniform(*rows[2:])[1])
    t = double([0.25, 0.5, 0.9])
    assert control.marginal_cdf(t).equal(law.marginal_cdf(t))
    assert control.marginal_log_prob(t).equal(law.marginal_log_prob(t))
    assert control.mean.equal(law.mean)
    assert control.variance.equal(law.variance)
    torch.testing.assert_close(
        control.log_prob(torch.stack([t, t.flip(0)], -1)), (law.marginal_log_prob(t) + law.marginal_log_prob(t.flip(0)))
    )
    assert JointPair(0.0, 0.2, 1.0).expand((3,)).decoupled() == DecoupledPair(0.0, 0.2, 1.0).expand((3,))
    with pytest.raises(NotImplementedError, match="has no closed form"):
        _ = control.log_ratio


@pytest.mark.parametrize("ratio", [1.0, 2.0, 5.0])
def test_fixed_ratio(ratio):
    law = FixedRatioPair(double(ratio), double(0.2), double(1.0))
    torch.manual_seed(2)
    t1, t2 = law.sample((50_000,)).unbind(-1)
    torch.testing.assert_close(t2, ratio * t1, rtol=1e-15, atol=0)
    if ratio == 5:
        torch.testing.assert_close(t1, torch.full_like(t1, 0.2))
        assert law.correlation.isnan()
    else:
        assert uniform_distance((t1 - 0.2) / (1 / ratio - 0.2)) < ks_bound(50_000)
        assert law.correlation.item() == 1
    for use in (law.log_prob, law.marginal_log_prob, law.marginal_cdf):
        with pytest.raises(NotImplementedError, match=r"line t2 = ratio \* t1|different laws"):
            use(torch.stack([t1, t2], -1))
    with pytest.raises(NotImplementedError, match="is a constant"):
        _ = law.log_ratio


def test_limits_of_beta():
    """All alike: t1 = t2, uniform. All apart: the two ends, in random order."""
    u_ratio, u_first = torch.rand(2, 10_000, dtype=torch.float64)
    t1, t2 = joint(1e6).from_uniform(u_ratio, u_first)
    torch.testing.assert_close(t1, t2, rtol=1e-4, atol=0)
    torch.testing.assert_close(t1, 0.2 + 0.8 * u_first, rtol=1e-4, atol=0)
    assert joint(1e6).mean.tolist() == pytest.approx([0.6, 0.6], abs=1e-6)
    assert joint(1e6).correlation.item() == pytest.approx(1, abs=1e-6)
    t1, t2 = joint(-1e6).from_uniform(u_ratio, u_first)
    torch.testing.assert_close(torch.minimum(t1, t2), torch.full_like(t1, 0.2), rtol=1e-4, atol=0)
    torch.testing.assert_close(torch.maximum(t1, t2), torch.ones_like(t1), rtol=1e-4, atol=0)
    assert ((t2 > t1) == (u_ratio > 0.5)).all()
    assert joint(-1e6).correlation.item() == pytest.approx(-1, abs=1e-4)
    assert joint(-1e6).variance.tolist() == pytest.approx([0.16, 0.16], abs=1e-5)


@pytest.mark.parametrize("kind", [JointPair, DecoupledPair, IndependentPair, FixedRatioPair])
@pytest.mark.parametrize("unit", [1.0, 0.37, 1e-6, 1e6])
def test_a_change_of_units_changes_the_units(kind, unit):
    extra = [] if kind is IndependentPair else [1.5]
    rows = torch.rand(kind.row_width, 100, dtype=torch.float64)
    scaled = kind(*extra, double(0.2 * unit), double(1.0 * unit))
    plain = kind(*extra, double(0.2), double(1.0))
    for value, expected in zip(scaled.from_uniform(*rows), plain.from_uniform(*rows), strict=True):
        torch.testing.assert_close(value, unit * expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(scaled.mean, unit * plain.mean, rtol=1e-12, atol=0)
    torch.testing.assert_close(scaled.variance, unit**2 * plain.variance, rtol=1e-12, atol=0)
    torch.testing.assert_close(scaled.correlation, plain.correlation, rtol=1e-12, atol=0)


@pytest.mark.parametrize("beta", [-1e6, -4.0, 0.0, 4.0])
@pytest.mark.parametrize(("low", "high"), [(0.2, 1.0), (0.08, 1.0), (0.1, 0.7), (0.3, 0.3 * (1 + 1e-15)), (1e-3, 1e3)])
@pytest.mark.parametrize("kind", [JointPair, IndependentPair])
def test_no_draw_leaves_the_range(kind, beta, low, high):
    """Not by a rounding error either, on floats, doubles or singles; at the very ends of the uniforms too."""
    law = kind(beta, low, high) if kind is JointPair else kind(low, high)
    ends = [0.0, 5e-324, 1e-17, 0.25, 0.5, 0.75, 1 - 2**-53, 1.0]
    rows = torch.cartesian_prod(*[double(ends)] * 2)
    rows = torch.cat([rows, torch.rand(500, 2, dtype=torch.float64)])
    draws = torch.tensor([law.from_uniform(*row) for row in rows.tolist()], dtype=torch.float64)
    for t in (draws, *law.from_uniform(*rows.T)):
        assert low <= t.min().item() <= t.max().item() <= high
    for t in law.from_uniform(*rows.T.float()):
        assert law.low <= t.min() <= t.max() <= law.high


@pytest.mark.parametrize(
    "law", [JointPair(-1.0, 0.2, 1.0), IndependentPair(0.2, 1.0), FixedRatioPair(2.0, 0.2, 1.0)], ids=repr
)
def test_draws_on_a_device_do_not_wait_for_it(law):
    """A meta tensor has no values: what works on it reads none back, and brings its constants to the device itself."""
    t1, t2 = law.from_uniform(*torch.empty(2, 3, 4, device="meta"))
    assert (t1.shape, t2.device.type, t1.dtype) == ((3, 4), "meta", torch.float32)
