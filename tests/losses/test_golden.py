"""Numbers worked out apart from this code, in double precision; and the papers' formulas as slow loops."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from jointaug import losses as L


def t(*rows) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def total(parts: L.LossParts, weight: Tensor | None = None) -> float:
    return L.reduce(parts, weight).item()


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("tau", "m", "value"),
    [(0.1, 0, 0.558818), (0.1, -0.5, 0.005031), (0.1, 0.5, 4.719415), (0.2, 0, 0.801448), (0.2, -0.5, 0.096095)],
)
def test_margin_nce(tau, m, value):
    assert total(L.margin_nce(t(0.3), t([0.1, -0.2, 0.25]), m=m, tau=tau)) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("tau", "value"), [(0.5, 0.855528), (0.1, 1.139889)])
def test_nt_xent(tau, value):
    z1, z2 = t([1, 0, 0], [0, 1, 0]), t([0.6, 0.8, 0], [0, 0.6, 0.8])
    assert total(L.nt_xent(z1, z2, tau=tau)) == pytest.approx(value, abs=1e-6)


def test_leoclr():
    u, v1, v2, queue = t([1, 0]), t([0.8, 0.6]), t([0.6, -0.8]), t([0, 1], [0, -1]).T
    first, second = (total(L.info_nce(u, v, queue, tau=0.2)) for v in (v1, v2))
    assert (first, second) == (pytest.approx(0.035976, abs=1e-6), pytest.approx(0.094923, abs=1e-6))
    assert total(L.leoclr(u, v1, v2, queue, tau=0.2)) == pytest.approx(0.130899, abs=1e-6)


Z, Z2 = t([1, 0], [0, 1], [1, 1], [0, 0]), t([1, 0.5], [0, 1], [0.5, 1], [0, 0.5])


def test_vicreg():
    code, paper = L.vicreg(Z, Z2), L.vicreg(Z, Z2, form="paper")
    assert code.per_sample.mean().item() / 25 == pytest.approx(0.09375, abs=1e-9)
    assert L.vicreg(Z, Z2, mu=0).shared.item() == pytest.approx(0 + 0.001736, abs=1e-6)
    assert L.vicreg(Z, Z2, nu=0).shared.item() / 25 == pytest.approx(0.211282 + 0.308083, abs=1e-6)
    assert total(code) == pytest.approx(15.329611, abs=1e-6)
    assert total(paper) == pytest.approx(30.657486, abs=1e-6)
    assert total(code, t(2, 0, 1, 1)) == pytest.approx(16.110861, abs=1e-6)


def test_whitening():
    white = L.whiten(t([1, 2], [2, 1], [0, 1], [3, 4]))
    expected = t([-0.387298, 0.414039], [0.387298, -1.449138], [-1.161895, 0.207020], [1.161895, 0.828079])
    torch.testing.assert_close(white, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.cov(white.T), torch.eye(2, dtype=torch.float64), atol=1e-12, rtol=0)


def test_algorithm_1():
    weight = L.batch_mean(t(1, 3, 2))
    torch.testing.assert_close(weight, t(0.5, 1.5, 1))
    assert total((t(0.2, 0.4, 0.1), t(0).sum()), weight) == pytest.approx(0.266667, abs=1e-6)


@pytest.mark.parametrize(
    ("d", "inside", "value"),
    [((2, 1, 0.5), True, 0.251781), ((2, 1, 0.5), False, -1.250667), ((1, 1, 1), True, 0.528229)],
)
def test_eq_6(d, inside, value):
    parts = L.score_nce(t(0.5), t([0.1, -0.2]), t(d[0]), t(list(d[1:])), tau=0.5, positive_in_denominator=inside)
    assert total(parts) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("inside", [True, False])
def test_nt_xent_with_d_is_eq_6_of_each_row(inside):
    """The slow loop: each of the 2B rows by score_nce, which the golden values hold."""
    z, d, B = F.normalize(draw(10, 3), dim=1), draw(10, 10, seed=1).abs() + 0.1, 5
    cos, rows = z @ z.T, []
    for i in range(10):
        positive = (i + B) % 10
        others = [j for j in range(10) if j not in (i, positive)]
        rows.append(
            L.score_nce(
                cos[i, positive][None],
                cos[i, others][None],
                d[i, positive][None],
                d[i, others][None],
                tau=0.3,
                positive_in_denominator=inside,
            ).per_sample
        )
    per_sample = L.nt_xent(z[:B], z[B:], tau=0.3, d=d, positive_in_denominator=inside).per_sample
    torch.testing.assert_close(per_sample, torch.stack(rows).view(2, B).mean(0))


def test_nt_xent_is_the_mean_of_an_images_two_rows():
    """The slow loop of SimCLR's eq. 1, denominators of 2B - 1 terms, positives among them."""
    B, tau = 6, 0.4
    z1, z2 = draw(B, 3), draw(B, 3, seed=1)
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    rows = []
    for i in range(2 * B):
        terms = [math.exp(float(z[i] @ z[j]) / tau) for j in range(2 * B) if j != i]
        rows.append(-float(z[i] @ z[(i + B) % (2 * B)]) / tau + math.log(sum(terms)))
    expected = torch.tensor([(rows[i] + rows[i + B]) / 2 for i in range(B)], dtype=torch.float64)
    torch.testing.assert_close(L.nt_xent(z1, z2, tau=tau).per_sample, expected)


