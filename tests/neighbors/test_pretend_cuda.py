"""Every neighbor function on a pretended GPU: no mixed devices, the CPU's neighbors, and how often the host waits."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

from jointaug import neighbors as N

from ..pretend import NEEDS_CUDA, here, moved, pretending, there

pytestmark = NEEDS_CUDA

G = torch.Generator().manual_seed(0)
POINTS = F.normalize(
    torch.randn(200, 8, generator=G) + 3 * torch.randn(6, 8, generator=G)[torch.arange(200) % 6], dim=1
)
LABELS, CENTERS, _ = N.kmeans(POINTS, 6)
TABLE = N.knn_positives(POINTS, count=5)
INDEX = torch.arange(9)


def bank(points):
    """Filled and clustered."""
    made = N.MemoryBank(200, 8, 6, min_cluster=5)
    made = moved(made) if points.is_cuda else made
    made.fill(points)
    made.cluster()
    return made


def of_bank(points, index):
    made = bank(points)
    positives, negatives = made.positives(index), made.negatives(points[:9], index, 5)
    made.update(points[9:18], index)
    return positives, negatives, made.labels, made.centers


CASES = {
    "assign": (lambda x, c: N.assign(x, c), POINTS, CENTERS),
    "center_positives": (lambda x, y, c: N.center_positives(x, y, c, neighbors=20, count=5), POINTS, LABELS, CENTERS),
    "center_rule": (N.center_rule, TABLE, LABELS, POINTS[:, 0]),
    "cluster_means": (N.cluster_means, POINTS, LABELS, CENTERS),
    "cluster_positives": (lambda y: N.cluster_positives(y, count=5), LABELS),
    "draw_positives": (N.draw_positives, TABLE, INDEX),
    "kmeans": (lambda x: N.kmeans(x, 6)[:2], POINTS),
    "kmeans, spherical": (lambda x: N.kmeans(x, 6, spherical=True, init="random")[:2], POINTS),
    "knn": (lambda x: N.knn(x, 5), POINTS),
    "knn, cosine": (lambda x, q: N.knn(x, 5, queries=q, metric="cosine"), POINTS, POINTS[:7] + 0.01),
    "knn_positives": (lambda x: N.knn_positives(x, count=5), POINTS),
    "random_positives": (lambda x: N.random_positives(50, device=x.device), POINTS),
    "repair_small": (lambda x, y, c: N.repair_small(x, y, c, 30), POINTS, LABELS, CENTERS),
    "same_label_positives": (N.same_label_positives, INDEX, LABELS),
    **{
        f"sample_negatives, {strategy}": (
            lambda x, i, y, strategy=strategy: N.sample_negatives(x[:9], i, x, y, 7, strategy=strategy),
            *(POINTS, INDEX, LABELS),
        )
        for strategy in N.STRATEGIES
    },
    "sample_negatives, random, of own labels": (
        lambda x, i: N.sample_negatives(x[:9], i, x, None, 7, strategy="random"),
        *(POINTS, INDEX),
    ),
    "NeighborCutMix": (lambda i: N.NeighborCutMix().boxes(i, 20, 24), INDEX),
    "MemoryBank": (of_bank, POINTS, INDEX),
}
WAITS = {
    "assign": 3, "center_positives": 8, "center_rule": 0, "cluster_means": 4, "cluster_positives": 3,
    "draw_positives": 0, "kmeans": 25, "kmeans, spherical": 30, "knn": 4, "knn, cosine": 4, "knn_positives": 5,
    "random_positives": 3, "repair_small": 46, "same_label_positives": 0, "sample_negatives, random": 1,
    "sample_negatives, semi-hard": 1, "sample_negatives, semi-easy": 1, "sample_negatives, hard": 1,
    "sample_negatives, random, of own labels": 0, "NeighborCutMix": 0, "MemoryBank": 31,
}  # fmt: skip
"""How often the host waits: what is done once an epoch may, a batch's step not but for the sizes of pools and ties."""
LATER = {"KMeans", "Neighbors", "NeighborDataset"}
"""Results, and a data set: its workers have no device."""


def test_every_function_has_a_case():
    public = {name for name in N.__all__ if name[0].islower() or not name.isupper()}
    assert public - LATER == {name.split(",")[0] for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_is_the_cpus_result(name):
    function, *arguments = CASES[name]
    expected = function(*arguments)
    with pretending() as waits:
        found = function(*there(arguments))
    assert waits.total() == WAITS[name], waits
    for a, b in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        torch.testing.assert_close(here(a), b)


STEPS = {"online": 2, "offline": 1}
"""How often the host waits in a step: online, for whether a cluster is too small; for what ties at a pool's edge."""


@pytest.mark.parametrize("kind", STEPS)
def test_a_step_of_a_bank_is_the_cpus(kind):
    """Over an update of the centers, with rows that come twice."""
    banks = [N.MemoryBank(200, 8, 6, min_cluster=3, interval=2, omega=0.5, online=kind == "online") for _ in range(2)]
    for one in banks:
        one.fill(POINTS)
        one.cluster()
    on_cpu, on_device = banks[0], moved(banks[1])
    for step in range(4):
        x = torch.randn(12, 8, generator=torch.Generator().manual_seed(step))
        index = (torch.arange(12) * (step + 5) ** 2) % 97
        index[7] = index[2]
        drawn = on_cpu.positives(index, epoch=step), on_cpu.negatives(x, index, 5, epoch=step)
        with pytest.warns(UserWarning, match="twice"):
            on_cpu.update(x, index)
        with pretending() as waits:
            y, rows = there((x, index))
            found = on_device.positives(rows, epoch=step), on_device.negatives(y, rows, 5, epoch=step)
            on_device.update(y, rows)
        assert waits.total() == STEPS[kind] + 2 * (step == 0), waits  # a bank that has moved reads what it has counted
        assert all(torch.equal(here(a), b) for a, b in zip(found, drawn, strict=True))
        for name, value in on_cpu.state_dict().items():
            torch.testing.assert_close(here(on_device.get_buffer(name)), value, msg=name)


def test_a_bank_on_the_device_hears_of_what_else_writes_its_numbers():
    state = bank(POINTS).state_dict()
    with pretending():
        other = moved(N.MemoryBank(200, 8, 6, min_cluster=5))
        for _ in range(2):
            with pytest.raises(RuntimeError, match="must have labels"):
                other.positives(there(INDEX))
        for name, value in state.items():
            other.get_buffer(name).copy_(value)
        assert other.positives(there(INDEX)).is_cuda
        other.get_buffer("updates").fill_(9)
        other.update(there(POINTS[:9]), there(INDEX))
        assert int(other.updates) == 10


def test_a_zero_feature_leaves_its_row_where_no_host_looks():
    made = bank(POINTS)
    with pretending():
        on_device = moved(made)
        before = here(on_device.features)[INDEX].clone()
        on_device.update(there(POINTS[20:29] * (INDEX != 4)[:, None]), there(INDEX))
    changed = (here(on_device.features)[INDEX] != before).any(1)
    assert changed.tolist() == [i != 4 for i in range(9)]
