"""What every law must hold: one table of laws, one strong check, one table of bad arguments."""

import copy
import inspect
import math
import pickle

import numpy as np
import pytest
import torch
from torch.distributions import Distribution, biject_to

import jointaug.distributions
from jointaug.distributions import (
    DecoupledPair,
    FixedRatioPair,
    IndependentLogRatio,
    IndependentPair,
    JointLogRatio,
    JointPair,
    Law,
    LogRatioLaw,
    PairLaw,
)

RANGES = [(0.2, 1.0), (0.1, 2.0), (0.95, 1.0), (1e-3, 1e3), (1.0, 1.0 + 1e-7)]
BETAS = [-1e6, -30.0, -2.0, -0.99, -1e-8, 0.0, 1e-8, 0.5, 1.0, 3.0, 12.0, 1e6]

LAWS: dict[type[Law], list[tuple[float, ...]]] = {
    JointLogRatio: [(beta, 0.2, 1.0) for beta in BETAS]
    + [(beta, *ends) for beta in (-2.0, 0.5) for ends in RANGES[1:]],
    IndependentLogRatio: RANGES,
    JointPair: [(beta, 0.2, 1.0) for beta in BETAS] + [(beta, *ends) for beta in (-2.0, 0.5) for ends in RANGES[1:]],
    DecoupledPair: [(-2.0, 0.2, 1.0), (0.0, 0.1, 2.0)],
    IndependentPair: RANGES,
    FixedRatioPair: [(1.0, 0.2, 1.0), (2.0, 0.2, 1.0), (5.0, 0.2, 1.0), (1.5, 0.1, 2.0)],
}
CASES = [pytest.param(kind, given, id=f"{kind.__name__}{given}") for kind, table in LAWS.items() for given in table]
DEGENERATE = [
    *(JointLogRatio(beta, 0.3, 0.3) for beta in (-2.0, 0.0, 2.0)),
    IndependentLogRatio(0.3, 0.3),
    *(JointPair(beta, 0.3, 0.3) for beta in (-2.0, 0.0, 2.0)),
    JointPair(1.0, 0.3, 0.3).decoupled(),
    IndependentPair(0.3, 0.3),
    FixedRatioPair(1.0, 0.3, 0.3),
]


def test_table_is_complete():
    exported = {getattr(jointaug.distributions, name) for name in jointaug.distributions.__all__}
    assert exported == LAWS.keys() | {Law, LogRatioLaw, PairLaw}


def ks_bound(n: int, failure_rate: float = 1e-6) -> float:
    """What a correct sampler exceeds once in ``1 / failure_rate`` runs (DKW inequality; Massart 1990)."""
    return math.sqrt(math.log(2 / failure_rate) / (2 * n))


def ks_distance(sample, cdf):
    """Greatest distance between the empirical cdf and the cdf, at every 100th point: no more than it is over all."""
    n = len(sample)
    at = torch.arange(0, n, 100)
    below = cdf(sample.sort().values[at])
    return torch.maximum((below - at / n).abs().max(), (below - (at + 1) / n).abs().max())


def doubles(*values):
    return [torch.tensor(value, dtype=torch.float64) for value in values]


def uniform_rows(law, n=200):
    """Uniforms [law.row_width, n]: inner ones at random, and some within 1e-12 of an end."""
    generator = torch.Generator().manual_seed(7)
    rows = torch.rand(law.row_width, n, generator=generator, dtype=torch.float64)
    rows[:, :8] = torch.tensor([1e-12, 1e-6, 0.25, 0.5, 0.75, 1 - 1e-6, 1 - 1e-12, 0.499999])
    return rows


def drawn(law, rows):
    draw = law.from_uniform(*rows)
    return torch.stack(draw, -1) if isinstance(law, PairLaw) else draw


