"""What the next version's list of changes has so far: the files in `changelog.d`."""

from __future__ import annotations

import re
from pathlib import Path

KIND = re.compile(
    r'^\[\[tool\.towncrier\.type\]\]\ndirectory = "(\w+)"\nname = "(.+)"$',
    re.MULTILINE,
)


def kinds(root: Path) -> dict[str, str]:
    """The kinds of changes in their order, each with its heading.

    Args:
        root: of the checkout.
    """
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return dict(KIND.findall(text))


def unreleased(root: Path) -> str:
    """A line and a list for the page of changes; empty where nothing waits.

    Args:
        root: of the checkout.

    Raises:
        ValueError: if a file's name is none of a fragment's.
    """
    table = kinds(root)
    items: dict[str, list[str]] = {kind: [] for kind in table}
    for path in (root / "changelog.d").iterdir():
        if path.name == "README.md":
            continue
        match = re.fullmatch(r"\+[a-z0-9-]+\.(\w+)\.md", path.name)
        if match is None or match[1] not in table:
            raise ValueError(
                "a file in changelog.d must be named +<a-few-words>.<kind>.md with a "
                f"kind of {', '.join(table)}, got {path.name}; rename it"
            )
        text = path.read_text(encoding="utf-8").strip().replace("\n", "\n  ")
        items[match[1]].append(f"- **{table[match[1]]}.** {text}")
    # in towncrier's order: of a kind by their text
    lines = [line for kind in table for line in sorted(items[kind])]
    return "\n".join(["Not in a version yet:", "", *lines]) if lines else ""
