"""The lists of how-tos and tutorials: every page once, with a line of its own, in the order of the contents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("folder", ["how-to", "tutorials"])
def test_every_page_is_listed_with_a_line_in_the_order_of_the_contents(folder):
    index = (DOCS / folder / "index.md").read_text(encoding="utf-8")
    (contents,) = re.findall(r"```\{toctree\}\n:hidden:\n\n(.*?)```", index, re.DOTALL)
    listed = re.findall(r"^- \[[^\]]+\]\(([\w-]+)\.md\): [\w`]", index, re.MULTILINE)
    assert listed == contents.split()
    assert sorted(listed) == sorted(path.stem for path in (DOCS / folder).glob("*.md") if path.stem != "index")
