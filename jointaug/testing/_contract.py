"""What `check_transform` found: each promise of a transform, with what was measured of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """One promise of a transform, as it was found.

    Attributes:
        held: whether it was kept; ``None`` where there is nothing to keep, or nobody asked.
        measured: the figure, in the unit that ``seen`` says; ``None`` where nothing was measured.
        seen: what was measured, or the reason why nothing was.
        remedy: what to do about a promise that was broken; else empty.
    """

    held: bool | None
    measured: float | None
    seen: str
    remedy: str = ""

    def __str__(self) -> str:
        answer = {True: "kept", False: "broken", None: "-"}[self.held]
        return f"{answer:<7} {self.seen}"


class Contract(Mapping[str, Promise]):
    """What a transform was found to keep: the `Promise` of each check, by the check's name.

    It prints as a table; ``contract["executors"].measured`` is the largest difference of a pixel, for example.
    """

    def __init__(self, promises: Mapping[str, Promise]) -> None:
        self._promises = dict(promises)

    def __getitem__(self, name: str) -> Promise:
        return self._promises[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._promises)

    def __len__(self) -> int:
        return len(self._promises)

    @property
    def broken(self) -> list[str]:
        """Names of the promises that were not kept."""
        return [name for name, promise in self._promises.items() if promise.held is False]

    def __repr__(self) -> str:
        width = max(map(len, self._promises), default=0)
        return "\n".join(f"{name:<{width}}  {promise}" for name, promise in self._promises.items())
