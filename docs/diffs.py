"""The headings of diffs: Sphinx names the two files as they lie on the machine that builds the pages."""

from __future__ import annotations

from pathlib import Path


def named_from(root: Path, diff: str) -> str:
    """The unified diff, with both files in its heading named from ``root``; files elsewhere keep their names."""
    lines = diff.split("\n")
    lines[:2] = [
        line.replace(f" {root.as_posix()}/", " ", 1)
        if line.startswith(("--- ", "+++ "))
        else line
        for line in lines[:2]
    ]
    return "\n".join(lines)
