"""The benchmarks run: what needs a GPU, small, on the CPU; and the table of limits is that of the saved results."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gpu
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def run(script, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "OUT"}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (BENCHMARKS.parent, BENCHMARKS.parent / "examples")))
    command = [sys.executable, BENCHMARKS / script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_needs_a_gpu_runs_on_the_cpu_too():
    out = run("gpu.py", "--smoke", "--rounds", "2")
    assert "  failed: " not in out
    for words in ("training step", "4 x 3 x 32 x 32", "jointaug, work compiled", "of the copy"):
        assert words in out


def test_where_ours_fails_its_peers_are_measured_all_the_same():
    images = torch.zeros(2, 3, 8, 8)
    found = gpu.throughput((images, {gpu.OURS: lambda: 1 / 0, "kornia": lambda: images + 1}), gpu.SMOKE, 1e9)
    assert found["failed"] == {gpu.OURS: "ZeroDivisionError: division by zero"}
    assert found["cases"].keys() == {"kornia"}


def test_the_table_of_limits_is_made_from_the_results():
    """If red: ``python benchmarks/all.py --report`` makes it again."""
    table = BENCHMARKS / "results" / "limits.md"
    kept = table.read_text()
    try:
        run("all.py", "--report")
        assert table.read_text() == kept
    finally:
        table.write_text(kept)
