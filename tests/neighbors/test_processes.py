"""Two gloo processes, each with its part of every batch, hold the bank of one process with the whole batches."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from ..processes import in_two, loaded

SCRIPT = Path(__file__).with_name("two_processes.py")


def test_the_bank_is_replicated(tmp_path):
    found, script = in_two(SCRIPT, tmp_path), loaded(SCRIPT)
    first, second = (of_one["state"] for of_one in found)

    alone = script.bank()
    alone.cluster()
    for step in range(10):
        alone.update(*(torch.cat(parts) for parts in zip(*script.batches(step), strict=True)))
    for name, value in alone.state_dict().items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value)

    alone = script.bank()
    alone.cluster()
    for of_one in found:  # the first process's clusters are everybody's
        labels, centers = of_one["clusters"]
        assert torch.equal(labels, alone.labels)
        torch.testing.assert_close(centers, alone.centers)
        mixed = torch.nn.functional.normalize(script.bank().features[7] + torch.eye(6)[1], dim=0)
        torch.testing.assert_close(of_one["mixed"], mixed)

    other, own = (of_one["said"] for of_one in found)
    assert len(own) == 3
    for refusal, pattern in zip(own, ("B >= 1|n, d >= 1", "must be 6 wide", "must have a direction"), strict=True):
        assert re.search(pattern, refusal)
    assert [f"process 1: {refusal}" in told for refusal, told in zip(own, other, strict=True)] == [True] * 3
