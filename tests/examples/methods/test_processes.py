"""Two gloo processes are one with batch normalization in two parts: shuffled keys, loss, gradient, queue."""

from __future__ import annotations

from pathlib import Path

import torch

from ...processes import in_two, loaded

SCRIPT = Path(__file__).with_name("two_processes.py")


def test_two_processes_are_one_with_two_splits(tmp_path):
    """float32, 20 sums of at most 128 terms behind one another: 1e-5 of values around 1."""
    found = in_two(SCRIPT, tmp_path)
    module = loaded(SCRIPT)
    alone = module.step(0, 1, 2)
    for rank in range(2):
        torch.testing.assert_close(found[rank], alone, atol=1e-5, rtol=1e-5)
    assert torch.equal(found[0]["queue"], found[1]["queue"])
    whole = module.step(0, 1, 1)
    assert not torch.allclose(whole["queue"], alone["queue"], atol=1e-5)
