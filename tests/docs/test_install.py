"""The page on installing says what pyproject.toml and constraints.txt say, in the words that people look for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
URLS = dict(re.findall(r'^(\w+) = "(https://[^"]*)"', PROJECT, re.MULTILINE))


def requirements(text):
    """The lowest version of each package of a list, with dots; without one, empty."""
    return dict(re.findall(r'"([\w-]+)(?:\[[^]]*\])?(?:>=([\d.]+))?"', text))


def row(first):
    """The cells of the table's row that begins so."""
    (found,) = re.findall(rf"^\| {re.escape(first)} \| (.*) \|$", PAGE, re.MULTILINE)
    return found.split(" | ")


@pytest.mark.parametrize("word", ["Windows", "compiler", "license", "cite", "bug", "macOS", "arm64"])
def test_it_has_the_words_that_people_search_for(word):
    assert re.search(rf"\b{word}\b", PAGE, re.IGNORECASE)


@pytest.mark.parametrize("package", ["torch", "torchvision"])
def test_versions_are_those_that_are_asked_for_and_tested(package):
    needed = requirements(re.search(r"^dependencies = \[(.*)\]", PROJECT, re.MULTILINE)[1])
    pinned = dict(re.findall(r"^([\w-]+)==([\d.]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    middle = re.search(r"^MIDDLE := (.*)$", MAKEFILE, re.MULTILINE)[1]
    between = dict(re.findall(r"(\w+)==([\d.]+?)(?:\.0)?(?= |$)", middle))
    assert row(package) == [needed[package], between[package], pinned[package]]


def test_python_is_the_one_that_is_asked_for():
    assert row("Python")[0] == re.search(r'^requires-python = ">=(.*)"', PROJECT, re.MULTILINE)[1]


def test_every_extra_has_its_row_and_what_it_brings():
    table = PROJECT.partition("[project.optional-dependencies]\n")[2].partition("\n\n")[0]
    extras = {name: requirements(wanted) for name, wanted in re.findall(r"^(\w+) = \[(.*)\]$", table, re.MULTILINE)}
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert listed == list(extras)
    for name, packages in extras.items():
        brought = row(f"`{name}`")[-1]
        for package in packages.keys() - {"jointaug"}:
            assert re.search(rf"(?<![\w-]){package}(?![\w-])", brought), (name, package)


def test_every_wheel_has_its_row():
    """As the maintainers' page has them, which says what was tried, and how."""
    release = (ROOT / "docs" / "maintain" / "release.md").read_text(encoding="utf-8")
    tried = re.findall(r"^\| `(\w+)` \|.*installed and run (.*) \|$", release, re.MULTILINE)
    here, emulated = ("by `make wheels-check`", "under qemu by `make wheels-arm64`")
    assert tried == [("manylinux_2_28_x86_64", here), ("manylinux_2_28_aarch64", emulated)]
    states = {
        name: row(name)[0] for name in ("Linux, x86-64", "Linux, arm64", "macOS 11 or newer, arm64", "Windows, x86-64")
    }
    assert [name for name, state in states.items() if "**tested**" in state] == ["Linux, x86-64"]
    assert [name for name, state in states.items() if "**emulated**" in state] == ["Linux, arm64"]
    assert sum("**never ran**" in state for state in states.values()) == 2


@pytest.mark.parametrize("name", ["docs/install.md", "SECURITY.md", "CODE_OF_CONDUCT.md"])
def test_addresses_are_the_project_s(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert (URLS["Issues"] if name == "docs/install.md" else URLS["Source"]) in text
    assert all(link.startswith(URLS["Source"]) for link in re.findall(r"https?://[^\s>)]+", text))


def test_the_front_page_leads_here():
    front = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert "](install.md)" in front
    assert re.search(r"^install$", front, re.MULTILINE)
