"""Two gloo processes are one with batch normalization in two parts: shuffled keys, loss, gradient, queue."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed as dist

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this torch has no gloo")
    folder = tmp_path_factory.mktemp("gloo")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # neither may be installed
    processes = [
        subprocess.Popen([sys.executable, str(SCRIPT), str(rank), str(folder)], env=environment) for rank in range(2)
    ]
    try:
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def test_two_processes_are_one_with_two_splits(found):
    """float32, 20 sums of at most 128 terms behind one another: 1e-5 of values around 1."""
    spec = importlib.util.spec_from_file_location("two_processes_of_methods", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    alone = module.step(0, 1, 2)
    for rank in range(2):
        torch.testing.assert_close(found[rank], alone, atol=1e-5, rtol=1e-5)
    assert torch.equal(found[0]["queue"], found[1]["queue"])
    whole = module.step(0, 1, 1)
    assert not torch.allclose(whole["queue"], alone["queue"], atol=1e-5)
