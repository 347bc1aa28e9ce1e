"""What a processor is called in results, and how much memory a process took."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from trainer.record import machine

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


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_peak_is_the_systems():
    """Oracle: the high-water mark in /proc; ru_maxrss is brought up to date a little later."""
    torch.ones(30_000_000)
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    assert machine.peak_gb(torch.device("cpu")) == pytest.approx(kib * 1024 / 1e9, rel=0.02)


@pytest.mark.parametrize(("system", "gb"), [("darwin", 0.5), ("linux", 512.0)])
def test_a_system_counts_in_bytes_or_in_kib(system, gb, monkeypatch):
    asked = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda _: SimpleNamespace(ru_maxrss=500_000_000))
    monkeypatch.setattr(machine, "resource", asked)
    monkeypatch.setattr(machine.sys, "platform", system)
    assert machine.peak_gb(torch.device("cpu")) == gb


def test_a_gpu_is_asked_itself_and_a_system_that_does_not_say_is_not_guessed(monkeypatch):
    monkeypatch.setattr(machine, "resource", None)
    assert machine.peak_gb(torch.device("cpu")) is None
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: {1: 3_000_000_000}[device.index])
    assert machine.peak_gb(torch.device("cuda", 1)) == 3.0
