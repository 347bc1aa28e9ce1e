"""What a processor is called in results."""

from __future__ import annotations

import platform

import pytest
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
