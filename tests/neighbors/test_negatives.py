"""Negatives: the pool against a float64 sort, the law of the draw, ties, and the limits of the strategies."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch.nn import functional as F

from jointaug._native import _library as _native
from jointaug.neighbors import STRATEGIES, _negatives, _pools, sample_negatives

from .cases import pools


def setting(n=2000, d=12, clusters=20, batch=24, seed=0):
    generator = torch.Generator().manual_seed(seed)
    bank = F.normalize(torch.randn(n, d, generator=generator), dim=1)
    labels = torch.randint(clusters, (n,), generator=generator)
    index = torch.randperm(n, generator=generator)[:batch]
    queries = F.normalize(bank[index] + 0.2 * torch.randn(batch, d, generator=generator), dim=1)
    return queries, index, bank, labels


def tenth(rows):
    return -(-rows // 10)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_draws_come_from_the_pool(strategy):
    arguments = setting()
    chosen = sample_negatives(*arguments, 150, strategy=strategy)
    assert chosen.shape == (24, 150)
    assert chosen.dtype == torch.int64
    assert (chosen.diff(dim=1) > 0).all(), "ascending, so distinct"
    _, index, _, labels = arguments
    assert not labels[chosen].eq(labels[index][:, None]).any(), "never the query's own label"
    size = {"hard": lambda rows: 150, "random": lambda rows: rows}.get(strategy, tenth)
    for row, pool in zip(chosen.tolist(), pools(*arguments, size, strategy != "semi-easy"), strict=True):
        assert set(row) <= set(pool)
        if strategy == "hard":
            assert set(row) == set(pool)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("strategy", ["semi-hard", "semi-easy"])
def test_the_pool_is_a_tenth_exactly(strategy):
    """As many as the pool holds are the pool, and one more is an error; the labels' sizes differ, so do the pools'."""
    arguments = setting()
    for pool, query, i in zip(pools(*arguments, tenth, strategy == "semi-hard"), *arguments[:2], strict=True):
        one = (query[None], i[None], *arguments[2:])
        assert sample_negatives(*one, len(pool), strategy=strategy).tolist() == [sorted(pool)]
        with pytest.raises(ValueError, match=rf"smallest pool, {len(pool)} rows .* got {len(pool) + 1}; ask for"):
            sample_negatives(*one, len(pool) + 1, strategy=strategy)


@pytest.mark.parametrize(
    ("others", "pool", "size"), [(30, 0.1, 3), (31, 0.1, 4), (29, 0.1, 3), (50, 1.0, 50), (7, 0.5, 4)]
)
def test_pools_are_rounded_up_and_not_by_rounding_errors(others, pool, size):
    """0.1 * 30 is a hair above 3 in binary."""
    bank = F.normalize(torch.randn(others + 1, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    labels = torch.tensor([0] + [1] * others)
    with pytest.raises(ValueError, match=f"smallest pool, {size} rows"):
        sample_negatives(bank[:1], torch.tensor([0]), bank, labels, others + 1, pool=pool)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("strategy", "offset"), [("semi-hard", 0), ("random", 0), ("semi-easy", 0), ("semi-hard", 2**40)]
)
def test_the_draw_is_uniform_in_the_pool(strategy, offset):
    """Many epochs of a few queries: each row and each pair of rows of the pool equally often.

    Failure rate 1e-6 for each query's chi-square, and six standard deviations for each of its pairs.
    """
    queries, index, bank, labels = setting(n=220, d=4, clusters=11, batch=12)
    queries, index = queries.repeat(20, 1), index.repeat(20)
    size = {"random": lambda rows: rows}.get(strategy, tenth)
    # Twenty addresses with the same query: the seeds differ, the pools do not.
    count, epochs, seen = 7, 20, np.zeros((12, 220))
    together = np.zeros((12, 220, 220))
    for seed in range(offset, offset + epochs):
        for epoch in range(4):
            chosen = sample_negatives(
                queries[:12], index[:12], bank, labels, count, strategy=strategy, seed=seed, epoch=epoch
            )
            for query, row in enumerate(chosen.numpy()):
                seen[query, row] += 1
                together[query][np.ix_(row, row)] += 1
    draws = 4 * epochs
    for query, pool in enumerate(pools(queries[:12], index[:12], bank, labels, size, strategy != "semi-easy")):
        counts, m = seen[query, pool], len(pool)
        assert counts.sum() == seen[query].sum() == draws * count, "the rest of the bank is never drawn"
        share = count / m
        spread = draws * share * (1 - share) * m / (m - 1)
        assert ((counts - draws * share) ** 2).sum() / spread < chi2.isf(1e-6, m - 1)
        expected = draws * count * (count - 1) / (m * (m - 1))
        pairs = together[query][np.ix_(pool, pool)][np.triu_indices(m, 1)]
        assert np.abs(pairs - expected).max() < max(6 * math.sqrt(expected), 12)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_neither_chunk_nor_path_nor_company_changes_a_draw(strategy, monkeypatch):
    queries, index, bank, labels = setting()
    whole = sample_negatives(queries, index, bank, labels, 120, strategy=strategy, seed=5, epoch=9)
    for chunk in (1, 5, 100):
        parts = sample_negatives(queries, index, bank, labels, 120, strategy=strategy, seed=5, epoch=9, chunk=chunk)
        assert torch.equal(parts, whole)
    some = [20, 3]
    alone = sample_negatives(queries[some], index[some], bank, labels, 120, strategy=strategy, seed=5, epoch=9)
    assert torch.equal(alone, whole[some])
    longer = sample_negatives(queries * 7, index, bank, labels, 120, strategy=strategy, seed=5, epoch=9)
    assert torch.equal(longer, whole)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(
            sample_negatives(queries, index, bank, labels, 120, strategy=strategy, seed=5, epoch=9), whole
        )
    monkeypatch.setattr(_negatives, "by_numpy", lambda scores: False)
    assert torch.equal(sample_negatives(queries, index, bank, labels, 120, strategy=strategy, seed=5, epoch=9), whole)
    monkeypatch.setattr(_negatives, "by_numpy", lambda scores: True)
    monkeypatch.setattr(_native, "library", None)
    assert torch.equal(sample_negatives(queries, index, bank, labels, 120, strategy=strategy, seed=5, epoch=9), whole)
    if strategy != "hard":
        assert not torch.equal(sample_negatives(queries, index, bank, labels, 120, strategy=strategy, seed=5), whole)
        assert not torch.equal(sample_negatives(queries, index, bank, labels, 120, strategy=strategy, epoch=9), whole)


@pytest.mark.usefixtures("path")
def test_limits_of_the_strategies():
    queries, index, bank, labels = arguments = setting()
    everything = sample_negatives(*arguments, 100, strategy="random")
    assert torch.equal(sample_negatives(*arguments, 100, strategy="semi-hard", pool=1.0), everything)
    assert torch.equal(sample_negatives(*arguments, 100, strategy="semi-easy", pool=1.0), everything)
    labels = torch.arange(2000)  # every label alone, so that every pool has 200 rows
    hard = sample_negatives(queries, index, bank, labels, 200, strategy="hard")
    assert torch.equal(sample_negatives(queries, index, bank, labels, 200, strategy="semi-hard"), hard)
    assert torch.equal(
        sample_negatives(-queries, index, bank, labels, 200, strategy="hard"),
        sample_negatives(queries, index, bank, labels, 200, strategy="semi-easy"),
    )


@pytest.mark.usefixtures("path")
def test_hard_is_equivariant_to_permutation():
    queries, index, bank, labels = setting()
    order = torch.randperm(len(bank), generator=torch.Generator().manual_seed(3))
    place = order.argsort()
    permuted = sample_negatives(queries, place[index], bank[order], labels[order], 50, strategy="hard")
    plain = sample_negatives(queries, index, bank, labels, 50, strategy="hard")
    assert torch.equal(order[permuted].sort(1).values, plain)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_labels_every_row_has_its_own(strategy):
    queries, index, bank, _ = setting()
    labels = torch.arange(len(bank))
    expected = sample_negatives(queries, index, bank, labels, 90, strategy=strategy)
    assert torch.equal(sample_negatives(queries, index, bank, None, 90, strategy=strategy), expected)
    with pytest.raises(ValueError, match=r"the 1999 rows whose label is not that of query 0, \d+\), got 2000"):
        sample_negatives(queries, index, bank, None, 2000, strategy=strategy)


@pytest.mark.parametrize("share", ["0.1", "0.3", "0.07", "0.001", "1.0"])
def test_pools_are_those_of_exact_arithmetic(share):
    others = range(4000)
    expected = [math.ceil(Fraction(share) * n) for n in others]
    sizes = _negatives._Sizes("semi-hard", float(share), 5)
    assert [sizes.of(n) for n in others] == expected
    assert sizes.of_all(torch.arange(4000)).tolist() == expected


@pytest.mark.usefixtures("path")
def test_equal_rows_at_the_edge_go_by_number():
    """Three copies of a bank: the pool of 300 of 2999 others holds whole triples, the last one cut by number."""
    queries, index, bank, _ = setting(n=1000, batch=8)
    bank = bank.repeat(3, 1)
    labels = torch.arange(3000)
    chosen = sample_negatives(queries, index, bank, labels, 200, strategy="hard")
    for row, query, i in zip(chosen.tolist(), queries, index, strict=True):
        order = [j for j in (bank.double() @ query.double()).argsort(descending=True, stable=True).tolist() if j != i]
        assert row == sorted(order[:200])


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("most", [2**12, 10])
def test_a_collapsed_bank_still_has_a_pool(most, monkeypatch):
    monkeypatch.setattr(_negatives, "MOST_TIES", most)
    monkeypatch.setattr(_pools, "MOST_TIES", most)
    bank = torch.zeros(500, 4)
    bank[:, 0] = 1
    labels = torch.arange(500) % 5
    chosen = sample_negatives(bank[:3], torch.arange(3), bank, labels, 40, strategy="hard")
    assert chosen.tolist() == [[j for j in range(500) if j % 5 != i][:40] for i in range(3)]
    assert sample_negatives(bank[:3], torch.arange(3), bank, labels, 40).max() < 55, "the pool is the first 40 others"


@pytest.mark.usefixtures("path")
def test_float32_decides_where_too_much_ties(monkeypatch):
    """What lies within the rounding of the edge, but below it, is not in the pool, though its number is smaller."""
    for module in (_negatives, _pools):
        monkeypatch.setattr(module, "MOST_TIES", 10)
    cosines = torch.tensor([0.5 - 2**-21, 0.5, 0.25]).repeat_interleave(40)
    bank = torch.stack([cosines, (1 - cosines.square()).sqrt()], 1)
    chosen = sample_negatives(torch.tensor([[1.0, 0.0]]), torch.tensor([119]), bank, None, 30, strategy="hard")
    assert chosen.tolist() == [list(range(40, 70))]


@pytest.mark.usefixtures("path")
def test_float64_decides_where_float32_cannot():
    """Rows whose cosines differ by 1e-9 at the edge of the pool: the nearer ones are in it, whatever their number."""
    angle = torch.full((400,), 1.2)
    angle[:20] = torch.linspace(0.1, 0.5, 20)
    bank = torch.stack([angle.cos(), angle.sin()], 1)
    query = torch.tensor([[1.0, 0.0]])
    bank[20:, 0] = bank[20, 0]
    bank[200:210, 0] += 2**-25  # one unit in the last place nearer
    labels = torch.zeros(400, dtype=torch.int64)
    labels[0] = 1
    chosen = sample_negatives(query, torch.tensor([0]), bank, labels, 29, strategy="hard")
    assert chosen.tolist() == [list(range(1, 20)) + list(range(200, 210))]


@pytest.mark.usefixtures("path")
def test_zero_vectors_do_no_harm():
    queries, index, bank, labels = setting()
    bank[7] = 0
    queries[2] = 0
    chosen = sample_negatives(queries, index, bank, labels, 100)
    assert not labels[chosen].eq(labels[index][:, None]).any()


def test_one_cluster_has_no_negatives():
    queries, index, bank, labels = setting()
    for strategy in STRATEGIES:
        with pytest.raises(ValueError, match=r"0 rows \(.* the 0 rows whose label is not"):
            sample_negatives(queries, index, bank, labels * 0, 1, strategy=strategy)


@pytest.mark.usefixtures("path")
def test_two_queries_may_share_a_row():
    """Two views of one image in a batch: one address, so one draw, if the views are the same."""
    queries, index, bank, labels = setting()
    twice = sample_negatives(queries[[0, 0]], index[[0, 0]], bank, labels, 100)
    assert torch.equal(twice[0], twice[1])
