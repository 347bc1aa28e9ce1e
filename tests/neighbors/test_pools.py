"""Pools on a CPU: candidates by comparison, the first in an order by sorting, thresholds that mislead."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from jointaug._native import _library as _native
from jointaug.neighbors import _chance, _pools, sample_negatives

from .cases import pools


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("count", [1, 2, 255, 3999, 4000])
def test_the_first_in_an_order_are_those_of_the_smallest_keys(count):
    """Against a sort of the keys; where none is left out, the members themselves."""
    members = np.flatnonzero(np.random.default_rng(0).random(40_000) < 0.1)[:4000].astype(np.uint32)
    assert len(members) == 4000
    words = _chance.order_words("negatives", torch.arange(9), seed=3)
    for pair in words:
        chosen = np.empty(count, np.int64)
        _pools.first_in_order(chosen, pair.numpy().astype(np.uint32), members)
        keys = _chance.order_keys(pair, torch.from_numpy(members.astype(np.int64)))
        assert chosen.tolist() == members[np.sort(keys.argsort()[:count].numpy())].tolist()


@pytest.mark.usefixtures("path")
def test_candidates_are_what_reaches_the_threshold():
    """Three tiles of strided scores, with ties at the threshold, against a comparison; lines that overflow say so."""
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 8, (5, 3000)).astype(np.float32)
    least = np.array([0, 3, 7, 8, -np.inf], np.float32)
    for room in (1500, 4096):
        candidates = _pools._Candidates(least, room)
        for first, stop in ((0, 1000), (1000, 1700), (1700, 3000)):
            candidates.keep_above(scores[:, first:stop], first)
        for i, line in enumerate(scores):
            found, rows = candidates.of(i), np.flatnonzero(line >= least[i])
            if len(rows) > room:
                assert found is None
            else:
                assert np.array_equal(found[0], rows)
                assert np.array_equal(found[1], line[rows])
    assert candidates.of(3)[0].size == 0


@pytest.mark.parametrize("near", ["in the sample", "outside it"])
@pytest.mark.parametrize("tile", [2**14, 512])
@pytest.mark.parametrize("native", [True, False])
def test_a_sample_that_misleads_does_not_harm(near, tile, native, monkeypatch):
    """The threshold comes from every sixteenth row: put all near rows there, or none."""
    monkeypatch.setattr(_pools, "_TILE", tile)
    query = F.normalize(torch.ones(1, 8), dim=1)
    generator = torch.Generator().manual_seed(0)
    bank = F.normalize(torch.randn(4000, 8, generator=generator), dim=1)
    order = (bank @ query[0]).argsort(descending=True)
    sampled = torch.arange(4000) % 16 == 0
    mixed = torch.empty_like(bank)
    wanted = sampled if near == "in the sample" else ~sampled
    mixed[wanted] = bank[order[: int(wanted.sum())]]
    mixed[~wanted] = bank[order[int(wanted.sum()) :]]
    if not native:
        monkeypatch.setattr(_native, "library", None)
    labels = torch.arange(4000)
    index = order.argsort()[:1]
    for strategy in ("semi-hard", "semi-easy"):
        chosen = sample_negatives(query, index, mixed, labels, 400, strategy=strategy).tolist()[0]
        (pool,) = pools(query, index, mixed, labels, lambda rows: 400, strategy == "semi-hard")
        assert chosen == sorted(pool)
