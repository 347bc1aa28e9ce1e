"""The largest scores of each row: by numpy as by torch, folded or not, in threads."""

from __future__ import annotations

import pytest
import torch

from jointaug.neighbors import _select, kmeans


def test_numpy_and_torch_find_the_same(monkeypatch):
    x = torch.randn(600, 8, generator=torch.Generator().manual_seed(0))
    ours = kmeans(x, 12)
    monkeypatch.setattr(_select, "by_numpy", lambda scores: False)
    other = kmeans(x, 12)
    assert torch.equal(ours.labels, other.labels)
    assert torch.equal(ours.centers, other.centers)


def test_the_best_of_each_row_are_torchs():
    scores = torch.randn(5000, 7, generator=torch.Generator().manual_seed(0))
    values, columns = _select.best(scores)
    assert torch.equal(values, scores.max(1).values)
    assert torch.equal(columns, scores.max(1).indices)


@pytest.mark.parametrize("by_numpy", [True, False])
def test_long_rows_are_folded(by_numpy, monkeypatch):
    monkeypatch.setattr(_select, "by_numpy", lambda scores: by_numpy)
    scores = torch.randn(40, 8192, generator=torch.Generator().manual_seed(0))
    for k in (1, 5, 100, 300):
        chosen = _select.largest(scores, k).sort(1).values
        assert torch.equal(chosen, scores.topk(k, 1).indices.sort(1).values)


@pytest.mark.parametrize(("threads", "rows", "parts"), [(3, 100, 3), (3, 2, 2), (1, 9, 1), (4, 30, 3)])
def test_threads_take_every_row_once(threads, rows, parts, monkeypatch):
    """No more threads than torch has, and none with fewer rows than it is worth."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    taken = []
    _select.in_threads(lambda start, stop: taken.append((start, stop)), rows, least=10 if rows == 30 else 1)
    assert len(taken) == parts
    assert [row for start, stop in sorted(taken) for row in range(start, stop)] == list(range(rows))


@pytest.mark.parametrize("width", [1, 255, 256, 257, 5000])
def test_a_foldable_width_is_the_next_that_can_be_folded_twice(width):
    folded = _select.foldable(width)
    assert folded % 16**2 == 0
    assert width <= folded < width + 16**2