def check_contract(law, shape):
    """Shapes, dtypes, constraints and supports as torch.distributions has them."""
    event = (2,) if isinstance(law, PairLaw) else ()
    assert (law.batch_shape, law.event_shape, law.has_rsample) == (shape, event, True)
    for name, constraint in law.arg_constraints.items():
        assert getattr(law, name).shape == shape
        assert constraint.check(getattr(law, name)).all()
    torch.manual_seed(0)
    sample = law.sample((5, 4))
    assert sample.shape == (5, 4, *shape, *event)
    assert sample.dtype == law.low.dtype
    assert law.support.check(sample).all()
    assert law.support.event_dim == len(event)
    biject_to(law.support)  # a constraint that torch knows
    torch.manual_seed(0)
    assert law.sample((5, 4)).equal(sample)  # torch's generator, and nothing else
    assert law.mean.shape == law.variance.shape == law.stddev.shape == (*shape, *event)
    assert law.mean.dtype == law.low.dtype
    if not isinstance(law, FixedRatioPair):
        assert law.log_prob(sample).shape == (5, 4, *shape)


def check_paths_agree(law, given):
    """Floats by `math` and tensors by torch, in double precision; alone and in a batch."""
    rows = uniform_rows(law)
    draws = drawn(law, rows)
    assert draws.dtype == torch.float64
    floats = [law.from_uniform(*row) for row in rows.T.tolist()]
    assert all(type(x) is float for draw in floats for x in (draw if isinstance(draw, tuple) else (draw,)))
    torch.testing.assert_close(torch.tensor(floats, dtype=torch.float64), draws, rtol=1e-12, atol=1e-12)
    as_tensors = type(law)(*doubles(*given))
    torch.testing.assert_close(drawn(as_tensors, rows), draws, rtol=1e-14, atol=0)
    alone = as_tensors.from_uniform(*rows[:, 0].tolist())  # floats become tensors where the law is made of tensors
    torch.testing.assert_close(torch.stack(alone) if isinstance(alone, tuple) else alone, draws[0], rtol=1e-14, atol=0)
    at_ends = drawn(law, torch.tensor([[0.0, 1.0]] * law.row_width, dtype=torch.float64))
    assert as_tensors.support.check(at_ends).all()
    floats = [law.from_uniform(*[end] * law.row_width) for end in (0.0, 1.0)]
    torch.testing.assert_close(torch.tensor(floats, dtype=torch.float64), at_ends, rtol=1e-12, atol=1e-12)
    single = drawn(law, rows.float())
    assert single.dtype == torch.float32
    assert law.support.check(single).all()


def check_identity(law):
    """Copies, pickles and the printed form are the same law."""
    for twin in (copy.copy(law), copy.deepcopy(law), pickle.loads(pickle.dumps(law)), eval(repr(law))):
        assert twin == law
        assert hash(twin) == hash(law)
        assert twin.from_uniform(*[0.3] * law.row_width) == law.from_uniform(*[0.3] * law.row_width)
    assert law.expand((2,)) != law


def check_expand(law, given):
    wide = law.expand((3, 1)).expand((3, 4))
    check_contract(wide, (3, 4))
    rows = torch.rand(law.row_width, 2, 3, 4, dtype=torch.float64)
    torch.testing.assert_close(drawn(wide, rows), drawn(law, rows), rtol=1e-14, atol=0)
    assert wide.mean.eq(law.mean).all()
    assert wide.expand((3, 4)) == wide
    assert wide.parameters == dict(zip(law.parameters, given, strict=True))


def check_marginals(law, sample):
    """Every coordinate follows its law, by the DKW bound at a failure rate of 1e-6; the seed is fixed."""
    if isinstance(law, LogRatioLaw):
        assert ks_distance(sample, law.cdf) < ks_bound(len(sample))
    elif not isinstance(law, FixedRatioPair):
        for t in sample.unbind(-1):
            assert ks_distance(t, law.marginal_cdf) < ks_bound(len(sample))


def gauss(n):
    """Nodes and weights on (0, 1) that make `check_moments` exact, or nearly so."""
    nodes, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(n))
    return (nodes + 1) / 2, weights / 2


