"""Random orders of rows: uniform, without ties, the same by numpy."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import chi2

from jointaug.neighbors import _chance


def test_the_order_of_rows_is_uniform():
    """The draw's heart: which of 50 rows has the smallest key, over 20,000 addresses. Failure rate 1e-6 (chi-square).

    And two neighboring addresses, or two epochs, agree as often as independent ones: 1 in 50.
    """
    index = torch.arange(20_000)
    first = [
        _chance.order_keys(
            _chance.order_words("negatives", index, seed=seed, epoch=epoch)[:, None], torch.arange(1000, 1050)
        ).argmin(1)
        for seed, epoch in ((0, 0), (0, 1), (1, 0))
    ]
    for numbers in first:
        counts = numbers.bincount(minlength=50).double()
        assert ((counts - 400) ** 2 / 400).sum() < chi2.isf(1e-6, 49)
    agreements = [(first[0][1:] == first[0][:-1]), (first[0] == first[1]), (first[0] == first[2])]
    for agreement in agreements:
        assert abs(agreement.double().mean() - 1 / 50) < 5 * math.sqrt(1 / 50 / 20_000)


def test_keys_are_distinct_and_the_same_by_numpy():
    words = _chance.order_words("negatives", torch.arange(3), seed=7)
    rows = torch.arange(100_000)
    for pair in words:
        keys = _chance.order_keys(pair, rows)
        assert keys.unique().numel() == 100_000
        assert keys.min() >= 0
        assert keys.max() < 2**32
        other = _chance.order_keys_np(pair.numpy().astype(np.uint32), np.arange(100_000, dtype=np.uint32))
        assert np.array_equal(other, keys.numpy())
