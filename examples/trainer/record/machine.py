"""What a figure was measured on: the processor, and the memory that it took."""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path

import torch

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

STATUS = Path("/proc/self/status")


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


def peak_gb(device: torch.device) -> float | None:
    """The most memory so far in this process, in GB (1e9 bytes).

    On CUDA what torch's allocator held on the device, its cache and the context not counted. Elsewhere what the process
    had in memory, Python, libraries and images included: ``VmHWM`` of Linux, ``ru_maxrss`` of other systems; None where
    the system does not say.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    told = STATUS.read_text(encoding="utf-8") if STATUS.exists() else ""
    if mark := re.search(r"^VmHWM:\s*(\d+) kB", told, re.MULTILINE):  # ru_maxrss begins with the parent's there
        return int(mark[1]) * 1024 / 1e9
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