def check_moments(law):
    """Mean, variance and correlation are those of the draws, integrated over the uniforms."""
    v, weights = gauss(100)
    half, weights = (
        v**3 * (10 - 15 * v + 6 * v**2) / 2,
        weights * 15 * v**2 * (1 - v) ** 2,
    )  # crowded where draws are steep
    ratio, weights = torch.cat([half, 1 - half]), weights.repeat(2)
    exact = type(law)(*doubles(*law.parameters.values()))
    if isinstance(law, LogRatioLaw):
        draws, spread = drawn(law, ratio[None])[:, None], law.support.upper_bound.item()
        torch.testing.assert_close((weights @ draws.abs()).squeeze(), exact.mean_abs, rtol=0, atol=1e-6 * spread)
    else:  # a decoupled pair, which takes four uniforms, has the moments of the coupled one, but for the correlation
        coupled = JointPair(**law.parameters) if isinstance(law, DecoupledPair) else law
        first, first_weights = gauss(40)
        draws = drawn(coupled, torch.meshgrid(ratio, first, indexing="ij")).flatten(0, 1)
        weights, spread = torch.outer(weights, first_weights).flatten(), float(law.high - law.low)
    mean = weights @ draws
    covariance = (weights[:, None] * (draws - mean)).T @ (draws - mean)
    torch.testing.assert_close(mean.squeeze(), exact.mean, rtol=0, atol=1e-5 * spread)
    torch.testing.assert_close(covariance.diag().squeeze(), exact.variance, rtol=0, atol=1e-5 * spread**2)
    if isinstance(law, DecoupledPair):
        assert exact.correlation == 0
    elif isinstance(law, PairLaw) and exact.variance.min() > 0:
        correlation = covariance[0, 1] / covariance.diag().prod().sqrt()
        torch.testing.assert_close(correlation, exact.correlation, rtol=0, atol=3e-5)


def check_outside(law):
    """`log_prob` refuses what is outside, or gives -inf when it is told not to look; cdfs take every real."""
    lenient = type(law)(**law.parameters, validate_args=False)
    end = law.support.base_constraint.upper_bound if isinstance(law, PairLaw) else law.support.upper_bound
    outside = end.expand(law.event_shape) * 1.5 + 1
    with pytest.raises(ValueError, match="support"):
        law.log_prob(outside)
    with pytest.raises(ValueError, match="Tensor"):
        law.log_prob(0.3)
    assert lenient.log_prob(outside).item() == -math.inf
    cdf = law.marginal_cdf if isinstance(law, PairLaw) else law.cdf
    assert cdf(torch.tensor([-math.inf, -9e9, 9e9, math.inf])).tolist() == [0, 0, 1, 1]
    assert cdf(torch.tensor(math.nan)).isnan()
    if isinstance(law, PairLaw):
        with pytest.raises(ValueError, match="marginal_cdf takes any number"):
            law.marginal_log_prob(outside[0])
        assert lenient.marginal_log_prob(outside[0]).item() == -math.inf


def check_gradient(kind, given):
    """The draw's derivative in each parameter is the difference quotient: `rsample` is honest."""
    parameters = [p.requires_grad_() for p in doubles(*given)]
    rows = torch.full((kind.row_width, 1), 0.3, dtype=torch.float64)
    weights = torch.tensor([1.0, 2.0], dtype=torch.float64)

    def value(*p):
        return (drawn(kind(*p, validate_args=False), rows) * (weights if issubclass(kind, PairLaw) else 1)).sum()

    for i, slope in enumerate(torch.autograd.grad(value(*parameters), parameters)):
        step = 1e-5 * max(1e-3, abs(given[i]))
        up, down = (value(*[p + s * (j == i) for j, p in enumerate(doubles(*given))]).item() for s in (step, -step))
        assert slope.item() == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("kind", "given"), CASES)
def test_law(kind, given):
    law = kind(*given)
    assert isinstance(law, Distribution)
    check_paths_agree(law, given)
    check_identity(law)
    check_contract(law, ())
    check_expand(law, given)
    torch.manual_seed(1)
    check_marginals(law, kind(*doubles(*given)).sample((100_000,)))
    check_moments(law)
    if kind is not FixedRatioPair:
        check_outside(law)
    if abs(given[0]) < 1e4 and given[-2:] != RANGES[-1] and given != (5.0, 0.2, 1.0):
        check_gradient(kind, given)


