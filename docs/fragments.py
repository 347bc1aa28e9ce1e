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
    return dict(KIND.findall((root / "pyproject.toml").read_text(encoding="utf-8")))


def unreleased(root: Path) -> str:
    """A paragraph and a list for the page of changes, or nothing where nothing waits.

    Args:
        root: of the checkout.

    Raises:
        ValueError: if a file's name is none of a fragment's.
    """
    table, lines = kinds(root), []
    paths = [
        path
        for path in sorted((root / "changelog.d").iterdir())
        if path.name != "README.md"
    ]
    name = re.compile(rf"\+[a-z0-9-]+\.({'|'.join(table)})\.md")
    for path in paths:
        if not name.fullmatch(path.name):
            raise ValueError(
                f"a file in changelog.d must be named +<a-few-words>.<kind>.md with a kind of {', '.join(table)}, "
                f"got {path.name}; rename it"
            )
    for kind, heading in table.items():
        for path in paths:
            if path.name.endswith(f".{kind}.md"):
                text = path.read_text(encoding="utf-8").strip()
                lines.append(f"- **{heading}.** " + text.replace("\n", "\n  "))
    return "\n".join(["Not in a version yet:", "", *lines]) if lines else ""
