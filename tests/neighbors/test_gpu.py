"""What only a CUDA device can show: the same neighbors and the same draws as on the CPU, and the same bits twice."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from jointaug.neighbors import (
    STRATEGIES,
    MemoryBank,
    NeighborCutMix,
    center_positives,
    cluster_positives,
    draw_positives,
    kmeans,
    knn,
    random_positives,
    same_label_positives,
    sample_negatives,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def blobs(n=3000, d=32, clusters=30, spread=0.4):
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(clusters, d, generator=generator)
    return centers[torch.arange(n) % clusters] + spread * torch.randn(n, d, generator=generator)


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_kmeans_is_that_of_the_cpu_and_repeats(spherical, init):
    x = blobs()
    here = kmeans(x, 30, spherical=spherical, init=init)
    there, again = (kmeans(x.cuda(), 30, spherical=spherical, init=init) for _ in range(2))
    assert torch.equal(there.labels.cpu(), here.labels)
    torch.testing.assert_close(there.centers.cpu(), here.centers, atol=1e-5, rtol=1e-5)
    assert torch.equal(there.centers, again.centers)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_neighbors_are_those_of_the_cpu(metric):
    x = blobs(9000)
    here, there = knn(x, 40, metric=metric), knn(x.cuda(), 40, metric=metric)
    assert torch.equal(there.indices.cpu(), here.indices)
    torch.testing.assert_close(there.distances.cpu(), here.distances)


def test_positives_are_those_of_the_cpu():
    x = blobs()
    labels, centers, _ = kmeans(x, 30)
    index = torch.arange(0, 3000, 7)
    table = center_positives(x, labels, centers, seed=2, epoch=5)
    assert torch.equal(center_positives(x.cuda(), labels.cuda(), centers.cuda(), seed=2, epoch=5).cpu(), table)
    assert torch.equal(cluster_positives(labels.cuda(), seed=2).cpu(), cluster_positives(labels, seed=2))
    assert torch.equal(random_positives(300, device="cuda").cpu(), random_positives(300))
    assert torch.equal(draw_positives(table.cuda(), index.cuda()).cpu(), draw_positives(table, index))
    assert torch.equal(same_label_positives(index.cuda(), labels.cuda()).cpu(), same_label_positives(index, labels))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_negatives_are_those_of_the_cpu(strategy):
    bank = F.normalize(blobs(20_000), dim=1)
    labels = torch.arange(20_000) % 30
    index = torch.arange(0, 20_000, 300)
    here = sample_negatives(bank[index], index, bank, labels, 1000, strategy=strategy)
    there = sample_negatives(bank[index].cuda(), index.cuda(), bank.cuda(), labels.cuda(), 1000, strategy=strategy)
    assert torch.equal(there.cpu(), here)


def test_a_bank_moves_and_goes_on():
    x = blobs()
    here = MemoryBank(3000, 32, 30, omega=0.5)
    here.fill(x)
    here.cluster()
    there = MemoryBank(3000, 32, 30, omega=0.5).cuda()
    there.load_state_dict(here.state_dict())
    for step in range(12):
        index = torch.arange(step, 3000, 20)
        here.update(x[index.roll(1)], index)
        there.update(x[index.roll(1)].cuda(), index.cuda())
    assert torch.equal(there.labels.cpu(), here.labels)
    torch.testing.assert_close(there.features.cpu(), here.features)
    torch.testing.assert_close(there.centers.cpu(), here.centers)


def test_a_step_of_npids_bank_waits_for_nothing(no_waiting):
    x, index = blobs().cuda(), torch.arange(0, 3000, 20).cuda()
    bank = MemoryBank(3000, 32, 1, omega=0.5, online=False, min_cluster=0).cuda()
    bank.update(x[index], index)
    with no_waiting():
        sample_negatives(x[index], index, bank.features, None, 500, strategy="random")
        same_label_positives(index, bank.labels)
        bank.update(x[index], index)


def test_boxes_are_those_of_the_cpu():
    here, there = (NeighborCutMix().boxes(torch.arange(500, device=d), 96, 96) for d in ("cpu", "cuda"))
    assert torch.equal(there[0].cpu(), here[0])
