"""What a package exports says that package as its home."""

from __future__ import annotations

from typing import Any


def claim(package: str, names: dict[str, Any]) -> None:
    """Let the classes in ``names["__all__"]`` say ``package``, so that what is printed and pickled is what one imports.

    Args:
        package: ``__name__`` of the package.
        names: its ``globals()``.
    """
    for name in names["__all__"]:
        value = names[name]
        if isinstance(value, type) and value.__module__.startswith(f"{package}._"):
            value.__module__ = package
