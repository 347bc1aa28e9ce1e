"""Results of sdf: bins, and what is asked of them in vain."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

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


def test_all_pairs_are_compared_at_once(results):
    """Bonferroni by hand: each of three intervals at 1 - 0.05 / 3, the easier policy first."""
    differences = results.differences()
    assert len(differences) == 3
    for (easier, harder), difference in differences.items():
        assert results[easier].mean >= results[harder].mean
        alone = results.difference(easier, harder)
        assert difference.mean == alone.mean == pytest.approx(results[easier].mean - results[harder].mean)
        assert difference.level == pytest.approx(1 - 0.05 / 3)
        half = stats.t.isf(0.05 / 6, alone._freedom) * alone.standard_error
        assert difference.interval == pytest.approx((alone.mean - half, alone.mean + half))
    assert sdf(mean_color, COLORS, {"one": POLICIES["joint"]}).differences() == {}


def test_the_table_has_policies_and_differences(results):
    lines = results.table().splitlines()
    assert lines[0].split() == ["policy", "SDF", "95", "%", "interval"]
    names = sorted(results, key=lambda name: -results[name].mean)
    for line, name in zip(lines[1:4], names, strict=True):
        low, high = results[name].interval
        assert line.split(maxsplit=2) == [name, f"{results[name].mean:.5f}", f"[{low:.5f}, {high:.5f}]"]
    assert lines[4] == ""
    assert lines[5].endswith("95 % interval of all together")
    for line, ((first, second), one) in zip(lines[6:], results.differences().items(), strict=True):
        assert line.startswith(f"{first} - {second} ")
        assert line.endswith("told apart") is (one.interval[0] > 0)
    alone = sdf(mean_color, COLORS[:1], POLICIES, draws=1, target="population").table()
    assert alone.count("none: one image says nothing of others") == 6
    assert len(sdf(mean_color, COLORS, {"one": POLICIES["joint"]}).table().splitlines()) == 2


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
