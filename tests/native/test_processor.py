"""The instruction set is asked of the processor. Oracles: gcc's question, Linux's list, Intel's rules as a table."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from jointaug._native import _library as _native

SOURCES = Path(__file__).parents[2] / "jointaug" / "_native" / "csrc"
X86 = platform.machine().lower() in ("x86_64", "amd64")
COMPILER = shutil.which("gcc")

GCCS = """
#include <stdio.h>
int main(void) {
    __builtin_cpu_init();
    int base = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    printf("%d\\n", base ? 1 + wide : 0);
}
"""
ASK = """
#include <stdio.h>
#include "processor.c"
int main(void) {
    unsigned leaf1, leaf7, kept;
    while (scanf("%x %x %x", &leaf1, &leaf7, &kept) == 3) printf("%d\\n", level_of(leaf1, leaf7, kept));
}
"""

needs_gcc = pytest.mark.skipif(not X86 or COMPILER is None, reason="needs gcc on x86-64")
needs_library = pytest.mark.skipif(_native.library is None, reason="installed without a compiler, or JOINTAUG_NATIVE=0")


def compiled(code, folder):
    (folder / "ask.c").write_text(code)
    program = folder / "ask"
    subprocess.run([COMPILER, "-I", SOURCES, folder / "ask.c", "-o", program], check=True)
    return program


@needs_gcc
@needs_library
def test_gcc_finds_the_same_level(tmp_path):
    found = subprocess.run([compiled(GCCS, tmp_path)], check=True, capture_output=True, text=True).stdout
    assert _native.library.ja_level() == int(found)


@pytest.mark.skipif(not X86 or not Path("/proc/cpuinfo").exists(), reason="needs Linux on x86-64")
@needs_library
def test_linux_lists_the_same_level():
    (flags,) = {line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")}
    have = set(flags.split())
    base, wide = {"avx2", "fma"} <= have, {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= have
    assert _native.library.ja_level() == (1 + wide if base else 0)


@needs_gcc
def test_every_word_is_needed(tmp_path):
    """Intel's manual, vol. 1, sec. 14.3 and 15.3: each bit by itself, the system's as well as the processor's."""
    fma, avx2, system = 1 << 12, 1 << 5, 0x07  # x87, SSE, AVX
    f, dq, bw, vl = 1 << 16, 1 << 17, 1 << 30, 1 << 31
    masks, upper_halves, upper_registers = 0x20, 0x40, 0x80
    wide, wide_system = f | dq | bw | vl, masks | upper_halves | upper_registers
    cases = {
        (fma, avx2, system): 1,
        (fma, avx2 | wide, system | wide_system): 2,
        (0, avx2 | wide, system | wide_system): 0,
        (fma, wide, system | wide_system): 0,
        (~fma & 0xFFFFFFFF, ~avx2 & 0xFFFFFFFF, 0xFF): 0,
        **{(fma, avx2 | wide, (system | wide_system) & ~bit): 0 for bit in (0x02, 0x04)},
        **{(fma, avx2 | wide & ~bit, system | wide_system): 1 for bit in (f, dq, bw, vl)},
        **{(fma, avx2 | wide, system | wide_system & ~bit): 1 for bit in (masks, upper_halves, upper_registers)},
    }
    program = compiled(ASK, tmp_path)
    words = "\n".join(" ".join(f"{word:x}" for word in case) for case in cases)
    answers = subprocess.run([program], input=words, check=True, capture_output=True, text=True).stdout.split()
    assert dict(zip(cases, map(int, answers), strict=True)) == cases