@pytest.mark.parametrize("kind", LAWS, ids=lambda kind: kind.__name__)
def test_a_batch_is_its_elements(kind):
    table = LAWS[kind]
    batch = kind(*doubles(*zip(*table, strict=True)))
    check_contract(batch, (len(table),))
    rows = uniform_rows(batch, len(table) * 10).unflatten(-1, (10, len(table)))
    draws = drawn(batch, rows)
    singles = [kind(*doubles(*given)) for given in table]
    for i, single in enumerate(singles):
        torch.testing.assert_close(draws[:, i], drawn(single, rows[..., i]), rtol=1e-13, atol=0)
    methods = ["mean", "variance", *(["correlation"] if issubclass(kind, PairLaw) else ["mean_abs", "entropy"])]
    methods += (
        []
        if kind is FixedRatioPair
        else ["log_prob"] + (["marginal_log_prob"] if issubclass(kind, PairLaw) else ["cdf"])
    )
    for name in methods:
        attribute = getattr(batch, name)
        if name in ("log_prob", "cdf"):
            result, parts = attribute(draws), [getattr(s, name)(draws[:, i]) for i, s in enumerate(singles)]
            result = result.T
        elif name == "marginal_log_prob":
            result, parts = (
                attribute(draws[..., 0]).T,
                [s.marginal_log_prob(draws[:, i, 0]) for i, s in enumerate(singles)],
            )
        else:
            result = attribute() if callable(attribute) else attribute
            parts = [getattr(s, name)() if callable(attribute) else getattr(s, name) for s in singles]
        torch.testing.assert_close(result, torch.stack(parts), rtol=1e-12, atol=1e-300, equal_nan=True)


@pytest.mark.parametrize("kind", LAWS, ids=lambda kind: kind.__name__)
def test_parameters_broadcast_and_choose_the_dtype(kind):
    *shape, low, high = LAWS[kind][-1]
    lows = torch.tensor([low, low * 1.01], dtype=torch.float32)
    highs = torch.tensor([[high * 1.02], [high * 1.03], [high * 1.04]], dtype=torch.float64)
    law = kind(*shape, lows, highs)
    check_contract(law, (3, 2))
    assert law.low.dtype == torch.float64
    assert kind(*shape, lows, high * 1.1).low.dtype == torch.float32
    assert kind(*LAWS[kind][-1]).low.dtype == torch.float32
    assert (
        drawn(kind(*shape, lows, high * 1.1), torch.rand(law.row_width, 5, 2, dtype=torch.float64)).dtype
        == torch.float64
    )
    with pytest.raises(ValueError, match=r"must broadcast, got shapes .*\(3,\) for low, \(2,\) for high"):
        kind(*shape, torch.full((3,), low), torch.full((2,), high))


@pytest.mark.parametrize("law", DEGENERATE, ids=repr)
def test_an_empty_range_is_a_constant(law):
    constant = 0.3 if isinstance(law, PairLaw) else 0.0
    assert drawn(law, uniform_rows(law)).eq(constant).all()
    result = law.from_uniform(*[0.7] * law.row_width)
    assert result == ((constant, constant) if isinstance(law, PairLaw) else constant)
    assert law.mean.eq(torch.tensor(constant)).all()
    assert law.variance.eq(0).all()
    around = torch.tensor([constant - 0.1, constant, constant + 0.1])
    with pytest.raises(NotImplementedError, match=r"has no density: (where high equals low|all its pairs lie)"):
        law.log_prob(law.mean)
    if isinstance(law, LogRatioLaw):
        assert law.cdf(around).tolist() == [0, 1, 1]
        assert (law.tail(1.0).item(), law.tail(2.0).item(), law.mean_abs.item()) == (0, 0, 0)
        with pytest.raises(NotImplementedError, match="has no density"):
            law.entropy()
    else:
        assert law.correlation.isnan()
        if not isinstance(law, FixedRatioPair):
            assert law.marginal_cdf(around).tolist() == [0, 1, 1]
            with pytest.raises(NotImplementedError, match="has no density"):
                law.marginal_log_prob(torch.tensor(0.3))


def test_equality_is_of_type_and_parameters():
    law = JointPair(0.0, 0.2, 1.0)
    others = [
        JointPair(0.1, 0.2, 1.0),
        JointPair(0.0, 0.3, 1.0),
        JointLogRatio(0.0, 0.2, 1.0),
        law.decoupled(),
        law.expand((1,)),
        JointPair(*torch.tensor([0.0, 0.2, 1.0])),
        JointPair(*doubles(0.0, 0.2, 1.0)),
        "JointPair(beta=0.0, low=0.2, high=1.0)",
    ]
    assert all(law != other for other in others)
    assert len({law, JointPair(0, 0.2, 1), *others}) == 1 + len(others)
    tensor_law = JointPair(*doubles([0.0, 1.0], 0.2, 1.0))
    assert tensor_law == pickle.loads(pickle.dumps(tensor_law)) == copy.deepcopy(tensor_law)
    assert hash(tensor_law) == hash(copy.deepcopy(tensor_law))


