"""Results as JSON: every number comes back, bit for bit, and what is no such text is refused."""

from __future__ import annotations

import json
import math

import pytest
import torch

from jointaug.difficulty import Comparison, PolicySDF, sdf
from jointaug.difficulty._as_json import columns_of, of_columns

from .cases import COLORS, POLICIES, mean_color


def same(one, other):
    assert type(one) is type(other)
    assert repr(one) == repr(other)
    assert (one.mean, one.level, one.target) == (other.mean, other.level, other.target)
    if one.has_interval:
        assert one.interval == other.interval


def test_a_policy_comes_back(results):
    policy = results["blurred"]
    again = PolicySDF.from_json(policy.to_json())
    same(again, policy)
    assert list(again.pairs) == list(policy.pairs)
    for name, column in policy.pairs.items():
        torch.testing.assert_close(again.pairs[name], column, rtol=0, atol=0, equal_nan=True)
    assert [str(bin_) for bin_ in again.by("iou", 3)] == [str(bin_) for bin_ in policy.by("iou", 3)]
    assert PolicySDF.from_json(policy.to_json(pairs=False)).pairs == {}


def test_a_comparison_comes_back(results):
    again = Comparison.from_json(results.to_json())
    assert list(again) == list(results)
    for first in results:
        same(again[first], results[first])
        for second in results:
            if first != second:
                same(again.difference(first, second), results.difference(first, second))
    assert again.table() == results.table()
    assert again.to_json() == results.to_json()
    assert len(results.to_json(pairs=False)) < len(results.to_json()) / 5


def test_a_result_without_an_interval_comes_back():
    lonely = sdf(mean_color, COLORS[:1], POLICIES["joint"], draws=1, target="population")
    again = PolicySDF.from_json(lonely.to_json())
    same(again, lonely)
    assert not again.has_interval
    assert math.isnan(again._error)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64, torch.bool])
def test_columns_keep_their_dtype_and_nan(dtype):
    column = (torch.tensor([0.1, math.nan, 3.0]) if dtype.is_floating_point else torch.tensor([0, 1, 1])).to(dtype)
    (again,) = columns_of(json.loads(json.dumps(of_columns({"a": column}), allow_nan=False))).values()
    torch.testing.assert_close(again, column, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: "{", r"text must be the JSON of one sdf, got '\{' \(JSONDecodeError"),
        (lambda data: json.dumps({**data, "jointaug_sdf": 2}), "of version 1, got version 2"),
        (lambda data: json.dumps({**data, "target": "world"}), "breaks off or was changed"),
        (lambda data: json.dumps({k: v for k, v in data.items() if k != "error"}), "breaks off or was changed"),
        (lambda data: json.dumps({**data, "pairs": {"a": {"dtype": "float8", "values": []}}}), "breaks off or was"),
        (lambda data: json.dumps({**data, "mean": "much"}), "breaks off or was changed"),
    ],
)
def test_what_is_no_result_is_refused(results, change, message):
    data = json.loads(results["joint"].to_json(pairs=False))
    with pytest.raises(ValueError, match=message):
        PolicySDF.from_json(change(data))
    with pytest.raises(ValueError, match="text must be the JSON of one comparison"):
        Comparison.from_json(results["joint"].to_json(pairs=False))
