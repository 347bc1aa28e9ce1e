"""Time callables in turn, so that a noisy machine is noisy for all; say on what; keep the result.

Every benchmark of speed uses this module: ``interleaved({"ours": f, "peer": g})`` times, ``ratio`` gives the median of
round-by-round ratios with its quartiles, ``save`` writes them with machine, versions and commit: into results/ here, or
into the folder that the environment's OUT names.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import date
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

from trainer.record.machine import processor
from trainer.record.versions import commit

KEPT = Path(__file__).parent / "results"
"""The results in this checkout."""

RESULTS = Path(os.environ.get("OUT") or KEPT)
"""Where new ones are written: here, or on a machine that is lent, where what comes back has to lie."""


def cpu_seconds() -> float:
    """Seconds that this process and its live children (a loader's workers) were on a core.

    For work that never waits, all on one core, it is the time that it would take with that core to itself.
    """
    workers = (child.pid for child in multiprocessing.active_children() if child.pid is not None)
    clocks = ((~pid << 3) | 2 for pid in workers)  # Linux's number of a process's CPU clock
    return time.process_time() + sum(map(time.clock_gettime, clocks))


def interleaved(
    cases: Mapping[str, Callable[[], Any]],
    *,
    rounds: int = 30,
    least: float = 0.01,
    budget: float = 90.0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of a call, for each case and round.

    Args:
        cases: what to time; each is called once before, unmeasured.
        rounds: in each, every case has its turn.
        least: seconds that a case's turn lasts at least; it is called as often as that takes.
        budget: seconds after which no further round begins, once there are three.
        clock: what a turn is timed by: ``time.process_time`` (`cpu_seconds` with workers) where others share the core.
    """
    calls = {}
    for name, case in cases.items():
        start = time.perf_counter()
        case()
        if time.perf_counter() - start < 1.0:  # the first call compiles and allocates
            start = time.perf_counter()
            case()
        calls[name] = max(1, round(least / max(time.perf_counter() - start, 1e-9)))
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    begin = time.perf_counter()
    for done in range(rounds):
        if done >= 3 and time.perf_counter() - begin > budget:
            break
        for name, case in cases.items():
            start = clock()
            for _ in range(calls[name]):
                case()
            seconds[name].append((clock() - start) / calls[name])
    return seconds


def summary(values: list[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, median, high = statistics.quantiles(values, n=4)
    return {"median": median, "quartile_1": low, "quartile_3": high}


def ratio(ours: list[float], peer: list[float]) -> dict[str, float]:
    """Median and quartiles of ours to the peer's, round by round: below 1 we are faster."""
    return summary([a / b for a, b in zip(ours, peer, strict=True)])


def one_core() -> None:
    """Pin this process, and torch, to one core."""
    import torch

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)


def machine() -> dict[str, Any]:
    """Processor, cores in use, versions, commit."""
    packages = (
        "torch",
        "torchvision",
        "lightly",
        "kornia",
        "torchaug",
        "albumentations",
        "opencv-python-headless",
        "faiss-cpu",
        "numba",
    )
    installed = {str(distribution.metadata["Name"]).lower() for distribution in distributions()}
    versions = {package: version(package) for package in packages if package in installed}
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "openblas": openblas() or "as it chooses",
        "python": platform.python_version(),
        "versions": versions,
        "commit": commit(),
        "date": date.today().isoformat(),
    }


def openblas() -> str:
    """Whose kernels OpenBLAS (faiss's, numpy's) was told to use; empty: it chooses."""
    return os.environ.get("OPENBLAS_CORETYPE", "")


def beside_openblas(name: str) -> str:
    """The name of a result beside OpenBLAS: ``knn``, or ``knn_haswell`` where it was told to use Haswell's kernels."""
    return f"{name}_{openblas().lower()}" if openblas() else name


def beside_large_pages(name: str) -> str:
    """The name of a result, where torch was told to ask the system for large pages (``THP_MEM_ALLOC_ENABLE=1``)."""
    return f"{name}_large_pages" if os.environ.get("THP_MEM_ALLOC_ENABLE") == "1" else name


def save(name: str, result: Mapping[str, Any]) -> Path:
    """Write ``<name>.json`` into results/, or into the folder that the environment's OUT names."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **result}, indent=1) + "\n")
    return path
