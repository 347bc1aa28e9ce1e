"""Versions that stand in two files are the same in both."""

from __future__ import annotations

import re
from pathlib import Path

from . import versions

ROOT = Path(__file__).parents[1]


def pins(name):
    found = re.findall(r"([a-z][\w-]*)==([\w.]+)", (ROOT / name).read_text())
    assert len(set(found)) == len(dict(found)), f"{name} pins something twice"
    return dict(found)


def test_pre_commit_and_wheels_take_what_the_repository_is_tested_with():
    tested = pins("constraints.txt")
    hooks = pins(".pre-commit-config.yaml")
    assert hooks == {"ruff": tested["ruff"]}
    assert pins("release/requirements.txt")["setuptools"] == tested["setuptools"]


def test_no_hook_needs_an_environment_in_the_checkout():
    entries = re.findall(r"^ +entry: (.*)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.MULTILINE)
    assert len(entries) == 4
    assert not [entry for entry in entries if entry.startswith((".venv", "env ")) or "exec .venv" in entry]


def test_the_page_of_versions_says_what_is_left_out_on_the_older_ones():
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    faults = [value for value in vars(versions).values() if isinstance(value, versions.Mended)]
    assert len(faults) == 5
    noticed = [fault for fault in faults if fault is not versions.INTERPRETER]  # nobody runs on it but tests
    assert not [fault for fault in noticed if f"| {fault.releases} | " not in page]
