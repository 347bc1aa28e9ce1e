"""What is installed here, and what the kernels run on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from ._native import _library as native

__version__ = "0.1.0"

NEEDED = ("torch", "torchvision", "numpy", "scipy", "pillow")
IN_USE = ("triton", "timm", "lightning", "hypothesis", "matplotlib")
VARIABLES = ("JOINTAUG_NATIVE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


def show_config() -> None:
    """Print what a bug report needs: versions, what the kernels run on, threads, and the environment's variables.

    The line ``kernels`` names the instruction set of the compiled library on this processor (``avx512``, ``avx2``, or
    ``portable``, which is NEON on arm64), or ``torch`` with the reason: then everything works, several times as slow.

    Example:
        >>> import jointaug
        >>> jointaug.show_config()  # doctest: +ELLIPSIS
        jointaug ...
    """
    print("\n".join(f"{name:<12}{said}" for name, said in _lines()))  # noqa: T201


def _lines() -> list[tuple[str, str]]:
    home = Path(__file__).parent
    named = [f"{package} {found}" for package in (*NEEDED, *IN_USE) if (found := _version(package))]
    return [
        ("jointaug", f"{__version__}, {home}"),
        ("Python", f"{platform.python_version()}, {platform.platform()}"),
        ("packages", ", ".join(named)),
        ("kernels", native.backend() + (f": {native.absence}" if native.absence else "")),
        ("threads", f"{torch.get_num_threads()} of torch, {_processors()} processors for this process"),
        ("GPU", ", ".join(_cards()) or "none that torch can use"),
        ("variables", ", ".join(f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ) or "none"),
    ]


def _version(package: str) -> str:
    """Of an installed package; empty: it is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processors() -> int:
    """How many this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cards() -> list[str]:
    if not torch.cuda.is_available():
        return []
    cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return [f"{card.name} (compute capability {card.major}.{card.minor})" for card in cards]
