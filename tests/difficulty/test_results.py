"""Results of sdf: bins, and what is asked of them in vain."""

from __future__ import annotations

import math

import pytest
import torch

from jointaug.difficulty import sdf

from .cases import COLORS, POLICIES, mean_color


def test_bins_hold_the_pairs_that_they_say(results):
    result = results["joint"]
    values, similarity = result.pairs["iou"].numpy(), result.pairs["similarity"].numpy()
    bins = result.by("iou", 4)
    assert sum(b.pairs for b in bins) == len(values)
    assert bins[-1].high == values.max()
    for b in bins:
        inside = (values >= b.low) & ((values < b.high) | (b is bins[-1]))
        assert b.pairs == inside.sum()
        assert b.estimate.mean == pytest.approx(similarity[inside].mean())
    everything = result.by(torch.zeros(len(values)), 1)[0].estimate
    assert (everything.mean, everything.standard_error) == pytest.approx((result.mean, result.standard_error))
    halves = result.by(torch.where(result.pairs["draw"] == 0, math.nan, result.pairs["log_ratio"]), [-2.0, 0.0, 2.0])
    assert sum(b.pairs for b in halves) == int((result.pairs["draw"] > 0).sum())


def test_without_pairs_the_numbers_are_the_same(results):
    lean = sdf(mean_color, COLORS, POLICIES, seed=5, draws=3, keep_pairs=False)
    assert [r.interval for r in lean.values()] == [r.interval for r in results.values()]
    assert lean["joint"].pairs == {}
    with pytest.raises(ValueError, match="keep_pairs=True"):
        lean["joint"].by("iou")


def test_bad_questions_to_a_result(results):
    with pytest.raises(ValueError, match="quantity must be one of similarity, index"):
        results["joint"].by("overlap")
    with pytest.raises(ValueError, match="ascending edges"):
        results["joint"].by("iou", [0.5, 0.2])
    with pytest.raises(ValueError, match="bins"):
        results["joint"].by("iou", 0)
    with pytest.raises(ValueError, match="shape"):
        results["joint"].by(torch.zeros(3))
    with pytest.raises(ValueError, match="nan for every pair"):
        results["joint"].by(torch.full((36,), math.nan))
    with pytest.raises(ValueError, match="two different ones"):
        results.difference("joint", "joint")
    with pytest.raises(ValueError, match="two different ones"):
        results.difference("joint", "Joint")
    assert "joint" in repr(results)
