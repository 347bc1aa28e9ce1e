"""Two gloo processes, each with its part of every batch, hold the bank of one process with the whole batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed as dist

SCRIPT = Path(__file__).with_name("two_processes.py")


def test_the_bank_is_replicated(tmp_path):
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this torch has no gloo")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parents[2])}
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(tmp_path), str(rank)], env=environment, stderr=subprocess.PIPE
        )
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    first, second = (torch.load(tmp_path / f"state{rank}.pt") for rank in range(2))

    sys.path.insert(0, str(SCRIPT.parent))
    try:
        from two_processes import bank, batches
    finally:
        sys.path.pop(0)
    alone = bank()
    alone.cluster()
    for step in range(10):
        halves = batches(step)
        alone.update(*(torch.cat(parts) for parts in zip(*halves, strict=True)))
    for name, value in alone.state_dict().items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value)
