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
    listed = re.findall(r"^make ([a-z0-9-]+) ", make(), flags=re.MULTILINE)
    assert listed == [
        "help",
        "demo",
        "test",
        "test-lowest",
        "test-middle",
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
        "wheels-arm64",
        "changelog",
        "clean",
    ]


def pinned(name: str) -> dict[str, str]:
    """The versions of a variable of the Makefile's, which may go over several lines."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    return dict(re.findall(r"([a-z-]+)==([\d.]+)", re.search(rf"^{name} := (.*)$", text, re.MULTILINE)[1]))


def test_test_lowest_installs_what_pyproject_allows_at_least():
    declared = dict(re.findall(r'"([a-z-]+)>=([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    lowest = pinned("LOWEST")
    own = {"torch", "torchvision", "numpy", "scipy", "pillow", "matplotlib", "scikit-learn", "joblib"}
    assert set(lowest) == own | {"torchmetrics", "pycocotools", "setuptools"}
    for name, version in lowest.items():
        assert version.removesuffix(".0").startswith(declared[name].removesuffix(".0")), name


def test_the_pair_between_comes_with_all_else_as_it_is_pinned():
    """pip is given constraints.txt without the packages that it is told another version of."""
    commands = make("-n", "--always-make", ".venv-middle/.installed-dev")
    left_out = re.search(r"^sed -E '(.*)' constraints.txt >(\S+)$", commands, re.MULTILINE)
    assert f"torch==2.11.0 torchvision==0.26.0 setuptools==81.0.0 -c {left_out[2]} -e" in commands
    pattern = re.compile(left_out[1].removeprefix("/").removesuffix("/d"))
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    dropped = [line.split("==")[0] for line in lines if pattern.search(line)]
    assert sorted(dropped) == sorted(pinned("MIDDLE"))


def test_the_workflow_tests_each_pair():
    """Each with the Python that it is for; both commands are targets of the Makefile's."""
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    pairs = re.findall(r'^ +- \{ pair: (\w+), python: "([\d.]+)" \}$', workflow, re.MULTILINE)
    assert pairs == [("lowest", "3.10"), ("middle", "3.12")]
    assert "- run: make test-${{ matrix.pair }}\n" in workflow


def test_data_is_passed_on_with_its_blanks():
    assert '--data "my photos" --seeds 5' in make("-n", "demo", "DATA=my photos", "ARGS=--seeds 5")