def test_printed_form_shows_the_parameters():
    assert repr(JointPair(0, 0.2, 1)) == "JointPair(beta=0.0, low=0.2, high=1.0)"
    assert repr(IndependentPair(0.2, 1.0).expand((3,))) == "IndependentPair(low=0.2, high=1.0, batch_shape=(3,))"
    assert repr(IndependentPair(torch.ones(2), torch.full((7, 2), 2.0))) == (
        "IndependentPair(low=tensor of shape (7, 2), high=tensor of shape (7, 2))"
    )
    assert "low=tensor([1., 1.])" in repr(IndependentPair(torch.ones(2), torch.full((2,), 2.0)))


@pytest.mark.parametrize("value", [-0.1, 1.5, math.nan, math.inf])
def test_a_float_that_is_no_uniform_is_named(value):
    with pytest.raises(ValueError, match=r"a uniform must lie in \(0, 1\), got"):
        JointLogRatio(0.0, 0.2, 1.0).from_uniform(value)
    with pytest.raises(ValueError, match=r"a uniform must lie in \(0, 1\), got"):
        JointPair(0.0, 0.2, 1.0).from_uniform(0.5, value)


@pytest.mark.parametrize("given", [(0.5,), (0.5, 0.5, 0.5)])
def test_the_number_of_uniforms_is_checked(given):
    with pytest.raises(TypeError, match=rf"JointPair.from_uniform takes 2 uniforms, got {len(given)}"):
        JointPair(0.0, 0.2, 1.0).from_uniform(*given)


class Halves(PairLaw):
    """A law of one's own, by the least that `Law` asks."""

    row_width = 1

    def __init__(self, low, high, validate_args=None):
        super().__init__(validate_args, low=low, high=high)

    def _draw(self, *row):
        low, high = self._exact(row[0].device)
        t = low + (high - low) * row[0]
        return t, (t / 2).clamp(low, high)


def test_a_law_of_ones_own_needs_only_a_draw():
    law = Halves(0.2, 1.0)
    assert law.from_uniform(0.5) == pytest.approx((0.6, 0.3))
    assert law.sample((3,)).shape == (3, 2)
    assert law.expand((4,)).sample().shape == (4, 2)
    assert repr(law) == "Halves(low=0.2, high=1.0)"
    for ask, lacks in {
        lambda: law.log_prob(torch.tensor([0.4, 0.2])): r"density; define Halves\._log_density\(value\), or do without",
        lambda: law.marginal_log_prob(torch.tensor(0.4)): r"density of .*; define Halves\._marginal_log_density\(t\)",
        lambda: law.marginal_cdf(torch.tensor(0.4)): r"cdf of one view's parameter; define Halves\._marginal_cdf\(t\)",
        lambda: law.correlation: r"correlation in closed form; define Halves\.correlation",
        PairLaw(None, low=0.2, high=1.0).sample: r"draw; define PairLaw\._draw\(\*row\)",
    }.items():
        with pytest.raises(NotImplementedError, match=rf"(Halves|PairLaw)\(low=0.2, high=1.0\) has no {lacks}"):
            ask()
    with pytest.raises(NotImplementedError, match="has no closed form"):
        _ = law.log_ratio