@pytest.mark.parametrize("tau", [0.07, 0.2, 1.0])
def test_info_nce_is_cross_entropy_of_column_0(tau):
    q, k, queue = draw(9, 5), draw(9, 5, seed=1), F.normalize(draw(5, 33, seed=2), dim=0)
    a, b = F.normalize(q, dim=1), F.normalize(k, dim=1)
    logits = torch.cat([(a * b).sum(1, keepdim=True), a @ queue], 1) / tau
    expected = F.cross_entropy(logits, torch.zeros(9, dtype=torch.int64), reduction="none")
    torch.testing.assert_close(L.info_nce(q, k, queue, tau=tau).per_sample, expected)


def test_npid_is_cross_entropy_of_column_0():
    v, own, negatives = draw(9, 5), draw(9, 5, seed=1), F.normalize(draw(9, 20, 5, seed=2), dim=2)
    a, b = F.normalize(v, dim=1), F.normalize(own, dim=1)
    logits = torch.cat([(a * b).sum(1, keepdim=True), (a[:, None] * negatives).sum(2)], 1) / 0.07
    expected = F.cross_entropy(logits, torch.zeros(9, dtype=torch.int64), reduction="none")
    torch.testing.assert_close(L.npid(v, own, negatives).per_sample, expected)
    alike = L.npid(v, own, negatives[0])
    torch.testing.assert_close(alike.per_sample, L.npid(v, own, negatives[:1].expand(9, -1, -1)).per_sample)


@pytest.mark.parametrize("tau", [0.2, 1.0])
def test_moco_v3_is_twice_tau_cross_entropy_both_ways(tau):
    q1, q2, k1, k2 = (draw(7, 4, seed=i) for i in range(4))

    def ctr(q: Tensor, k: Tensor) -> Tensor:
        return 2 * tau * F.cross_entropy(F.normalize(q) @ F.normalize(k).T / tau, torch.arange(7), reduction="none")

    torch.testing.assert_close(L.moco_v3(q1, q2, k1, k2, tau=tau).per_sample, ctr(q1, k2) + ctr(q2, k1))


