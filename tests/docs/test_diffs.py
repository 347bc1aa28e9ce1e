"""No diff on a page says where it was built."""

from __future__ import annotations

from difflib import unified_diff


def test_files_are_named_from_the_root(script, tmp_path):
    """As Python writes the diff of these lines by the short names; a changed line that looks like a heading stays."""
    old, new = [f"a = 1\n-- {tmp_path}/x.py\n".splitlines(keepends=True), ["a = 2\n", "b = 3\n"]]
    long, short = (
        "".join(unified_diff(old, new, f"{before}one/old.py", f"{before}one/new.py")) for before in (f"{tmp_path}/", "")
    )
    assert long != short
    assert script("diffs").named_from(tmp_path, long) == short


def test_files_elsewhere_keep_their_names(script, tmp_path):
    diff = "".join(unified_diff(["a\n"], ["b\n"], "/elsewhere/old.py", "/elsewhere/new.py"))
    assert script("diffs").named_from(tmp_path, diff) == diff
