"""What a processor is called in results, and how much memory a process took."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from trainer.record import machine

ROOT = Path(__file__).parents[3]
TWO_CORES = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC
flags\t\t: fpu sse4_2 avx2 {more}

processor\t: 1
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC
flags\t\t: fpu sse4_2 avx2 {more}
"""


@pytest.mark.parametrize(("more", "widest"), [("avx512f", "AVX-512"), ("", "AVX2")])
def test_the_first_core_names_it(monkeypatch, tmp_path, more, widest):
    file = tmp_path / "cpuinfo"
    file.write_text(TWO_CORES.format(more=more))
    monkeypatch.setattr(machine, "Path", lambda _: file)
    assert machine.processor() == f"AMD EPYC (family 26, model 2), {widest}"


def test_without_the_file_or_the_name_platform_is_asked(monkeypatch, tmp_path):
    known = platform.processor() or platform.machine()
    for file in (tmp_path / "none", tmp_path / "cpuinfo"):
        (tmp_path / "cpuinfo").write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")  # as on ARM
        monkeypatch.setattr(machine, "Path", lambda _, file=file: file)
        assert machine.processor() == known


PEAK = """
import re, sys, torch
from trainer.record.machine import STATUS, peak_gb
had = int(re.search(r"VmRSS:\\s*(\\d+)", STATUS.read_text())[1]) * 1024 / 1e9
torch.ones(50_000_000)
print(had, peak_gb(torch.device("cpu")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_peak_is_the_processs_own():
    """What it had, and 0.2 GB more; its parent's is greater, and ru_maxrss would begin with that."""
    torch.ones(900_000_000, dtype=torch.uint8)
    path = os.pathsep.join(map(str, (ROOT, ROOT / "examples")))  # they may not be installed
    words, environment = [sys.executable, "-c", PEAK], {**os.environ, "PYTHONPATH": path}
    said = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    had, peak = map(float, said.split())
    assert had + 0.2 <= peak <= had + 0.25
    assert machine.peak_gb(torch.device("cpu")) > 0.9 > peak


@pytest.mark.parametrize(("system", "gb"), [("darwin", 0.5), ("linux", 512.0)])
def test_a_system_counts_in_bytes_or_in_kib(system, gb, monkeypatch):
    asked = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda _: SimpleNamespace(ru_maxrss=500_000_000))
    monkeypatch.setattr(machine, "STATUS", Path("no file"))
    monkeypatch.setattr(machine, "resource", asked)
    monkeypatch.setattr(machine.sys, "platform", system)
    assert machine.peak_gb(torch.device("cpu")) == gb


def test_a_gpu_is_asked_itself_and_a_system_that_does_not_say_is_not_guessed(monkeypatch):
    monkeypatch.setattr(machine, "STATUS", Path("no file"))
    monkeypatch.setattr(machine, "resource", None)
    assert machine.peak_gb(torch.device("cpu")) is None
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: {1: 3_000_000_000}[device.index])
    assert machine.peak_gb(torch.device("cuda", 1)) == 3.0
