"""Two gloo processes for a test: each runs a function of a script beside it, and what the two return comes back."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import distributed as dist

SECONDS = 120  # a process that waits for the other in vain is ended


def loaded(script: Path) -> ModuleType:
    """The script as a module."""
    spec = spec_from_file_location(f"{script.parent.name}_{script.stem}", script)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_two(script: Path, folder: Path) -> list[Any]:
    """What ``in_process(rank)`` of a script returns in each of two processes, which meet and write in ``folder``."""
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this torch has no gloo")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # what is not installed too
    logs = [(folder / f"log{rank}").open("w") for rank in range(2)]
    processes = [
        subprocess.Popen([sys.executable, __file__, str(script), str(rank), str(folder)], env=environment, stderr=log)
        for rank, log in enumerate(logs)
    ]
    try:
        codes = [process.wait(timeout=SECONDS) for process in processes]
    finally:
        for process, log in zip(processes, logs, strict=True):
            process.kill()
            process.wait()
            log.close()
    assert codes == [0, 0], [(folder / f"log{rank}").read_text() for rank in range(2)]
    return [torch.load(folder / str(rank), weights_only=True) for rank in range(2)]


if __name__ == "__main__":
    script, rank, folder = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    torch.save(loaded(script).in_process(rank), folder / str(rank))
    dist.destroy_process_group()
