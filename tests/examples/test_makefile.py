"""The Makefile's promises that need no installation."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def make(*arguments: str) -> str:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_make_alone_lists_the_targets():
    listed = re.findall(r"^make ([a-z-]+) ", make(), flags=re.MULTILINE)
    assert listed == [
        "help",
        "demo",
        "test",
        "test-lowest",
        "lint",
        "types",
        "docs",
        "docs-check",
        "bench",
        "frameworks",
        "tables",
        "rows",
        "wheels",
        "wheels-check",
        "clean",
    ]


def test_test_lowest_installs_what_pyproject_allows_at_least():
    declared = dict(re.findall(r'"([a-z-]+)>=([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    pinned = dict(
        re.findall(r"([a-z-]+)==([\d.]+)", re.search(r"^LOWEST := (.*)$", (ROOT / "Makefile").read_text(), re.M)[1])
    )
    assert set(pinned) == {"torch", "torchvision", "numpy", "scipy", "pillow", "matplotlib", "scikit-learn", "joblib"}
    for name, version in pinned.items():
        assert version.removesuffix(".0").startswith(declared[name].removesuffix(".0")), name


def test_data_is_passed_on_with_its_blanks():
    assert '--data "my photos" --seeds 5' in make("-n", "demo", "DATA=my photos", "ARGS=--seeds 5")