def test_byol_and_simsiam_by_cosine_similarity():
    p1, p2, z1, z2 = (draw(7, 4, seed=i) for i in range(4))
    both = F.cosine_similarity(p1, z2) + F.cosine_similarity(p2, z1)
    torch.testing.assert_close(L.simsiam(p1, p2, z1, z2).per_sample, -both / 2)
    torch.testing.assert_close(L.byol(p1, p2, z1, z2).per_sample, 4 - 2 * both)
    squared = (F.normalize(p1) - F.normalize(z2)).square().sum(1) + (F.normalize(p2) - F.normalize(z1)).square().sum(1)
    torch.testing.assert_close(L.byol(p1, p2, z1, z2).per_sample, squared)


@pytest.mark.parametrize(("n_student", "n_teacher"), [(2, 2), (6, 2), (3, 1), (3, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_dino_is_the_mean_over_pairs_of_different_crops(n_student, n_teacher, weighted):
    B, width, tau_s, tau_t = 3, 11, 0.1, 0.04
    student, teacher, center = (
        draw(n_student, B, width),
        draw(n_teacher, B, width, seed=1) * 0.1,
        draw(width, seed=2) * 0.1,
    )
    pairs = [(i, j) for i in range(n_teacher) for j in range(n_student) if i != j]
    weights = draw(B, len(pairs), seed=3).abs() if weighted else None
    expected = torch.zeros(B, dtype=torch.float64)
    for column, (i, j) in enumerate(pairs):
        target = ((teacher[i] - center) / tau_t).softmax(1)
        term = F.cross_entropy(student[j] / tau_s, target, reduction="none")
        expected += term * (1 if weights is None else weights[:, column]) / len(pairs)
    got = L.dino(list(student), list(teacher), center, tau_s=tau_s, tau_t=tau_t, pair_weights=weights)
    torch.testing.assert_close(got.per_sample, expected)


@pytest.mark.parametrize(("n", "D"), [(20, 6), (6, 20), (7, 7)])
@pytest.mark.parametrize("form", ["code", "paper"])
def test_vicreg_by_torch_cov(n, D, form):
    """n < D takes the other way round, through the Gram matrix."""
    z1, z2 = draw(n, D), draw(n, D, seed=1) * 0.3
    half, width = (2, D) if form == "code" else (1, 1)
    shared = 0.0
    for z in (z1, z2):
        C = torch.cov(z.T)
        hinge = torch.clamp(1 - (C.diagonal() + 1e-4).sqrt(), min=0).mean()
        shared += 25 * hinge / half + (C.square().sum() - C.diagonal().square().sum()) / D
    got = L.vicreg(z1, z2, form=form)
    torch.testing.assert_close(got.per_sample, 25 * (z1 - z2).square().sum(1) / width)
    torch.testing.assert_close(got.shared, shared)


@pytest.mark.parametrize("weighted", [False, True])
def test_wmse_by_the_slow_loop(weighted):
    """Three views, two sub-batches, two permutations; weights act on a pair before pairs are averaged."""
    B, D, w = 16, 3, 8
    views = [draw(B, D, seed=i) for i in range(3)]
    perms = torch.stack([torch.randperm(B, generator=torch.Generator().manual_seed(s)) for s in (5, 6)])
    weights = draw(B, 3, seed=9).abs() if weighted else torch.ones(B, 3, dtype=torch.float64)
    expected = torch.zeros(B, dtype=torch.float64)
    for perm in perms:
        for members in perm.view(-1, w):
            white = []
            for view in views:
                h = view[members] - view[members].mean(0)
                inverse = torch.linalg.inv(torch.linalg.cholesky(h.T @ h / (w - 1)))
                white.append(F.normalize(h @ inverse.T, dim=1))
            for column, (a, b) in enumerate([(0, 1), (0, 2), (1, 2)]):
                expected[members] += (
                    weights[members, column] * (2 - 2 * (white[a] * white[b]).sum(1)) / (3 * len(perms))
                )
    got = L.wmse(views, w, perms, pair_weights=weights if weighted else None)
    torch.testing.assert_close(got.per_sample, expected)
