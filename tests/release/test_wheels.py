"""What goes into the sdist, and for which platforms wheels are made; `make wheels-check` looks at those."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_platforms_are_those_of_setup():
    import wheels

    (table,) = re.findall(r"^TARGETS = \{\n(.*?)^\}", (ROOT / "setup.py").read_text(), re.MULTILINE | re.DOTALL)
    assert tuple(re.findall(r'^    "(\w+)": Target\(', table, re.MULTILINE)) == wheels.TAGS


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is an sdist: what it lacks, a checkout tells")
def test_the_sdist_tests_itself(tmp_path):
    """It has every file of the checkout that a test, a page or a command reads, no more; a part of its tests runs."""
    pytest.importorskip("build")
    pytest.importorskip("setuptools", minversion="77")
    import wheels

    wheels.make(tmp_path / "dist", [])
    (sdist,) = (tmp_path / "dist").iterdir()
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (top,) = tmp_path.glob("jointaug-*")
    have = {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()}
    made = {"PKG-INFO", "setup.cfg", *(name for name in have if name.startswith("jointaug.egg-info/"))}
    wanted = {path.as_posix() for path in wheels.tracked()} - {".gitignore"}
    assert have - made == wanted
    tests = [
        "tests/native/test_processor.py",
        "tests/test_validate.py",
        "CHANGELOG.md",
        "CITATION.cff",
        "docs/tutorials/first-pair.md",
    ]
    assert have.issuperset(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests[1]]
    ran = subprocess.run(command, cwd=top, capture_output=True, text=True, check=False)
    assert re.search(r"^\d+ passed", ran.stdout, re.MULTILINE), ran.stdout + ran.stderr