NAN, INF = math.nan, math.inf
RANGE_RULE = "low and high must satisfy 0 < low <= high, got low=.*; give the range"
BAD = [
    (
        JointLogRatio,
        (NAN, 0.2, 1.0),
        ValueError,
        "beta must be a finite number or a tensor of them, got nan; 0 makes all",
    ),
    (JointLogRatio, (INF, 0.2, 1.0), ValueError, "beta must be a finite number .*, got inf"),
    (JointLogRatio, ("0", 0.2, 1.0), TypeError, "beta must be a finite number .*, got '0' of type str"),
    (JointLogRatio, (True, 0.2, 1.0), TypeError, "beta must be a finite number .*, got True of type bool"),
    (
        JointLogRatio,
        (torch.tensor([0.0, NAN]), 0.2, 1.0),
        ValueError,
        "beta must be finite in every element, got beta=tensor",
    ),
    (JointLogRatio, (torch.tensor(1j), 0.2, 1.0), TypeError, "beta must be .*, got a tensor of torch.complex64"),
    (JointLogRatio, (0.0, 1.0, 0.2), ValueError, "got beta=0.0, low=1.0, high=0.2"),
    (JointPair, (NAN, 0.2, 1.0), ValueError, "beta must be a finite number"),
    (
        JointPair,
        (0.0, torch.tensor([0.2, 1.5]), 1.0),
        ValueError,
        r"low and high must satisfy .*low=tensor\(\[0.2000, 1.5000\]\)",
    ),
    (DecoupledPair, (INF, 0.2, 1.0), ValueError, "beta must be a finite number"),
    (IndependentLogRatio, (0.0, 1.0), ValueError, RANGE_RULE),
    (IndependentLogRatio, (-0.2, 1.0), ValueError, RANGE_RULE),
    (IndependentLogRatio, (0.2, INF), ValueError, "high must be a finite number .*, got inf; give the range"),
    (IndependentLogRatio, (0.2, torch.tensor(INF)), ValueError, "high must be finite in every element"),
    (IndependentPair, (0.3, 0.2), ValueError, RANGE_RULE),
    (IndependentPair, (None, 0.2), TypeError, "low must be .*, got None of type NoneType"),
    (IndependentPair, ([0.1, 0.2], 0.2), TypeError, r"low must be .*, got \[0.1, 0.2\] of type list"),
    (
        FixedRatioPair,
        (0.5, 0.2, 1.0),
        ValueError,
        r"ratio must lie in \[1, high / low\], got ratio=0.5, .*; swap the views",
    ),
    (FixedRatioPair, (5.1, 0.2, 1.0), ValueError, r"ratio must lie in \[1, high / low\], got ratio=5.1"),
    (FixedRatioPair, (torch.tensor([2.0, 6.0]), 0.2, 1.0), ValueError, r"ratio must lie in"),
    (FixedRatioPair, (NAN, 0.2, 1.0), ValueError, "ratio must be a finite number .*; 2 makes"),
]


@pytest.mark.parametrize(("kind", "given", "error", "message"), BAD)
def test_bad_arguments_are_named(kind, given, error, message):
    with pytest.raises(error, match=message):
        kind(*given)


def test_every_law_refuses_a_bad_range_and_an_unknown_keyword():
    for kind in LAWS:
        extra = [1.0] * (len(inspect.signature(kind).parameters) - 3)
        with pytest.raises(ValueError, match="low and high must satisfy"):
            kind(*extra, 1.0, 0.5)
        with pytest.raises(TypeError, match="generator"):
            kind(*extra, 0.5, 1.0, generator=None)


def test_validation_can_be_switched_off_as_in_torch():
    law = JointPair(torch.tensor(0.0), torch.tensor(1.0), torch.tensor(0.5), validate_args=False)
    assert law.low.item() == 1.0
    assert not law.expand((2,))._validate_args
    assert not law.log_ratio._validate_args
    assert JointPair(0.0, 0.2, 1.0).log_ratio.expand((2,))._validate_args


def test_arguments_are_checked_after_torch_compile_too(monkeypatch):
    """It calls ``Distribution.set_default_validate_args(False)``, which lasts: 5 would then be a share of an area."""
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", False)
    with pytest.raises(ValueError, match="low"):
        JointPair(0.0, 5.0, 1.0)


def test_a_uniform_of_zero_is_kept_from_the_draws(monkeypatch):
    """torch.rand may give 0, where the quantile of a large beta has no derivative."""
    monkeypatch.setattr(torch, "rand", lambda shape, **kwargs: torch.zeros(shape, **kwargs))
    parameters = [p.requires_grad_() for p in doubles(50.0, 0.2, 1.0)]
    draw = JointPair(*parameters).rsample()
    assert draw.isfinite().all()
    assert all(slope.isfinite() for slope in torch.autograd.grad(draw.sum(), parameters))
