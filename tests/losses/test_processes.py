"""Two gloo processes with half the batch each are one process with the whole batch: loss, gradient, state."""

from __future__ import annotations

import importlib.util
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
    command = [sys.executable, str(SCRIPT)]
    processes = [
        subprocess.Popen(
            [*command, str(rank), "2", str(folder / "meeting"), str(folder / str(rank))], stderr=subprocess.PIPE
        )
        for rank in range(2)
    ]
    try:
        for process in processes:
            _, stderr = process.communicate(timeout=120)
            assert process.returncode == 0, stderr.decode()
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / str(rank), weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def alone():
    spec = importlib.util.spec_from_file_location("two_processes", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.steps(0, 1)


def test_every_step_is_the_single_processs(found, alone):
    assert set(alone) == set(found[0]) - {"weights of rank 0 are all 0", "weights are all 0"}
    for rank in range(2):
        for name, tensors in alone.items():
            for one, two in zip(tensors, found[rank][name], strict=True):
                torch.testing.assert_close(two, one, rtol=1e-9, atol=1e-12, msg=lambda text, n=name: f"{n}: {text}")


def test_weights_are_judged_over_all_processes(found):
    losses, means = zip(*(f["weights of rank 0 are all 0"] for f in found), strict=True)
    assert [x.item() for x in losses] == [0, 1]
    assert [x.tolist() for x in means] == [[0, 0], [2, 2]]
    for f in found:
        assert "got 0 for all" in f["weights are all 0"][0]
