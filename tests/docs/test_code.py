"""Blocks of code fit on the page: 84 columns at 1440 pixels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in path.parts]
COLUMNS = 84


def blocks(text):
    """The lines of each block that a page shows; of a directive, its options are code to nobody."""
    for language, body in re.findall(r"^```([^\n`]*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if not language.startswith("{"):
            yield body.splitlines()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_is_not_cut(path):
    wide = [line for block in blocks(path.read_text(encoding="utf-8")) for line in block if len(line) > COLUMNS]
    assert wide == []


def test_blocks_are_found():
    assert list(blocks("a\n```python\nb\nc\n```\n```{note}\nd\n```\n<!--\n```\ne\n```\n-->\n")) == [["b", "c"], ["e"]]


def test_formulas_need_no_network():
    """The one file of MathJax that writes SVG, beside its license, and no page names another."""
    conf = (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")
    (name,) = re.findall(r'^mathjax_path = "(.*?)"', conf, re.MULTILINE)
    script = ROOT / "docs" / "_static" / name
    assert (script.parent / "LICENSE").exists()
    assert "://" not in name
    assert script.stat().st_size < 2.2 * 2**20
