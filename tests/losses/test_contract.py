"""What every loss promises, over one table of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from jointaug import losses as L

B, D, K = 8, 4, 12
generator = torch.Generator().manual_seed(1)


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


QUEUE = torch.nn.functional.normalize(randn(D, K), dim=0)
NEGATIVES = torch.nn.functional.normalize(randn(B, K, D), dim=2)
CENTER, PERM, LAM = randn(D), torch.randperm(B, generator=generator), torch.rand(B, generator=generator)
DISTANCES = torch.rand(2 * B, 2 * B, generator=generator) + 0.1


@dataclass(frozen=True)
class Case:
    """A loss of ``count`` embeddings [B, D]; a gradient flows into those numbered in ``live`` and into no other."""

    count: int
    loss: Callable[..., L.LossParts]
    live: tuple[int, ...]


def cosines(*rows: Tensor) -> tuple[Tensor, Tensor]:
    v, k, *negatives = (L.unit(x) for x in rows)
    return (v * k).sum(1), torch.stack([(v * n).sum(1) for n in negatives], 1)


CASES = {
    "info_nce": Case(2, lambda q, k: L.info_nce(q, k, QUEUE), (0,)),
    "info_nce, margin": Case(2, lambda q, k: L.info_nce(q, k, QUEUE, tau=0.1, m=-0.5), (0,)),
    "margin_nce": Case(4, lambda *x: L.margin_nce(*cosines(*x), m=-0.5), (0, 1, 2, 3)),
    "npid": Case(2, lambda v, own: L.npid(v, own, NEGATIVES), (0,)),
    "npid, negatives for all": Case(2, lambda v, own: L.npid(v, own, NEGATIVES[0], m=0.2), (0,)),
    "nt_xent": Case(2, L.nt_xent, (0, 1)),
    "nt_xent, inside": Case(2, lambda x, y: L.nt_xent(x, y, tau=0.5, d=DISTANCES), (0, 1)),
    "nt_xent, inside, positive out": Case(
        2, lambda x, y: L.nt_xent(x, y, tau=0.5, d=DISTANCES, positive_in_denominator=False), (0, 1)
    ),
    "score_nce": Case(4, lambda *x: L.score_nce(*cosines(*x), DISTANCES[:B, 0], DISTANCES[:B, 1:3]), (0, 1, 2, 3)),
    "moco_v3": Case(4, L.moco_v3, (0, 1)),
    "leoclr": Case(3, lambda u, v1, v2: L.leoclr(u, v1, v2, QUEUE), (0,)),
    "leoclr, attract all": Case(4, lambda u, v1, v2, q1: L.leoclr(u, v1, v2, QUEUE, q1=q1), (0, 3)),
    "leoclr_end_to_end": Case(3, L.leoclr_end_to_end, (0, 1, 2)),
    "clim": Case(3, lambda q, i, j: L.clim(q, i, j, LAM, QUEUE), (0,)),
    "clim_multi_resolution": Case(
        6, lambda *x: L.clim_multi_resolution(x[:2], x[2:4], x[4:], [LAM, 0.3], QUEUE), (0, 1)
    ),
    "interclr": Case(
        4, lambda q, k, p, n: L.interclr(L.info_nce(q, k, QUEUE), L.margin_nce(*cosines(q, p, n)), lam=0.75), (0, 2, 3)
    ),
    "byol": Case(4, L.byol, (0, 1)),
    "simsiam": Case(4, L.simsiam, (0, 1)),
    "dino": Case(5, lambda s1, s2, local, t1, t2: L.dino([s1, s2, local], [t1, t2], CENTER), (0, 1, 2)),
    "vicreg": Case(2, L.vicreg, (0, 1)),
    "vicreg, paper": Case(2, lambda x, y: L.vicreg(x, y, form="paper"), (0, 1)),
    "wmse": Case(3, lambda *x: L.wmse(x, B, torch.stack([PERM, PERM.flip(0)])), (0, 1, 2)),
}
NO_LOSS = {
    *("Center", "LossParts", "OneView", "Queue", "ScoreStatistics", "batch_mean", "full_precision", "gather"),
    *("global_mean", "reduce", "score_distance", "score_distances", "score_weight", "unit", "whiten"),
}
WEIGHTABLE = [name for name in CASES if not name.startswith("npid")]
OWN_CONSTANTS = {  # cases whose constants above belong to the images one by one
    *("npid", "score_nce", "clim", "clim_multi_resolution", "nt_xent, inside", "nt_xent, inside, positive out")
}
each = pytest.mark.parametrize("name", CASES)


def embeddings(case: Case, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    drawn = torch.randn(case.count, B, D, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return [x.to(dtype).requires_grad_() for x in drawn]


def test_the_table_holds_every_loss():
    assert {name.split(",")[0] for name in CASES} == set(L.__all__) - NO_LOSS


def test_public_names_are_sorted_and_documented():
    assert L.__all__ == sorted(L.__all__)
    for name in L.__all__:
        assert getattr(L, name).__doc__, name


@each
def test_two_parts_and_their_mean(name):
    case = CASES[name]
    per_sample, shared = parts = case.loss(*embeddings(case))
    assert isinstance(parts, L.LossParts)
    assert per_sample.shape == (B,)
    assert shared.shape == ()
    torch.testing.assert_close(L.reduce(parts), sum(per_sample) / B + shared, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", WEIGHTABLE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_literal_weight_one_is_the_baseline_bit_for_bit(name, dtype):
    case = CASES[name]
    results = []
    for weight in (None, torch.ones(B)):
        x = embeddings(case, dtype)
        loss = L.reduce(case.loss(*x), weight)
        loss.backward()
        results.append([loss, *(x[i].grad for i in case.live)])
    for baseline, weighted in zip(*results, strict=True):
        assert torch.equal(baseline, weighted)


@pytest.mark.parametrize("name", WEIGHTABLE)
def test_a_weight_acts_on_each_image_and_not_on_the_shared_part(name):
    case, weight = CASES[name], torch.arange(B, dtype=torch.float64).requires_grad_()
    per_sample, shared = case.loss(*embeddings(case))
    by_hand = sum(i * per_sample[i] for i in range(B)) / B + shared
    total = L.reduce((per_sample, shared), weight)
    torch.testing.assert_close(total, by_hand, rtol=1e-13, atol=1e-13)
    total.backward()
    assert weight.grad is None


@each
def test_gradients_are_finite_differences(name):
    case = CASES[name]
    x = embeddings(case)
    fixed = {i: x[i].detach() for i in range(case.count) if i not in case.live}
    weight = None if name.startswith("npid") else torch.linspace(0.2, 2, B)

    def loss(*live: Tensor) -> Tensor:
        moving = dict(zip(case.live, live, strict=True))
        return L.reduce(case.loss(*[fixed[i] if i in fixed else moving[i] for i in range(case.count)]), weight)

    assert torch.autograd.gradcheck(loss, [x[i] for i in case.live], eps=1e-6, atol=1e-6)


@each
def test_no_gradient_flows_where_the_method_stops_it(name):
    case = CASES[name]
    x = embeddings(case)
    L.reduce(case.loss(*x)).backward()
    for i, leaf in enumerate(x):
        assert (leaf.grad is not None and bool(leaf.grad.abs().sum() > 0)) == (i in case.live), i


@pytest.mark.parametrize("name", [n for n in CASES if n not in OWN_CONSTANTS])
def test_images_permuted_are_losses_permuted(name):
    case, order = CASES[name], torch.tensor([3, 0, 7, 1, 2, 6, 5, 4])
    x = embeddings(case)
    here, there = case.loss(*x), case.loss(*[e[order] for e in x])
    torch.testing.assert_close(here.per_sample[order], there.per_sample, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(here.shared, there.shared, rtol=1e-10, atol=1e-12)


@each
def test_float64_stays_and_float32_is_near(name):
    case = CASES[name]
    exact, single = (case.loss(*embeddings(case, dtype)) for dtype in (torch.float64, torch.float32))
    assert exact.per_sample.dtype == exact.shared.dtype == torch.float64
    assert single.per_sample.dtype == single.shared.dtype == torch.float32
    torch.testing.assert_close(single.per_sample.double(), exact.per_sample, rtol=1e-4, atol=1e-4)


@each
def test_autocast_and_half_embeddings_compute_in_float32(name):
    case = CASES[name]
    half = [x.detach().bfloat16().requires_grad_() for x in embeddings(case)]
    single = [x.detach().float().requires_grad_() for x in half]
    expected = L.reduce(case.loss(*single))
    expected.backward()
    with torch.autocast("cpu", torch.bfloat16):
        inside = L.reduce(case.loss(*half))
    inside.backward()
    assert inside.dtype == torch.float32
    if not name.startswith(("margin", "score", "interclr")):  # whose cosines are this test's, in half precision
        assert torch.equal(inside, expected)
        for i in case.live:
            assert torch.equal(half[i].grad, single[i].grad.bfloat16())


@each
@pytest.mark.parametrize("rows", [slice(0, 1), slice(0, None)])
def test_zero_embeddings_give_finite_losses_and_small_gradients(name, rows):
    """Small: a normalisation by an epsilon would give 1e8 or more."""
    case = CASES[name]
    for zeros in range(case.count):
        if name == "wmse" and rows.stop is None:
            continue  # nothing can whiten embeddings that are all equal: an error, tested with the bad input
        x = [e.detach().float() for e in embeddings(case)]
        x[zeros][rows] = 0
        x = [e.requires_grad_() for e in x]
        loss = L.reduce(case.loss(*x))
        loss.backward()
        assert loss.isfinite()
        for i in case.live:
            assert x[i].grad.isfinite().all()
            assert x[i].grad.abs().max() < 1000


@pytest.mark.parametrize("name", [n for n in CASES if n not in OWN_CONSTANTS and not n.startswith(("vicreg", "wmse"))])
def test_one_image_a_batch(name):
    case = CASES[name]
    x = [e.detach()[:1].requires_grad_() for e in embeddings(case)]
    loss = L.reduce(case.loss(*x))
    loss.backward()
    assert loss.isfinite()
    assert all(x[i].grad.isfinite().all() for i in case.live)


SCALED = [n for n in CASES if not n.startswith(("vicreg", "dino"))]  # these depend on lengths: test_vicreg, test_dino


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("exponent", [-100, -83, -45, 45, 65, 100, None])
def test_only_directions_matter_at_any_scale(name, exponent):
    """Theory: the value stays, the gradient is divided by the scale. Powers of two, which float32 multiplies exactly.

    2^-83 is 1e-25; None gives every row another of 2^-100 to 2^100.
    """
    if name == "wmse" and exponent is None:
        pytest.skip("whitening depends on the rows' relative lengths")
    case = CASES[name]
    given = [x.detach().float() for x in embeddings(case)]
    drawn = torch.randint(-100, 101, (case.count, B, 1), generator=torch.Generator().manual_seed(3))
    scales = torch.ldexp(torch.ones(case.count, B, 1), drawn if exponent is None else torch.full_like(drawn, exponent))
    exact = [x.double().requires_grad_() for x in given]
    scaled = [(x * s).requires_grad_() for x, s in zip(given, scales, strict=True)]
    expected, got = L.reduce(case.loss(*exact)), L.reduce(case.loss(*scaled))
    expected.backward()
    got.backward()
    torch.testing.assert_close(got.double(), expected, rtol=1e-5, atol=1e-5)
    for i in case.live:
        torch.testing.assert_close((scaled[i].grad * scales[i]).double(), exact[i].grad, rtol=1e-3, atol=1e-5)


@each
@pytest.mark.parametrize("spread", [1e-2, 1e-4, 0.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_collapsed_embeddings_are_float64s(name, spread, dtype):
    """The library's own float64 on the numbers that the dtype has; tolerances of float32 logits at tau = .07."""
    case = CASES[name]
    if name == "wmse" and (spread < 1e-3 or dtype != torch.float32):
        pytest.skip("of too low a rank: refused, tested below and with the bad input")
    base = torch.randn(1, D, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    given = [(base + spread * x.detach()).to(dtype) for x in embeddings(case)]
    with torch.autocast("cpu", torch.bfloat16):
        got = L.reduce(case.loss(*[x.clone() for x in given]))
    expected = L.reduce(case.loss(*[x.double() for x in given]))
    torch.testing.assert_close(got.double(), expected, rtol=2e-5, atol=2e-5)
