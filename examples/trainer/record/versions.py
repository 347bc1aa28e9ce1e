"""Which jointaug and which commit a figure was made with, also where git is missing or jointaug is not installed."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
import torchvision

UNKNOWN = "unknown"
NOT_INSTALLED = "from a checkout, not installed"


def commit() -> str:
    """The commit of this checkout, with a plus for what is not committed; ``"unknown"`` without git, or outside one."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head, changed = (
            subprocess.run([*git, *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return f"{head}+" if changed else head


def installed_version() -> str:
    """The version of the installed jointaug, or that it is not installed."""
    try:
        return version("jointaug")
    except PackageNotFoundError:
        return NOT_INSTALLED


def versions() -> dict[str, str]:
    """Of Python, torch, torchvision and jointaug, by these names."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "jointaug": installed_version(),
    }
