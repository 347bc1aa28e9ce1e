"""Two gloo processes, each with its part of every batch, hold the bank of one process with the whole batches."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed as dist

import jointaug

SCRIPT = Path(__file__).with_name("two_processes.py")


def test_the_bank_is_replicated(tmp_path):
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this torch has no gloo")
    environment = {**os.environ, "PYTHONPATH": str(Path(jointaug.__file__).parents[1])}  # it may not be installed
    logs = [(tmp_path / f"log{rank}").open("w+") for rank in range(2)]
    processes = [
        subprocess.Popen([sys.executable, str(SCRIPT), str(tmp_path), str(rank)], env=environment, stderr=log)
        for rank, log in enumerate(logs)
    ]
    try:
        codes = [process.wait(timeout=120) for process in processes]
    finally:
        for process, log in zip(processes, logs, strict=True):
            process.kill()
            process.wait()
            log.close()
    assert codes == [0, 0], [(tmp_path / f"log{rank}").read_text() for rank in range(2)]
    first, second = (torch.load(tmp_path / f"state{rank}.pt", weights_only=True) for rank in range(2))

    spec = importlib.util.spec_from_file_location("two_processes_of_a_bank", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    alone = script.bank()
    alone.cluster()
    for step in range(10):
        alone.update(*(torch.cat(parts) for parts in zip(*script.batches(step), strict=True)))
    for name, value in alone.state_dict().items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value)

    alone = script.bank()
    alone.cluster()
    for rank in range(2):  # the first process's clusters are everybody's
        labels, centers = torch.load(tmp_path / f"unequal{rank}.pt", weights_only=True)
        assert torch.equal(labels, alone.labels)
        torch.testing.assert_close(centers, alone.centers)
        mixed = torch.nn.functional.normalize(script.bank().features[7] + torch.eye(6)[1], dim=0)
        torch.testing.assert_close(torch.load(tmp_path / f"twice{rank}.pt", weights_only=True), mixed)

    own, other = (torch.load(tmp_path / f"said{rank}.pt") for rank in (1, 0))
    assert len(own) == 3
    for refusal, pattern in zip(own, ("B >= 1|n, d >= 1", "must be 6 wide", "must have a direction"), strict=True):
        assert re.search(pattern, refusal)
    assert [f"process 1: {refusal}" in told for refusal, told in zip(own, other, strict=True)] == [True] * 3
