"""Every loss, its gradient and its state on a pretended GPU: no mixed devices, the CPU's values, few waits."""

from __future__ import annotations

import pytest
import torch

from jointaug import losses as L

from ..pretend import NEEDS_CUDA, here, moved, pretending, there
from . import test_contract as contract
from .cases import draw

pytestmark = NEEDS_CUDA

CONSTANTS = ("QUEUE", "NEGATIVES", "CENTER", "PERM", "LAM", "DISTANCES")
WAITS = {"wmse": 1}
"""How often the host waits in a loss and its gradient; 0 where nothing stands.

Whitening must know whether float32 held the covariance.
"""


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
    assert waits.total() == WAITS.get(name, 0), waits
    torch.testing.assert_close(here(found.detach()), loss.detach())
    for a, i in zip(gradients, case.live, strict=True):
        torch.testing.assert_close(here(a), x[i].grad)


A, B, MAPS, D = draw(12, 6), draw(12, 6, seed=1), draw(12, 2, 3, 3), draw(12, seed=2).square()
OTHERS = {
    "score_distance": (0, lambda m: L.score_distance(m, m.flip(0)), MAPS),
    "score_distances": (0, lambda m: L.score_distances(m, m.flip(0), kind="norm_gap"), MAPS),
    "score_distances, p 2": (1, lambda m: L.score_distances(m, m.flip(0), p=2), MAPS.float()),
    "score_weight": (0, lambda m: L.score_weight(m, m.flip(0)), MAPS),
    "ScoreStatistics": (0, lambda d: on(d, L.ScoreStatistics())(d), D),
    "reduce": (0, lambda a, b, w: L.reduce(L.byol(a, a, b, b), w), A, B, D),
    "batch_mean": (0, L.batch_mean, D),
    "global_mean": (0, L.global_mean, D),
    "gather": (0, L.gather, A),
    "unit": (0, L.unit, A),
    "whiten": (1, lambda a: L.whiten(a), A),
    "Queue": (
        0,
        lambda k: filled(on(k, L.Queue(24, 6, generator=torch.Generator().manual_seed(0))), k),
        L.unit(A).float(),
    ),
    "Center": (0, lambda k: on(k, L.Center(6))([k, k]), A.float()),
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
    count, function, *arguments = OTHERS[name]
    expected = function(*arguments)
    with pretending() as waits:
        found = function(*there(arguments))
    assert waits.total() == count, waits
    torch.testing.assert_close(here(found), expected)


def test_wide_embeddings_of_vicreg_wait_once_a_view():
    """Which of two products to take depends on what the smaller one gives."""
    wide = draw(6, 12), draw(6, 12, seed=1)
    with pretending() as waits:
        found = L.reduce(L.vicreg(*there(wide)))
    assert waits.total() == 2, waits
    torch.testing.assert_close(here(found), L.reduce(L.vicreg(*wide)))
