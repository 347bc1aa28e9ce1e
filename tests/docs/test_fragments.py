"""What waits in `changelog.d`: its names, and that the page lists what towncrier will write."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))


@pytest.fixture
def checkout(tmp_path):
    """With a fragment or two of every kind, and nothing else that waits."""
    import fragments

    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "changelog.d").mkdir()
    shutil.copy(ROOT / "changelog.d" / "README.md", tmp_path / "changelog.d")
    for k, kind in enumerate(reversed(fragments.kinds(ROOT))):
        (tmp_path / "changelog.d" / f"+b-{k}.{kind}.md").write_text(f"`{kind}` does\nthis.\n")
        (tmp_path / "changelog.d" / f"+a-{k}.{kind}.md").write_text(f"`{kind}` does that.\n")
    return tmp_path


def test_what_waits_here_has_valid_names_and_is_text():
    import fragments

    waiting = [path for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md"]
    assert fragments.unreleased(ROOT).count("\n- ") == len(waiting)
    assert not [path.name for path in waiting if re.match(r"\s*([-*#]|$)", path.read_text(encoding="utf-8"))]


def test_the_page_of_the_folder_names_every_kind():
    import fragments

    text = (ROOT / "changelog.d" / "README.md").read_text(encoding="utf-8")
    listed = re.search(r"^Kinds are (.*?);", text, re.MULTILINE)[1]
    assert re.findall(r"`(\w+)`", listed) == list(fragments.kinds(ROOT)) != []


@pytest.mark.parametrize("name", ["words.added.md", "+words.news.md", "+words.md", "+Words.added.md", "+words.added"])
def test_another_name_is_refused(checkout, name):
    import fragments

    (checkout / "changelog.d" / name).write_text("Text.\n")
    with pytest.raises(ValueError, match=rf"draws, .*{re.escape(name)}"):
        fragments.unreleased(checkout)


def test_nothing_waits(tmp_path):
    import fragments

    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "changelog.d").mkdir()
    shutil.copy(ROOT / "changelog.d" / "README.md", tmp_path / "changelog.d")
    assert fragments.unreleased(tmp_path) == ""


def test_towncrier_writes_the_same_on_top_of_the_older_versions(checkout):
    """Its sections, item by item, against the page's list; every line that was there before stays."""
    pytest.importorskip("towncrier", reason="comes with the extra dev")
    import fragments

    page = re.findall(r"^- \*\*(.*?)\.\*\* (.*(?:\n  .*)*)", fragments.unreleased(checkout), re.MULTILINE)
    before = (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
    command = [sys.executable, "-m", "towncrier", "build", "--yes", "--version", "9.8.7", "--date", "2001-02-03"]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    top, marker, rest = (
        (checkout / "CHANGELOG.md").read_text(encoding="utf-8").partition("<!-- the newest version -->\n")
    )
    new, heading, old = rest.partition("## 0.1.0 ")
    assert top + marker + "\n" + heading + old == before
    assert new.strip().splitlines()[0] == "## 9.8.7 (2001-02-03)"
    written = [
        (title, item)
        for title, items in re.findall(r"^### (.*)\n\n((?:- .*\n(?:  .*\n)*)+)", new, re.MULTILINE)
        for item in re.findall(r"^- (.*(?:\n  .*)*)", items, re.MULTILINE)
    ]
    assert len(written) == 10
    assert written == page
    assert [path.name for path in (checkout / "changelog.d").iterdir()] == ["README.md"]
