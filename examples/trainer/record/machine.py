"""The processor that a figure was measured on."""

from __future__ import annotations

import platform
from pathlib import Path


def processor() -> str:
    """Its name, family, model and widest vectors; where Linux does not say, what `platform` knows."""
    file = Path("/proc/cpuinfo")
    info = file.read_text(encoding="utf-8") if file.exists() else ""
    lines = (line.partition(":") for line in reversed(info.splitlines()))
    found = {name.strip(): value.strip() for name, _, value in lines}
    if "model name" not in found:
        return platform.processor() or platform.machine()
    widest = "AVX-512" if "avx512f" in info else "AVX2" if "avx2" in info else "no AVX2"
    return f"{found['model name']} (family {found.get('cpu family', '?')}, model {found.get('model', '?')}), {widest}"
