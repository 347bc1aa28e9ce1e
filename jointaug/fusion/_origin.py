"""What a record says of its pipeline: each step's path, and a fingerprint of structure and settings."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from hashlib import blake2b
from inspect import ismethod, isroutine
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..pipeline import ROOT, Place, Position, places
from ..rules import Drawn

_OF_MODULES: Final = frozenset(vars(nn.Module())) - {"_parameters", "_buffers", "_modules"}
"""Attributes of every module that are no settings."""


class Origin:
    """A pipeline as records know it.

    Args:
        pipeline: any.
        at: its position, if it is a part of another.
    """

    def __init__(self, pipeline: Any, at: Position = ROOT) -> None:
        self.pipeline = pipeline
        self._at = at

    @cached_property
    def fingerprint(self) -> str:
        """128 bits of types and settings, in hexadecimal: the same in every process.

        Functions count by module and name. Settings are looked at once, until a record shows another structure.
        """
        digest = blake2b(digest_size=16)
        for piece in _told(self.pipeline, ()):
            digest.update(piece.encode())
            digest.update(b"\0")
        return digest.hexdigest()

    @cached_property
    def by_path(self) -> dict[str, Place]:
        """The places of all transforms that are no containers."""
        return {place.path: place for place in places(self.pipeline, self._at)}

    @cached_property
    def _by_step(self) -> dict[int, list[Place]]:
        places: dict[int, list[Place]] = {}
        for place in self.by_path.values():
            places.setdefault(place.step, []).append(place)
        return places

    def path_of(self, drawn: Drawn) -> str:
        """The path of a step of a view's history."""
        here = self._places_of(drawn)
        if not here:  # the pipeline holds other transforms than when it was looked at
            for name in ("fingerprint", "by_path", "_by_step"):
                self.__dict__.pop(name, None)
            here = self._places_of(drawn) or self._by_step[drawn.step]
        if len(here) > 1:
            here = [place for place in here if place.view == drawn.view] or here
        return here[0].path

    def _places_of(self, drawn: Drawn) -> list[Place]:
        return [place for place in self._by_step.get(drawn.step, ()) if place.transform is drawn.transform]


def _told(value: Any, above: tuple[int, ...]) -> Iterator[str]:
    """A value's type and what it holds, as text that is the same in every process."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield repr(float(value) if float(value) == value else value)
    elif value is None or isinstance(value, (bool, str, bytes)):
        yield f"{type(value).__name__} {value!r}"
    elif id(value) in above:
        yield f"the one {above[::-1].index(id(value))} above"
    else:
        yield from _inside(value, (*above, id(value)))


def _inside(value: Any, above: tuple[int, ...]) -> Iterator[str]:
    kind = type(value)
    yield "sequence" if kind in (list, tuple) else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(value, enum.Enum):
        yield value.name
    elif isinstance(value, (torch.dtype, torch.device, torch.layout)):
        yield str(value)
    elif ismethod(value):
        yield from _told([value.__name__, value.__self__], above)
    elif isinstance(value, type) or isroutine(value):
        yield f"{value.__module__}.{value.__qualname__}"
    elif isinstance(value, (Tensor, np.ndarray)):
        array = value.detach().cpu().contiguous() if isinstance(value, Tensor) else torch.from_numpy(value.copy())
        yield f"{array.dtype} {tuple(array.shape)}"
        yield array.flatten().view(torch.uint8).numpy().tobytes().hex() if array.numel() else ""
    elif isinstance(value, partial):
        yield from _told([value.func, value.args, value.keywords], above)
    elif isinstance(value, Distribution):  # which keeps what it once computed beside its parameters
        names = sorted(value.arg_constraints)
        yield from _told({name: getattr(value, name) for name in names}, above)
    elif isinstance(value, Mapping):
        yield str(len(value))
        for key, item in value.items():
            yield from _told(key, above)
            yield from _told(item, above)
    elif isinstance(value, (set, frozenset)):
        yield from sorted("\1".join(_told(item, above)) for item in value)
    elif isinstance(value, (list, tuple)):
        yield str(len(value))
        for item in value:
            yield from _told(item, above)
    elif dataclasses.is_dataclass(value):
        yield from _told({field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, above)
    else:
        yield from _told(_settings(value), above)


def _settings(value: Any) -> dict[str, Any]:
    """Attributes of an object that are its settings."""
    own = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                own.setdefault(name, getattr(value, name))
    return {name: own[name] for name in sorted(own) if not _is_kept(value, name)}


def _is_kept(value: Any, name: str) -> bool:
    """Whether an attribute is no setting: torch's own of every module, or a result that was kept."""
    kept = isinstance(getattr(type(value), name, None), cached_property)
    return kept or (isinstance(value, nn.Module) and name in _OF_MODULES)
