"""JSON of what is kept: it says what it is of, and is read again if it is that, whole, and of this version."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def written(kind: str, version: int, content: Mapping[str, Any]) -> str:
    """JSON that says what it is of, and in which version.

    Args:
        kind: in one word.
        version: in which it is written now.
        content: what JSON holds; without nan and infinity, which JSON has not.
    """
    return json.dumps({f"jointaug_{kind}": version, **content}, allow_nan=False)


def read_json(kind: str, version: int, text: Any, make: Callable[[Any], T]) -> T:
    """What JSON was written of.

    Args:
        kind: as `written`.
        version: as `written`.
        text: JSON.
        make: it, of what JSON holds.

    Raises:
        ValueError: for anything else, another version's JSON included.
    """
    try:
        data = json.loads(text)
        found = data[f"jointaug_{kind}"]
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(
            f"text must be the JSON of one {kind}, got {text!r:.60} ({type(error).__name__}: {error}); pass "
            "what its to_json() wrote"
        ) from error
    if found != version:
        raise ValueError(
            f"text must be one {kind} of version {version}, got version {found!r}; make it again, or read it with the "
            "release that wrote it"
        )
    try:
        return make(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"text must be all of the JSON of one {kind}, got one that breaks off or was changed ({error!r}); write "
            "to_json() again"
        ) from error
