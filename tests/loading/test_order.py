"""The order of an epoch against its slow definition, its law, and the samplers themselves."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy import stats
from torch.utils.data import BatchSampler, DistributedSampler, RandomSampler, SequentialSampler, WeightedRandomSampler

from jointaug.chance import Addresses, named_step
from jointaug.loading._order import occurrences, order_of_sampler, shuffled


def test_an_order_is_that_of_hashed_uniforms():
    """The slow loop: two words for each index, by itself."""

    def words(index):
        uniforms = Addresses(7, 3, torch.tensor([index])).rows(2, step=named_step("order of an epoch"))
        return [float(u) for u in uniforms]

    assert shuffled(50, seed=7, epoch=3).tolist() == sorted(range(50), key=words)


def test_an_order_stays():
    """Whatever version of torch: it is a hash and a sort."""
    assert shuffled(10, seed=5, epoch=2).tolist() == [9, 3, 0, 8, 1, 6, 4, 7, 2, 5]
    assert shuffled(10, seed=2**64 - 1, epoch=2**32 - 1).tolist() == [9, 5, 8, 2, 7, 4, 1, 3, 0, 6]
    assert shuffled(0, seed=0, epoch=0).tolist() == []


def test_every_order_is_equally_likely():
    """Chi-squared over the 24 orders of four, in 4,800 epochs; false alarm 1e-6 (the seed is fixed)."""
    seen = Counter(tuple(shuffled(4, seed=1, epoch=epoch).tolist()) for epoch in range(4800))
    assert stats.chisquare([seen[order] for order in permutations(range(4))]).pvalue > 1e-6


def test_epochs_and_seeds_have_orders_of_their_own():
    """Ranks in two of them do not correlate: false alarm 1e-6 each."""
    orders = [shuffled(2000, seed=seed, epoch=epoch).numpy() for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert stats.spearmanr(orders[first], orders[second]).pvalue > 1e-6


def slow_occurrences(indices):
    seen = Counter()
    for index in indices:
        yield seen[index]
        seen[index] += 1


@pytest.mark.parametrize("high", [1, 3, 1000])
def test_occurrences_are_counted(high):
    indices = torch.randint(high, (300,), generator=torch.Generator().manual_seed(0))
    assert occurrences(indices).tolist() == list(slow_occurrences(indices.tolist()))
    assert occurrences(indices[:0]).tolist() == []


@pytest.mark.parametrize(
    "sampler",
    [
        RandomSampler(range(20)),
        RandomSampler(range(20), replacement=True, num_samples=50),
        WeightedRandomSampler([1.0, 2.0, 3.0, 10.0], 50),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_a_sampler_that_draws_from_torchs_generator_repeats(sampler):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, draws = order_of_sampler(sampler, seed=1, epoch=2)
    assert torch.equal(before, torch.get_rng_state()), "the generator is left as it was"
    torch.manual_seed(1)
    again, _ = order_of_sampler(sampler, seed=1, epoch=2)
    assert torch.equal(first, again)
    assert draws.tolist() == list(slow_occurrences(first.tolist()))
    for seed, epoch in ((1, 3), (2, 2)):
        assert not torch.equal(first, order_of_sampler(sampler, seed=seed, epoch=epoch)[0])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_distributed_samplers_parts_are_its_own(count):
    for epoch in (0, 4):
        together = []
        for rank in range(count):
            sampler = DistributedSampler(range(20), count, rank, seed=9)
            indices, draws = order_of_sampler(sampler, seed=1, epoch=epoch)
            sampler.set_epoch(epoch)
            assert indices.tolist() == list(sampler)
            assert draws.eq(0).all()
            together += indices.tolist()
        assert sorted(set(together)) == list(range(20))


@pytest.mark.parametrize("repeats", [3, 1.5])
@pytest.mark.parametrize("count", [2, 3])
def test_repeats_are_counted_before_they_are_shared_out(count, repeats):
    """Of timm's sampler every rank has a part of one long order; the oracle counts in that order."""
    repeated = pytest.importorskip("timm.data.distributed_sampler").RepeatAugSampler
    parts = []
    for rank in range(count):
        sampler = repeated(range(12), count, rank, num_repeats=repeats, selected_round=0, selected_ratio=1)
        parts.append(order_of_sampler(sampler, seed=0, epoch=3))
        sampler.set_epoch(3)
        assert parts[-1][0].tolist() == list(sampler)
        assert sampler.rank == rank
    order = torch.stack([indices for indices, _ in parts], 1).flatten().tolist()
    assert torch.stack([draws for _, draws in parts], 1).flatten().tolist() == list(slow_occurrences(order))
    pairs = [pair for indices, draws in parts for pair in zip(indices.tolist(), draws.tolist(), strict=True)]
    assert len(set(pairs)) == len(pairs), "no two ranks make the same view"
    assert any(draw for _, draw in pairs)


def test_parts_of_unequal_length_are_counted_in_turn():
    class Part:
        num_replicas = 2

        def __init__(self, rank):
            self.rank, self.num_replicas = rank, 2

        def __iter__(self):
            return iter([0, 0, 1, 0, 1][self.rank :: 2])

    assert [draws.tolist() for _, draws in (order_of_sampler(Part(r), seed=0, epoch=0) for r in (0, 1))] == [
        [0, 0, 1],
        [1, 2],
    ]


@pytest.mark.parametrize("kind", [np.int64, np.uint8, torch.tensor, np.array], ids=lambda kind: kind.__name__)
def test_integers_of_any_make_are_taken(kind):
    assert order_of_sampler([kind(3), kind(0)], seed=0, epoch=0)[0].tolist() == [3, 0]


@pytest.mark.parametrize(
    ("sampler", "error", "words"),
    [
        (
            BatchSampler(SequentialSampler(range(4)), 2, False),
            TypeError,
            r"must give integers, got \[0, 1\] of type lis",
        ),
        ([0, 1.0], TypeError, r"must give integers, got 1.0 of type float .*BatchSampler\(AddressedSampler\(sampler\)"),
        ([True], TypeError, "must give integers, got True"),
        (["a"], TypeError, "must give integers, got 'a'"),
        ([3, -1], ValueError, r"must give integers of at least 0, got -1 .*write index % n"),
    ],
)
def test_what_is_no_index_is_named(sampler, error, words):
    with pytest.raises(error, match=words):
        order_of_sampler(sampler, seed=0, epoch=0)
