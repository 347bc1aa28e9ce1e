"""Every loss, its gradient and its state on a pretended GPU: no mixed devices, the CPU's values, no waiting host."""

from __future__ import annotations

import pytest
import torch

from jointaug import losses as L

from ..pretend import NEEDS_CUDA, here, moved, pretending, there
from . import test_contract as contract
from .cases import draw

pytestmark = NEEDS_CUDA

CONSTANTS = ("QUEUE", "NEGATIVES", "CENTER", "PERM", "LAM", "DISTANCES")


@pytest.mark.parametrize("name", contract.CASES)
def test_is_the_cpus_value_and_gradient(name, monkeypatch):
    case = contract.CASES[name]
    x = contract.embeddings(case)
    loss = L.reduce(case.loss(*x))
    loss.backward()
    with pretending() as waits:
        for constant in CONSTANTS:
            monkeypatch.setattr(contract, constant, there(getattr(contract, constant)))
        y = [embedding.requires_grad_() for embedding in there(contract.embeddings(case))]
        found = L.reduce(case.loss(*y))
        found.backward()
        assert found.is_cuda
        gradients = [y[i].grad for i in case.live]
    assert not waits
    torch.testing.assert_close(here(found.detach()), loss.detach())
    for a, i in zip(gradients, case.live, strict=True):
        torch.testing.assert_close(here(a), x[i].grad)


A, B, MAPS, D = draw(12, 6), draw(12, 6, seed=1), draw(12, 2, 3, 3), draw(12, seed=2).square()
OTHERS = {
    "score_distance": (lambda m: L.score_distance(m, m.flip(0)), MAPS),
    "score_distances": (lambda m: L.score_distances(m, m.flip(0), kind="norm_gap"), MAPS),
    "score_distances, p 2": (lambda m: L.score_distances(m, m.flip(0), p=2), MAPS.float()),
    "score_distances, p 2, large": (lambda m: L.score_distances(m, m.flip(0), p=2), MAPS.float() * 2.0**100),
    "score_weight": (lambda m: L.score_weight(m, m.flip(0)), MAPS),
    "ScoreStatistics": (lambda d: on(d, L.ScoreStatistics())(d), D),
    "reduce": (lambda a, b, w: L.reduce(L.byol(a, a, b, b), w), A, B, D),
    "batch_mean": (L.batch_mean, D),
    "global_mean": (L.global_mean, D),
    "gather": (L.gather, A),
    "unit": (L.unit, A),
    "whiten": (lambda a: L.whiten(a), A),
    "Queue": (
        lambda k: filled(on(k, L.Queue(24, 6, generator=torch.Generator().manual_seed(0))), k),
        L.unit(A).float(),
    ),
    "Center": (lambda k: on(k, L.Center(6))([k, k]), A.float()),
}


def on(x, module):
    """A module where a tensor is."""
    return moved(module) if x.is_cuda else module


def filled(queue, k):
    """After three batches the first has gone."""
    for _ in range(3):
        queue(k)
    return queue.keys


def test_all_else_has_a_case():
    assert contract.NO_LOSS - {"LossParts", "OneView", "full_precision"} == {name.split(",")[0] for name in OTHERS}


@pytest.mark.parametrize("name", OTHERS)
def test_is_the_cpus_value(name):
    function, *arguments = OTHERS[name]
    expected = function(*arguments)
    with pretending() as waits:
        found = function(*there(arguments))
    assert not waits
    torch.testing.assert_close(here(found), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("deviation", [1.0, 1000.0])
@pytest.mark.parametrize("rank", [1, 2, None])
def test_wide_embeddings_of_vicreg_are_float64s(dtype, deviation, rank):
    """On the CPU which of two products to take depends on what the smaller one gives; here nothing is asked."""
    z = draw(16, 24, seed=1) if rank is None else draw(16, rank, seed=1) @ draw(rank, 24, seed=2)
    z[:, 0] *= deviation
    double = z.to(dtype).double().requires_grad_()
    other = draw(16, 24, seed=3).to(dtype)
    expected = sum(torch.cov(x.T).fill_diagonal_(0).square().sum() / 24 for x in (double, other.double()))
    expected.backward()
    with pretending() as waits:
        single, other = there((z.to(dtype), other))
        found = L.vicreg(single.requires_grad_(), other, mu=0).shared
        found.backward()
        gradient = here(single.grad)
    assert not waits
    assert found.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(here(found.detach()).double(), expected.detach(), rtol=tolerance, atol=1e-12)
    assert (gradient.double() - double.grad).norm() < tolerance * double.grad.norm()


@pytest.mark.parametrize("left", [1e-1, 1e-5])
def test_whitening_is_float64s_and_nan_where_nothing_can_be_whitened(left):
    h = draw(2, 40, 6)
    h[:, :, 3] = h[:, :, 0] - 2 * h[:, :, 1] + left * h[:, :, 3]
    single = h.float()
    with pretending() as waits:
        found = here(L.whiten(there(single)))
        single[1, :, 3] = 2 * single[1, :, 1]
        refused = here(L.whiten(there(single)))
    assert not waits
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), L.whiten(h.float().double()), rtol=1e-6, atol=1e-6)
    assert refused.isnan().all()


def test_the_loss_of_collapsed_embeddings_is_nan():
    """So the trainer, which reads its losses, stops."""
    with pretending() as waits:
        x = there(torch.zeros(16, 3))
        found = L.reduce(L.wmse([x, x], 8, there(torch.arange(16))))
    assert not waits
    assert here(found).isnan()
